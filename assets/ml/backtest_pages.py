"""A backtest as a table and a chart a person reads, at a terminal and in the UI. Nothing here decides anything."""

from collections.abc import Mapping, Sequence

from assets.charts import line, png_markdown
from assets.ml.backtest import Lived, Trial
from assets.ml.lived_facts import is_long_enough
from assets.ml.trial_log import Trial as Line
from assets.ml.trial_log import choices

_POINTS_MAX = 250


def title(trial: Trial, *, is_synthetic: bool) -> str:
    """Return one line that says what was tried, and on what."""
    market = "a simulated market" if is_synthetic else "recorded history"
    often = "every session" if trial.every_sessions == 1 else f"every {trial.every_sessions} sessions"
    return f"{trial.scorer} from {trial.first} to {trial.last} on {market}, scores {often}"


def tried_sentence(trials: Sequence[Line]) -> str:
    """Return in how many different things this home has looked for a good account, and by which way."""
    traded = len({line.choice_hash for line in trials if line.backtest is not None})
    return f"{traded} backtested, {choices(trials, of='account') - traded} only taught and judged, in this home"


def figures(desk: Lived) -> Mapping[str, str | None]:
    """Return what one desk's days came to, by what a column is called; None where the history is too short.

    An account that never moved has no ratio however long its history is: `none`.
    """
    past, days = desk.performance, desk.days
    states = [day.trading_state for day in days]
    no_ratio = None if past.is_too_short else "none"
    return {
        "portfolio": desk.name,
        "return %": f"{(past.total_return or 0) * 100:+.2f}",
        "volatility %": None if past.volatility is None else f"{past.volatility * 100:.1f}",
        "Sharpe": no_ratio if past.sharpe is None else f"{past.sharpe:+.2f}",
        "+-": no_ratio if past.sharpe_standard_error is None else f"{past.sharpe_standard_error:.2f}",
        "worst fall %": f"{past.max_drawdown * 100:.2f}",
        "turnover": f"{desk.turnover_per_year:.1f}" if is_long_enough(len(days)) else None,
        "entries": str(sum(day.entries for day in days)),
        "fills": str(sum(day.fills for day in days)),
        "fees USD": f"{sum(day.fees_usd for day in days):,.2f}",
        "days reducing": str(states.count("reducing")),
        "halted": str(states.count("halted")),
    }


def markdown_table(desks: Sequence[Lived]) -> str:
    """Return one line per desk as a Markdown table."""
    rows = [figures(desk) for desk in desks]
    lines = [f"| {' | '.join(rows[0])} |", f"|{'---|' * len(rows[0])}"]
    lines += [f"| {' | '.join(value or 'too short' for value in row.values())} |" for row in rows]
    return "\n".join(lines)


def equity_chart(desk: Lived, *, heading: str) -> str:
    """Return a desk's equity as a chart in Markdown; what was paid in or taken out since the beginning is left out."""
    step = max(1, len(desk.days) // _POINTS_MAX)
    closes = [(day.mark.marked_session, value) for day, value in zip(desk.days, desk.values_usd[1:], strict=True)]
    points = {f"{session}": float(value) for session, value in closes[::step]}
    return png_markdown(line(points, title=heading, y_title="equity, USD"), title="equity")
