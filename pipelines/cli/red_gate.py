"""What a red gate means before the open, when no plan tells of it yet."""

from datetime import date

from execution.domain.errors import CorruptArtifact, ProofError
from execution.ledger.book import Book
from execution.session.proof import failing_checks
from execution.signal_batch_store import SignalBatchStore


def newest_red_gate(batches: SignalBatchStore, book: Book | None) -> str:
    """Return what the newest session judged will come to; empty unless its gate is red and it has no plan yet.

    Args:
        batches: where certificates are published.
        book: the folded ledger; None where there is none.
    """
    newest = max(batches.sessions(), default=None)
    planned = {cycle.session for cycle in book.cycles.values()} if book else set()
    return "" if newest is None or newest in planned else red_gate(batches, newest)


def red_gate(batches: SignalBatchStore, session: date) -> str:
    """Return what a session without a plan will come to by its newest certificate; empty unless that is red."""
    try:
        certificates = batches.certificates(session)
    except (ProofError, CorruptArtifact) as error:
        return f"what the gate said of {session} cannot be read: {error}"
    if not certificates or certificates[-1].is_green:
        return ""
    newest = certificates[-1]
    told = f"the {newest.stage} gate of {session} is red: {failing_checks(newest)}"
    return f"{told}; the session will be held at the open unless the gate turns green"
