"""A backtest as one self-contained page and as a PDF: equal bytes for equal inputs, no clock, no outside resource.

On the first page stand what was tried, how often something was tried, and what that leaves of the result. A market that
was made, or symbols chosen because they survived, are said on every page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from assets.ml import backtest_charts as charts
from assets.ml.backtest import Lived, Trial
from assets.ml.backtest_factors import explained
from assets.ml.backtest_facts import (
    BLOCK_SESSIONS,
    SEED,
    Facts,
    Floats,
    daily_returns,
    difference,
    drawn_trips,
    growth_returns,
    trips_sentence,
)
from assets.ml.backtest_pages import figures, title
from assets.ml.capacity import capacity_sentence, size_points
from assets.ml.judgement import Estimate, sharpe_record
from assets.ml.report_rendering import html_of, pdf_of
from assets.ml.svg_charts import INK, amounts_svg, session_svg
from assets.ml.trial_log import Trial as Training
from assets.ml.trial_log import choices, deflated_sharpe
from assets.performance import SESSIONS_PER_YEAR, Performance

EVERY_STOCK: Final = "every stock alike"
SHOWN_TRIPS: Final = 8
SHOWN_FEATURES: Final = 12
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report is made of.

    Attributes:
        trial: what was tried.
        desks: what came of it, a portfolio each, production first.
        facts: production's figures.
        benchmarks: by name, growth of one dollar since the beginning, per session of the days; `EVERY_STOCK` is one.
        factors: by name, return per session of the days.
        closes: by symbol whose trades are drawn, its closes by session.
        trainings: every training the home ever judged.
        stamps: what must be said of the data on every page, as `synthetic market`; none for data without a flaw.
        identity: names and hashes of what ran.
    """

    trial: Trial
    desks: Sequence[Lived]
    facts: Facts
    benchmarks: Mapping[str, Floats]
    factors: Mapping[str, Floats]
    closes: Mapping[str, Mapping[date, Decimal]]
    trainings: Sequence[Training]
    stamps: Sequence[str]
    identity: Mapping[str, str]


def html_page(report: Report) -> str:
    """Return the report as one HTML text."""
    return html_of("backtest_report.html.j2", _content(report))


def pdf_page(report: Report) -> bytes:
    """Return the report as a PDF."""
    return pdf_of("backtest_report.typ.j2", _content(report))


def _content(report: Report) -> dict[str, Any]:
    facts, production = report.facts, report.desks[0]
    trips = sorted(facts.trips, key=lambda trip: (-trip.earned_usd, trip.symbol))
    alike = [desk for desk in report.desks if desk.role in {"production", "dearer"}]
    beside = [production, *(desk for desk in report.desks if desk.role == "beside")]
    points = size_points([desk for desk in report.desks if desk.role == "size"])
    trades = _trades(report)
    drawn = _charts(report) | {f"trade_{number}": drawn for number, (_, drawn) in enumerate(trades)}
    return {
        "title": title(report.trial, is_synthetic=False).replace(" on recorded history", ""),
        "stamps": report.stamps,
        "identity": report.identity,
        "tiles": _tiles(report),
        "charts": drawn | ({"capacity": charts.size_svg(points)} if points else {}),
        "against": [
            (f"production less {name}", _percent(difference(daily_returns(production), growth_returns(growth))))
            for name, growth in report.benchmarks.items()
        ],
        "months": [(year, [months.get(month) for month in range(1, 13)]) for year, months in facts.months.items()],
        "month_names": MONTHS,
        "costs": [figures(desk) for desk in alike],
        "pairs": _pairs(alike),
        "beside": [figures(desk) for desk in beside] if len(beside) > 1 else [],
        "beside_pairs": _pairs(beside),
        "factors": _factor_rows(report),
        "capacity": [(f"{one.capital_usd:,.0f}", _plain(one.sharpe), f"{one.invested * 100:.0f}") for one in points],
        "capacity_says": capacity_sentence(points) if points else "",
        "trades": [(f"trade_{number}", told) for number, (told, _) in enumerate(trades)],
        "best": trips[:SHOWN_TRIPS],
        "worst": trips[::-1][:SHOWN_TRIPS],
        "trips": trips_sentence(trips),
        "has_features": bool(facts.by_feature),
    }


