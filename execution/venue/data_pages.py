"""Market data in Alpaca's words, at the clock's instant and never later: bars, last trades, quotes, actions, assets.

Prices are the tape's own, unadjusted, as JSON numbers. A session has a bar once it has closed; one in a halt has none.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from execution.brokers.tape import TapeRow
from execution.domain.quantities import split_fraction, tick_usd
from execution.venue.answering import Asked, count_asked, instant_asked
from execution.venue.floor import EVER, VenueFloor
from execution.venue.order_sheet import derived_uuid
from execution.venue.order_words import INVALID, NOT_FOUND, Refusal, instant_text

_NEW_YORK: Final = ZoneInfo("America/New_York")
_MOST_BARS: Final = 10_000
_MOST_ACTIONS: Final = 1_000
_SESSIONS_LOOKED_BACK: Final = 20
_NO_SPLIT: Final = Decimal(1)


def bars(asked: Asked) -> object:
    """GET /v2/stocks/bars: by symbol, then by time; the limit is of all symbols together."""
    if asked.query.get("timeframe") != "1Day":
        raise Refusal(400, INVALID, f"timeframe {asked.query.get('timeframe')} is not offered by this venue: 1Day is")
    if asked.query.get("adjustment", "raw") != "raw":
        raise Refusal(400, INVALID, "adjusted prices are not offered by this venue: adjustment is raw")
    symbols = sorted({symbol for symbol in asked.query.get("symbols", "").split(",") if symbol})
    if not symbols:
        raise Refusal(400, INVALID, "symbols is required")
    limit = count_asked(asked, "limit", default=1_000, most=_MOST_BARS)
    began = _cursor(asked)
    found: dict[str, list[dict[str, Any]]] = {}
    rows = [(at, asked.floor.tape.rows(session)) for session, at in _ended_sessions(asked)]
    wanted = ((symbol, at, by_symbol.get(symbol)) for symbol in symbols for at, by_symbol in rows)
    traded = [(symbol, at, row) for symbol, at, row in wanted if row is not None and not row.is_halted]
    behind = [each for each in traded if each[:2] > began]
    for symbol, at, row in behind[:limit]:
        found.setdefault(symbol, []).append(_bar(row, at))
    token = (
        _encoded("|".join([behind[limit - 1][0], behind[limit - 1][1].isoformat()])) if len(behind) > limit else None
    )
    return {"bars": found, "next_page_token": token, "currency": "USD"}


def latest_trades(asked: Asked) -> object:
    """GET /v2/stocks/trades/latest: the last price of each symbol that has one."""
    return {"trades": {symbol: _trade(asked.floor, price) for symbol, price in _last_prices(asked)}, "currency": "USD"}


def latest_quotes(asked: Asked) -> object:
    """GET /v2/stocks/quotes/latest: one tick below and above the last price."""
    return {"quotes": {symbol: _quote(asked.floor, price) for symbol, price in _last_prices(asked)}, "currency": "USD"}


def corporate_actions(asked: Asked) -> object:
    """GET /v1/corporate-actions: splits and dividends by ex-date, from the open of that date on."""
    wanted = {symbol for symbol in asked.query.get("symbols", "").split(",") if symbol}
    now, limit = asked.floor.clock.now(), count_asked(asked, "limit", default=100, most=_MOST_ACTIONS)
    first, last = _days_asked(asked)
    told: list[tuple[str, dict[str, Any]]] = []
    for session in asked.floor.calendar.between(first, last):
        if asked.floor.calendar.opens_at(session) > now or not asked.floor.tape.has(session):
            continue
        for symbol, row in asked.floor.tape.rows(session).items():
            if not wanted or symbol in wanted:
                told += _actions(row)
    began = int(_decoded(asked.query.get("page_token")) or 0)
    kinds: dict[str, list[dict[str, Any]]] = {}
    for kind, action in told[began : began + limit]:
        kinds.setdefault(kind, []).append(action)
    token = _encoded(str(began + limit)) if began + limit < len(told) else None
    return {"corporate_actions": kinds, "next_page_token": token}


def assets(asked: Asked) -> object:
    """GET /v2/assets: what trades now; like Alpaca's, the list forgets what was delisted."""
    wanted = asked.query.get("status")
    told = [_asset(asked.floor, symbol) for symbol in sorted(_listed(asked.floor))]
    return [each for each in told if not wanted or each["status"] == wanted]


def asset(asked: Asked) -> object:
    """GET /v2/assets/{symbol}: by symbol or by id."""
    given = asked.path["symbol"]
    for symbol in _listed(asked.floor):
        if given in (symbol, derived_uuid("asset", symbol)):
            return _asset(asked.floor, symbol)
    raise Refusal(404, NOT_FOUND, f"asset not found for {given}")


