"""Linked orders at Alpaca: one message carries them all, and each leg is found by the order it came with.

Alpaca gives the legs client order ids of its own. Ours are the first order's with the leg's name behind it
(`attached_order_id`), so a leg is known for ever by what it is attached to and by what it does: the limit takes the
profit, the other is the stop. Nothing of it is remembered here, so a crash or a restored ledger loses nothing.

Source:
    Alpaca Trading API description v2.0.1 (June 2026): `order_class`, `take_profit`, `stop_loss`, `legs`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from execution.brokers.alpaca_mapping import order_fields, record, rows, text
from execution.brokers.alpaca_wire import AlpacaWire
from execution.domain.orders import Leg, OrderRequest, attached_order_id, attachment

_ALONE: Final = frozenset({None, "", "simple"})
_STOPS: Final = frozenset({"stop", "stop_limit"})


def linked_fault(order: OrderRequest) -> str:
    """Return why Alpaca could not take what is attached to an order, or why it could not be found; empty when fine."""
    for leg in order.attached:
        wanted = attached_order_id(order.client_order_id, leg.leg)
        if leg.client_order_id != wanted:
            return f"an attached order is found by the one it follows: expected {wanted}, found {leg.client_order_id}"
        if leg.leg == "stop" and leg.order_type not in _STOPS:
            return f"Alpaca takes a stop or a stop-limit with another order, found {leg.order_type}"
    return ""


def message_fields(order: OrderRequest) -> dict[str, Any]:
    """Return an order and what is attached to it as the API takes them, in one message."""
    fields = order_fields(order)
    if not order.attached:
        return fields
    fields["order_class"] = order.order_class
    legs = order.attached
    if order.order_class == "oco":
        # The target's price stands where a bracket has it, and nowhere else.
        legs = (replace(order, leg="take_profit"), *legs)
        del fields["limit_price"]
    for leg in legs:
        prices = {"stop_price": leg.stop_usd, "limit_price": leg.limit_usd}
        told = {name: f"{price:f}" for name, price in prices.items() if price is not None}
        fields["stop_loss" if leg.leg == "stop" else "take_profit"] = told
    return fields


def is_linked(raw: Mapping[str, Any]) -> bool:
    """Return whether the venue tells an order as one of several that belong together."""
    return raw.get("order_class") not in _ALONE


def is_of_class(raw: Mapping[str, Any], order: OrderRequest) -> bool:
    """Return whether an order at the venue came alone or linked, as one of ours is."""
    return raw.get("order_class") == order.order_class or (order.order_class == "simple" and not is_linked(raw))


def with_legs(wire: AlpacaWire, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an order with its legs inside: the look-up by our id may leave them out, the one by its own does not."""
    if raw.get("legs") or not is_linked(raw):
        return raw
    return record(wire.read(f"/orders/{text(raw, 'id', of='order')}", {"nested": "true"}), of="order")


def named_legs(raw: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the legs inside of an order under the ids we gave them; of one that was replaced by hand, the first."""
    first = text(raw, "client_order_id", of="order")
    found: dict[str, Mapping[str, Any]] = {}
    for leg in sorted(rows(raw.get("legs") or [], of="legs"), key=lambda leg: bool(leg.get("replaces"))):
        does: Leg = "take_profit" if (leg.get("type") or leg.get("order_type")) == "limit" else "stop"
        name = attached_order_id(first, does)
        found.setdefault(name, {**leg, "client_order_id": name})
    return tuple(found.values())


def leg_of(wire: AlpacaWire, first: Mapping[str, Any], client_order_id: str) -> Mapping[str, Any] | None:
    """Return one leg of an order by our id of it; None where the venue tells none."""
    legs = named_legs(with_legs(wire, first))
    return next((leg for leg in legs if leg["client_order_id"] == client_order_id), None)


def first_order_id(client_order_id: str) -> str | None:
    """Return the id of the order that another is attached to; None for one that goes alone."""
    found = attachment(client_order_id)
    return None if found is None else found[0]
