"""Ask for proof: the newest certificate that judged exactly these data, and only if it is green.

Scoring asks here before it reads a feature, so that a red gate holds in a later run too. The answer comes from the
published certificates; the orchestrator's check records are never asked.
"""

from datetime import date
from typing import Protocol

from execution.domain.errors import CertificateRefused
from execution.domain.provenance import GateCertificate


class Certificates(Protocol):
    """Where certificates are published; `execution.signal_batch_store.SignalBatchStore` is one."""

    def certificates(self, session: date) -> tuple[GateCertificate, ...]:
        """Return the certificates of a session in the order of their publication."""
        ...


def require_green(batches: Certificates, *, session: date, snapshot_hash: str, features_hash: str) -> GateCertificate:
    """Return the green certificate of exactly these data.

    The newest certificate of the same data decides: a red one published after a green one withdraws it.

    Args:
        batches: where certificates are published.
        session: the exchange day the data are of.
        snapshot_hash: hash of the pinned snapshot the features were built from.
        features_hash: `assets.judged_rows.judged_features_hash` of the rows about to be used.

    Raises:
        CertificateRefused: no certificate judges these data, or the newest that does is red.
    """
    found = [c for c in batches.certificates(session) if c.session == session and c.snapshot_hash == snapshot_hash]
    judging = [c for c in found if c.stage == "raw" or c.features_hash == features_hash]
    if not judging:
        others = f"; {len(found)} judge other features of the same snapshot" if found else ""
        raise CertificateRefused(
            f"no gate certificate for session {session} judges snapshot {snapshot_hash[:12]} with features "
            f"{features_hash[:12]}{others}; materialize features/gate_certificate for this session first"
        )
    newest = judging[-1]
    if not newest.is_green:
        reasons = "; ".join(f"{check.name}: {check.reason}" for check in newest.failures) or "no check passed it"
        raise CertificateRefused(
            f"the {newest.stage} gate refused session {session} (certificate {newest.hash[:12]}): {reasons}; "
            "correct the data, take them in again and run the cycle of this session"
        )
    return newest
