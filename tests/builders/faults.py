"""Bad data for a raw store: each builder appends one fault as a source could have delivered it.

The rows are known exactly at the session's cut-off: late enough to be the newest version, early enough to be seen, and
whatever an honest source delivers afterwards becomes known too late to heal them.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.raw_part import describe
from assets.raw_store import RawStore
from assets.row_versions import newest_versions
from assets.schemas import DAILY_BARS, SECURITIES, RawTable
from assets.table_content import canonical_order
from execution.trading_calendar import TradingCalendar

_CALENDAR = TradingCalendar.shipped()


def append_unchecked(store: RawStore, table: RawTable, rows: Sequence[Mapping[str, Any]], *, session: date) -> None:
    """Write rows as one part past the store's own refusal of repeats, as a broken writer would."""
    ordered = canonical_order(table, pa.Table.from_pylist(list(rows), schema=table.schema))
    part = describe(
        table,
        ordered,
        # As of the last intake, so that the next one still takes in what the source has.
        session=store.latest_session(table) or session,
        recorded_at=_CALENDAR.as_of(session),
        revision=store.latest_revision(table),
    )
    store._write(table, ordered, part)


def append_unexplained_jump(store: RawStore, session: date, symbols: Sequence[str], *, factor: int = 3) -> None:
    """Multiply the symbols' prices of the session, without a split that says why."""
    append_unchecked(
        store, DAILY_BARS, [_scaled(bar, factor) for bar in _bars(store, session, symbols)], session=session
    )


def append_broken_ohlc(store: RawStore, session: date, symbols: Sequence[str]) -> None:
    """Put the symbols' high below their low."""
    bars = [{**bar, "high_usd": bar["low_usd"] / 2} for bar in _bars(store, session, symbols)]
    append_unchecked(store, DAILY_BARS, bars, session=session)


def append_stale_bars(store: RawStore, session: date, symbols: Sequence[str]) -> None:
    """Deliver the session before once more as if it were this one."""
    bars = _bars(store, _CALENDAR.previous(session), symbols)
    append_unchecked(store, DAILY_BARS, [_known_at(bar, session) for bar in bars], session=session)


def append_duplicate_bars(store: RawStore, session: date, symbols: Sequence[str]) -> None:
    """Deliver two different bars of one session at the same instant."""
    bars = _bars(store, session, symbols)
    more = [{**bar, "volume_shares": bar["volume_shares"] + 1} for bar in bars]
    append_unchecked(store, DAILY_BARS, [*bars, *more], session=session)


def append_negative_prices(store: RawStore, session: date, symbols: Sequence[str]) -> None:
    """Turn the symbols' prices negative."""
    append_unchecked(store, DAILY_BARS, [_scaled(bar, -1) for bar in _bars(store, session, symbols)], session=session)


def append_missing_symbols(store: RawStore, session: date, count: int) -> None:
    """List symbols that have no bar."""
    rows = [
        {
            "symbol": f"GONE{number}",
            "name": None,
            "sector": "Energy",
            "listed_session": session,
            "delisted_session": None,
            "source": "fault",
            "feed": "fault",
            "known_at": _CALENDAR.as_of(session),
        }
        for number in range(count)
    ]
    append_unchecked(store, SECURITIES, rows, session=session)


def _bars(store: RawStore, session: date, symbols: Sequence[str]) -> list[dict[str, Any]]:
    """Return each symbol's newest bar up to the session, re-dated to it: the session's own may not be there yet."""
    rows = newest_versions(DAILY_BARS, store.read(DAILY_BARS, as_of=_CALENDAR.as_of(session)))
    mine = rows.filter(pc.is_in(rows.column("symbol"), pa.array(list(symbols)))).to_pylist()
    newest = {bar["symbol"]: bar for bar in sorted(mine, key=lambda bar: bar["session"]) if bar["session"] <= session}
    if set(newest) != set(symbols):
        raise ValueError(f"{sorted(set(symbols) - set(newest))} have no bar up to {session} to make a fault of")
    return [_known_at(newest[symbol], session) for symbol in symbols]


def _known_at(bar: Mapping[str, Any], session: date) -> dict[str, Any]:
    return {**bar, "session": session, "known_at": _CALENDAR.as_of(session), "source": "fault", "feed": "fault"}


def _scaled(bar: Mapping[str, Any], factor: int) -> dict[str, Any]:
    prices = ("open_usd", "high_usd", "low_usd", "close_usd")
    return {**bar, **{name: bar[name] * Decimal(factor) for name in prices}}
