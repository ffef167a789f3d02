"""What a row of each raw table must keep to beyond its types: one small rule per line of a table.

A file with a row that breaks a rule is refused whole, unless its mapping says `quarantine: true`: then such rows stay
out and are reported, and the rest is taken in. Types, missing columns and unreadable cells refuse the file always.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest.sec_filings import METRICS
from assets.row_versions import fact_ids
from assets.schemas import SECURITIES, RawTable
from execution.trading_calendar import TradingCalendar

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RowRule:
    """One rule: which rows break it, the contract column to name, what it demands, and columns to tell beside it."""

    column: str
    demand: str
    breaks: Callable[[pa.Table], Any]
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule some rows break: the contract column, what it demands, which rows, and columns to tell beside it."""

    column: str
    demand: str
    rows: Mask
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One row that breaks a rule.

    Attributes:
        file: the file as the settings name it.
        row: 1-based data row.
        column: the contract's column.
        demand: what the rule demands.
        found: the row's value there, as text, with those of other columns the rule compares it with.
    """

    file: str
    row: int
    column: str
    demand: str
    found: str


def _above(name: str, other: str) -> Callable[[pa.Table], Any]:
    return lambda rows: pc.greater(rows.column(name), rows.column(other))


def _not_after(name: str, other: str) -> Callable[[pa.Table], Any]:
    return lambda rows: pc.less_equal(rows.column(name), rows.column(other))


def _ends_before_it_begins(rows: pa.Table) -> Any:
    ends = rows.column("delisted_session")
    # A listing that follows from the bars has neither day yet.
    return pc.less(ends, rows.column("listed_session") if "listed_session" in rows.column_names else ends)


def _below_zero(name: str) -> Callable[[pa.Table], Any]:
    return lambda rows: pc.less(rows.column(name).cast(pa.float64()), 0.0)


def _not_above_zero(name: str) -> Callable[[pa.Table], Any]:
    return lambda rows: pc.less_equal(rows.column(name).cast(pa.float64()), 0.0)


def _none_of(name: str, values: tuple[str, ...]) -> Callable[[pa.Table], Any]:
    return lambda rows: pc.invert(pc.is_in(rows.column(name), pa.array(values)))


def _no_session(name: str) -> Callable[[pa.Table], Any]:
    def breaks(rows: pa.Table) -> Any:
        sessions = pa.array(TradingCalendar.shipped().sessions, pa.date32())
        return pc.invert(pc.is_in(rows.column(name), sessions))

    return breaks


def _known_before(name: str) -> Callable[[pa.Table], Any]:
    return lambda rows: pc.less(rows.column("known_at").cast(pa.date32(), safe=False), rows.column(name))


_PRICES: Final = ("open_usd", "high_usd", "low_usd", "close_usd")
RULES: Final[Mapping[str, tuple[RowRule, ...]]] = {
    "daily_bars": (
        RowRule("session", "an exchange session", _no_session("session")),
        *(
            RowRule(name, "a price above zero", _not_above_zero(name))
            for name in ("open_usd", "high_usd", "low_usd", "close_usd")
        ),
        RowRule("low_usd", "no more than the open", _above("low_usd", "open_usd")),
        RowRule("low_usd", "no more than the close", _above("low_usd", "close_usd")),
        RowRule("open_usd", "no more than the high", _above("open_usd", "high_usd")),
        RowRule("close_usd", "no more than the high", _above("close_usd", "high_usd")),
        RowRule("volume_shares", "a volume of zero or more", _below_zero("volume_shares")),
    ),
    "corporate_actions": (
        RowRule("ex_session", "an exchange session", _no_session("ex_session")),
        RowRule("action", "split or dividend", _none_of("action", ("split", "dividend"))),
        RowRule("value", "a number above zero", _not_above_zero("value")),
    ),
    "indices": (
        RowRule("session", "an exchange session", _no_session("session")),
        RowRule("close", "a level above zero", _not_above_zero("close")),
    ),
    "filings": (
        RowRule("form", "10-Q or 10-K", _none_of("form", ("10-Q", "10-K"))),
        RowRule("metric", f"one of {', '.join(METRICS)}", _none_of("metric", METRICS)),
        RowRule("period_end", "a period that had ended when it was known", _known_before("period_end")),
    ),
    "securities": (
        RowRule(
            "delisted_session",
            "no day before listed_session",
            _ends_before_it_begins,
            beside=("symbol", "listed_session"),
        ),
    ),
    "membership": (RowRule("to_session", "a day after from_session", _not_after("to_session", "from_session")),),
    "watchlists": (RowRule("to_session", "a day after from_session", _not_after("to_session", "from_session")),),
    "events": (RowRule("kind", "earnings or macro", _none_of("kind", ("earnings", "macro"))),),
}


def broken_rules(table: RawTable, rows: pa.Table) -> list[BrokenRule]:
    """Return the rules some row breaks, each with its rows; a row is blamed on the first rule it breaks.

    Repeating a fact key at the same instant breaks a rule too: all but the first such row.
    """
    blamed = np.zeros(rows.num_rows, dtype=bool)
    found = []
    for rule in RULES.get(table.name, ()):
        broken = pc.fill_null(rule.breaks(rows), False).to_numpy()  # noqa: FBT003 - by position only
        is_new = np.asarray(broken, dtype=bool) & ~blamed
        if is_new.any():
            found.append(BrokenRule(rule.column, rule.demand, is_new, rule.beside))
            blamed |= is_new
    again = repeated(table, rows) & ~blamed
    if again.any():
        key = ", ".join(table.fact_key)
        found.append(BrokenRule(table.fact_key[0], f"one row per {key}: duplicate key", again))
    return found


def repeated(table: RawTable, rows: pa.Table) -> Mask:
    """Return which rows repeat a fact key at the same instant, all but the first of each.

    Two listings of one symbol are none: instants before the calendar are all its first, and a symbol is used again.
    """
    of_listing = ("listed_session",) if table == SECURITIES and "listed_session" in rows.column_names else ()
    ids = fact_ids(RawTable(table.key, table.schema, (*table.fact_key, *of_listing, "known_at")), rows)
    _, firsts = np.unique(ids, return_index=True)
    again = np.ones(rows.num_rows, dtype=bool)
    again[firsts] = False
    return again
