"""The account in Alpaca's words: cash, positions, activities, equity over time. Every number comes from the engine.

Activities are the truth for fills: each execution is one, with an id that never changes and that pages continue from.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from execution.domain.orders import BrokerFill, CorporateActionEntry
from execution.domain.positions import Position, after_action, after_fill, cash_flow_usd
from execution.domain.quantities import Shares
from execution.venue.floor import EVER, VenueFloor
from execution.venue.order_sheet import derived_uuid
from execution.venue.order_words import instant_text, price_text

NEW_YORK: Final = ZoneInfo("America/New_York")
_ACTION_TYPES: Final = {"split": "SPLIT", "dividend": "DIV", "delisting": "REORG"}
_NO_USD: Final = Decimal(0)


def account_page(floor: VenueFloor) -> dict[str, Any]:
    """Return `/v2/account`: a cash account, so that buying power is the cash no working order has claimed."""
    snapshot = floor.broker.account()
    held = sum((shares * _last_usd(floor, symbol) for symbol, shares in snapshot.positions_shares.items()), _NO_USD)
    claimed = sum(
        (order.remaining_shares * order.reserve_usd for order in floor.working() if order.side == "buy"), _NO_USD
    )
    cash, equity = snapshot.cash_usd, snapshot.cash_usd + held
    history = equity_by_session(floor)
    free = f"{max(_NO_USD, cash - claimed):f}"
    return {
        "id": derived_uuid("account"),
        "account_number": "SIMULATED",
        "status": "ACTIVE",
        "currency": "USD",
        "cash": f"{cash:f}",
        "portfolio_value": f"{equity:f}",
        "equity": f"{equity:f}",
        "last_equity": f"{history[-1][1] if history else equity:f}",
        "long_market_value": f"{held:f}",
        "short_market_value": "0",
        "buying_power": free,
        "regt_buying_power": free,
        "non_marginable_buying_power": free,
        "initial_margin": "0",
        "maintenance_margin": "0",
        "last_maintenance_margin": "0",
        "multiplier": "1",
        "shorting_enabled": False,
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
        "created_at": instant_text(EVER),
        "balance_asof": floor.clock.now().astimezone(NEW_YORK).date().isoformat(),
        **floor.faults.account,
    }


def positions_page(floor: VenueFloor) -> list[dict[str, Any]]:
    """Return `/v2/positions`: what is held, what it cost, and what it is worth at the last price."""
    costs = _positions(floor)
    reserved: dict[str, Shares] = {}
    for order in floor.working():
        if order.side == "sell":
            # Linked sales sell the same shares: the largest of them is what is not free.
            reserved[order.symbol] = max(reserved.get(order.symbol, 0), order.remaining_shares)
    return [
        _position(floor, symbol, shares, costs.get(symbol), reserved.get(symbol, 0))
        for symbol, shares in sorted(floor.broker.account().positions_shares.items())
    ]


def activities(floor: VenueFloor) -> list[dict[str, Any]]:
    """Return every activity of the account, oldest first: fills, their fees, and what corporate actions booked."""
    told: list[tuple[datetime, str, dict[str, Any]]] = []
    filled: dict[str, Shares] = {}
    for fill in floor.broker.fills(since=EVER):
        filled[fill.client_order_id] = filled.get(fill.client_order_id, 0) + fill.quantity_shares
        told.append((fill.filled_at, fill.execution_id, _fill(floor, fill, filled[fill.client_order_id])))
        if fill.fee_usd:
            told.append((fill.filled_at, f"{fill.execution_id}:fee", _fee(floor, fill)))
    told += [(entry.booked_at, entry.entry_id, _action(entry)) for entry in floor.broker.corporate_actions(since=EVER)]
    return [activity for _, _, activity in sorted(told, key=lambda each: each[:1])]


def is_between(
    activity: Mapping[str, Any], *, after: datetime | None, until: datetime | None, day: date | None
) -> bool:
    """Return whether an activity lies strictly after one instant, strictly before another, and on a New York day."""
    at = datetime.fromisoformat(activity.get("transaction_time") or activity["created_at"])
    if (after is not None and at <= after) or (until is not None and at >= until):
        return False
    return day is None or at.astimezone(NEW_YORK).date() == day


def equity_by_session(floor: VenueFloor) -> list[tuple[date, Decimal]]:
    """Return the account's value at each close from the first thing that happened to it, oldest first."""
    happened = _happened(floor)
    if not happened:
        return []
    cash = floor.broker.account().cash_usd - sum((_cash_usd(each) for each in happened), _NO_USD)
    now = floor.clock.now()
    last = floor.calendar.last_closed(now)
    held: dict[str, Shares] = {}
    values: list[tuple[date, Decimal]] = []
    waiting = list(happened)
    first = _at(happened[0]).astimezone(NEW_YORK).date()
    for session in floor.calendar.between(first, last or first):
        closes_at = floor.calendar.closes_at(session)
        if closes_at > now:
            break
        while waiting and _at(waiting[0]) <= closes_at:
            each = waiting.pop(0)
            cash += _cash_usd(each)
            held[each.symbol] = held.get(each.symbol, 0) + _shares(each)
        worth = sum(
            (
                shares * (floor.broker.close_usd(symbol, session) or _NO_USD)
                for symbol, shares in held.items()
                if shares
            ),
            _NO_USD,
        )
        values.append((session, cash + worth))
    return values


