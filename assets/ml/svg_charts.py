"""Charts of reports as SVG text.

The library numbers its clips by a counter of the process; they are numbered anew in each chart, so that the second
drawing is the first, byte for byte.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WIDTH: Final = 940
HALF_WIDTH: Final = 430
THIRD_WIDTH: Final = 230
INK, GOLD, GOOD, BAD, SOFT = "#275d86", "#a87c1e", "#17694a", "#ad2418", "#8a94a1"
_POINTS_MAX: Final = 600
_FEW_SESSIONS: Final = 12
_SOME_SESSIONS: Final = 45
_NUMBERED: Final = re.compile(r"\b(clip|gradient_|gradient)(\d+)\b")


def growth_svg(
    sessions: Sequence[date], curves: Mapping[str, Floats], *, low: Floats, high: Floats, y_title: str
) -> str:
    """Return curves over sessions, the first with a band around it; of one session points, since a line needs two.

    Args:
        sessions: ascending.
        curves: by name, (n_sessions,) values; the first five have colours of their own.
        low: (n_sessions,) lower end of the first curve's band.
        high: (n_sessions,) upper end.
        y_title: what is drawn, with its unit.
    """
    import altair as alt  # noqa: PLC0415 - definitions import this module; the library loads when a page is drawn

    places = shown(len(sessions))
    band = [{"session": noon(sessions[at]), "low": float(low[at]), "high": float(high[at])} for at in places]
    lines = [
        {"session": noon(sessions[at]), "what": what, "growth": float(values[at])}
        for what, values in curves.items()
        for at in places
    ]
    x: Any = session_axis(sessions)
    shade = alt.Chart(named("band")).mark_area(opacity=0.13, color=INK).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    colours = alt.Scale(domain=list(curves), range=[INK, GOLD, SOFT, GOOD, BAD][: len(curves)])
    drawn = (
        alt.Chart(named("lines"))
        .mark_line(strokeWidth=1.6, point=len(places) == 1)
        .encode(
            x=x,
            y=alt.Y("growth:Q", title=y_title, scale=alt.Scale(zero=False)),
            color=alt.Color("what:N", scale=colours, legend=alt.Legend(title=None, orient="top")),
        )
    )
    return svg((shade + drawn).properties(width=WIDTH, height=260), band=band, lines=lines)


def session_svg(sessions: Sequence[date], values: Floats, *, y_title: str, color: str = BAD) -> str:
    """Return one figure per session as a filled line, in percent; of one session a point."""
    import altair as alt  # noqa: PLC0415 - as above

    rows = [{"session": noon(sessions[at]), "value": float(values[at])} for at in shown(len(sessions))]
    chart = (
        alt.Chart(named("rows"))
        .mark_area(
            opacity=0.35,
            color=color,
            line={"color": color, "strokeWidth": 1.2},
            point={"color": color} if len(rows) == 1 else False,
        )
        .encode(x=session_axis(sessions), y=alt.Y("value:Q", title=y_title, axis=alt.Axis(format="%")))
    )
    return svg(chart.properties(width=HALF_WIDTH, height=120), rows=rows)


def amounts_svg(amounts: Mapping[str, float], *, x_title: str, form: str = "~s", width: int = THIRD_WIDTH) -> str:
    """Return named amounts as bars, the given order downwards; losses in another colour."""
    import altair as alt  # noqa: PLC0415 - as above

    rows = [{"name": name, "amount": float(amount)} for name, amount in amounts.items()]
    chart = (
        alt.Chart(named("rows"))
        .mark_bar()
        .encode(
            x=alt.X("amount:Q", title=x_title, axis=alt.Axis(format=form)),
            y=alt.Y("name:N", title=None, sort=None),
            color=alt.condition("datum.amount >= 0", alt.value(GOOD), alt.value(BAD)),
        )
    )
    return svg(chart.properties(width=width, height=15 * max(1, len(rows))), rows=rows)


def svg(chart: Any, **rows: Sequence[Mapping[str, Any]]) -> str:
    """Return an altair chart as SVG text in the reports' style.

    Args:
        chart: what is drawn; its data are `named`.
        rows: the data by their names. They join the chart last: altair copies all that it holds at each step and holds
            it against its schema, which for 600 days of five curves took four fifths of the drawing.
    """
    import vl_convert  # noqa: PLC0415 - as above

    configured = (
        chart.properties(padding=10)
        .configure_axis(labelFontSize=10, titleFontSize=10, gridColor="#eceae4")
        .configure_view(stroke=None)
    )
    drawn = str(vl_convert.vegalite_to_svg(configured.to_dict() | {"datasets": rows}))
    numbers: dict[str, int] = {}
    return _NUMBERED.sub(lambda found: f"{found[1]}{numbers.setdefault(found[0], len(numbers))}", drawn)


def session_axis(sessions: Sequence[date]) -> Any:
    """Return the x axis of figures per session; a few days would fill the gaps with hours, in which nothing is traded.

    Args:
        sessions: of the figures, ascending.
    """
    import altair as alt  # noqa: PLC0415 - as above

    if len(sessions) > _SOME_SESSIONS:
        return alt.X("session:T", title=None)
    if len(sessions) > _FEW_SESSIONS:
        # Left to itself the axis names a Sunday by its date and every other day by its weekday.
        return alt.X("session:T", title=None, axis=alt.Axis(format="%b %d"))
    return alt.X("session:T", title=None, axis=alt.Axis(tickCount="day", format="%b %d"))


def named(name: str) -> Any:
    """Return data that a chart knows by name alone, until it is drawn."""
    import altair as alt  # noqa: PLC0415 - as above

    return alt.NamedData(name)


def shown(count: int) -> Sequence[int]:
    """Return places spread over a series, its ends included."""
    return sorted({int(at) for at in np.linspace(0, count - 1, min(count, _POINTS_MAX))})


def noon(session: date) -> str:
    """Return a session for a time axis; noon, so that no zone moves a day."""
    return f"{session.isoformat()}T12:00:00"
