"""Alpaca's JSON to domain values, and orders to its JSON. Tolerant where nothing hangs on it, strict where money does.

Fields that may come and go are optional, and a status nobody has heard of is an open order: the safe reading, since an
open order is looked at again. What a booking rests on must be there and be a number, or the answer is refused.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast, get_args
from zoneinfo import ZoneInfo

from execution.domain.errors import BrokerAnswerRefused
from execution.domain.orders import (
    BrokerFill,
    OrderRequest,
    OrderState,
    OrderType,
    Side,
    WorkingStatus,
)
from execution.domain.quantities import Shares, shares_text, stated_shares, unsigned_shares

NEW_YORK: Final = ZoneInfo("America/New_York")
# Everything else works still, or may: `held`, `done_for_day` and `calculated` go on the next day.
_ENDED: Final[Mapping[str, WorkingStatus]] = {
    "filled": "filled",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    "expired": "expired",
    "rejected": "rejected",
    "replaced": "cancelled",
}
_EXECUTED: Final = frozenset({"fill", "partial_fill"})
_TAKEN: Final = re.compile(r"client[_ ]order[_ ]id.*(unique|exist|duplicate)", re.IGNORECASE)
_NANOSECONDS: Final = re.compile(r"(\.\d{6})\d+")
_BPS_PER_PERCENT: Final = 100


def order_fields(order: OrderRequest) -> dict[str, Any]:
    """Return an order as the API takes it; every number is decimal text, as its description wants."""
    fields: dict[str, Any] = {
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "qty": shares_text(order.quantity_shares),
        "type": order.order_type,
        "time_in_force": order.time_in_force,
    }
    prices = {
        "limit_price": order.limit_usd,
        "stop_price": order.stop_usd,
        "trail_price": order.trail_usd,
        "trail_percent": None if order.trail_bps is None else order.trail_bps / _BPS_PER_PERCENT,
    }
    fields |= {name: f"{price:f}" for name, price in prices.items() if price is not None}
    return fields | ({"extended_hours": True} if order.is_extended_hours else {})


def is_same_order(raw: Mapping[str, Any], order: OrderRequest) -> bool:
    """Return whether what the venue has under an id is what was asked for: symbol, side, kind and quantity."""
    return (
        raw.get("symbol") == order.symbol
        and raw.get("side") == order.side
        and (raw.get("type") or raw.get("order_type")) == order.order_type
        and raw.get("qty") is not None
        and number(raw, "qty", of="order") == order.quantity_shares
    )


def says_id_is_taken(status: int, message: str) -> bool:
    """Return whether a refusal says that the client order id is used up; its wording varies, its number is shared."""
    return status in (400, 409, 422) and _TAKEN.search(message) is not None


def order_state(raw: Mapping[str, Any]) -> OrderState:
    """Return an order as the port shows it.

    Somebody else's order may be for an amount of dollars; it counts as one share, or as what it has filled.

    Raises:
        BrokerAnswerRefused: an id, the symbol or the side is missing, or a number is none.
    """
    told_status = str(raw.get("status", ""))
    filled = number(raw, "filled_qty", of="order", absent=Decimal(0))
    quantity = max(number(raw, "qty", of="order", absent=Decimal(1)), filled)
    return OrderState(
        client_order_id=text(raw, "client_order_id", of="order"),
        broker_order_id=text(raw, "id", of="order"),
        symbol=text(raw, "symbol", of="order"),
        side=side(raw, of="order"),
        quantity_shares=quantity or 1,
        filled_shares=filled,
        status=_ENDED.get(told_status, "open"),
        order_type=_order_type(raw),
        limit_usd=_price(raw, "limit_price"),
        stop_usd=_price(raw, "stop_price"),
        reason=_reason(raw, told_status),
    )


def execution(raw: Mapping[str, Any], *, client_order_id: str) -> BrokerFill:
    """Return a fill activity as the port shows it.

    Args:
        raw: one activity of kind FILL.
        client_order_id: of the order it belongs to; the activity names only the venue's own id.

    Raises:
        BrokerAnswerRefused: a field is missing, or it is no plain execution, such as a bust: a person must look.
    """
    kind = str(raw.get("type", ""))
    if kind not in _EXECUTED:
        raise BrokerAnswerRefused(
            f"activity {raw.get('id')!r} is a FILL of type {kind!r}, expected {' or '.join(sorted(_EXECUTED))}: "
            "nothing is booked from it; look at the account's activities at the venue"
        )
    return BrokerFill(
        execution_id=text(raw, "id", of="fill"),
        client_order_id=client_order_id,
        symbol=text(raw, "symbol", of="fill"),
        side=side(raw, of="fill"),
        quantity_shares=number(raw, "qty", of="fill"),
        price_usd=number(raw, "price", of="fill"),
        # Fees are charged to the account later, as activities of their own.
        fee_usd=Decimal(0),
        filled_at=instant(raw, "transaction_time", of="fill"),
    )


def positions_shares(raws: object) -> dict[str, Shares]:
    """Return signed shares by symbol.

    Raises:
        BrokerAnswerRefused: the answer is no list of positions.
    """
    found: dict[str, Shares] = {}
    for raw in rows(raws, of="positions"):
        shares = stated_shares(number(raw, "qty", of="position"))
        is_short = raw.get("side") == "short"
        if shares:
            found[text(raw, "symbol", of="position")] = -unsigned_shares(shares) if is_short else shares
    return found


def account_block(raw: Mapping[str, Any]) -> str:
    """Return why the account may not trade; empty when it may. A field that is not told blocks nothing."""
    for name in ("trading_blocked", "account_blocked", "trade_suspended_by_user"):
        if raw.get(name) is True:
            return f"the account says {name}"
    status = raw.get("status", "ACTIVE")
    return "" if status == "ACTIVE" else f"the account's status is {status}"


def rows(raw: object, *, of: str) -> list[Mapping[str, Any]]:
    """Return the objects of a JSON list.

    Raises:
        BrokerAnswerRefused: it is none.
    """
    if not isinstance(raw, list) or not all(isinstance(row, dict) for row in raw):
        raise _refusal(of, f"it is {type(raw).__name__}", "a list of objects")
    return raw


def record(raw: object, *, of: str) -> Mapping[str, Any]:
    """Return a JSON object.

    Raises:
        BrokerAnswerRefused: it is none.
    """
    if not isinstance(raw, dict):
        raise _refusal(of, f"it is {type(raw).__name__}", "an object")
    return raw


def text(raw: Mapping[str, Any], name: str, *, of: str) -> str:
    """Return a field of text; raise BrokerAnswerRefused when it is not there."""
    value = raw.get(name)
    if isinstance(value, str) and value:
        return value
    raise _refusal(of, f"{name} is {value!r}", "text")


def number(raw: Mapping[str, Any], name: str, *, of: str, absent: Decimal | None = None) -> Decimal:
    """Return a field as an exact number, whether it came as text or as a number; `absent` where it is not told.

    Raises:
        BrokerAnswerRefused: it is not finite, no number, or not told and may not be absent.
    """
    value = raw.get(name)
    if value is None and absent is not None:
        return absent
    try:
        found = Decimal(value) if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool) else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite():
        raise _refusal(of, f"{name} is {value!r}", "a number")
    return found


def instant(raw: Mapping[str, Any], name: str, *, of: str) -> datetime:
    """Return a field as an instant in UTC, cut to microseconds; raise BrokerAnswerRefused when it is none."""
    value = raw.get(name)
    try:
        found = datetime.fromisoformat(_NANOSECONDS.sub(r"\1", str(value)))
    except ValueError:
        raise _refusal(of, f"{name} is {value!r}", "an instant") from None
    if found.tzinfo is None:
        raise _refusal(of, f"{name} is {value!r}", "an instant with a timezone")
    return found.astimezone(UTC)


def day(raw: Mapping[str, Any], name: str, *, of: str) -> date:
    """Return a field as a calendar day; raise BrokerAnswerRefused when it is none."""
    value = raw.get(name)
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise _refusal(of, f"{name} is {value!r}", "a day") from None


def side(raw: Mapping[str, Any], *, of: str) -> Side:
    """Return buy or sell; a short sale is a sale. Raise BrokerAnswerRefused for anything else."""
    value = raw.get("side")
    if value == "sell_short":
        return "sell"
    if value not in get_args(Side):
        raise _refusal(of, f"side is {value!r}", "buy or sell")
    return cast("Side", value)


def _order_type(raw: Mapping[str, Any]) -> OrderType:
    value = raw.get("type") or raw.get("order_type")
    # A kind nobody has heard of is somebody else's order; the most harmful reading is that it fills at once.
    return cast("OrderType", value) if value in get_args(OrderType) else "market"


def _price(raw: Mapping[str, Any], name: str) -> Decimal | None:
    found = number(raw, name, of="order", absent=Decimal(0))
    return found or None


def _reason(raw: Mapping[str, Any], status: str) -> str:
    if status == "replaced":
        return f"replaced at the venue by {raw.get('replaced_by')}"
    said = raw.get("reason") or raw.get("reject_reason") or ""
    known = status in _ENDED or not status
    return str(said) if known else f"{status} {said}".strip()


def _refusal(of: str, found: str, expected: str) -> BrokerAnswerRefused:
    return BrokerAnswerRefused(
        f"Alpaca's {of} cannot be read: {found}, expected {expected}. Nothing is booked from it; look at the account "
        "at the venue and at the adapter"
    )
