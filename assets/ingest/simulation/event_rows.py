"""The simulated calendar: earnings dates announced a month ahead, macro releases published a season ahead."""

from datetime import date, timedelta
from typing import Final

import numpy as np
import pyarrow as pa

from assets import schemas
from assets.ingest.arrays import Ints
from assets.ingest.columns import contract_rows, instants, micros, named
from assets.ingest.events import EARNINGS, MACRO, WHOLE_MARKET
from assets.ingest.simulation.companies import Companies
from assets.ingest.simulation.earnings import EarningsQuarter
from assets.ingest.simulation.price_rows import FEED, SOURCE
from execution.trading_calendar import TradingCalendar

_MINUTE: Final = 60_000_000
_ANNOUNCED_SESSIONS: Final = 21
_RATE_DECISION_MONTHS: Final = (1, 3, 5, 6, 7, 9, 11, 12)
_BEFORE_OPEN: Final = timedelta(hours=1)
_RATE_DECISION_AFTER_OPEN: Final = timedelta(hours=4, minutes=30)


def earnings_event_rows(
    firms: Companies, quarters: tuple[EarningsQuarter, ...], *, first_index: int, opens: Ints
) -> pa.Table:
    """Return one row per report, known 21 sessions ahead, for companies listed by then.

    Args:
        firms: the companies.
        quarters: when they report.
        first_index: index of the market's first session in the calendar's whole table; nothing is known before it.
        opens: opening instants of the calendar's whole table, in microseconds since 1970.
    """
    tables = []
    for quarter in quarters:
        announced = np.maximum(quarter.reaction - _ANNOUNCED_SESSIONS, first_index + firms.listed)
        is_alive = announced <= first_index + firms.delisted
        symbol = np.flatnonzero(is_alive & (quarter.reaction >= np.maximum(announced, first_index)))
        reaction = quarter.reaction[symbol]
        columns = {
            "symbol": named(firms.symbols, symbol),
            "kind": pa.repeat(EARNINGS, len(symbol)),
            "scheduled_at": instants(opens[reaction] - quarter.minutes_before_open[symbol] * _MINUTE),
        }
        known = opens[announced[symbol]]
        tables.append(contract_rows(schemas.EVENTS, columns, source=SOURCE, feed=FEED, known_at=known))
    return pa.concat_tables(tables) if tables else schemas.EVENTS.schema.empty_table()


def macro_event_rows(*, first: date, last: date, calendar: TradingCalendar) -> pa.Table:
    """Return employment, inflation and rate decisions from one day to another, known from the October before the year.

    Employment: the first Friday (or the session before) an hour before the open; inflation: the first session from the
    12th, likewise; rates: the third Wednesday of eight months, 4.5 hours after the open.
    """
    start = calendar.opens_at(calendar.between(first, last)[0])
    rows = []
    for year in range(first.year, last.year + 1):
        announced = max(start, calendar.opens_at(calendar.between(date(year - 1, 10, 1), date(year, 1, 31))[0]))
        for month in range(1, 13):
            friday = _weekday(year, month, 4, 1)
            jobs = calendar.between(friday - timedelta(days=6), friday)[-1]
            prices = calendar.between(date(year, month, 12), date(year, month, 20))[0]
            rows += [(calendar.opens_at(day) - _BEFORE_OPEN, announced) for day in (jobs, prices)]
            wednesday = _weekday(year, month, 2, 3)
            if month in _RATE_DECISION_MONTHS and calendar.is_session(wednesday):
                rows.append((calendar.opens_at(wednesday) + _RATE_DECISION_AFTER_OPEN, announced))
    kept = sorted({row for row in rows if start <= row[0]})
    columns = {
        "symbol": pa.repeat(WHOLE_MARKET, len(kept)),
        "kind": pa.repeat(MACRO, len(kept)),
        "scheduled_at": instants(np.array([micros(at) for at, _ in kept], dtype=np.int64)),
    }
    known = np.array([micros(announced) for _, announced in kept], dtype=np.int64)
    return contract_rows(schemas.EVENTS, columns, source=SOURCE, feed=FEED, known_at=known)


def _weekday(year: int, month: int, weekday: int, count: int) -> date:
    """Return the n-th given weekday (Monday 0) of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (count - 1))
