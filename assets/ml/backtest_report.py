"""A backtest as one self-contained page and as a PDF: equal bytes for equal inputs, no clock, no outside resource.

On the first page stand what was tried, how often something was tried, and what that leaves of the result. A market that
was made, or symbols chosen because they survived, are said on every page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from assets.ml.backtest import Lived, Trial
from assets.ml.backtest_pages import figures, title, tried_sentence
from assets.ml.capacity import capacity_sentence, is_told, size_points
from assets.ml.judgement import sharpe_record
from assets.ml.lived_charts import size_svg
from assets.ml.lived_facts import Facts, Floats, daily_returns, difference, growth_returns, is_long_enough
from assets.ml.lived_market import EVERY_STOCK
from assets.ml.lived_page import fall_tile, lived_content, percent, plain, return_tile, sharpe_tile, turnover_tile
from assets.ml.report_rendering import DrawnReport
from assets.ml.trial_log import Trial as Line
from assets.ml.trial_log import choices, deflated_sharpe


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
        trials: every training and backtest the home ever looked at, this one among them.
        stamps: what must be said of the data on every page, as `synthetic market`; none for data without a flaw.
        identity: names and hashes of what ran.
    """

    trial: Trial
    desks: Sequence[Lived]
    facts: Facts
    benchmarks: Mapping[str, Floats]
    factors: Mapping[str, Floats]
    closes: Mapping[str, Mapping[date, Decimal]]
    trials: Sequence[Line]
    stamps: Sequence[str]
    identity: Mapping[str, str]


def drawn(report: Report) -> DrawnReport:
    """Return the report, its charts drawn."""
    return DrawnReport("backtest_report", _content(report))


def _content(report: Report) -> dict[str, Any]:
    production = report.desks[0]
    alike = [desk for desk in report.desks if desk.role in {"production", "dearer"}]
    beside = [production, *(desk for desk in report.desks if desk.role == "beside")]
    points = size_points([desk for desk in report.desks if desk.role == "size"])
    content = lived_content(
        production,
        report.facts,
        named=f"{report.trial.scorer}, {production.name}",
        short_name="production",
        benchmarks=report.benchmarks,
        factors=report.factors,
        closes=report.closes,
    )
    return content | {
        "kind": "Backtest",
        "title": title(report.trial, is_synthetic=False).replace(" on recorded history", ""),
        "stamps": report.stamps,
        "identity": report.identity,
        "tiles": _tiles(report),
        "charts": content["charts"] | ({"capacity": size_svg(points)} if is_told(points) else {}),
        "costs": [figures(desk) for desk in alike],
        "pairs": _pairs(alike),
        "beside": [figures(desk) for desk in beside] if len(beside) > 1 else [],
        "beside_pairs": _pairs(beside),
        "capacity": [
            (
                f"{one.capital_usd:,.0f}",
                "too short" if one.sharpe is None else plain(one.sharpe),
                f"{one.invested * 100:.0f}",
            )
            for one in points
        ],
        "capacity_says": capacity_sentence(points) if points else "",
    }


def _pairs(desks: Sequence[Lived]) -> list[tuple[str, str]]:
    """Return what each portfolio earned over each later one a year, as percent with its interval; none of few days."""
    return [
        (f"{one.name} less {other.name}", percent(difference(daily_returns(one), daily_returns(other))))
        for number, one in enumerate(desks)
        for other in desks[number + 1 :]
        if is_long_enough(len(one.days))
    ]


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    desk = report.desks[0]
    return [
        return_tile(desk, report.facts),
        sharpe_tile(desk.performance),
        (
            f"deflated Sharpe over {EVERY_STOCK}",
            _deflated(report),
            "probability of an edge over it; 0.95 is demanded of a model",
        ),
        ("choices tried", str(choices(report.trials, of="account")), tried_sentence(report.trials)),
        fall_tile(desk.performance),
        turnover_tile(desk),
    ]


def _deflated(report: Report) -> str:
    desk = report.desks[0]
    if desk.performance.is_too_short:
        return "too short"
    # Of what it earned over every stock: a rising market alone is no edge, and models are judged over it too.
    record = sharpe_record(daily_returns(desk) - growth_returns(report.benchmarks[EVERY_STOCK]))
    return f"{deflated_sharpe(record, report.trials, of='account'):.3f}"
