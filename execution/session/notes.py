"""Notes to the operator: what was refused and why, once per subject, so that asking again adds nothing."""

from datetime import date

from execution.domain.events import AuditNoted
from execution.session.desk import Desk


def note_once(desk: Desk, *, topic: str, session: date, subject: str, detail: str) -> None:
    """Record a note unless one of this topic, session and subject stands in the ledger."""
    note = AuditNoted(
        at=desk.clock.now(),
        topic=topic,
        session=session,
        subject=subject,
        detail=detail,
        actor=desk.actor,
        run_id=desk.run_id,
    )
    desk.ledger.record(lambda book: () if (topic, session, subject) in book.notes else (note,))
