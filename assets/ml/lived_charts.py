"""Charts that only lived days have: equity beside benchmarks, trades on prices, windows, size of the account."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from assets.ml.capacity import SizePoint
from assets.ml.lived_facts import BAND_SESSIONS_MIN, Facts, Floats
from assets.ml.svg_charts import BAD, GOOD, HALF_WIDTH, INK, SOFT, growth_svg, named, noon, session_axis, shown, svg
from execution.domain.orders import BrokerFill

_SESSIONS_AROUND: Final = 40


def equity_svg(facts: Facts, benchmarks: Mapping[str, Floats], *, name: str) -> str:
    """Return equity over opening cash with its band of resampled days, beside benchmarks of the same sessions.

    Fewer than `BAND_SESSIONS_MIN` sessions get no band.

    Args:
        facts: the portfolio's figures.
        benchmarks: by name, growth since the beginning, per session.
        name: what the portfolio is called.
    """
    curves = {name: facts.equity, **benchmarks}
    has_band = len(facts.sessions) >= BAND_SESSIONS_MIN
    low, high = (facts.low, facts.high) if has_band else (facts.equity, facts.equity)
    return growth_svg(facts.sessions, curves, low=low, high=high, y_title="growth of 1 USD")


def trade_svg(
    closes: Mapping[date, Decimal], fills: Sequence[tuple[date, BrokerFill]], *, entered: date, ended: date
) -> str:
    """Return a symbol's closes around a round trip, with each purchase and sale at its price.

    Args:
        closes: by session, in dollars, not adjusted.
        fills: executions of the trip with their sessions.
        entered: session of the first purchase.
        ended: session in which it ended.
    """
    import altair as alt  # noqa: PLC0415 - definitions import this module; the library loads when a page is drawn

    sessions = sorted(closes)
    first = max(0, sum(one < entered for one in sessions) - _SESSIONS_AROUND)
    last = sum(one <= ended for one in sessions) + _SESSIONS_AROUND // 2
    near = sessions[first:last]
    marks = [{"session": noon(one), "price": float(fill.price_usd), "side": fill.side} for one, fill in fills]
    x: Any = alt.X("session:T", title=None)
    y: Any = alt.Y("close:Q", title="USD", scale=alt.Scale(zero=False))
    path = alt.Chart(named("closes")).mark_line(color=SOFT, strokeWidth=1.2).encode(x=x, y=y)
    held = alt.Chart(named("held")).mark_line(color=INK, strokeWidth=2).encode(x=x, y=y)
    points = (
        alt.Chart(named("marks"))
        .mark_point(size=70, filled=True, opacity=1)
        .encode(
            x=x,
            y=alt.Y("price:Q"),
            color=alt.Color("side:N", scale=alt.Scale(domain=["buy", "sell"], range=[GOOD, BAD]), legend=None),
            shape=alt.Shape(
                "side:N", scale=alt.Scale(domain=["buy", "sell"], range=["triangle-up", "triangle-down"]), legend=None
            ),
        )
    )
    return svg(
        (path + held + points).properties(width=HALF_WIDTH, height=130),
        closes=_path(near, closes),
        held=_path([one for one in near if entered <= one <= ended], closes),
        marks=marks,
    )


def rolling_svg(sessions: Sequence[date], windows: Mapping[str, Sequence[float]]) -> str:
    """Return the return over the window that ends at each close, one line per window, in percent; one alone is a point.

    Args:
        sessions: of the closes, ascending.
        windows: by name, at least one, one return per window, that of the newest close last.
    """
    import altair as alt  # noqa: PLC0415 - as above

    rows = [
        {"session": noon(sessions[len(sessions) - len(returns) + at]), "window": name, "return": float(returns[at])}
        for name, returns in windows.items()
        for at in shown(len(returns))
    ]
    colours = alt.Scale(domain=list(windows), range=[SOFT, INK][: len(windows)])
    encoded: dict[str, Any] = {
        "x": session_axis(sessions[-max(map(len, windows.values())) :]),
        "y": alt.Y("return:Q", title="return over the window", axis=alt.Axis(format="%")),
        "color": alt.Color("window:N", scale=colours, legend=alt.Legend(title=None, orient="top")),
    }
    lines = alt.Chart(named("rows")).mark_line(strokeWidth=1.4).encode(**encoded)
    points = alt.Chart(named("alone")).mark_point(filled=True).encode(**encoded)
    alone = [row for row in rows if len(windows[str(row["window"])]) == 1]
    return svg((lines + points).properties(width=HALF_WIDTH, height=130), rows=rows, alone=alone)


def _path(sessions: Sequence[date], closes: Mapping[date, Decimal]) -> list[dict[str, Any]]:
    return [{"session": noon(one), "close": float(closes[one])} for one in sessions]


def size_svg(points: Sequence[SizePoint]) -> str:
    """Return the Sharpe ratio at each size of the account that has one, with its interval."""
    import altair as alt  # noqa: PLC0415 - as above

    rows = [
        {"capital": one.capital_usd, "sharpe": one.sharpe.value, "low": one.sharpe.low, "high": one.sharpe.high}
        for one in points
        if one.sharpe is not None
    ]
    x: Any = alt.X(
        "capital:Q", title="opening cash, USD", scale=alt.Scale(type="log"), axis=alt.Axis(format="~s", tickCount=6)
    )
    y: Any = alt.Y("sharpe:Q", title="Sharpe ratio, yearly")
    bar = alt.Chart(named("rows")).mark_rule(color=SOFT).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    line = alt.Chart(named("rows")).mark_line(color=INK, point=True).encode(x=x, y=y)
    return svg((bar + line).properties(width=HALF_WIDTH, height=130), rows=rows)
