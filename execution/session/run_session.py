"""One trading session in three acts at three clock times, and the facts by which others know what is due.

`plan` in the evening of the decision session S, `submit` after the open of S+1, `settle` after its close; `cancel_rest`
between the last two, at the deadline of S's orders. Every act verifies the ledger's chain, makes the ledger agree with
the venue, and may be repeated any number of times by any number of processes: exactly-once lives in the ledger alone.
"""

from datetime import date

from execution.ledger.book import CycleRecord
from execution.session.approval import ApprovalReport, approve
from execution.session.desk import Desk
from execution.session.plan import PlanReport, plan
from execution.session.settle import SettleReport, settle
from execution.session.submit import SubmitReport, cancel_rest, is_waiting, submit

__all__ = [
    "ApprovalReport",
    "Desk",
    "PlanReport",
    "SettleReport",
    "SubmitReport",
    "approve",
    "cancel_rest",
    "current_tradable_session",
    "has_open_entries",
    "is_planned",
    "is_settled",
    "is_submitted",
    "plan",
    "planned_sessions",
    "recorded_batches",
    "settle",
    "settled_sessions",
    "submit",
    "submitted_sessions",
    "waiting_sessions",
]


def is_planned(desk: Desk, session: date) -> bool:
    """Return whether a session's cycle is closed to other batches: planned, held or missed."""
    return session in planned_sessions(desk)


def has_open_entries(desk: Desk, session: date) -> bool:
    """Return whether entries or exits of a session wait to be sent, or work without having been asked to end."""
    return session in waiting_sessions(desk)


def is_submitted(desk: Desk, session: date) -> bool:
    """Return whether everything a session had to send was sent, or cannot be sent any more."""
    return session in submitted_sessions(desk)


def is_settled(desk: Desk, session: date) -> bool:
    """Return whether a session's fills are booked and its positions marked."""
    return session in settled_sessions(desk)


def current_tradable_session(desk: Desk) -> date | None:
    """Return the newest session whose cut-off has come, unless its submit window is over; None in between."""
    return desk.tradable_session()


def planned_sessions(desk: Desk) -> frozenset[date]:
    """Return every session of this desk whose cycle is planned, held or missed."""
    return frozenset(cycle.session for cycle in _cycles(desk))


def submitted_sessions(desk: Desk) -> frozenset[date]:
    """Return every session of this desk whose sending has finished."""
    return frozenset(cycle.session for cycle in _cycles(desk) if cycle.is_submitted)


def settled_sessions(desk: Desk) -> frozenset[date]:
    """Return every session of this desk that is settled."""
    return frozenset(cycle.session for cycle in _cycles(desk) if cycle.settled is not None)


def waiting_sessions(desk: Desk) -> frozenset[date]:
    """Return every session of this desk with entries or exits to be sent, or working and not asked to end."""
    book = desk.ledger.book()
    return frozenset(cycle.session for cycle in _cycles(desk) if any(map(is_waiting, book.orders_of(cycle.cycle_id))))


def recorded_batches(desk: Desk, session: date) -> frozenset[str]:
    """Return the batches of a session the ledger knows: planned, refused or superseded."""
    book = desk.ledger.book()
    cycle = book.cycles.get(desk.cycle_id(session))
    known = {subject for topic, noted, subject in book.notes if topic == "batch_refused" and noted == session}
    if cycle is not None:
        known |= {*cycle.superseded, *([cycle.batch_hash] if cycle.batch_hash else [])}
    return frozenset(known)


def _cycles(desk: Desk) -> list[CycleRecord]:
    return [c for c in desk.ledger.book().cycles.values() if c.cycle_id == desk.cycle_id(c.session)]
