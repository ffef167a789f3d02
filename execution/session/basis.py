"""What a plan is made on: a batch that may be believed, or the reason why the session holds."""

from dataclasses import dataclass
from datetime import date

from execution.domain.errors import BatchRefused, CorruptArtifact, ProofError
from execution.domain.provenance import GateCertificate
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
        certificate: what the batch carries, or the session's newest; None where nobody judged it.
        hold_stage: `gate`, `model`, `batch` or `account`.
        hold_reason: empty when there is a batch to trade.
    """

    batch: SignalBatch | None
    batch_hash: str | None
    certificate: GateCertificate | None
    hold_stage: str
    hold_reason: str


def basis_of(desk: Desk, reconciled: Reconciled, session: date, batch_hash: str | None) -> Basis:
    """Return the batch when it may be believed and the account is known, else why the session holds.

    Raises:
        BatchRefused: the batch is for another session or strategy; this is noted.
    """
    batch, certificate, stage, reason = None, None, "gate", ""
    if batch_hash is None:
        certificate, stage, reason = _newest_refusal(desk, session)
    else:
        try:
            batch = desk.batches.load(batch_hash)
            certificate = batch.certificate
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
    return Basis(None if reason else batch, batch_hash, certificate, stage, reason)


def _newest_refusal(desk: Desk, session: date) -> tuple[GateCertificate | None, str, str]:
    """Return a session's newest certificate, and the stage and reason of having no batch.

    Its gate was red, nobody was fit to score, or nothing came.
    """
    try:
        certificates = desk.batches.certificates(session)
        held = desk.batches.held(session)
    except (ProofError, CorruptArtifact) as error:
        return None, "gate", f"no batch arrived, and what analysis said of it cannot be read: {error}"
    if not certificates:
        return None, "gate", "no batch arrived, and no gate certificate"
    newest = certificates[-1]
    if not newest.is_green:
        return newest, "gate", f"the gate is red: {failing_checks(newest)}"
    if held:
        return newest, "model", f"analysis holds: {held}"
    return newest, "gate", "no batch arrived, though the gate was green"
