"""People whose keys the settings know, and their signed words for one desk."""

from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from execution.domain.events import Matter, ReleaseApproved
from execution.session.consent import must_be_signed
from execution.session.desk import Desk
from execution.session.release import _release, approve_release
from execution.session.signed_word import Word, public_text, signed

ANN, BOB = "Ann Person", "Bob Person"
KEYS = {name: Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number, name in enumerate((ANN, BOB))}
SIGNERS = {name: public_text(key) for name, key in KEYS.items()}


def a_word(
    subject: str,
    *,
    at: datetime,
    matter: Matter = "plan",
    signer: str = ANN,
    account: str = "paper-1",
    hours: float = 24,
    key: Ed25519PrivateKey | None = None,
) -> str:
    """Return a word as its signer would hand it on."""
    word = Word(
        matter=matter,
        subject=subject,
        account=account,
        signer=signer,
        made_at=at,
        expires_at=at + timedelta(hours=hours),
    )
    return signed(word, key or KEYS[signer])


def released(desk: Desk, *, model_hash: str | None, approver: str = ANN, **changes: Any) -> ReleaseApproved:
    """Let what a desk runs trade, signed where the desk wants it so."""
    word = ""
    if must_be_signed(desk):
        subject = _release(desk, model_hash=model_hash, approver=approver).release_id
        word = a_word(subject, at=desk.clock.now(), matter="release", signer=approver, account=desk.account, **changes)
    return approve_release(desk, model_hash=model_hash, approver=approver, word=word)
