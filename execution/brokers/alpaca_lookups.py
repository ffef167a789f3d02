"""Orders by the client order id we gave them, many of them for the price of one list.

Before every act each order that is not proven ended is looked up, and one request each would use up the quota. So from
the third look in a row on the newest orders are told in one list. Only what is on it is believed, and only for a
moment: that an order is not there is always asked for by its own name.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

from execution.brokers.alpaca_linked import first_order_id, leg_of, named_legs
from execution.brokers.alpaca_mapping import record, rows
from execution.brokers.alpaca_wire import AlpacaWire
from execution.domain.errors import BrokerAnswerRefused

_SINGLY: Final = 2
_LISTED: Final = 500
_HOLDS_SECONDS: Final = 2.0


class AlpacaLookups:
    """Look-ups of one client.

    Args:
        wire: the way to the trading API.
    """

    def __init__(self, wire: AlpacaWire) -> None:
        self._wire = wire
        self._in_a_row = 0
        self._began_at = 0.0
        self._listed: dict[str, Mapping[str, Any]] = {}

    def forget(self) -> None:
        """Let the next look ask anew: something was done or asked since."""
        self._in_a_row = 0
        self._listed = {}

    def find(self, client_order_id: str) -> Mapping[str, Any] | None:
        """Return an order as the venue tells it, at most a moment old; None when the venue says there is none.

        Raises:
            BrokerAnswerRefused: the venue tells of another order.
            VenueUnavailable: it does not answer.
        """
        if time.monotonic() - self._began_at > _HOLDS_SECONDS:
            self.forget()
            self._began_at = time.monotonic()
        self._in_a_row += 1
        if self._in_a_row == _SINGLY + 1:
            self._listed = {str(raw.get("client_order_id")): raw for raw in self._newest()}
        return self._listed.get(client_order_id) or self._asked(client_order_id) or self._leg(client_order_id)

    def _newest(self) -> list[Mapping[str, Any]]:
        query = {"status": "all", "limit": str(_LISTED), "direction": "desc", "nested": "true"}
        told = rows(self._wire.read("/orders", query), of="list of orders")
        return [*told, *(leg for raw in told for leg in named_legs(raw))]

    def _leg(self, client_order_id: str) -> Mapping[str, Any] | None:
        first_id = first_order_id(client_order_id)
        first = None if first_id is None else self._listed.get(first_id) or self._asked(first_id)
        return None if first is None else leg_of(self._wire, first, client_order_id)

    def _asked(self, client_order_id: str) -> Mapping[str, Any] | None:
        query = {"client_order_id": client_order_id}
        raw = self._wire.read("/orders:by_client_order_id", query, may_be_absent=True)
        if raw is None:
            return None
        found = record(raw, of="order")
        if found.get("client_order_id") != client_order_id:
            raise BrokerAnswerRefused(
                f"asked for the order {client_order_id}, Alpaca told of {found.get('client_order_id')!r}: nothing is "
                "booked from it"
            )
        return found
