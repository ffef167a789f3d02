"""What a plan is made on: a batch that may be believed, or the reason why the session holds."""

from dataclasses import dataclass
from datetime import date

from execution.domain.errors import BatchRefused, CorruptArtifact, ProofError
from execution.domain.signals import SignalBatch
from execution.session.desk import Desk
from execution.session.notes import note_once
from execution.session.proof import (
    failing_checks,
    refuse_foreign_batch,
    refuse_malformed_batch,
    refuse_unproven_batch,
)
from execution.session.reconcile import Reconciled


@dataclass(frozen=True, slots=True)
class Basis:
    """A believed batch, or the stage and reason of holding.

    Attributes:
        batch: None when the session holds.
        batch_hash: the batch traded or refused; None when there was none.
        hold_stage: `gate`, `model`, `batch` or `account`.
        hold_reason: empty when there is a batch to trade.
    """

    batch: SignalBatch | None
    batch_hash: str | None
    hold_stage: str
    hold_reason: str


def basis_of(desk: Desk, reconciled: Reconciled, session: date, batch_hash: str | None) -> Basis:
    """Return the batch when it may be believed and the account is known, else why the session holds.

    Raises:
        BatchRefused: the batch is for another session or strategy; this is noted.
    """
    batch, stage, reason = None, "gate", ""
    if batch_hash is None:
        stage, reason = newest_refusal(desk, session)
    else:
        try:
            batch = desk.batches.load(batch_hash)
            refuse_foreign_batch(batch, session=session, strategy=desk.strategy)
            refuse_malformed_batch(batch)
            refuse_unproven_batch(batch, mode=desk.mode, calendar=desk.calendar)
        except BatchRefused as refusal:
            note_once(desk, topic="batch_refused", session=session, subject=batch_hash, detail=str(refusal))
            raise
        except (ProofError, CorruptArtifact) as refusal:
            # Fail closed, but look after what is held: an unbelievable batch is no reason to leave positions alone.
            stage, reason = "batch", f"batch {batch_hash} refused: {refusal}"
    if not reason and reconciled.differences:
        stage, reason = "account", f"ledger and venue differ: {'; '.join(reconciled.differences)}"
    return Basis(None if reason else batch, batch_hash, stage, reason)


def newest_refusal(desk: Desk, session: date) -> tuple[str, str]:
    """Return the stage and the reason of having no batch: a red gate, nobody fit to score, or that nothing came."""
    try:
        certificates = desk.batches.certificates(session)
        held = desk.batches.held(session)
    except (ProofError, CorruptArtifact) as error:
        return "gate", f"no batch arrived, and what analysis said of it cannot be read: {error}"
    if not certificates:
        return "gate", "no batch arrived, and no gate certificate"
    if not certificates[-1].is_green:
        return "gate", f"the gate is red: {failing_checks(certificates[-1])}"
    if held:
        return "model", f"analysis holds: {held}"
    return "gate", "no batch arrived, though the gate was green"
