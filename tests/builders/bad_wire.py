"""Sessions on a wire that fails: each act is asked again as the sensors do, by a new process where the former died."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, TypeVar

from execution.domain.errors import VenueUnavailable
from execution.domain.orders import OrderRequest, SubmitOutcome
from execution.session import run_session
from execution.session.run_session import Desk
from tests.builders.alpaca_days import AlpacaDays
from tests.fakes.dying_port import Killed

T = TypeVar("T")
TRIES = 60


@dataclass
class DyingBroker:
    """A broker whose process dies right before or right after some of the orders that go over the wire."""

    broker: Any
    deaths: dict[int, str]
    sent: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.broker, name)

    def submit(self, order: OrderRequest) -> SubmitOutcome:
        moment = self.deaths.pop(len(self.sent), "")
        self.sent.append(order.client_order_id)
        if moment == "before":
            raise Killed
        outcome: SubmitOutcome = self.broker.submit(order)
        if moment == "after":
            raise Killed
        return outcome


def tried(told: AlpacaDays, act: Callable[[Desk], T]) -> T:
    """Ask until the venue answers: after a while, and of a new process once the lease of a dead one has run out."""
    for _ in range(TRIES):
        try:
            return act(told.days.desk)
        except VenueUnavailable:
            told.days.clock.move_to(told.days.clock.now() + timedelta(seconds=3))
        except Killed:
            told.restarted()
            told.days.clock.move_to(told.days.clock.now() + timedelta(minutes=2))
    raise AssertionError(f"the venue did not answer in {TRIES} tries")


def live(told: AlpacaDays, session: date) -> None:
    days = told.days
    digest = days.publish(days.a_batch(session))
    days.evening(session)
    tried(told, lambda desk: run_session.plan(desk, session=session, batch_hash=digest))
    days.morning(session)
    for _ in range(4):
        tried(told, lambda desk: run_session.submit(desk, session=session))
        days.clock.move_to(days.clock.now() + timedelta(seconds=45))
    days.clock.move_to(max(days.clock.now(), days.desk.submit_until(session)))
    tried(told, lambda desk: run_session.cancel_rest(desk, session=session))
    days.next_close(session)
    tried(told, lambda desk: run_session.settle(desk, session=session))


def assert_nothing_twice(told: AlpacaDays) -> None:
    """Assert that the venue took each order once, and of each cycle's entries one per symbol."""
    taken = told.accepted_ids
    assert len(taken) == len(set(taken))
    book = told.days.desk.ledger.book()
    entries = [record for record in book.orders.values() if record.order.leg == "entry"]
    assert len({(record.session, record.order.symbol) for record in entries}) == len(entries)
    assert set(taken) <= set(book.orders)
