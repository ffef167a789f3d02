"""One simulated executor: it wakes, asks what may be due, and calls the very acts that the real one runs.

What it thinks is due is only a hint, as a sensor's is: now and then it calls an act that nobody needs, too early, too
late, or a second time. It knows nothing that a restart would lose.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from execution.domain.errors import TouchstoneError
from execution.domain.events import PlanMissed
from execution.ledger.book import Book, CycleRecord
from execution.session import run_session
from execution.session.day_orders import is_waiting
from execution.session.desk import Desk
from execution.session.lease_of_act import leased
from execution.session.protect import unprotected
from execution.session.reconcile import reconcile
from execution.session.watch import WATCHED
from execution.simulation.draws import Draws
from execution.simulation.hub import Crashed, Hub, VirtualProcess
from execution.simulation.invariants import Checker
from execution.simulation.market import CALENDAR, STRATEGY
from execution.simulation.timeline import instant_of, virtual_time

ACTS: Final[Mapping[str, Callable[..., Any]]] = {
    "plan": run_session.plan,
    "submit": run_session.submit,
    "cancel_rest": run_session.cancel_rest,
    "watch": run_session.watch,
    "settle": run_session.settle,
}
"""The acts a simulated executor calls: the objects of `run_session` themselves."""
_LOOK: Final = "look"
"""What an executor calls in the evening after its last day, when that day's settle left an outcome unknown."""
# A watch lasts until the close, and is a process of its own.
_STRAY: Final = tuple(act for act in ACTS if act != "watch")
_CHASES_MAX: Final = 6
"""How often an executor submits inside the window of a plan that stays unsent or a holding without its stop."""
_PATIENCE: Final = 20
"""How many times longer it waits for what the world must end first: an order sent after a close may take a session."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look came to: `pending` while the outcome of an order is unknown, `busy` when another process acts."""

    status: str


def look(desk: Desk, *, session: date) -> Looked:  # noqa: ARG001 - called as an act is
    """Do what every act begins with: the plan of the next evening, which no schedule lives, would go on to decide.

    A settle may send a stop and never hear of it. Nothing is decided and nothing sent here.
    """
    with leased(desk) as acting:
        if acting is None:
            return Looked("busy")
        acting.ledger.verify_chain()
        return Looked("pending" if is_outcome_unknown(reconcile(acting).book) else "looked")


def is_outcome_unknown(book: Book) -> bool:
    """Return whether an order was sent and nobody heard what became of it."""
    return any(record.state in ("in_flight", "unknown") for record in book.unproven_orders)


