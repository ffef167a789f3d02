"""Rows of raw tables for tests: a small market with everything that makes adjusting hard."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from assets import schemas
from execution.trading_calendar import TradingCalendar

CALENDAR = TradingCalendar.shipped()
FIRST_SESSION = date(2014, 1, 2)
_ORIGIN = {"source": "test", "feed": "test"}


def sessions(count: int, *, first: date = FIRST_SESSION) -> tuple[date, ...]:
    start = CALENDAR.index(first)
    return CALENDAR.sessions[start : start + count]


def rows(table: schemas.RawTable, records: Iterable[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([{**_ORIGIN, **record} for record in records], schema=table.schema)


def bar(symbol: str, session: date, close: float, **changes: Any) -> dict[str, Any]:
    price = Decimal(str(round(close, 2)))
    return {
        "symbol": symbol,
        "session": session,
        "open_usd": price,
        "high_usd": price + Decimal("0.50"),
        "low_usd": price - Decimal("0.40"),
        "close_usd": price,
        "volume_shares": 10_000,
        "is_halted": False,
        "known_at": CALENDAR.bars_known_at(session),
        **changes,
    }


def action(symbol: str, ex_session: date, kind: str, value: str, known_at: datetime | None = None) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "ex_session": ex_session,
        "action": kind,
        "value": Decimal(value),
        "known_at": known_at or CALENDAR.opens_at(ex_session) - timedelta(days=5),
    }


def membership(symbol: str, first: date, last: date | None = None, known_at: datetime | None = None) -> dict[str, Any]:
    return {
        "index_name": "test_500",
        "symbol": symbol,
        "from_session": first,
        "to_session": last,
        "known_at": known_at or CALENDAR.opens_at(first) - timedelta(days=1),
    }


def random_bars(symbols: Sequence[str], days: Sequence[date], *, seed: int = 7) -> list[dict[str, Any]]:
    """Return one bar per symbol and session of a random walk with a common factor, prices to the cent."""
    random = np.random.default_rng([seed, len(symbols), len(days)])
    common = random.normal(0.0003, 0.008, len(days))
    found = []
    for symbol in symbols:
        steps = common + random.normal(0.0, 0.015, len(days))
        close = 20.0 + 60.0 * random.random()
        for day, step in zip(days, steps, strict=True):
            open_ = close * (1.0 + random.normal(0.0, 0.004))
            close = max(close * (1.0 + step), 1.0)
            high = max(open_, close) * (1.0 + abs(random.normal(0.0, 0.004)))
            low = min(open_, close) * (1.0 - abs(random.normal(0.0, 0.004)))
            found.append(
                bar(
                    symbol,
                    day,
                    close,
                    open_usd=Decimal(f"{open_:.2f}"),
                    high_usd=Decimal(f"{high:.2f}"),
                    low_usd=Decimal(f"{low:.2f}"),
                    volume_shares=int(random.integers(5_000, 500_000)),
                )
            )
    return found