def _pairs(desks: Sequence[Lived]) -> list[tuple[str, str]]:
    """Return what each portfolio earned over each later one a year, as percent with its interval."""
    return [
        (f"{one.name} less {other.name}", _percent(difference(daily_returns(one), daily_returns(other))))
        for number, one in enumerate(desks)
        for other in desks[number + 1 :]
    ]


def _factor_rows(report: Report) -> list[tuple[str, str, str]]:
    if not report.factors or len(report.facts.sessions) <= BLOCK_SESSIONS:
        return []
    parts = explained(daily_returns(report.desks[0]), report.factors, block_sessions=BLOCK_SESSIONS, seed=SEED)
    return [
        (name, "" if part.exposure is None else _plain(part.exposure), _percent(part.a_year))
        for name, part in parts.items()
    ]


def _trades(report: Report) -> list[tuple[str, str]]:
    """Return a sentence and a drawing of each round trip that is drawn and whose closes are known."""
    found = []
    for trip in drawn_trips(report.facts):
        closes = report.closes.get(trip.symbol, {})
        fills = [
            (day.mark.marked_session, fill)
            for day in report.desks[0].days
            for fill in day.executions
            if fill.symbol == trip.symbol and trip.entered <= day.mark.marked_session <= trip.ended
        ]
        if closes:
            told = f"{trip.symbol}, {trip.entered} to {trip.ended}: {trip.earned_usd:+,.0f} USD"
            found.append((told, charts.trade_svg(closes, fills, entered=trip.entered, ended=trip.ended)))
    return found


def _charts(report: Report) -> dict[str, str]:
    facts = report.facts
    features = dict(list(facts.by_feature.items())[:SHOWN_FEATURES])
    drawn = {
        "equity": charts.equity_svg(facts, report.benchmarks, name=f"{report.trial.scorer}, {report.desks[0].name}"),
        "drawdown": session_svg(facts.sessions, facts.drawdown, y_title="below the highest"),
        "exposure": session_svg(facts.sessions, facts.exposure, y_title="held of equity", color=INK),
        "sectors": amounts_svg(facts.by_sector, x_title="earned, USD"),
        "regimes": amounts_svg(facts.by_regime, x_title="earned, USD"),
    }
    return drawn | ({"features": amounts_svg(features, x_title="earned, USD")} if features else {})


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    desk = report.desks[0]
    past, year = desk.performance, SESSIONS_PER_YEAR
    # Of what it earned over every stock: a rising market alone is no edge, and models are judged over it too.
    record = sharpe_record(daily_returns(desk) - growth_returns(report.benchmarks[EVERY_STOCK]))
    mean = report.facts.mean_return
    yearly = Estimate(value=mean.value * year, low=mean.low * year, high=mean.high * year)
    tried = choices(report.trainings)
    deflated = deflated_sharpe(record, report.trainings)
    return [
        ("return", f"{(past.total_return or 0) * 100:+.2f} %", f"a year {_percent(yearly)}"),
        (
            "Sharpe ratio",
            _ratio(past.sharpe, past),
            f"standard error {past.sharpe_standard_error or 0:.2f}; Sortino ratio {_ratio(past.sortino, past)}",
        ),
        (
            f"deflated Sharpe over {EVERY_STOCK}",
            f"{deflated:.3f}",
            "probability of an edge over it; 0.95 is demanded of a model",
        ),
        ("choices tried", str(tried), "different trainings this home has judged"),
        (
            "worst fall",
            f"{past.max_drawdown * 100:.2f} %",
            f"{_recovery(past.recovery_sessions)}; volatility {(past.volatility or 0) * 100:.1f} % a year",
        ),
        ("turnover", f"{desk.turnover_per_year:.1f}", "times the equity a year, both sides"),
    ]


def _ratio(found: float | None, past: Performance) -> str:
    if found is None:
        return "too short" if past.is_too_short else "none"
    return f"{found:+.2f}"


def _recovery(sessions: int | None) -> str:
    return "not recovered yet" if sessions is None else f"recovered in {sessions} sessions"


def _percent(found: Estimate) -> str:
    return f"{found.value * 100:+.1f} % ({found.low * 100:+.1f} to {found.high * 100:+.1f})"


def _plain(found: Estimate) -> str:
    return f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
