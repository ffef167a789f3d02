"""The floor of the venue: orders in, orders told, and every change noticed and made an event, whoever caused it.

The engine decides; the sheet remembers; this joins the two. Nothing is pushed by the engine: after each request and on
each look of a stream the floor compares, so an order sent behind its back is noticed as well.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import Tape
from execution.brokers.venue_order import VenueOrder
from execution.domain.orders import BrokerFill, OrderRequest, Refused
from execution.domain.quantities import Shares
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar
from execution.venue.faults import FaultPlan
from execution.venue.house_rules import order_id_of, refusal_of, refuse_order
from execution.venue.news_feed import NewsFeed
from execution.venue.order_sheet import OrderSheet, SheetRow, derived_uuid
from execution.venue.order_words import (
    INVALID,
    NOT_FOUND,
    REFUSED,
    Refusal,
    instant_text,
    order_of,
    price_text,
    replacement_of,
    told_order,
    told_status,
)

EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ORDERS: Final = "/v2/orders"
_REPLACEABLE: Final = frozenset({"new", "partially_filled"})


class VenueFloor:
    """One account's orders at the venue over HTTP.

    Args:
        broker: the engine.
        tape: the engine's tape, for what is asked of the market.
        news: the headlines that are told.
        sheet: what the engine does not know of the orders.
        clock: the engine's clock.
        calendar: exchange sessions.
        faults: scripted behaviour of the venue itself.
    """

    def __init__(
        self,
        broker: SimulatedBroker,
        *,
        tape: Tape,
        news: NewsFeed,
        sheet: OrderSheet,
        clock: Clock,
        calendar: TradingCalendar,
        faults: FaultPlan,
    ) -> None:
        self.broker = broker
        self.tape = tape
        self.news = news
        self.sheet = sheet
        self.clock = clock
        self.calendar = calendar
        self.faults = faults
        self.events: list[dict[str, Any]] = []
        self._lock = threading.RLock()
        self._counted: dict[str, int] = {}
        self._new_ids = 0
        self._is_present = False
        self._seen = 0
        # A dictionary for its order: events of one moment are told in order of arrival.
        self._at_work: dict[str, None] = {}

    def take(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take an order and tell it.

        Raises:
            Refusal: the venue does not take it; nothing was kept.
        """
        with self._present() as now:
            order = order_of(body, new_id=self._new_id(now))
            self._refuse_duplicate(order)
            held = self.broker.account().positions_shares.get(order.symbol, 0)
            refuse_order(order, plan=self.faults, held_shares=held, working=self.working())
            if self.faults.of_order("reject_after_accept", "POST", _ORDERS):
                return self._rejected(order, now, replaces="", reason="rejected after it was accepted")
            outcome = self.broker.submit(order)
            if isinstance(outcome, Refused):
                raise refusal_of(outcome, order)
            self._notice(now, asked=order)
            if self.faults.of_order("cancel_after_accept", "POST", _ORDERS):
                self.broker.cancel(order.client_order_id)
            return self._told(order.client_order_id)

    def replace(self, order_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Put a changed order in the place of a working one and tell the new one.

        Raises:
            Refusal: the former cannot be replaced, and works on as it was.
        """
        with self._present() as now:
            former = self.row(order_id)
            status = told_status(former, is_open=self.is_open())
            if status not in _REPLACEABLE or former.order_class != "simple":
                raise Refusal(422, REFUSED, f"order is {former.order_class} and {status}: it cannot be replaced")
            order = replacement_of(former, body, new_id=self._new_id(now))
            self._refuse_duplicate(order)
            if self.faults.of_order("reject_replacement", "PATCH", f"{_ORDERS}/{order_id}"):
                return self._rejected(order, now, replaces=order_id, reason="the former order was filled before")
            new_id = order_id_of(order.client_order_id)
            outcome = self.broker.replace_order(former.order.client_order_id, order)
            if isinstance(outcome, Refused):
                raise refusal_of(outcome, order)
            self.sheet.put(replace(former, replaced_by=new_id))
            self._notice(now, asked=order, replaces=order_id)
            return self._told(order.client_order_id)

    def cancel(self, order_id: str) -> None:
        """Cancel what is left of an order; one that has ended is left alone.

        Raises:
            Refusal: there is no such order.
        """
        with self._present():
            row = self.row(order_id)
            if not self.faults.of_order("lose_cancel", "DELETE", f"{_ORDERS}/{order_id}"):
                self.broker.cancel(row.order.client_order_id)

    def tell(self, row: SheetRow, *, nested: bool = False) -> dict[str, Any]:
        """Return a row in Alpaca's words, its legs inside of it when asked."""
        legs = [leg for leg in self.sheet if leg.entry_id == row.order_id] if nested else None
        average = _average(self.broker.fills_of(row.order.client_order_id))
        return told_order(row, is_open=self.is_open(), average_usd=average, legs=legs)

    def rows(self) -> tuple[SheetRow, ...]:
        """Return every order the venue has taken, as it is now, oldest first."""
        with self._present():
            return tuple(self.sheet)

    def row(self, order_id: str) -> SheetRow:
        """Return an order by the venue's id.

        Raises:
            Refusal: there is no such order.
        """
        with self._present():
            return _found(self.sheet.by_id(order_id), order_id)

    def row_of_client(self, client_order_id: str) -> SheetRow:
        """Return an order by the client's id.

        Raises:
            Refusal: there is no such order.
        """
        with self._present():
            return _found(self.sheet.by_client_id(client_order_id), client_order_id)

    def working(self) -> tuple[VenueOrder, ...]:
        """Return the orders that work now, oldest first."""
        with self._present():
            return tuple(row.order for row in self.sheet if row.order.status == "open")

    def is_open(self) -> bool:
        """Return whether the exchange is open at the clock's instant."""
        now = self.clock.now()
        last = self.calendar.last_closed(now)
        return last is not None and now >= self.calendar.opens_at(self.calendar.next(last))

    def events_after(self, count: int) -> tuple[dict[str, Any], ...]:
        """Notice what has changed and return the events behind the first so many."""
        with self._present():
            return tuple(self.events[count:])

    def push(self, event: str, order_id: str, **told: Any) -> None:
        """Send an event of a script's own, as a bust."""
        with self._present() as now:
            self._tell_event(event, self.row(order_id), now, **told)

    @contextmanager
    def _present(self) -> Iterator[datetime]:
        with self._lock:
            now = self.clock.now()
            is_outermost = not self._is_present
            if is_outermost:
                self._notice(now)
            self._is_present = True
            try:
                yield now
            finally:
                self._is_present = not is_outermost
            if is_outermost:
                self._notice(now)

    def _notice(self, now: datetime, *, asked: OrderRequest | None = None, replaces: str = "") -> None:
        """Bring the sheet up to the engine, and make an event of each difference."""
        # What has ended does not change any more: only what works and what is new is looked at.
        arrived = self.broker.orders(after=self._seen)
        at_work = self.broker.working_orders()
        still = {order.client_order_id for order in at_work}
        ended = [self.broker.kept_order(name) for name in self._at_work if name not in still]
        known = [order for order in (*ended, *at_work) if order is not None and order.sequence <= self._seen]
        for order in sorted((*known, *arrived), key=lambda order: order.sequence):
            row = self.sheet.by_client_id(order.client_order_id)
            if row is None:
                row = self._new_row(order, now, asked, replaces)
                self.sheet.put(row)
                self._tell_event("new", row, now)
            if row.order != order or order.client_order_id not in self._counted:
                self._tell_changes(row, order, now)
            self._seen = max(self._seen, order.sequence)
            if order.status == "open":
                self._at_work[order.client_order_id] = None
            else:
                self._at_work.pop(order.client_order_id, None)

    def _new_row(self, order: VenueOrder, now: datetime, asked: OrderRequest | None, replaces: str) -> SheetRow:
        ours = {asked.client_order_id, *(leg.client_order_id for leg in asked.attached)} if asked else set()
        is_leg = bool(order.group_id) and order.client_order_id != order.group_id
        entry = self.sheet.by_client_id(order.group_id) if is_leg else None
        order_class = entry.order_class if entry else ("bracket" if order.is_linked_entry else "oco")
        return SheetRow(
            order_id=order_id_of(order.client_order_id),
            # As it arrived: what has filled since is noticed next and told as an event of its own.
            order=replace(order, filled_shares=0, status="open"),
            accepted_at=now,
            changed_at=now,
            is_extended_hours=bool(asked and order.client_order_id in ours and asked.is_extended_hours),
            order_class=order_class if order.group_id else "simple",
            entry_id=entry.order_id if entry else "",
            replaces=replaces if asked and order.client_order_id == asked.client_order_id else "",
        )

    def _tell_changes(self, row: SheetRow, order: VenueOrder, now: datetime) -> None:
        fills = self.broker.fills_of(order.client_order_id)
        told = self._counted.get(order.client_order_id)
        if told is None:
            # After a restart what was told before is known by the quantity on the sheet.
            told = _fills_within(fills, row.order.filled_shares)
        self._counted[order.client_order_id] = len(fills)
        if row.order == order:
            return
        changed_at = fills[-1].filled_at if len(fills) > told else now
        if order.status == "expired":
            changed_at = self._close_after(row.accepted_at)
        has_ended = order.status != "open"
        after = replace(row, order=order, changed_at=changed_at, ended_at=changed_at if has_ended else None)
        self.sheet.put(after)
        cumulated = sum(fill.quantity_shares for fill in fills[:told])
        for fill in fills[told:]:
            cumulated += fill.quantity_shares
            name = "fill" if cumulated == order.quantity_shares else "partial_fill"
            self._tell_event(name, after, fill.filled_at, fill=fill)
        if has_ended and order.status != "filled":
            self._tell_event(told_status(after, is_open=True), after, changed_at)

    def _close_after(self, instant: datetime) -> datetime:
        """Return the close at which a day order of an instant ends."""
        last = self.calendar.last_closed(instant)
        return self.calendar.closes_at(self.calendar.sessions[0] if last is None else self.calendar.next(last))

    def _tell_event(self, event: str, row: SheetRow, at: datetime, fill: BrokerFill | None = None, **told: Any) -> None:
        if fill is not None:
            told |= {
                "price": price_text(fill.price_usd),
                "qty": str(fill.quantity_shares),
                "position_qty": str(self.broker.account().positions_shares.get(fill.symbol, 0)),
                "execution_id": derived_uuid(fill.execution_id),
            }
        self.events.append({"event": event, "timestamp": instant_text(at), "order": self.tell(row), **told})

    def _rejected(self, order: OrderRequest, now: datetime, *, replaces: str, reason: str) -> dict[str, Any]:
        """Answer with an order that is accepted, and reject it at once; the engine never sees it."""
        row = SheetRow(
            order_id=order_id_of(order.client_order_id),
            order=_only_told(order),
            accepted_at=now,
            changed_at=now,
            is_extended_hours=order.is_extended_hours,
            replaces=replaces,
        )
        answer = self.tell(row)
        after = replace(row, order=row.order.ended("rejected", reason), ended_at=now)
        self.sheet.put(after)
        self._tell_event("rejected", after, now, reason=reason)
        if replaces:
            self._tell_event("order_replace_rejected", self.row(replaces), now)
        return answer

    def _refuse_duplicate(self, order: OrderRequest) -> None:
        if self.sheet.by_client_id(order.client_order_id) is not None:
            raise Refusal(422, INVALID, "client_order_id must be unique")

    def _told(self, client_order_id: str) -> dict[str, Any]:
        return self.tell(_found(self.sheet.by_client_id(client_order_id), client_order_id), nested=True)

    def _new_id(self, now: datetime) -> str:
        self._new_ids += 1
        return derived_uuid("client", now.isoformat(), str(self._new_ids), str(len(self.events)))


def _found(row: SheetRow | None, wanted: str) -> SheetRow:
    if row is None:
        raise Refusal(404, NOT_FOUND, f"order not found for {wanted}")
    return row


def _only_told(order: OrderRequest) -> VenueOrder:
    return VenueOrder(
        sequence=0,
        client_order_id=order.client_order_id,
        broker_order_id="",
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        quantity_shares=order.quantity_shares,
        filled_shares=0,
        limit_usd=order.limit_usd,
        stop_usd=order.stop_usd,
        reserve_usd=Decimal(0),
        is_triggered=False,
        status="open",
        reason="",
        trail_usd=order.trail_usd,
        trail_bps=order.trail_bps,
    )


def _average(fills: Sequence[BrokerFill]) -> Decimal | None:
    quantity = sum(fill.quantity_shares for fill in fills)
    if not quantity:
        return None
    value = sum((fill.quantity_shares * fill.price_usd for fill in fills), Decimal(0))
    return (value / quantity).quantize(Decimal("0.000001")).normalize()


def _fills_within(fills: Sequence[BrokerFill], shares: Shares) -> int:
    counted: Shares = 0
    for number, fill in enumerate(fills):
        if counted >= shares:
            return number
        counted += fill.quantity_shares
    return len(fills)