def portfolio_history(floor: VenueFloor) -> dict[str, Any]:
    """Return `/v2/account/portfolio/history`, one value per session; figures are JSON numbers there."""
    values = equity_by_session(floor)
    began_with = values[0][1] if values else floor.broker.account().cash_usd
    earned = [value - before for (_, value), before in zip(values, [began_with, *(v for _, v in values)], strict=False)]
    return {
        "timestamp": [int(floor.calendar.closes_at(session).timestamp()) for session, _ in values],
        "equity": [float(value) for _, value in values],
        "profit_loss": [float(change) for change in earned],
        "profit_loss_pct": [
            float(change / (value - change)) if value != change else 0.0
            for change, (_, value) in zip(earned, values, strict=True)
        ],
        "base_value": float(began_with),
        "timeframe": "1D",
    }


def clock_page(floor: VenueFloor) -> dict[str, Any]:
    """Return `/v2/clock`: the venue's time in New York, skewed where a plan says so."""
    now = floor.clock.now()
    last = floor.calendar.last_closed(now)
    running = floor.calendar.sessions[0] if last is None else floor.calendar.next(last)
    opens = running if floor.calendar.opens_at(running) > now else floor.calendar.next(running)
    told = datetime.fromtimestamp(now.timestamp() + floor.faults.clock_skew_seconds, UTC)
    return {
        "timestamp": told.astimezone(NEW_YORK).isoformat(),
        "is_open": floor.is_open(),
        "next_open": floor.calendar.opens_at(opens).astimezone(NEW_YORK).isoformat(),
        "next_close": floor.calendar.closes_at(running).astimezone(NEW_YORK).isoformat(),
    }


def calendar_page(floor: VenueFloor, first: date, last: date) -> list[dict[str, str]]:
    """Return `/v2/calendar`: sessions from one day to another, both included, in New York wall time."""
    calendar = floor.calendar
    return [
        {
            "date": session.isoformat(),
            "open": calendar.opens_at(session).astimezone(NEW_YORK).strftime("%H:%M"),
            "close": calendar.closes_at(session).astimezone(NEW_YORK).strftime("%H:%M"),
            "session_open": "0400",
            "session_close": "2000",
            "settlement_date": calendar.next(session).isoformat(),
        }
        for session in calendar.between(first, last)
    ]


def _last_usd(floor: VenueFloor, symbol: str) -> Decimal:
    return floor.broker.last_usd(symbol) or _NO_USD


def _happened(floor: VenueFloor) -> list[BrokerFill | CorporateActionEntry]:
    both: Iterable[BrokerFill | CorporateActionEntry] = (
        *floor.broker.corporate_actions(since=EVER),
        *floor.broker.fills(since=EVER),
    )
    # At one instant the engine books actions before fills, and the sort keeps their order.
    return sorted(both, key=_at)


def _at(happened: BrokerFill | CorporateActionEntry) -> datetime:
    return happened.filled_at if isinstance(happened, BrokerFill) else happened.booked_at


def _cash_usd(happened: BrokerFill | CorporateActionEntry) -> Decimal:
    return cash_flow_usd(happened) if isinstance(happened, BrokerFill) else happened.cash_usd


