"""Ask for proof: the newest certificate that judged exactly these data, and only if it is green.

Scoring asks here before it reads a feature, so that a red gate holds in a later run too. The answer comes from the
published certificates; the orchestrator's check records are never asked.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final, Protocol

import pyarrow as pa

from assets.table_hash import table_hash
from execution.domain.errors import CertificateRefused
from execution.domain.provenance import GateCertificate

# Everything a signal batch is made from, each with the order that makes its rows unique.
JUDGED_MARTS: Final[Mapping[str, str]] = {
    "fct_features": "symbol",
    "fct_market_context": "session",
    "fct_total_returns": "symbol",
    "fct_trading_facts": "symbol",
    "fct_universe": "symbol",
}


class Certificates(Protocol):
    """Where certificates are published."""

    def certificates(self, session: date) -> tuple[GateCertificate, ...]:
        """Return the certificates of a session in the order of their publication."""
        ...


def judged_features_hash(read: Callable[[str, Sequence[date]], pa.Table], session: date) -> str:
    """Return the hash that names the rows of one session in every judged mart.

    Args:
        read: runs a query with positional parameters, as `Warehouse.read` does.
        session: the exchange day.

    Returns:
        64 hexadecimal digits; equal rows give equal digits in any process.
    """
    digest = hashlib.sha256()
    for mart, order in JUDGED_MARTS.items():
        rows = read(f"select * from marts.{mart} where session = ? order by {order}", [session])  # noqa: S608 - names are constants
        digest.update(f"{mart}={table_hash(rows)};".encode())
    return digest.hexdigest()


def require_green(batches: Certificates, *, session: date, snapshot_hash: str, features_hash: str) -> GateCertificate:
    """Return the green certificate of exactly these data.

    The newest certificate of the same snapshot decides: a red one published after a green one withdraws it.

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
