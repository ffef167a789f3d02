"""A small, clean market as raw tables: random walks with splits, dividends, a halt, headlines, filings and an index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.schemas import (
    BY_NAME,
    CORPORATE_ACTIONS,
    DAILY_BARS,
    EVENTS,
    FILINGS,
    INDICES,
    INSTANT,
    NEWS,
    SECURITIES,
    RawTable,
)
from execution.trading_calendar import TradingCalendar

SESSION = date(2024, 3, 5)
CALENDAR = TradingCalendar.shipped()
_ORIGIN = {"source": "built", "feed": "test"}
_CENT = Decimal("0.01")


def symbols_of(count: int) -> tuple[str, ...]:
    return tuple(f"S{number:03d}" for number in range(count))


def rows_of(table: RawTable, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    return pa.Table.from_pylist([{**_ORIGIN, **row} for row in rows], schema=table.schema)


@dataclass(frozen=True)
class RawMarket:
    """Raw tables of one market by name, and the sessions it has bars of."""

    sessions: tuple[date, ...]
    tables: Mapping[str, pa.Table]

    def with_table(self, table: RawTable, rows: pa.Table) -> "RawMarket":
        return RawMarket(self.sessions, {**self.tables, table.name: rows})

    def with_rows(self, table: RawTable, rows: Sequence[Mapping[str, object]]) -> "RawMarket":
        return self.with_table(table, pa.concat_tables([self.tables[table.name], rows_of(table, rows)]))

    def without_bars(self, *, session: date, symbols: Sequence[str] | None = None) -> "RawMarket":
        bars = self.tables["daily_bars"]
        gone = pc.equal(bars.column("session"), pa.scalar(session))
        if symbols is not None:
            gone = pc.and_(gone, pc.is_in(bars.column("symbol"), pa.array(list(symbols))))
        return self.with_table(DAILY_BARS, bars.filter(pc.invert(gone)))

    def bar(self, symbol: str, session: date) -> dict[str, object]:
        rows = self.tables["daily_bars"]
        found = rows.filter(
            pc.and_(pc.equal(rows.column("symbol"), symbol), pc.equal(rows.column("session"), pa.scalar(session)))
        ).to_pylist()
        return dict(found[-1])

    def with_bar(self, symbol: str, session: date, **changes: object) -> "RawMarket":
        """The market with one bar changed in place."""
        bar = {**self.bar(symbol, session), **changes}
        return self.without_bars(session=session, symbols=[symbol]).with_rows(DAILY_BARS, [bar])


def a_raw_market(*, n_symbols: int = 40, n_sessions: int = 30, last: date = SESSION, seed: int = 7) -> RawMarket:
    random = np.random.default_rng(seed)
    end = CALENDAR.index(last)
    sessions = CALENDAR.sessions[end - n_sessions + 1 : end + 1]
    symbols = symbols_of(n_symbols)
    start_known = CALENDAR.opens_at(sessions[0])
    bars: list[Mapping[str, object]] = []
    actions: list[Mapping[str, object]] = []
    for number, symbol in enumerate(symbols):
        split_at = 3 + number % (n_sessions - 3) if number % 5 == 0 else None
        bars += _bars_of(symbol, sessions, split_at, random, is_halting=number == 3)
        if split_at is not None:
            actions.append(_action(symbol, sessions[split_at], "split", Decimal(2), start_known))
        if number % 3 == 0:
            actions.append(_action(symbol, sessions[-2], "dividend", Decimal("0.10"), start_known))
    tables = {
        "daily_bars": rows_of(DAILY_BARS, bars),
        "corporate_actions": rows_of(CORPORATE_ACTIONS, actions),
        "securities": rows_of(SECURITIES, [_security(symbol, sessions[0], start_known) for symbol in symbols]),
        "news": rows_of(NEWS, [_headline(symbol, day) for day in sessions[-4:] for symbol in symbols[:5]]),
        "filings": rows_of(FILINGS, [_filing(symbol, sessions[-10]) for symbol in symbols[:10]]),
        "events": rows_of(EVENTS, [_event(symbol, sessions[-1], start_known) for symbol in symbols[:10]]),
        "indices": rows_of(INDICES, [_level(day) for day in sessions]),
    }
    return RawMarket(sessions, {name: tables.get(name, table.schema.empty_table()) for name, table in BY_NAME.items()})


def _bars_of(
    symbol: str, sessions: Sequence[date], split_at: int | None, random: np.random.Generator, *, is_halting: bool
) -> list[Mapping[str, object]]:
    close = float(random.uniform(20, 200))
    rows: list[Mapping[str, object]] = []
    for position, session in enumerate(sessions):
        opening = close / 2 if position == split_at else close
        is_halted = is_halting and position == len(sessions) - 3
        close = opening if is_halted else opening * float(np.exp(random.standard_t(5) * 0.015))
        spread = 0.0 if is_halted else abs(float(random.normal(0, 0.005)))
        rows.append(
            {
                "symbol": symbol,
                "session": session,
                "open_usd": _usd(opening),
                "high_usd": _usd(max(opening, close) * (1 + spread)) + _CENT,
                "low_usd": _usd(min(opening, close) * (1 - spread)) - _CENT,
                "close_usd": _usd(close),
                "volume_shares": 0 if is_halted else int(random.integers(100_000, 5_000_000)),
                "is_halted": is_halted,
                "known_at": CALENDAR.bars_known_at(session),
            }
        )
    return rows


def _usd(value: float) -> Decimal:
    return Decimal(str(value)).quantize(_CENT)


def _action(symbol: str, session: date, action: str, value: Decimal, known_at: datetime) -> Mapping[str, object]:
    return {"symbol": symbol, "ex_session": session, "action": action, "value": value, "known_at": known_at}


def _security(symbol: str, listed: date, known_at: datetime) -> Mapping[str, object]:
    return {
        "symbol": symbol,
        "name": f"{symbol} Inc",
        "sector": None if symbol.endswith("7") else "Energy",
        "listed_session": listed,
        "delisted_session": None,
        "known_at": known_at,
    }


def _headline(symbol: str, session: date) -> Mapping[str, object]:
    published_at = CALENDAR.opens_at(session) + timedelta(hours=1)
    return {
        "news_id": f"{symbol}-{session}",
        "symbol": symbol,
        "published_at": published_at,
        "headline": f"{symbol} rose on {session}",
        "known_at": published_at + timedelta(minutes=1),
    }


def _filing(symbol: str, session: date) -> Mapping[str, object]:
    return {
        "symbol": symbol,
        "form": "10-Q",
        "period_end": date(2023, 12, 31),
        "metric": "revenue",
        "value": 1e9,
        "duration_months": 3,
        "known_at": CALENDAR.opens_at(session),
    }


def _event(symbol: str, session: date, known_at: datetime) -> Mapping[str, object]:
    scheduled_at = CALENDAR.closes_at(session) + timedelta(days=9)
    return {"symbol": symbol, "kind": "earnings", "scheduled_at": scheduled_at, "known_at": known_at}


def _level(session: date) -> Mapping[str, object]:
    return {
        "index_name": "vix",
        "session": session,
        "close": 15.0,
        "known_at": CALENDAR.bars_known_at(session),
    }


@dataclass
class MemoryRows:
    """Raw rows from memory: what the session before saw is everything known at its cut-off."""

    market: RawMarket
    as_of: datetime
    previous_as_of: datetime | None
    reads: list[str] = field(default_factory=list)

    def known(self, table: RawTable, *, since: datetime | None) -> pa.Table:
        self.reads.append(table.name)
        rows = self.market.tables[table.name]
        keep = pc.less_equal(rows.column("known_at"), pa.scalar(self.as_of, INSTANT))
        if since is not None:
            keep = pc.and_(keep, pc.greater_equal(rows.column("known_at"), pa.scalar(since, INSTANT)))
        return rows.filter(keep)

    def new(self, table: RawTable) -> pa.Table:
        since = None if self.previous_as_of is None else self.previous_as_of + timedelta(microseconds=1)
        return self.known(table, since=since)

    def newest_known_at(self, table: RawTable) -> datetime | None:
        newest: datetime | None = pc.max(self.known(table, since=None).column("known_at")).as_py()
        return newest
