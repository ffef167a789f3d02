"""The honest table as Markdown: what was judged, year by year, and what leaks would have added."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from assets.ml.judgement import is_long_enough
from assets.ml.results import MODEL, Results
from assets.ml.told import with_interval
from assets.ml.yearly_results import SpanResult
from assets.performance import SHORTEST_HISTORY_SESSIONS

_HEADS: Final = (
    "days",
    "IC",
    "rank IC",
    "ICIR",
    "net, bps a day",
    "net Sharpe",
    "deflated Sharpe",
    "turnover a year",
)


def results_page(results: Results, *, stamps: Sequence[str]) -> str:
    """Return the table as one Markdown text.

    Args:
        results: the table.
        stamps: what must be said of the data, as `survivorship biased`.
    """
    parts = [
        *(f"**{stamp}**" for stamp in stamps),
        _what(results),
        *(f"`{way}`\n\n{_table('year', [(one.span, one) for one in told])}" for way, told in results.ways.items()),
    ]
    if results.leaks:
        honest = results.ways[MODEL][-1]
        told = [("none: the model as it is", honest), *results.leaks.items()]
        parts.append(f"What leaks would have added, all days\n\n{_leak_table(told, honest)}")
    return "\n\n".join(parts) + "\n"


def leak_row(name: str, found: SpanResult, *, honest: SpanResult) -> str:
    """Return one line of the table of leaks.

    Args:
        name: of the leak, or of a way to score.
        found: its figures over all days.
        honest: those of the model without any.
    """
    told = partial(with_interval, days=found.days, block_sessions=found.horizon_sessions)
    return (
        f"| {name} | {told(found.rank_ic, '+.4f')} | {found.rank_ic.value - honest.rank_ic.value:+.4f} "
        f"| {found.rank_ic_ir.value:+.2f} | {told(found.net_bps, '+.2f')} | {_sharpe(found)} |"
    )


def _what(results: Results) -> str:
    return (
        f"{results.judged_first} to {results.judged_last}: {results.rows:,} decisions on {results.symbols} symbols, "
        f"{results.features} features, the model taught {results.teachings} times, every {results.retrain_sessions} "
        f"sessions on the past alone; {results.choices} choices tried in this home. Net: the best fifth by score, held "
        f"for the horizon, over every member alike, after {results.cost_bps:g} bps for each dollar bought or sold. "
        "Intervals of 95 %."
    )


def _table(first: str, rows: Sequence[tuple[str, SpanResult]]) -> str:
    lines = [f"| {' | '.join((first, *_HEADS))} |", f"|{'---|' * (1 + len(_HEADS))}"]
    return "\n".join(lines + [f"| {' | '.join((name, *_cells(one)))} |" for name, one in rows])


def _leak_table(rows: Sequence[tuple[str, SpanResult]], honest: SpanResult) -> str:
    lines = ["| leak | rank IC | more | ICIR | net, bps a day | net Sharpe |", "|---|---|---|---|---|---|"]
    return "\n".join(lines + [leak_row(name, one, honest=honest) for name, one in rows])


def _cells(one: SpanResult) -> tuple[str, ...]:
    told = partial(with_interval, days=one.days, block_sessions=one.horizon_sessions)
    is_year_told = is_long_enough(one.days, block_sessions=one.horizon_sessions)
    return (
        str(one.days),
        told(one.ic, "+.4f"),
        told(one.rank_ic, "+.4f"),
        told(one.rank_ic_ir, "+.2f"),
        told(one.net_bps, "+.2f"),
        _sharpe(one),
        f"{one.deflated_sharpe:.3f}" if _has_ratio(one) else "too short",
        f"{one.turnover:.0f}" if is_year_told else "too short",
    )


def _sharpe(one: SpanResult) -> str:
    told = with_interval(one.net_sharpe, "+.2f", days=one.days, block_sessions=one.horizon_sessions)
    return told if _has_ratio(one) else "too short"


def _has_ratio(one: SpanResult) -> bool:
    return one.days >= SHORTEST_HISTORY_SESSIONS