@dataclass(slots=True)
class Executor:
    """One virtual process that trades.

    Attributes:
        opened_desk: makes a desk of new objects, as after a start; only what is durable is in it.
        days: decision sessions of the schedule.
        ends_at: virtual time at which it is shut down.
        is_watcher: it asks the exit rules while the market is open, and does nothing else.
    """

    hub: Hub
    draws: Draws
    checker: Checker
    opened_desk: Callable[[VirtualProcess], Desk]
    days: tuple[date, ...]
    ends_at: int
    stray_act: float
    is_watcher: bool = False

    def live(self, process: VirtualProcess) -> None:
        """Run until the schedule ends; a crash starts it again after a while."""
        while self._goes_on:
            try:
                self._work(process)
            except Crashed:
                process.skew = 0
                process.wake_at = self.hub.now
                self.hub.sleep(self.draws.between(0.5, 30.0))

    @property
    def _goes_on(self) -> bool:
        # After the first broken promise nothing later means anything.
        return self.hub.now < self.ends_at and not self.checker.violations

    def _work(self, process: VirtualProcess) -> None:
        desk = self.opened_desk(process)
        chases = 0
        while self._goes_on:
            due = self._due(chases)
            if due is None and not self.hub.is_healed and self.draws.chance(self.stray_act):
                due = self.draws.choice(_STRAY), self.draws.choice(self.days)
            if due is None:
                chases = 0
                self.hub.sleep_until(self._next_moment())
                continue
            act, session = due
            chases += act == "submit"
            is_pending = self._call(desk, act, session)
            self.hub.sleep(self.draws.between(1.0, 45.0) * (_PATIENCE if is_pending else 1))

    def _call(self, desk: Desk, act: str, session: date) -> bool:
        """Call an act and return whether it waits for the world, and has to be called again."""
        self.hub.note(f"{self.hub.process.name} calls {act} {session}")
        arguments: dict[str, Any] = {"session": session}
        if act == "plan":
            published = desk.batches.published(session)
            arguments["batch_hash"] = published[-1] if published else None
        try:
            called = look if act == _LOOK else ACTS[act]
            report = called(replace(desk, run_id=f"{self.hub.now}"), **arguments)
        except (TouchstoneError, OSError) as refusal:
            # A named refusal; anything else is a fault of the act and is told below.
            self.hub.note(f"{self.hub.process.name} {act} {type(refusal).__name__}: {refusal}")
        except Exception as error:  # noqa: BLE001 - whatever else escapes an act is a finding
            self.checker.escaped(act, error)
        else:
            self.hub.note(f"{self.hub.process.name} {act} {report.status}")
            return bool(report.status == "pending")
        return False

    def _due(self, chases: int) -> tuple[str, date] | None:
        """Return what seems due: the oldest session's work first."""
        book, now = self.checker.peek(), instant_of(self.hub.now)
        cycles = {cycle.session: cycle for cycle in book.cycles.values()}
        for session in self.days:
            if self.is_watcher:
                act = "watch" if _is_watch_due(book, session, now) else None
            else:
                act = _act_due(book, cycles.get(session), session, now, chases)
            if act:
                return act, session
        return None if self.is_watcher else self._last_look(book, now)

    def _last_look(self, book: Book, now: datetime) -> tuple[str, date] | None:
        """Return the look of the evening after the last day, for outcomes that are unknown still."""
        last = self.days[-1]
        is_evening = now >= CALENDAR.as_of(CALENDAR.next(last))
        return (_LOOK, last) if is_evening and is_outcome_unknown(book) else None

    def _next_moment(self) -> int:
        """Return when something may be due next, a little late as every wake-up is."""
        now = instant_of(self.hub.now)
        moments = [moment for session in self.days for moment in moments_of(session) if moment > now]
        late = int(self.draws.between(0.0, 5_000_000.0))
        return virtual_time(min(moments)) + late if moments else self.ends_at


def moments_of(session: date) -> tuple[datetime, ...]:
    """Return when a decision session's work is due: plan, submit, chase, cancel, settle, and the evening after it."""
    opens, closes = CALENDAR.submit_window(session)
    middle = opens + (closes - opens) / 2
    traded = CALENDAR.next(session)
    return CALENDAR.as_of(session), opens, middle, closes, CALENDAR.bars_known_at(traded), CALENDAR.as_of(traded)


def _is_watch_due(book: Book, session: date, now: datetime) -> bool:
    is_open = CALENDAR.submit_window(session)[1] <= now < CALENDAR.closes_at(CALENDAR.next(session))
    return is_open and (WATCHED, session, STRATEGY) not in book.notes


def _act_due(book: Book, cycle: CycleRecord | None, session: date, now: datetime, chases: int) -> str | None:
    opens, closes = CALENDAR.submit_window(session)
    if cycle is None:
        return "plan" if now >= CALENDAR.as_of(session) else None
    if isinstance(cycle.plan, PlanMissed) or cycle.settled:
        return None
    if opens <= now < closes:
        is_needed = not cycle.is_submitted or bool(unprotected(book))
        return "submit" if is_needed and chases < _CHASES_MAX else None
    if now >= CALENDAR.bars_known_at(CALENDAR.next(session)):
        return "settle"
    if now >= closes and any(is_waiting(record) for record in book.orders_of(cycle.cycle_id)):
        return "cancel_rest"
    return None
