"""A backtest as one self-contained page and as a PDF: equal bytes for equal inputs, no clock, no outside resource.

On the first page stand what was tried, how often something was tried, and what that leaves of the result. A market that
was made, or symbols chosen because they survived, are said on every page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final

import numpy as np

from assets.ml import backtest_charts as charts
from assets.ml.backtest import Lived, Trial
from assets.ml.backtest_facts import Facts, Floats, difference, facts_of
from assets.ml.backtest_pages import figures, title
from assets.ml.judgement import Estimate, sharpe_record
from assets.ml.trial_log import Trial as Training
from assets.ml.trial_log import choices, deflated_sharpe
from assets.performance import SESSIONS_PER_YEAR, one_session_returns

SHOWN_TRIPS: Final = 8
SHOWN_FEATURES: Final = 12
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report is made of.

    Attributes:
        trial: what was tried.
        desks: what came of it, one desk per multiple of the costs, the settings' own first.
        initial_cash_usd: equity before the first day.
        benchmarks: by name, growth of one dollar since the beginning, per session of the days.
        trainings: every training the home ever judged.
        stamps: what must be said of the data on every page, as `synthetic market`; none for data without a flaw.
        identity: names and hashes of what ran.
    """

    trial: Trial
    desks: Sequence[Lived]
    initial_cash_usd: Decimal
    benchmarks: Mapping[str, Floats]
    trainings: Sequence[Training]
    stamps: Sequence[str]
    identity: Mapping[str, str]


def html_page(report: Report) -> str:
    """Return the report as one HTML text."""
    return _rendered("backtest_report.html.j2", _content(report), autoescape=True)


def pdf_page(report: Report) -> bytes:
    """Return the report as a PDF."""
    import typst  # noqa: PLC0415 - definitions import this module; the typesetter loads when a page is set

    content = _content(report)
    source = _rendered("backtest_report.typ.j2", content, autoescape=False)
    drawings = {f"{name}.svg": drawn.encode() for name, drawn in content["charts"].items()}
    sources: Any = {"main.typ": source.encode(), **drawings}
    compiled: bytes = typst.compile(sources, format="pdf", timestamp=0)
    return compiled


def _content(report: Report) -> dict[str, Any]:
    facts = facts_of(report.desks[0], initial_cash_usd=report.initial_cash_usd)
    trips = sorted(facts.trips, key=lambda trip: (-trip.earned_usd, trip.symbol))
    return {
        "title": title(report.trial, is_synthetic=False).replace(" on recorded history", ""),
        "stamps": report.stamps,
        "identity": report.identity,
        "tiles": _tiles(report, facts),
        "charts": _charts(report, facts),
        "months": [(year, [months.get(month) for month in range(1, 13)]) for year, months in facts.months.items()],
        "month_names": MONTHS,
        "costs": [figures(desk) for desk in report.desks],
        "pairs": [
            (f"{one.cost_multiple}x costs less {other.cost_multiple}x", difference_text(report, one, other))
            for number, one in enumerate(report.desks)
            for other in report.desks[number + 1 :]
        ],
        "best": trips[:SHOWN_TRIPS],
        "worst": trips[::-1][:SHOWN_TRIPS],
        "trips": len(trips),
        "won": sum(trip.earned_usd > 0 for trip in trips),
        "has_features": bool(facts.by_feature),
    }


def difference_text(report: Report, one: Lived, other: Lived) -> str:
    """Return what one desk earned over another a year, as percent with its interval."""
    return _percent(difference(one, other, initial_cash_usd=report.initial_cash_usd))


def _charts(report: Report, facts: Facts) -> dict[str, str]:
    features = dict(list(facts.by_feature.items())[:SHOWN_FEATURES])
    drawn = {
        "equity": charts.equity_svg(facts, report.benchmarks, name=f"{report.trial.scorer}, 1x costs"),
        "drawdown": charts.session_svg(facts, facts.drawdown, y_title="below the highest"),
        "exposure": charts.session_svg(facts, facts.exposure, y_title="held of equity", color="#275d86"),
        "sectors": charts.amounts_svg(facts.by_sector, x_title="earned, USD"),
        "regimes": charts.amounts_svg(facts.by_regime, x_title="earned, USD"),
    }
    return drawn | ({"features": charts.amounts_svg(features, x_title="earned, USD")} if features else {})


def _tiles(report: Report, facts: Facts) -> list[tuple[str, str, str]]:
    desk = report.desks[0]
    past, values = desk.performance, [report.initial_cash_usd, *(day.mark.equity_usd for day in desk.days)]
    record = sharpe_record(np.array(one_session_returns(values)))
    year = SESSIONS_PER_YEAR
    mean = facts.mean_return
    yearly = Estimate(value=mean.value * year, low=mean.low * year, high=mean.high * year)
    tried = choices(report.trainings)
    deflated = deflated_sharpe(record, report.trainings)
    return [
        ("return", f"{(past.total_return or 0) * 100:+.2f} %", f"a year {_percent(yearly)}"),
        (
            "Sharpe ratio",
            "too short" if past.sharpe is None else f"{past.sharpe:+.2f}",
            f"standard error {past.sharpe_standard_error or 0:.2f}",
        ),
        ("deflated Sharpe", f"{deflated:.3f}", "probability of an edge; 0.95 is demanded of a model"),
        ("choices tried", str(tried), "different trainings this home has judged"),
        ("worst fall", f"{past.max_drawdown * 100:.2f} %", f"volatility {(past.volatility or 0) * 100:.1f} % a year"),
        ("turnover", f"{desk.turnover_per_year:.1f}", "times the equity a year, both sides"),
    ]


def _percent(found: Estimate) -> str:
    return f"{found.value * 100:+.1f} % ({found.low * 100:+.1f} to {found.high * 100:+.1f})"


def _rendered(name: str, content: Mapping[str, Any], *, autoescape: bool) -> str:
    import jinja2  # noqa: PLC0415 - definitions import this module; the library loads when a page is drawn

    environment = jinja2.Environment(
        autoescape=autoescape,  # noqa: S701 - the page escapes; a typeset source is no markup, its texts are quoted
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda value: "" if value is None else f"{value * 100:+.1f}"
    environment.filters["usd"] = lambda value: f"{value:,.0f}"
    environment.filters["typ"] = _typst_text
    template = (files("assets.ml") / name).read_text(encoding="utf-8")
    return environment.from_string(template).render(content)


def _typst_text(value: object) -> str:
    """Return text that stands in a typeset source as itself."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'#"{escaped}"'
