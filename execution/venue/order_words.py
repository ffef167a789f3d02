"""Orders in Alpaca's words: what a client asks for, read into an order of ours; and an order of ours, told.

Every refusal carries the status and the code Alpaca documents for it, and a message a person can act on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast, get_args

from starlette.exceptions import HTTPException

from execution.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from execution.domain.quantities import SHARE_DECIMALS_MAX, is_on_tick, is_share_count
from execution.venue.order_sheet import SheetRow, derived_uuid

INVALID: Final = 40010001
REFUSED: Final = 42210000
FORBIDDEN: Final = 40310000
NOT_FOUND: Final = 40410000
_ID_MAX_CHARS: Final = 128
_TOLD: Final = {"filled": "filled", "cancelled": "canceled", "expired": "expired", "rejected": "rejected"}


class Refusal(HTTPException):
    """An answer that says no, with its numeric code and what else its body tells."""

    def __init__(self, status: int, code: int, message: str, **told: str) -> None:
        super().__init__(status, message)
        self.body: dict[str, object] = {"code": code, "message": message, **told}


def order_of(body: Mapping[str, Any], *, new_id: str) -> OrderRequest:
    """Return the order a request body asks for.

    Args:
        body: the JSON object as it came.
        new_id: the client order id when the body names none.

    Raises:
        Refusal: the body is no order this venue takes.
    """
    if body.get("notional") is not None:
        raise Refusal(422, REFUSED, "notional orders are not offered by this venue: give qty")
    side, kind, lasts = _one_of(body, "side", Side), _one_of(body, "type", OrderType), _time_in_force(body)
    trail_percent = _decimal(body, "trail_percent")
    placed = OrderRequest(
        client_order_id=_client_order_id(body.get("client_order_id") or new_id),
        symbol=_text(body, "symbol"),
        side=side,
        leg="entry" if side == "buy" else "exit",
        quantity_shares=_size(body, "qty"),
        order_type=kind,
        time_in_force=lasts,
        limit_usd=_price(body, "limit_price"),
        stop_usd=_price(body, "stop_price"),
        is_reduce_only=side == "sell",
        trail_usd=_price(body, "trail_price"),
        trail_bps=None if trail_percent is None else trail_percent * 100,
        is_extended_hours=body.get("extended_hours") is True,
    )
    return _with_legs(placed, body)


def replacement_of(row: SheetRow, body: Mapping[str, Any], *, new_id: str) -> OrderRequest:
    """Return the order that takes another's place: what the body leaves out stays as it was.

    The quantity asked for is of the whole chain; what has filled already is taken off.

    Raises:
        Refusal: the body changes nothing, or what it asks for is no order.
    """
    former = row.order
    if not {"qty", "limit_price", "stop_price", "trail", "time_in_force"} & body.keys():
        raise Refusal(422, INVALID, "at least one of qty, time_in_force, limit_price, stop_price, trail is required")
    wanted = _size(body, "qty") if body.get("qty") is not None else former.quantity_shares
    if wanted <= former.filled_shares:
        raise Refusal(422, REFUSED, f"qty must be > filled_qty {former.filled_shares}, found {wanted}")
    trail = _decimal(body, "trail")
    return OrderRequest(
        client_order_id=_client_order_id(body.get("client_order_id") or new_id),
        symbol=former.symbol,
        side=former.side,
        leg="entry" if former.side == "buy" else "exit",
        quantity_shares=wanted - former.filled_shares,
        order_type=former.order_type,
        time_in_force=_time_in_force(body) if body.get("time_in_force") else former.time_in_force,
        limit_usd=_price(body, "limit_price") or former.limit_usd,
        stop_usd=None if former.order_type == "trailing_stop" else _price(body, "stop_price") or former.stop_usd,
        is_reduce_only=former.side == "sell",
        trail_usd=trail if trail is not None and former.trail_usd is not None else former.trail_usd,
        trail_bps=trail * 100 if trail is not None and former.trail_bps is not None else former.trail_bps,
    )


def told_order(
    row: SheetRow, *, is_open: bool, average_usd: Decimal | None, legs: Iterable[SheetRow] | None = None
) -> dict[str, Any]:
    """Return an order as Alpaca tells it: quantities and prices as decimal strings.

    Args:
        row: the order.
        is_open: whether the exchange is open; a working order that has not reached it is `accepted`, else `new`.
        average_usd: the average price of its fills; None without one.
        legs: the rows attached to it, when they are told inside of it.
    """
    order, status = row.order, told_status(row, is_open=is_open)
    ended = {name: instant_text(row.ended_at) for name in [_END.get(status, "")] if row.ended_at is not None}
    return {
        "id": row.order_id,
        "client_order_id": order.client_order_id,
        "created_at": instant_text(row.accepted_at),
        "updated_at": instant_text(row.changed_at),
        "submitted_at": instant_text(row.accepted_at),
        "filled_at": ended.get("filled_at"),
        "expired_at": ended.get("expired_at"),
        "canceled_at": ended.get("canceled_at"),
        "failed_at": ended.get("failed_at"),
        "replaced_at": ended.get("replaced_at"),
        "replaced_by": row.replaced_by or None,
        "replaces": row.replaces or None,
        "asset_id": derived_uuid("asset", order.symbol),
        "symbol": order.symbol,
        "asset_class": "us_equity",
        "notional": None,
        "qty": str(order.quantity_shares),
        "filled_qty": str(order.filled_shares),
        "filled_avg_price": price_text(average_usd),
        "order_class": row.order_class,
        "order_type": order.order_type,
        "type": order.order_type,
        "side": order.side,
        "position_intent": "buy_to_open" if order.side == "buy" else "sell_to_close",
        "time_in_force": order.time_in_force,
        "limit_price": price_text(order.limit_usd),
        "stop_price": price_text(order.stop_usd),
        "status": status,
        "extended_hours": row.is_extended_hours,
        "legs": None if legs is None else [told_order(leg, is_open=is_open, average_usd=None) for leg in legs] or None,
        "trail_percent": None if order.trail_bps is None else str((order.trail_bps / 100).normalize()),
        "trail_price": price_text(order.trail_usd),
        "hwm": price_text(order.high_usd),
    }


_END: Final = {
    "filled": "filled_at",
    "canceled": "canceled_at",
    "expired": "expired_at",
    "rejected": "failed_at",
    "replaced": "replaced_at",
}


def told_status(row: SheetRow, *, is_open: bool) -> str:
    """Return an order's status in Alpaca's words."""
    order = row.order
    if row.replaced_by and order.status == "cancelled":
        return "replaced"
    if order.status != "open":
        return _TOLD[order.status]
    if order.filled_shares:
        return "partially_filled"
    if order.waiting_shares == order.quantity_shares:
        return "held"
    return "new" if is_open else "accepted"


def instant_text(instant: datetime) -> str:
    """Return an instant as Alpaca writes it, in UTC with a Z."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def price_text(price_usd: Decimal | None) -> str | None:
    """Return a price as a decimal string without trailing zeros; None for none."""
    return None if price_usd is None else f"{price_usd.normalize():f}"


