"""The day in a terminal: a few short tables a person reads from top to bottom. Plain rows first, drawn second."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from assets.ledger_frames import LedgerFrames
from assets.reporting import page_words
from assets.reporting.day import Day, ranked, stage_counts
from assets.reporting.day_reading import PublishedBatches, read_day

if TYPE_CHECKING:
    from rich.console import RenderableType

SHOWN_SCORES: Final = 3
SHOWN_TRADES: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryTable:
    """One titled table of plain text.

    Attributes:
        title: what it answers.
        columns: column names; those that start with `>` are aligned right.
        rows: cells in column order.
        note: one sentence below; empty without one.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def day_summary(
    *, batches: PublishedBatches, export_frames: LedgerFrames, raw_counts: Mapping[str, int], session: date
) -> tuple[SummaryTable, ...]:
    """Return what was ingested, which checks passed, best and worst scores, what was traded and why, cash and equity.

    Args:
        batches: where analysis published certificates and batches.
        export_frames: a ledger export that reaches the session after the decision.
        raw_counts: rows taken in per raw table.
        session: the decision session.
    """
    day = read_day(session=session, frames=export_frames, batches=batches, opens_usd={})
    return (_ingested(day, raw_counts), _checks(day), _scores(day), _trades(day), _why(day), _account(day))


def rich_tables(tables: tuple[SummaryTable, ...]) -> tuple["RenderableType", ...]:
    """Return the tables ready to be printed by a rich console; nothing in a cell is read as markup."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - the plain rows above need no terminal
    from rich.console import Group  # noqa: PLC0415 - the same library
    from rich.table import Table  # noqa: PLC0415 - the same library
    from rich.text import Text  # noqa: PLC0415 - the same library

    drawn = []
    for one in tables:
        parts: list[RenderableType] = [Text(one.title, style="bold")]
        if one.rows:
            table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
            for column in one.columns:
                is_number = column.startswith(">")
                table.add_column(column.removeprefix(">"), justify="right" if is_number else "left", no_wrap=is_number)
            for row in one.rows:
                table.add_row(*(Text(cell) for cell in row))
            parts.append(table)
        # Titles and notes stand beside the table, not in it: rich would wrap them to a narrow table's width.
        parts += [Text(one.note, style="dim")] if one.note else []
        drawn.append(Group(*parts, Text("")))
    return tuple(drawn)


def _ingested(day: Day, raw_counts: Mapping[str, int]) -> SummaryTable:
    is_synthetic = day.batch is not None and day.batch.is_synthetic
    return SummaryTable(
        title=f"Ingested up to {page_words.long_date(day.session)}",
        columns=("table", ">rows"),
        rows=tuple((name, page_words.whole(count)) for name, count in raw_counts.items()),
        note="SYNTHETIC: every row was made by a simulated market" if is_synthetic else "",
    )


def _checks(day: Day) -> SummaryTable:
    certificate = day.certificate
    if certificate is None:
        return SummaryTable(title="Checks", columns=("check",), rows=(), note="No gate judged this session.")
    subjects = dict.fromkeys(check.subject for check in certificate.checks)
    by_subject = {subject: [check for check in certificate.checks if check.subject == subject] for subject in subjects}
    rows = [
        (
            subject,
            f"{sum(check.passed for check in checks)} of {len(checks)}",
            "; ".join(f"{check.name}: {check.reason}" for check in checks if not check.passed) or "passed",
        )
        for subject, checks in by_subject.items()
    ]
    verdict = "green" if certificate.is_green else "red: nothing new was bought"
    return SummaryTable(
        title="Checks", columns=("judged", ">passed", "verdict"), rows=tuple(rows),
        note=f"The gate is {verdict}. Certificate {certificate.hash[:10]}.",
    )  # fmt: skip


def _scores(day: Day) -> SummaryTable:
    ranking = ranked(day.batch)
    shown = (*ranking[:SHOWN_SCORES], *ranking[SHOWN_SCORES:][-SHOWN_SCORES:])
    place = {one.symbol: rank for rank, one in enumerate(ranking, start=1)}
    rows = tuple(
        (
            str(place[one.symbol]),
            one.symbol,
            page_words.number(one.score, 4),
            ", ".join(f"{name} {page_words.number(value, 4)}" for name, value in one.contributions),
        )
        for one in shown
    )
    note = day.batch.decision_reason if day.batch else "No batch: nothing was scored."
    return SummaryTable(
        title="Best and worst scores", columns=(">rank", "symbol", ">score", "what moved it most"), rows=rows, note=note
    )


def _trades(day: Day) -> SummaryTable:
    reasons = {row.symbol: row.reason for row in day.decisions}
    sent = [cost for cost in day.costs if not cost.is_resting_stop]
    rows = tuple(
        (
            cost.side,
            cost.symbol,
            f"{page_words.whole(cost.filled_shares)} of {page_words.whole(cost.ordered_shares)}",
            page_words.price(cost.average_fill_usd),
            page_words.bps(cost.slippage_to_close_bps),
            reasons.get(cost.symbol, ""),
        )
        for cost in sent[:SHOWN_TRADES]
    )
    rest = len(sent) - len(rows)
    note = f"and {rest} more in the report" if rest else ("" if sent else "No order was sent.")
    columns = ("side", "symbol", ">filled", ">fill USD", ">bp vs close", "why")
    return SummaryTable(title="Orders and fills", columns=columns, rows=rows, note=note)


def _why(day: Day) -> SummaryTable:
    rows = tuple(
        (page_words.words(one.outcome), page_words.words(one.stage), str(one.count), one.example)
        for one in stage_counts(day.decisions)
    )
    return SummaryTable(
        title="Every symbol, by what happened", columns=("outcome", "stage", ">symbols", "why"), rows=rows
    )


def _account(day: Day) -> SummaryTable:
    account = day.account
    if account is None:
        note = f"It was not valued at the close of {day.traded_session}."
        return SummaryTable(title="Account", columns=("",), rows=(), note=note)
    rows = (
        ("cash", page_words.usd(account.cash_usd)),
        (f"positions ({len(day.positions)})", page_words.usd(day.held_usd)),
        ("equity", page_words.usd(account.equity_usd)),
        ("realised", page_words.signed_usd(account.realised_usd)),
        ("unrealised", page_words.signed_usd(account.unrealised_usd)),
    )
    identity = (
        "Cash and positions are equity, to the cent."
        if day.unexplained_usd == 0
        else f"Cash and positions differ from equity by {page_words.signed_usd(day.unexplained_usd)} USD."
    )
    return SummaryTable(
        title=f"Account at the close of {day.traded_session}", columns=("", ">USD"), rows=rows, note=identity
    )
