"""An Alpaca account behind the Broker port: one call, one outcome.

An order goes out once; whatever is not a clear answer is Unknown, and only a look-up tells. Activities are the truth
for fills, lookups for the state of orders. An order replaced at the venue by hand is followed to its successor and
shown as ours, with the fills of both; a leg of linked orders is shown under the id we gave it (`alpaca_linked.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from execution.brokers.alpaca_activities import corporate_action_entries
from execution.brokers.alpaca_amending import Amendment, amend
from execution.brokers.alpaca_linked import is_linked, is_of_class, linked_fault, message_fields, named_legs
from execution.brokers.alpaca_lookups import AlpacaLookups
from execution.brokers.alpaca_mapping import (
    account_block,
    execution,
    instant,
    is_same_order,
    number,
    order_state,
    positions_shares,
    record,
    rows,
    says_id_is_taken,
    text,
)
from execution.brokers.alpaca_wire import AlpacaWire, Answer
from execution.domain.broker_capabilities import BrokerCapabilities, FractionalSizes
from execution.domain.errors import BrokerAnswerRefused, VenueUnavailable
from execution.domain.order_fault import order_fault
from execution.domain.orders import (
    Accepted,
    AccountSnapshot,
    BrokerFill,
    CorporateActionEntry,
    OrderRequest,
    OrderState,
    Refused,
    SubmitOutcome,
    Unknown,
)
from execution.domain.quantities import SHARE_DECIMALS_MAX

_ORDERS_PER_PAGE: Final = 500
_ACTIVITIES_PER_PAGE: Final = 100
_PAGES_MAX: Final = 200
_REPLACEMENTS_MAX: Final = 50
_LOOKS_AT_ACCOUNT: Final = 3
# `after` is strict and by creation, which comes a little after the trade; what is too early is left out here.
_CREATED_LATER: Final = timedelta(hours=1)
# More orders than this without a known name are looked up in one list.
_LOOKED_UP_SINGLY: Final = 3
_LISTED_BEFORE: Final = timedelta(days=7)
# Linked orders are made at one instant; how their instants are told apart nobody has promised.
_MADE_TOGETHER: Final = timedelta(minutes=5)
_AUCTIONS: Final = frozenset({"opg", "cls"})


def capabilities_of(answer_seconds: float) -> BrokerCapabilities:
    """Return what Alpaca promises: an accepted id is used up for ever, and look-ups find it.

    Args:
        answer_seconds: longest time a submission may be under way.

    Source:
        Alpaca Trading API description v2.0.1 (June 2026), operations on orders.
    """
    return BrokerCapabilities(
        id_uniqueness="forever",
        lookup_by_client_id=True,
        answer_seconds=answer_seconds,
        # Nobody has measured it: generous.
        visibility_lag_seconds=30.0,
        order_types=frozenset({"limit", "market", "stop", "stop_limit", "trailing_stop"}),
        times_in_force=frozenset({"day", "gtc", "ioc", "fok", "opg", "cls"}),
        order_classes=frozenset({"simple", "bracket", "oco"}),
        links_wait_for_whole=True,
        has_extended_hours=True,
        # Its description says market, its guide limit too; a limit it did not take would be refused, and that is told.
        fractional_sizes=FractionalSizes(
            decimals=SHARE_DECIMALS_MAX, order_types=frozenset({"market", "limit"}), times_in_force=frozenset({"day"})
        ),
        refuses_opposing_orders=True,
    )


class AlpacaBroker:
    """One account at Alpaca.

    Args:
        wire: the way to the trading API.
        answer_seconds: longest time a submission may be under way, as the wire bounds it.
    """

    def __init__(self, wire: AlpacaWire, *, answer_seconds: float) -> None:
        self._wire = wire
        self._lookups = AlpacaLookups(wire)
        self._capabilities = capabilities_of(answer_seconds)
        self._names: dict[str, str] = {}
        self._block = ""

    @property
    def capabilities(self) -> BrokerCapabilities:
        """Return what Alpaca promises and can do."""
        return self._capabilities

    def submit(self, order: OrderRequest) -> SubmitOutcome:
        """Send one order once.

        A refusal that the id is taken is looked up: our own order under it was accepted, another one's was not ours.

        Raises:
            AccessDenied: the keys are refused; nothing was accepted.
        """
        self._lookups.forget()
        fault = order_fault(order) or self._kind_fault(order) or self._block or self._wire.held_back("order")
        if fault:
            return Refused(f"not sent: {fault}")
        try:
            answer = self._wire.act("POST", "/orders", message_fields(order), urgency="order")
        except VenueUnavailable as silence:
            return Unknown(str(silence))
        if 200 <= answer.status < 300:
            return _accepted(answer, order)
        if says_id_is_taken(answer.status, answer.message):
            return self._under_taken_id(order, answer)
        return Refused(answer.message)

    def cancel(self, client_order_id: str) -> None:
        """Ask for a cancel; an order that is unknown or done is left alone. It is never held back by the budget.

        The venue ends linked orders together.

        Raises:
            VenueUnavailable: the venue does not answer; ask again.
        """
        self._lookups.forget()
        found = self._lookups.find(client_order_id)
        self._lookups.forget()
        if found is None:
            return
        self._wire.held_back("cancel")
        newest = self._newest(found)
        answer = self._wire.act("DELETE", f"/orders/{text(newest, 'id', of='order')}", urgency="cancel")
        # 404 and 422 say that there is nothing left to cancel; a look-up tells what became of it.
        if not (200 <= answer.status < 300 or answer.status in (404, 422)):
            raise VenueUnavailable(f"the cancel of {client_order_id} was answered {answer.message}; ask again")

    def amend(self, client_order_id: str, amendment: Amendment) -> SubmitOutcome:
        """Change a working order once; it stays one order under its own id, whatever takes its place at the venue.

        Raises:
            AccessDenied: the keys are refused; nothing was changed.
            VenueUnavailable: the order cannot be looked up.
        """
        self._lookups.forget()
        found = self._lookups.find(client_order_id)
        self._lookups.forget()
        if found is None:
            return Refused("not sent: the venue knows no such order")
        return amend(self._wire, self._lookups, client_order_id, self._newest(found), amendment)

    def order(self, client_order_id: str) -> OrderState | None:
        """Return an order by its client order id, or None when the venue says that there is none."""
        found = self._lookups.find(client_order_id)
        return None if found is None else self._as_ours(found)

    def open_orders(self) -> tuple[OrderState, ...]:
        """Return every working order of the account by client order id."""
        self._lookups.forget()
        working = [self._of_chain(raw) for raw in self._listed({"status": "open"})]
        return tuple(sorted(working, key=lambda state: state.client_order_id))

    def fills(self, *, since: datetime) -> tuple[BrokerFill, ...]:
        """Return executions at or after an instant, oldest first; ids are the venue's own."""
        self._lookups.forget()
        told = [raw for raw in self._activities(since) if raw.get("activity_type") == "FILL"]
        told = [raw for raw in told if instant(raw, "transaction_time", of="fill") >= since]
        self._learn_names({text(raw, "order_id", of="fill") for raw in told}, since)
        fills = [execution(raw, client_order_id=self._names[raw["order_id"]]) for raw in told]
        return tuple(sorted(fills, key=lambda fill: (fill.filled_at, fill.execution_id)))

    def corporate_actions(self, *, since: datetime) -> tuple[CorporateActionEntry, ...]:
        """Return splits, dividends and delistings booked at or after an instant, oldest first."""
        return corporate_action_entries(self._activities(since), since=since)

    def account(self) -> AccountSnapshot:
        """Return cash and positions of one moment: they are read until cash is the same before and after.

        Raises:
            VenueUnavailable: the account does not stand still.
        """
        before = self._account()
        for _ in range(_LOOKS_AT_ACCOUNT):
            positions = positions_shares(self._wire.read("/positions"))
            after = self._account()
            cash = number(after, "cash", of="account")
            if cash == number(before, "cash", of="account"):
                return AccountSnapshot(cash_usd=cash, positions_shares=positions, block=self._block)
            before = after
        raise VenueUnavailable(f"the account changed during {_LOOKS_AT_ACCOUNT} looks: ask again")

    def _account(self) -> Mapping[str, Any]:
        told = record(self._wire.read("/account"), of="account")
        self._block = account_block(told)
        return told

    def _kind_fault(self, order: OrderRequest) -> str:
        fault = self._capabilities.fault_of(order)
        if fault:
            return f"Alpaca takes no {fault}"
        if order.time_in_force in _AUCTIONS and order.order_type not in ("market", "limit"):
            return f"Alpaca takes market and limit orders in auctions, found {order.order_type}"
        return linked_fault(order)

    def _under_taken_id(self, order: OrderRequest, answer: Answer) -> SubmitOutcome:
        found = self._lookups.find(order.client_order_id)
        if found is None:
            return Unknown(f"the id is said to be taken and no order is found by it: {answer.message}")
        if is_same_order(found, order) and is_of_class(found, order):
            return Accepted(text(found, "id", of="order"))
        return Refused(f"duplicate client_order_id: another order was accepted under it. {answer.message}")

    def _as_ours(self, first: Mapping[str, Any]) -> OrderState:
        """Return an order under its own id with the terms and fills of all that took its place."""
        chain = [first]
        while chain[-1].get("status") == "replaced" and chain[-1].get("replaced_by"):
            chain.append(self._by_venue_id(text(chain[-1], "replaced_by", of="order"), len(chain)))
        for raw in chain:
            self._names[text(raw, "id", of="order")] = text(first, "client_order_id", of="order")
        states = [order_state(raw) for raw in chain]
        earlier = sum(state.filled_shares for state in states[:-1])
        return replace(
            states[-1],
            client_order_id=states[0].client_order_id,
            broker_order_id=states[0].broker_order_id,
            quantity_shares=states[-1].quantity_shares + earlier,
            filled_shares=states[-1].filled_shares + earlier,
        )

    def _newest(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        for links in range(_REPLACEMENTS_MAX):
            if raw.get("status") != "replaced" or not raw.get("replaced_by"):
                return raw
            raw = self._by_venue_id(text(raw, "replaced_by", of="order"), links)
        return raw

    def _first(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        links = 0
        while raw.get("replaces"):
            links += 1
            raw = self._by_venue_id(text(raw, "replaces", of="order"), links)
        return raw

    def _of_chain(self, raw: Mapping[str, Any]) -> OrderState:
        return self._as_ours(self._named(self._first(raw))) if raw.get("replaces") else order_state(self._named(raw))

    def _named(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an order under our id of it: a leg's own one is the venue's."""
        if not is_linked(raw):
            return raw
        order_id = text(raw, "id", of="order")
        if order_id not in self._names:
            made_at = instant(raw, "created_at", of="order")
            self._keep_names(
                {
                    "status": "all",
                    "symbols": text(raw, "symbol", of="order"),
                    "after": (made_at - _MADE_TOGETHER).isoformat(),
                    "until": (made_at + _MADE_TOGETHER).isoformat(),
                }
            )
        # One whose first order is not told is somebody else's as long as that lasts.
        return {**raw, "client_order_id": self._names.get(order_id, raw.get("client_order_id"))}

    def _keep_names(self, query: Mapping[str, str]) -> None:
        """Keep our ids of the orders on a list and of their legs, by the venue's ids."""
        for raw in self._listed({**query, "nested": "true"}):
            for each in (raw, *named_legs(raw)):
                if not each.get("replaces"):
                    self._names[text(each, "id", of="order")] = text(each, "client_order_id", of="order")

    def _by_venue_id(self, order_id: str, links: int) -> Mapping[str, Any]:
        if links > _REPLACEMENTS_MAX:
            raise BrokerAnswerRefused(f"order {order_id} was replaced more than {_REPLACEMENTS_MAX} times: a circle")
        return record(self._wire.read(f"/orders/{order_id}"), of="order")

    def _learn_names(self, order_ids: set[str], since: datetime) -> None:
        """Find the client order id of each of the venue's ids: that of the first in a chain of replacements."""
        if len(order_ids - self._names.keys()) > _LOOKED_UP_SINGLY:
            self._keep_names({"status": "all", "after": (since - _LISTED_BEFORE).isoformat()})
        for order_id in sorted(order_ids - self._names.keys()):
            first = self._named(self._first(self._by_venue_id(order_id, 0)))
            self._names[order_id] = text(first, "client_order_id", of="order")

    def _listed(self, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        """Yield orders, oldest first. Pages follow ids: orders of one instant would fall between pages by time."""
        asked = {"nested": "false", **query, "limit": str(_ORDERS_PER_PAGE), "direction": "asc"}
        seen: set[str] = set()
        for _ in range(_PAGES_MAX):
            page = rows(self._wire.read("/orders", asked), of="list of orders")
            new = [raw for raw in page if text(raw, "id", of="order") not in seen]
            yield from new
            seen |= {raw["id"] for raw in new}
            if len(page) < _ORDERS_PER_PAGE:
                return
            if not new:
                break
            asked = {name: value for name, value in asked.items() if name not in ("after", "until")}
            asked["after_order_id"] = page[-1]["id"]
        raise BrokerAnswerRefused("Alpaca's list of orders does not end: the same page comes again")

    def _activities(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        asked = {
            "after": (since - _CREATED_LATER).isoformat(),
            "direction": "asc",
            "page_size": str(_ACTIVITIES_PER_PAGE),
        }
        seen: set[str] = set()
        for _ in range(_PAGES_MAX):
            page = rows(self._wire.read("/account/activities", asked), of="list of activities")
            new = [raw for raw in page if text(raw, "id", of="activity") not in seen]
            yield from new
            seen |= {raw["id"] for raw in new}
            if len(page) < _ACTIVITIES_PER_PAGE:
                return
            if not new:
                break
            asked["page_token"] = page[-1]["id"]
        raise BrokerAnswerRefused("Alpaca's list of activities does not end: the same page comes again")


def _accepted(answer: Answer, order: OrderRequest) -> SubmitOutcome:
    told = answer.body if isinstance(answer.body, dict) else {}
    order_id = told.get("id")
    if isinstance(order_id, str) and order_id and told.get("client_order_id") == order.client_order_id:
        return Accepted(order_id)
    return Unknown(f"the order was answered {answer.message}, without its id")
