"""The right to write, held by one executor at a time: a row with a rising token.

The venue cannot check tokens, so a lease alone proves nothing about the wire; it is the second line behind unique order
ids (Kleppmann, "How to do distributed locking", 2016). Lease rows are operational state: no event, not in the chain.
"""

from dataclasses import dataclass

from execution.domain.errors import Fenced


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease as it was when it was taken or renewed.

    Attributes:
        name: what may be done by one holder at a time.
        holder: who holds it; unique per process.
        token: rises by one with every taking, for ever.
        expires_at_seconds: reading of the ledger's own clock from which another holder may take it.
    """

    name: str
    holder: str
    token: int
    expires_at_seconds: float


def refuse_lost(lease: Lease, *, holder: str, token: int) -> None:
    """Do nothing while a lease is held.

    Args:
        lease: the lease somebody believes to hold.
        holder: who holds it by the ledger; empty when nobody does.
        token: the token that stands in the ledger; 0 when there is none.

    Raises:
        Fenced: the ledger names another holder or another token.
    """
    if (holder, token) != (lease.holder, lease.token):
        raise Fenced(
            f"lease {lease.name} was lost: {lease.holder} holds token {lease.token}, the ledger names "
            f"{holder or 'nobody'} and token {token}; stop and write nothing, another executor may be at work"
        )
