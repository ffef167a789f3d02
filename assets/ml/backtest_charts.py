"""A backtest's charts as SVG text.

The library numbers its clips by a counter of the process; they are numbered anew in each chart, so that the second
drawing is the first, byte for byte.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import numpy as np

from assets.ml.backtest_facts import Facts, Floats

_POINTS_MAX: Final = 600
_WIDTH: Final = 940
_HALF_WIDTH: Final = 430
_NUMBERED: Final = re.compile(r"\b(clip|gradient_|gradient)(\d+)\b")
_INK, _GOLD, _GOOD, _BAD, _SOFT = "#275d86", "#a87c1e", "#17694a", "#ad2418", "#8a94a1"


def equity_svg(facts: Facts, benchmarks: Mapping[str, Floats], *, name: str) -> str:
    """Return equity over opening cash with its band of resampled days, beside benchmarks of the same sessions.

    Args:
        facts: the desk's figures.
        benchmarks: by name, growth since the beginning, per session.
        name: what the desk is called.
    """
    import altair as alt  # noqa: PLC0415 - definitions import this module; the library loads when a page is drawn

    places = _shown(len(facts.sessions))
    band = [
        {"session": _day(facts.sessions[at]), "low": float(facts.low[at]), "high": float(facts.high[at])}
        for at in places
    ]
    lines = [
        {"session": _day(facts.sessions[at]), "what": what, "growth": float(values[at])}
        for what, values in {name: facts.equity, **benchmarks}.items()
        for at in places
    ]
    x: Any = alt.X("session:T", title=None)
    shade = alt.Chart(_data(band)).mark_area(opacity=0.13, color=_INK).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    colours = alt.Scale(domain=[name, *benchmarks], range=[_INK, _GOLD, _SOFT, _GOOD][: 1 + len(benchmarks)])
    curves = (
        alt.Chart(_data(lines))
        .mark_line(strokeWidth=1.6)
        .encode(
            x=x,
            y=alt.Y("growth:Q", title="growth of 1 USD", scale=alt.Scale(zero=False)),
            color=alt.Color("what:N", scale=colours, legend=alt.Legend(title=None, orient="top")),
        )
    )
    return _svg((shade + curves).properties(width=_WIDTH, height=260))


def session_svg(facts: Facts, values: Floats, *, y_title: str, color: str = _BAD) -> str:
    """Return one figure per session as a filled line, in percent."""
    import altair as alt  # noqa: PLC0415 - as above

    rows = [{"session": _day(facts.sessions[at]), "value": float(values[at])} for at in _shown(len(facts.sessions))]
    chart = (
        alt.Chart(_data(rows))
        .mark_area(opacity=0.35, color=color, line={"color": color, "strokeWidth": 1.2})
        .encode(x=alt.X("session:T", title=None), y=alt.Y("value:Q", title=y_title, axis=alt.Axis(format="%")))
    )
    return _svg(chart.properties(width=_HALF_WIDTH, height=120))


def amounts_svg(amounts: Mapping[str, float], *, x_title: str) -> str:
    """Return named amounts as bars, the given order downwards; losses in another colour."""
    import altair as alt  # noqa: PLC0415 - as above

    rows = [{"name": name, "amount": float(amount)} for name, amount in amounts.items()]
    chart = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=alt.X("amount:Q", title=x_title, axis=alt.Axis(format="~s")),
            y=alt.Y("name:N", title=None, sort=None),
            color=alt.condition("datum.amount >= 0", alt.value(_GOOD), alt.value(_BAD)),
        )
    )
    return _svg(chart.properties(width=230, height=15 * max(1, len(rows))))


def _svg(chart: Any) -> str:
    import vl_convert  # noqa: PLC0415 - as above

    configured = (
        chart.properties(padding=10)
        .configure_axis(labelFontSize=10, titleFontSize=10, gridColor="#eceae4")
        .configure_view(stroke=None)
    )
    drawn = str(vl_convert.vegalite_to_svg(configured.to_json()))
    numbers: dict[str, int] = {}
    return _NUMBERED.sub(lambda found: f"{found[1]}{numbers.setdefault(found[0], len(numbers))}", drawn)


def _data(rows: list[dict[str, Any]]) -> Any:
    import altair as alt  # noqa: PLC0415 - as above

    return alt.InlineData(values=rows)


def _shown(count: int) -> Sequence[int]:
    """Return places spread over a series, its ends included."""
    return sorted({int(at) for at in np.linspace(0, count - 1, min(count, _POINTS_MAX))})


def _day(session: date) -> str:
    # Noon, so that no zone moves a day.
    return f"{session.isoformat()}T12:00:00"