def _ended_sessions(asked: Asked) -> Iterator[tuple[date, datetime]]:
    """Yield the sessions asked for that have closed and have a tape, each with the time its bar carries."""
    now = asked.floor.clock.now()
    start, end = instant_asked(asked, "start"), instant_asked(asked, "end") or now
    first = now.date() if start is None else (start - timedelta(days=1)).date()
    sessions = asked.floor.calendar.between(first, min(end, now).date())
    for session in sessions:
        at = midnight(session)
        is_within = (start is None or at >= start) and at <= end
        if is_within and asked.floor.calendar.closes_at(session) <= now and asked.floor.tape.has(session):
            yield session, at


def midnight(session: date) -> datetime:
    """Return the time a daily bar carries: midnight in New York."""
    return datetime.combine(session, time_of_day(), _NEW_YORK)


def _bar(row: TapeRow, at: datetime) -> dict[str, Any]:
    mean = (row.high_usd + row.low_usd + row.close_usd) / 3
    return {
        "t": instant_text(at).replace(".000000", ""),
        "o": float(row.open_usd),
        "h": float(row.high_usd),
        "l": float(row.low_usd),
        "c": float(row.close_usd),
        "v": row.volume_shares,
        # A tape knows neither its trades nor their mean: one trade, and the typical price.
        "n": 1,
        "vw": round(float(mean), 6),
    }


def _last_prices(asked: Asked) -> Iterator[tuple[str, Decimal]]:
    named = asked.path.get("symbol") or asked.query.get("symbols", "")
    for symbol in sorted({symbol for symbol in named.split(",") if symbol}):
        price = asked.floor.broker.last_usd(symbol)
        if price is not None:
            yield symbol, price


def _trade(floor: VenueFloor, price: Decimal) -> dict[str, Any]:
    at = instant_text(floor.clock.now())
    return {"t": at, "x": "V", "p": float(price), "s": 100, "c": ["@"], "i": 1, "z": "A"}


def _quote(floor: VenueFloor, price: Decimal) -> dict[str, Any]:
    at, tick = instant_text(floor.clock.now()), tick_usd(price)
    bid, ask = float(price - tick), float(price + tick)
    return {"t": at, "bx": "V", "bp": bid, "bs": 1, "ax": "V", "ap": ask, "as": 1, "c": ["R"], "z": "A"}


def _actions(row: TapeRow) -> Iterator[tuple[str, dict[str, Any]]]:
    day = row.session.isoformat()
    same = {"symbol": row.symbol, "process_date": day, "ex_date": day}
    if row.dividend_usd:
        kind = "cash_dividends"
        about = {"cusip": "", "rate": float(row.dividend_usd), "special": False, "foreign": False}
        yield kind, {"id": derived_uuid(kind, row.symbol, day), **same, **about}
    if row.split_ratio != _NO_SPLIT:
        ratio = split_fraction(row.split_ratio)
        rates = {"new_rate": float(ratio.numerator), "old_rate": float(ratio.denominator)}
        kind = "forward_splits" if ratio > 1 else "reverse_splits"
        cusip = {"cusip": ""} if ratio > 1 else {"old_cusip": "", "new_cusip": ""}
        yield kind, {"id": derived_uuid(kind, row.symbol, day), **same, **cusip, **rates}


def _asset(floor: VenueFloor, symbol: str) -> dict[str, Any]:
    return {
        "id": derived_uuid("asset", symbol),
        "class": "us_equity",
        "exchange": "NYSE",
        "symbol": symbol,
        "name": f"{symbol} common stock",
        "status": "active",
        "tradable": True,
        "marginable": False,
        "shortable": False,
        "easy_to_borrow": False,
        "borrow_status": "hard_to_borrow",
        "fractionable": True,
        **floor.faults.assets.get(symbol, {}),
    }


def _listed(floor: VenueFloor) -> Mapping[str, TapeRow]:
    """Return the newest tape whose session has opened, without what that session delisted."""
    now, calendar = floor.clock.now(), floor.calendar
    sessions = calendar.between((now - timedelta(days=2 * _SESSIONS_LOOKED_BACK)).date(), now.date())
    for session in reversed(sessions):
        if calendar.opens_at(session) <= now and floor.tape.has(session):
            has_closed = calendar.closes_at(session) <= now
            rows = floor.tape.rows(session)
            return {symbol: row for symbol, row in rows.items() if not (has_closed and row.is_last_session)}
    return {}


def _days_asked(asked: Asked) -> tuple[date, date]:
    today = asked.floor.clock.now().astimezone(_NEW_YORK).date()
    start, end = instant_asked(asked, "start"), instant_asked(asked, "end")
    return today if start is None else start.date(), today if end is None else min(today, end.date())


def _cursor(asked: Asked) -> tuple[str, datetime]:
    token = _decoded(asked.query.get("page_token"))
    if not token:
        return "", EVER
    symbol, _, at = token.partition("|")
    return symbol, datetime.fromisoformat(at)


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode("ascii")


def _decoded(token: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(token or "").decode()
    except (binascii.Error, ValueError):
        raise Refusal(400, INVALID, f"invalid page_token {token}") from None
