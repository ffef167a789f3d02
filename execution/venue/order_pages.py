"""Pages of orders and of closing positions: `/v2/orders` and the writing half of `/v2/positions`."""

from collections.abc import Iterable
from typing import Any, Final

from execution.domain.quantities import Shares
from execution.venue.answering import Asked, Told, count_asked, instant_asked
from execution.venue.floor import VenueFloor
from execution.venue.order_sheet import SheetRow
from execution.venue.order_words import INVALID, NOT_FOUND, Refusal

_DEFAULT: Final = 50
_MOST: Final = 500


def take(asked: Asked) -> object:
    """POST /v2/orders."""
    return asked.floor.take(asked.body)


def replace(asked: Asked) -> object:
    """PATCH /v2/orders/{order_id}."""
    return asked.floor.replace(asked.path["order_id"], asked.body)


def cancel(asked: Asked) -> object:
    """DELETE /v2/orders/{order_id}: the end is told by the order, not by the answer."""
    asked.floor.cancel(asked.path["order_id"])
    return Told(204)


def cancel_all(asked: Asked) -> object:
    """DELETE /v2/orders: one status per order."""
    working = [row for row in asked.floor.rows() if row.order.status == "open"]
    for row in working:
        asked.floor.cancel(row.order_id)
    return Told(207, [{"id": row.order_id, "status": 200} for row in working])


def one_order(asked: Asked) -> object:
    """GET /v2/orders/{order_id}."""
    return asked.floor.tell(asked.floor.row(asked.path["order_id"]), nested=_is_true(asked, "nested"))


def order_of_client(asked: Asked) -> object:
    """GET /v2/orders:by_client_order_id."""
    row = asked.floor.row_of_client(asked.query.get("client_order_id", ""))
    return asked.floor.tell(row, nested=True)


def list_orders(asked: Asked) -> object:
    """GET /v2/orders: the newest first unless asked otherwise; `after` and `until` are exclusive."""
    wanted = asked.query.get("status") or "open"
    if wanted not in ("open", "closed", "all"):
        raise Refusal(422, INVALID, f"invalid status {wanted}: expected open, closed or all")
    limit = count_asked(asked, "limit", default=_DEFAULT, most=_MOST)
    rows = list(_between(asked, asked.floor.rows()))
    if wanted != "all":
        rows = [row for row in rows if (row.order.status == "open") == (wanted == "open")]
    symbols = {symbol for symbol in (asked.query.get("symbols") or "").split(",") if symbol}
    rows = [row for row in rows if not symbols or row.order.symbol in symbols]
    side, is_nested = asked.query.get("side"), _is_true(asked, "nested")
    rows = [row for row in rows if (not side or row.order.side == side) and not (is_nested and row.entry_id)]
    if asked.query.get("direction") != "asc":
        rows.reverse()
    return [asked.floor.tell(row, nested=is_nested) for row in _after_cursor(asked, rows)[:limit]]


def close_position(asked: Asked) -> object:
    """DELETE /v2/positions/{symbol}: a market order for what is held, or for a part of it."""
    symbol = asked.path["symbol"]
    held = asked.floor.broker.account().positions_shares.get(symbol)
    if not held:
        raise Refusal(404, NOT_FOUND, f"position does not exist: {symbol}")
    return asked.floor.take(_closing(symbol, asked.query.get("qty") or str(held)))


def close_all_positions(asked: Asked) -> object:
    """DELETE /v2/positions: one status per position; a refusal of one leaves the others alone."""
    if _is_true(asked, "cancel_orders"):
        cancel_all(asked)
    return Told(207, [_closed(asked.floor, *each) for each in asked.floor.broker.account().positions_shares.items()])


def _closed(floor: VenueFloor, symbol: str, shares: Shares) -> dict[str, Any]:
    try:
        return {"symbol": symbol, "status": 200, "body": floor.take(_closing(symbol, str(shares)))}
    except Refusal as refusal:
        return {"symbol": symbol, "status": refusal.status_code, "body": refusal.body}


def _closing(symbol: str, quantity: str) -> dict[str, str]:
    return {"symbol": symbol, "qty": quantity, "side": "sell", "type": "market", "time_in_force": "day"}


def _between(asked: Asked, rows: Iterable[SheetRow]) -> Iterable[SheetRow]:
    after, until = instant_asked(asked, "after"), instant_asked(asked, "until")
    for row in rows:
        if (after is None or row.accepted_at > after) and (until is None or row.accepted_at < until):
            yield row


def _after_cursor(asked: Asked, rows: list[SheetRow]) -> list[SheetRow]:
    """Return the rows of the page behind or before an order, in the direction they stand."""
    ids = [row.order_id for row in rows]
    for name, is_older in (("before_order_id", True), ("after_order_id", False)):
        cursor = asked.query.get(name)
        if not cursor:
            continue
        if asked.query.get("after") or asked.query.get("until"):
            raise Refusal(422, INVALID, f"{name} cannot be combined with after or until")
        if cursor not in ids:
            raise Refusal(422, INVALID, f"invalid {name} {cursor}: no such order on this list")
        is_ascending = asked.query.get("direction") == "asc"
        place = ids.index(cursor)
        return rows[:place] if is_older == is_ascending else rows[place + 1 :]
    return rows


def _is_true(asked: Asked, name: str) -> bool:
    # The Python client writes True.
    return (asked.query.get(name) or "").lower() == "true"
