"""Changing an order at Alpaca: the venue puts another one in its place, and the two are one order of ours.

The replacement's client order id is derived from the first one's and a number, so an answer that is lost is found by
look-up, and the same change sent again is refused as taken. Fills of all links are shown under the first id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from execution.brokers.alpaca_lookups import AlpacaLookups
from execution.brokers.alpaca_mapping import number, says_id_is_taken, text
from execution.brokers.alpaca_wire import AlpacaWire
from execution.domain.errors import VenueUnavailable
from execution.domain.orders import Accepted, Refused, SubmitOutcome, Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """What changes of a working order; what is None stays.

    Attributes:
        number: which change of the order this is, from 1; the same number is the same change.
        quantity_shares: the whole order's shares, what has filled included.
        limit_usd: raw dollars per share.
        stop_usd: raw dollars per share.
    """

    number: int
    quantity_shares: int | Decimal | None = None
    limit_usd: Decimal | None = None
    stop_usd: Decimal | None = None

    def id_for(self, client_order_id: str) -> str:
        """Return the client order id of what takes the order's place."""
        return f"{client_order_id}.{self.number}"

    def fields(self, client_order_id: str) -> dict[str, str]:
        """Return the change as the API takes it, every number as decimal text."""
        told = {"qty": self.quantity_shares, "limit_price": self.limit_usd, "stop_price": self.stop_usd}
        changed = {name: f"{value:f}" for name, value in told.items() if value is not None}
        return {"client_order_id": self.id_for(client_order_id), **changed}


def amend(
    wire: AlpacaWire, lookups: AlpacaLookups, client_order_id: str, newest: Mapping[str, Any], amendment: Amendment
) -> SubmitOutcome:
    """Send a change once.

    Args:
        wire: the way to the trading API.
        lookups: where a lost answer is looked up.
        client_order_id: of the first order of the chain.
        newest: the order of the chain that works now, as the venue tells it.
        amendment: what changes.

    Raises:
        AccessDenied: the keys are refused; nothing was changed.
        VenueUnavailable: whether it was changed is unknown, and so is what a look-up would say.
    """
    if held := wire.held_back("order"):
        return Refused(f"not sent: {held}")
    path = f"/orders/{text(newest, 'id', of='order')}"
    try:
        answer = wire.act("PATCH", path, amendment.fields(client_order_id), urgency="order")
    except VenueUnavailable as silence:
        return Unknown(str(silence))
    body = answer.body if isinstance(answer.body, dict) else {}
    if 200 <= answer.status < 300:
        order_id = body.get("id")
        is_ours = body.get("client_order_id") == amendment.id_for(client_order_id)
        if isinstance(order_id, str) and is_ours:
            return Accepted(order_id)
        return Unknown(f"the change was answered {answer.message}, without the new order's id")
    if not says_id_is_taken(answer.status, answer.message):
        return Refused(answer.message)
    found = lookups.find(amendment.id_for(client_order_id))
    if found is None:
        return Unknown(f"the id is said to be taken and no order is found by it: {answer.message}")
    return Accepted(text(found, "id", of="order")) if _is_as_asked(found, amendment) else Refused(answer.message)


def _is_as_asked(raw: Mapping[str, Any], amendment: Amendment) -> bool:
    wanted = {"limit_price": amendment.limit_usd, "stop_price": amendment.stop_usd}
    return all(
        raw.get(name) is not None and number(raw, name, of="order") == value
        for name, value in wanted.items()
        if value is not None
    )