def _shares(happened: BrokerFill | CorporateActionEntry) -> Shares:
    if isinstance(happened, BrokerFill):
        return happened.quantity_shares if happened.side == "buy" else -happened.quantity_shares
    return happened.quantity_delta_shares


def _positions(floor: VenueFloor) -> dict[str, Position]:
    positions: dict[str, Position] = {}
    for each in _happened(floor):
        before = positions.get(each.symbol, Position(symbol=each.symbol))
        positions[each.symbol] = (
            after_fill(before, each) if isinstance(each, BrokerFill) else after_action(before, each)
        )
    return positions


def _position(
    floor: VenueFloor, symbol: str, shares: Shares, known: Position | None, reserved: Shares
) -> dict[str, Any]:
    last = _last_usd(floor, symbol)
    cost = known.cost_usd if known else _NO_USD
    session = floor.calendar.last_closed(floor.clock.now())
    before = (floor.broker.close_usd(symbol, session) if session else None) or last
    gained, today = shares * last - cost, shares * (last - before)
    return {
        "asset_id": derived_uuid("asset", symbol),
        "symbol": symbol,
        "exchange": "NYSE",
        "asset_class": "us_equity",
        "asset_marginable": False,
        "qty": str(shares),
        "qty_available": str(shares - reserved),
        "side": "long",
        "avg_entry_price": price_text(known.average_cost_usd if known else _NO_USD),
        "market_value": f"{shares * last:f}",
        "cost_basis": f"{cost:f}",
        "unrealized_pl": f"{gained:f}",
        "unrealized_plpc": _part(gained, cost),
        "unrealized_intraday_pl": f"{today:f}",
        "unrealized_intraday_plpc": _part(today, shares * before),
        "current_price": price_text(last),
        "lastday_price": price_text(before),
        "change_today": _part(last - before, before),
    }


def _part(change_usd: Decimal, of_usd: Decimal) -> str:
    return str((change_usd / of_usd).quantize(Decimal("0.000001"))) if of_usd else "0"


def _fill(floor: VenueFloor, fill: BrokerFill, filled_shares: Shares) -> dict[str, Any]:
    row = floor.sheet.by_client_id(fill.client_order_id)
    leaves = row.order.quantity_shares - filled_shares if row else 0
    return {
        "id": _activity_id(fill.filled_at, fill.execution_id),
        "activity_type": "FILL",
        "transaction_time": instant_text(fill.filled_at),
        "type": "partial_fill" if leaves else "fill",
        "price": price_text(fill.price_usd),
        "qty": str(fill.quantity_shares),
        "side": fill.side,
        "symbol": fill.symbol,
        "leaves_qty": str(leaves),
        "order_id": row.order_id if row else derived_uuid("order", fill.client_order_id),
        "cum_qty": str(filled_shares),
        "order_status": "partially_filled" if leaves else "filled",
    }


def _fee(floor: VenueFloor, fill: BrokerFill) -> dict[str, Any]:
    row = floor.sheet.by_client_id(fill.client_order_id)
    return {
        "id": _activity_id(fill.filled_at, f"{fill.execution_id}:fee"),
        "activity_type": "FEE",
        "date": fill.filled_at.astimezone(NEW_YORK).date().isoformat(),
        "created_at": instant_text(fill.filled_at),
        "net_amount": f"{-fill.fee_usd:f}",
        "description": f"fee of execution {derived_uuid(fill.execution_id)}",
        "symbol": fill.symbol,
        "status": "executed",
        "group_id": row.order_id if row else "",
    }


def _action(entry: CorporateActionEntry) -> dict[str, Any]:
    told = {
        "id": _activity_id(entry.booked_at, entry.entry_id),
        "activity_type": _ACTION_TYPES[entry.kind],
        "date": entry.session.isoformat(),
        "created_at": instant_text(entry.booked_at),
        "net_amount": f"{entry.cash_usd:f}",
        "symbol": entry.symbol,
        "qty": str(entry.quantity_delta_shares),
        "status": "executed",
    }
    return told if entry.ratio is None else {**told, "description": f"split {price_text(entry.ratio)} for 1"}


def _activity_id(at: datetime, name: str) -> str:
    return f"{at.astimezone(NEW_YORK):%Y%m%d%H%M%S}{at.microsecond // 1000:03d}::{derived_uuid(name)}"
