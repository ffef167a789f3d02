"""What every page of lived days shows, a backtest's and the traded account's, and how its figures are told."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from assets.ml import lived_charts as charts
from assets.ml.backtest import Lived
from assets.ml.judgement import Estimate
from assets.ml.lived_factors import explained
from assets.ml.lived_facts import (
    BAND_SESSIONS_MIN,
    BLOCK_SESSIONS,
    Facts,
    Floats,
    daily_returns,
    difference,
    drawn_trips,
    growth_returns,
    is_long_enough,
    taken_back_in,
    trips_sentence,
)
from assets.ml.svg_charts import INK, amounts_svg, session_svg
from assets.performance import NEVER_MOVED, SHORTEST_HISTORY_SESSIONS, Performance

SHOWN_TRIPS: Final = 8
SHOWN_FEATURES: Final = 12
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def lived_content(
    desk: Lived,
    facts: Facts,
    *,
    named: str,
    short_name: str,
    benchmarks: Mapping[str, Floats],
    factors: Mapping[str, Floats],
    closes: Mapping[str, Mapping[date, Decimal]],
) -> dict[str, Any]:
    """Return what the templates of lived days need beyond their own parts.

    Args:
        desk: whose days they are.
        facts: their figures.
        named: what the curve is called.
        short_name: what it is called where it is compared.
        benchmarks: by name, growth of one dollar since the beginning, per session of the days.
        factors: by name, return per session of the days.
        closes: by symbol whose trades are drawn, its closes by session.
    """
    trips = sorted(facts.trips, key=lambda trip: (-trip.earned_usd, trip.symbol))
    trades = _trades(desk, facts, closes)
    own, a_year = daily_returns(desk), desk.marks_a_year
    return {
        "charts": _charts(facts, benchmarks, named)
        | {f"trade_{number}": drawn for number, (_, drawn) in enumerate(trades)},
        "against": [
            (f"{short_name} less {name}", percent(difference(own, growth_returns(growth), marks_a_year=a_year)))
            for name, growth in benchmarks.items()
        ]
        if is_long_enough(len(facts.sessions))
        else [],
        "block_sessions": BLOCK_SESSIONS,
        "has_band": len(facts.sessions) >= BAND_SESSIONS_MIN,
        "band_sessions_min": BAND_SESSIONS_MIN,
        "months": [(year, [months.get(month) for month in range(1, 13)]) for year, months in facts.months.items()],
        "month_names": MONTHS,
        "factors": _factor_rows(desk, facts, factors),
        "trades": [(f"trade_{number}", told) for number, (told, _) in enumerate(trades)],
        "best": [trip for trip in trips if trip.earned_usd >= 0][:SHOWN_TRIPS],
        "worst": [trip for trip in trips[::-1] if trip.earned_usd < 0][:SHOWN_TRIPS],
        "trips": trips_sentence(trips),
        "nothing_earned": "Nothing was earned or lost." if facts.trips else "Nothing was bought.",
        "features_left_out": _features_left_out(facts),
    }


def return_tile(desk: Lived, facts: Facts) -> tuple[str, str, str]:
    """Return the whole return and what its days come to in a year, with an interval."""
    past, mean, year = desk.performance, facts.mean_return, desk.marks_a_year
    yearly = Estimate(value=mean.value * year, low=mean.low * year, high=mean.high * year)
    a_year = f"a year {percent(yearly)}" if is_long_enough(len(facts.sessions)) else "too short for a figure a year"
    return "return", f"{(past.total_return or 0) * 100:+.2f} %", a_year


def sharpe_tile(past: Performance) -> tuple[str, str, str]:
    """Return the Sharpe ratio with its standard error and the Sortino ratio, or what they still need."""
    if past.is_too_short:
        note = f"this and the Sortino ratio need {SHORTEST_HISTORY_SESSIONS} sessions"
    elif past.sharpe_standard_error is None:
        note = NEVER_MOVED
    else:
        note = f"standard error {past.sharpe_standard_error:.2f}; Sortino ratio {ratio(past.sortino, past)}"
    return "Sharpe ratio", ratio(past.sharpe, past), note


def fall_tile(past: Performance) -> tuple[str, str, str]:
    """Return the worst fall, the sessions back from it, and the volatility."""
    if past.volatility is None:
        volatility = "too short for a volatility"
    else:
        volatility = f"volatility {past.volatility * 100:.1f} % a year"
    return "worst fall", f"{past.max_drawdown * 100:.2f} %", f"{recovery(past.recovery_sessions)}; {volatility}"


def turnover_tile(desk: Lived) -> tuple[str, str, str]:
    """Return how often the equity was turned over in a year, or that the days are too few to say."""
    if not is_long_enough(len(desk.days)):
        return "turnover", "too short", "for a year's"
    return "turnover", f"{desk.turnover_per_year:.1f}", "times the equity a year, both sides"


def ratio(found: float | None, past: Performance) -> str:
    """Return a ratio as text, or why there is none."""
    if found is None:
        return "too short" if past.is_too_short else "none"
    return f"{found:+.2f}"


def recovery(sessions: int | None) -> str:
    """Return how long the worst fall took to make good."""
    return "not recovered yet" if sessions is None else f"recovered in {sessions} sessions"


def percent(found: Estimate) -> str:
    """Return a fraction with its interval in percent."""
    return f"{found.value * 100:+.1f} % ({found.low * 100:+.1f} to {found.high * 100:+.1f})"


def plain(found: Estimate) -> str:
    """Return a number with its interval."""
    return f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


def _factor_rows(desk: Lived, facts: Facts, factors: Mapping[str, Floats]) -> list[tuple[str, str, str]]:
    if not factors or not is_long_enough(len(facts.sessions)):
        return []
    parts = explained(daily_returns(desk), factors, block_sessions=BLOCK_SESSIONS, returns_a_year=desk.marks_a_year)
    return [
        (name, "" if part.exposure is None else plain(part.exposure), percent(part.a_year))
        for name, part in parts.items()
    ]


def _trades(desk: Lived, facts: Facts, closes: Mapping[str, Mapping[date, Decimal]]) -> list[tuple[str, str]]:
    """Return a sentence and a drawing of each round trip that is drawn and whose closes are known."""
    found, taken_back = [], taken_back_in(desk.days)
    for trip in drawn_trips(facts):
        fills = [
            (day.mark.marked_session, fill)
            for day in desk.days
            for fill in day.executions
            if fill.symbol == trip.symbol and trip.entered <= day.mark.marked_session <= trip.ended
            if fill.execution_id not in taken_back
        ]
        if known := closes.get(trip.symbol):
            told = f"{trip.symbol}, {trip.entered} to {trip.ended}: {trip.earned_usd:+,.0f} USD"
            found.append((told, charts.trade_svg(known, fills, entered=trip.entered, ended=trip.ended)))
    return found


def _charts(facts: Facts, benchmarks: Mapping[str, Floats], named: str) -> dict[str, str]:
    shared_out = {"sectors": facts.by_sector, "regimes": facts.by_regime, "features": _drawn_features(facts)}
    return {
        "equity": charts.equity_svg(facts, benchmarks, name=named),
        "drawdown": session_svg(facts.sessions, facts.drawdown, y_title="below the highest"),
        "exposure": session_svg(facts.sessions, facts.exposure, y_title="held of equity", color=INK),
        **{name: amounts_svg(told, x_title="earned, USD") for name, told in shared_out.items() if told},
    }


def _drawn_features(facts: Facts) -> dict[str, float]:
    """Return the features with the largest amounts, earned or lost alike, what earned most first."""
    told = facts.by_feature
    drawn = set(sorted(told, key=lambda name: (-abs(told[name]), name))[:SHOWN_FEATURES])
    return {name: amount for name, amount in told.items() if name in drawn}


def _features_left_out(facts: Facts) -> str:
    """Return how many features are not drawn, and what all came to; nothing where all are."""
    count, usd = len(facts.by_feature), sum(facts.by_feature.values())
    if count <= SHOWN_FEATURES:
        return ""
    largest = f"the {SHOWN_FEATURES} of {count} features with the largest amounts"
    return f"Drawn are {largest}; together all {count} come to {usd:+,.0f} USD."