def _with_legs(order: OrderRequest, body: Mapping[str, Any]) -> OrderRequest:
    wanted = body.get("order_class") or "simple"
    if wanted == "simple":
        return order
    if wanted not in ("bracket", "oco"):
        raise Refusal(422, REFUSED, f"order class {wanted} is not offered by this venue: simple, bracket and oco are")
    profit, loss = body.get("take_profit") or {}, body.get("stop_loss") or {}
    target = replace(
        order,
        client_order_id=derived_uuid("take_profit", order.client_order_id),
        side="sell",
        leg="exit",
        is_reduce_only=True,
        order_type="limit",
        limit_usd=_price(profit, "limit_price") or order.limit_usd,
        stop_usd=None,
    )
    stop_limit = _price(loss, "limit_price")
    stop = replace(
        target,
        client_order_id=derived_uuid("stop_loss", order.client_order_id),
        leg="stop",
        order_type="stop" if stop_limit is None else "stop_limit",
        limit_usd=stop_limit,
        stop_usd=_price(loss, "stop_price"),
    )
    if stop.stop_usd is None:
        raise Refusal(422, INVALID, f"{wanted} orders require stop_loss.stop_price")
    if wanted == "oco":
        if order.side != "sell":
            raise Refusal(422, INVALID, "oco orders must be exit orders: this account is never short, so side is sell")
        return replace(order, limit_usd=target.limit_usd, attached=(stop,))
    if "limit_price" not in profit:
        raise Refusal(422, INVALID, "bracket orders require take_profit.limit_price")
    return replace(order, attached=(target, stop))


def _client_order_id(given: object) -> str:
    if not isinstance(given, str) or len(given) > _ID_MAX_CHARS:
        raise Refusal(422, INVALID, f"client_order_id must be no more than {_ID_MAX_CHARS} characters")
    return given


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal(422, INVALID, f"{name} is required")
    return value


def _one_of(body: Mapping[str, Any], name: str, known: Any) -> Any:
    value = _text(body, name)
    if value not in get_args(known):
        raise Refusal(422, INVALID, f"invalid {name} {value}: expected one of {', '.join(get_args(known))}")
    return value


def _time_in_force(body: Mapping[str, Any]) -> TimeInForce:
    return cast("TimeInForce", _one_of(body, "time_in_force", TimeInForce))


def _decimal(body: Mapping[str, Any], name: str) -> Decimal | None:
    value = body.get(name)
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise Refusal(422, INVALID, f"{name} must be a number, found {value!r}") from None
    if not number.is_finite() or number <= 0:
        raise Refusal(422, INVALID, f"{name} must be > 0, found {value}")
    return number


def _price(body: Mapping[str, Any], name: str) -> Decimal | None:
    price = _decimal(body, name)
    if price is not None and not is_on_tick(price):
        raise Refusal(
            422, REFUSED, f"invalid {name} {price}. sub-penny increment does not fulfill minimum pricing criteria"
        )
    return price


def _size(body: Mapping[str, Any], name: str) -> Decimal:
    number = _decimal(body, name)
    if number is None:
        raise Refusal(422, INVALID, f"{name} is required")
    if not is_share_count(number):
        raise Refusal(422, INVALID, f"{name} {number} has more than {SHARE_DECIMALS_MAX} digits after the point")
    return number
