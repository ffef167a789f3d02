"""The way between a process and the venue: requests and answers that are lost, late, repeated or out of order.

These are the ports `Broker` and `Quotes` of one process; every call stops at the hub before and after.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from execution.domain.broker_capabilities import BrokerCapabilities, FractionalSizes
from execution.domain.errors import TouchstoneError
from execution.domain.orders import (
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
from execution.simulation.hub import SECOND, Hub
from execution.simulation.invariants import Checker
from execution.simulation.market import CALENDAR
from execution.simulation.timeline import instant_of
from execution.simulation.venue import Venue, shown_fills, shown_now

TIMEOUT_SECONDS: Final = 3.0
"""After this long without an answer a sender gives up."""


FRACTIONAL_SIZES: Final = FractionalSizes(
    decimals=SHARE_DECIMALS_MAX, order_types=frozenset({"limit", "market"}), times_in_force=frozenset({"day"})
)
FATES: Final = ("accepted", "lost_request", "late_request", "lost_answer", "late_answer", "refused")
"""Every way a submission can fare."""


class VenueSilent(TouchstoneError):
    """A read of the venue had no answer."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One process's connection to the venue.

    Attributes:
        checker: told what the process was shown, so that it is judged by what it could know.
        forced: the kind of answer every submission gets, whatever the rates say; empty leaves it to the seed.
    """

    hub: Hub
    venue: Venue
    checker: Checker
    forced: str = ""

    @property
    def capabilities(self) -> BrokerCapabilities:
        """Return what the venue's adapter declares, true or not."""
        mode = self.venue.mode
        return BrokerCapabilities(
            id_uniqueness=mode.declared_ids,
            lookup_by_client_id=True,
            answer_seconds=self.venue.faults.in_flight_seconds,
            visibility_lag_seconds=mode.declared_lag_seconds,
            order_types=frozenset({"limit", "market", "stop", "trailing_stop"}),
            times_in_force=frozenset({"day", "gtc"}),
            has_extended_hours=False,
            fractional_sizes=FRACTIONAL_SIZES,
            order_classes=frozenset({"simple", "bracket"}),
        )

    def submit(self, order: OrderRequest) -> SubmitOutcome:
        """Send an order once."""
        hub = self.hub
        hub.stop("submit<")
        self.checker.sent(order)
        fate = self.forced or self._fate()
        if fate == "lost_request":
            hub.sleep(TIMEOUT_SECONDS)
            hub.stop("submit>")
            return Unknown("no answer in time")
        if fate == "late_request":
            delay = self.venue.draws.between(TIMEOUT_SECONDS, self.venue.faults.in_flight_seconds)
            hub.at(hub.now + int(delay * SECOND), lambda: self._arrive(order))
            hub.sleep(TIMEOUT_SECONDS)
            hub.stop("submit>")
            return Unknown("no answer in time")
        hub.sleep(self.venue.draws.between(0.01, 0.3))
        if fate == "refused":
            hub.stop("submit>")
            return Refused("the venue does not want it")
        outcome = self.venue.take(order)
        if fate == "lost_answer":
            hub.sleep(TIMEOUT_SECONDS)
            outcome = Unknown("no answer in time")
        elif fate == "late_answer":
            hub.sleep(self.venue.draws.between(0.5, TIMEOUT_SECONDS))
        hub.stop("submit>")
        return outcome

    def cancel(self, client_order_id: str) -> None:
        """Ask for a cancel; nobody knows whether it arrives."""
        hub = self.hub
        hub.stop("cancel<")
        self.checker.cancel_sent(client_order_id)
        if not self._goes_wrong(self.venue.faults.lost_request):
            delay = self.venue.draws.between(0.01, self.venue.faults.in_flight_seconds)
            hub.at(hub.now + int(delay * SECOND), lambda: self.venue.cancel(client_order_id))
        hub.sleep(0.1)
        hub.stop("cancel>")

    def order(self, client_order_id: str) -> OrderState | None:
        """Look an order up, as it is shown now."""
        self._read("order<")
        found = None
        for order in self.venue.orders:
            if order.request.client_order_id == client_order_id:
                found = shown_now(order, self.hub.now) or found
        self.hub.stop("order>")
        return found

    def open_orders(self) -> tuple[OrderState, ...]:
        """Return what is shown as working now."""
        self._read("open_orders<")
        shown = [shown_now(order, self.hub.now) for order in self.venue.orders]
        working = [state for state in shown if state is not None and state.status == "open"]
        self.hub.stop("open_orders>")
        return tuple(sorted(working, key=lambda state: state.client_order_id))

    def fills(self, *, since: datetime) -> tuple[BrokerFill, ...]:
        """Return executions shown now, at times repeated and out of order."""
        self._read("fills<")
        shown = shown_fills(self.venue, since=since)
        if shown and self._goes_wrong(self.venue.faults.repeated_fills):
            shown = [*reversed(shown), *shown[: 1 + self.venue.draws.below(len(shown))]]
        self.hub.stop("fills>")
        return tuple(shown)

    def corporate_actions(self, *, since: datetime) -> tuple[CorporateActionEntry, ...]:
        """Return corporate actions booked."""
        self._read("actions<")
        found = tuple(entry for entry in self.venue.actions if entry.booked_at >= since)
        self.hub.stop("actions>")
        return found

    def account(self) -> AccountSnapshot:
        """Return cash and positions now."""
        self._read("account<")
        account = self.venue.account()
        self.checker.account_shown(self.hub.process.name)
        self.hub.stop("account>")
        return account

    def last_usd(self, symbol: str) -> Decimal | None:
        """Return the newest price: the open of the running session, else the last close."""
        self._read("quote<")
        now = instant_of(self.hub.now)
        session = self.venue.session or CALENDAR.last_closed(now)
        bar = self.venue.world.bar(session, symbol) if session else None
        if bar is None:
            return None
        return bar.open_usd if self.venue.session else bar.close_usd

    def close_usd(self, symbol: str, session: date) -> Decimal | None:
        """Return the close of a session that has ended."""
        self._read("close<")
        bar = self.venue.world.bar(session, symbol)
        return bar.close_usd if bar else None

    def _arrive(self, order: OrderRequest) -> None:
        self.venue.take(order)

    def _fate(self) -> str:
        if self.hub.is_healed:
            return ""
        faults, chance = self.venue.faults, self.venue.draws.unit()
        for fate in ("lost_request", "late_request", "lost_answer", "late_answer"):
            rate = float(getattr(faults, fate))
            if chance < rate:
                return fate
            chance -= rate
        return ""

    def _read(self, name: str) -> None:
        self.hub.stop(name)
        if self._goes_wrong(self.venue.faults.silent_read):
            self.hub.sleep(TIMEOUT_SECONDS)
            raise VenueSilent(f"no answer to {name[:-1]} in {TIMEOUT_SECONDS} seconds: ask again later")

    def _goes_wrong(self, probability: float) -> bool:
        return not self.hub.is_healed and self.venue.draws.chance(probability)
