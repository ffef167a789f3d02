"""Who says what may be sent, written into the ledger. Anybody may tighten; only `resume` loosens."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from execution.domain.events import ControlChanged, ControlState, Event
from execution.ledger.book import Book
from execution.ledger.store import LedgerStore

_STRICTNESS: Final[dict[ControlState, int]] = {"active": 0, "reducing": 1, "halted": 2}


def control_state(book: Book) -> ControlState:
    """Return what the ledger says may be sent; active when nobody ever said anything."""
    return book.control.state if book.control else "active"


def control_sentence(control: ControlChanged | None) -> str:
    """Return in one line what may be sent, who said so, when and why."""
    if control is None:
        return "active, nobody ever stopped it"
    return f"{control.state} since {control.at.isoformat()}, by {control.actor}: {control.reason}"


def tighten(ledger: LedgerStore, changed: ControlChanged) -> bool:
    """Record a stricter state and return True; return False when the ledger already is as strict."""

    def stricter(book: Book) -> Sequence[Event]:
        return (changed,) if _STRICTNESS[changed.state] > _STRICTNESS[control_state(book)] else ()

    return bool(ledger.record(stricter))


def take_in_stop_requests(ledger: LedgerStore, folder: Path, *, at: datetime) -> int:
    """Write down the halts that were asked for while the ledger was away, and return how many.

    A request is removed after it was written down, so a crash in between writes it down twice, never not at all. One
    that cannot be read is a halt by nobody known: it is no reason to go on.

    Args:
        ledger: where they are written.
        folder: where `touchstone halt` leaves them; need not exist.
        at: the clock's instant.
    """
    requests = sorted(folder.glob("*.json"))
    for path in requests:
        actor, reason = _told(path)
        halted = ControlChanged(at=at, state="halted", actor=actor, reason=reason)
        # Also when it is halted already: each person who stopped is on record.
        ledger.record(_always(halted))
        path.unlink(missing_ok=True)
    return len(requests)


def _told(path: Path) -> tuple[str, str]:
    try:
        told = json.loads(path.read_bytes())
        return str(told["actor"]), f"{told['reason']} (asked for at {told['at']})"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return "unknown", f"stop request {path.name} cannot be read: {type(error).__name__}"


def _always(event: Event) -> Callable[[Book], Sequence[Event]]:
    return lambda _: (event,)
