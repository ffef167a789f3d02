"""What of the ledger's events somebody has to be told, and how urgently."""

from collections.abc import Mapping
from typing import Final

from execution.alert_outbox import Alert, Severity
from execution.domain.events import (
    AuditNoted,
    ControlChanged,
    Event,
    LedgerRestored,
    OrderEnded,
    OrderMissed,
    OrderRefused,
    OutcomeUnknown,
    PlanHeld,
    PlanMissed,
    SymbolQuarantined,
)

_TOPICS: Final[Mapping[str, Severity]] = {
    "account_blocked": "critical",
    "batch_refused": "warning",
    "not_tradable": "warning",
    "not_sent": "warning",
}
"""Notes that tell of something gone wrong; the others are for whoever reads the ledger."""


def alert_of(event: Event) -> Alert | None:
    """Return the alert of an event; None when nobody has to be told."""
    match event:
        case ControlChanged(state="halted" | "reducing"):
            severity: Severity = "critical" if event.state == "halted" else "warning"
            return _alert(f"control:{event.state}", severity, f"trading is {event.state}", _by(event))
        case ControlChanged():
            return _alert("control:active", "info", "trading was resumed", _by(event))
        case OutcomeUnknown():
            return _alert("stuck_order", "critical", "nobody knows what became of an order", _order(event))
        case OrderMissed():
            return _alert("missed_order", "critical", "the venue does not know an order that was sent", _order(event))
        case OrderRefused():
            return _alert("rejected_order", "warning", "the venue refused an order", _order(event))
        case OrderEnded(status="rejected"):
            return _alert("rejected_order", "warning", "the venue refused an order", _rejected(event))
        case SymbolQuarantined():
            title = f"{event.symbol} is in quarantine"
            return _alert(f"quarantine:{event.symbol}", "warning", title, event.reason)
        case PlanMissed():
            return _alert("missed_session", "critical", f"session {event.session} was missed", event.reason)
        case PlanHeld():
            return _alert("held_session", "warning", f"session {event.session} only manages what is held", event.reason)
        case LedgerRestored():
            detail = f"{event.rows} rows from {event.backup}, by {event.actor}; trading waits for `touchstone resume`"
            return _alert("restored", "critical", "the ledger was restored from a backup", detail)
        case AuditNoted() if event.topic in _TOPICS:
            subject = f"{event.topic.replace('_', ' ')}: {event.subject}"
            return _alert(event.topic, _TOPICS[event.topic], subject, event.detail)
        case _:
            return None


def _alert(cause: str, severity: Severity, title: str, detail: str) -> Alert:
    return Alert(cause=cause, severity=severity, title=title, detail=detail)


def _by(event: ControlChanged) -> str:
    return f"by {event.actor}: {event.reason}"


def _rejected(event: OrderEnded) -> str:
    words = f", {event.reason}" if event.reason else ""
    return f"{event.client_order_id}: rejected after it was accepted{words}; `touchstone orders` lists it"


def _order(event: OutcomeUnknown | OrderMissed | OrderRefused) -> str:
    return f"{event.client_order_id}: {event.reason}; `touchstone orders` lists it"
