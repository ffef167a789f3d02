"""`touchstone sign-key` and `touchstone sign`: a person's key, and their word under it. Neither knows a home."""

from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from execution.clock import SystemClock
from execution.domain.errors import SettingsRefused
from execution.domain.events import Matter
from execution.ledger.signing_key import make_key, read_key
from execution.session.signed_word import Word, public_text, signed


def make_signing_key(path: Path) -> str:
    """Make a key unless there is one, and return what to say: its public half, never the other."""
    is_new = not path.exists()
    make_key(path)
    told = "made" if is_new else "there already"
    return f"{public_text(_read(path))}\n{path} is {told}; keep it where the account's programs cannot read it"


def sign_word(
    matter: Matter, subject: str, *, account: str, by: str, key_file: Path, hours: float, at: str = ""
) -> str:
    """Return a signed word.

    Args:
        matter: what it lets go.
        subject: which one.
        account: of which account.
        by: the person's name, as the settings know it.
        key_file: the person's private key.
        hours: how long it holds.
        at: instant it is made at; empty for now by this machine's clock.

    Raises:
        LedgerError: the key's file cannot be read, others may read it, or it holds something else.
        NotArmed: nobody or nothing is named, or it would hold too long or not at all.
        SettingsRefused: the instant is none, or has no zone.
    """
    made_at = _instant(at) if at else SystemClock().now()
    expires_at = made_at + timedelta(hours=hours)
    word = Word(matter=matter, subject=subject, account=account, signer=by, made_at=made_at, expires_at=expires_at)
    return signed(word, _read(key_file))


def _read(path: Path) -> Ed25519PrivateKey:
    return read_key(path, called="signing key", maker=f"touchstone sign-key --key {path}")


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise SettingsRefused(f"{text!r} is no instant: expected a form like 2024-03-05T21:30:00+00:00")
    return instant
