"""A person's word as a signed text: what it lets go, of which account, by whom, and until when.

It is made where the person's key is, which is no place of the account's, and believed where the public half stands in
the settings. Whoever can write into the ledger, or start a job in the page, can then still let no live money go.

    touchstone-word.v1.<what is said, in Base64>.<Ed25519 signature over all before the last point, in Base64>

Ed25519 (RFC 8032) and no shared secret: with an HMAC, whoever can believe a word could make one.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from execution.domain.canonical import canonical_bytes
from execution.domain.errors import NotArmed
from execution.domain.events import Matter

PREFIX: Final = "touchstone-word.v1"
LONGEST: Final = timedelta(hours=96)
"""From the evening before a long weekend to the end of the next submit window it is less."""
_CLOCKS_APART: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a person says, and for how long.

    Attributes:
        matter: what is let go.
        subject: which one: the plan's hash, the release's id, or the state and token of the stop.
        account: name of the account in the settings.
        signer: the person's name, under which the settings know the key.
        made_at: when it was signed, aware.
        expires_at: from when on it lets nothing go any more, aware.
    """

    matter: Matter
    subject: str
    account: str
    signer: str
    made_at: datetime
    expires_at: datetime


def signed(word: Word, key: Ed25519PrivateKey) -> str:
    """Return a word as the text that is handed on.

    Raises:
        NotArmed: it would be believed nowhere: nobody or nothing is named, or it holds too long or not at all.
    """
    if not all(text.strip() for text in (word.subject, word.account, word.signer)):
        raise NotArmed("a word names its subject, its account and the person who gives it")
    _refuse_span(word)
    said = f"{PREFIX}.{_as_text(canonical_bytes(word))}"
    return f"{said}.{_as_text(key.sign(said.encode()))}"


def believed(
    text: str, *, matter: Matter, subject: str, account: str, signers: Mapping[str, str], now: datetime
) -> Word:
    """Return what a text says when a known person signed exactly this, and it holds now.

    Args:
        text: as `signed` made it.
        matter: what would be let go.
        subject: which one.
        account: of which account.
        signers: name to public key of those who may.
        now: the clock's instant, aware.

    Raises:
        NotArmed: it is malformed, of a stranger, forged, for something else, early, expired, or holds too long.
    """
    word, said, signature = _parsed(text)
    key = signers.get(word.signer)
    if key is None:
        raise NotArmed(f"the word is of a stranger: approval.signers does not name {word.signer!r}")
    try:
        public_key(key).verify(signature, said)
    except InvalidSignature:
        raise NotArmed(f"the word is forged: the key of {word.signer} did not sign it") from None
    for name, found, expected in (
        ("account", word.account, account),
        ("matter", word.matter, matter),
        ("subject", word.subject, subject),
    ):
        if found != expected:
            raise NotArmed(f"the word is for another {name}: {found}, not {expected}; sign this one")
    _refuse_span(word)
    if now + _CLOCKS_APART < word.made_at:
        raise NotArmed(f"the word is early: {word.signer} signed it at {word.made_at.isoformat()}, look at both clocks")
    if now >= word.expires_at:
        raise NotArmed(f"the word has expired: {word.signer} gave it until {word.expires_at.isoformat()}; sign again")
    return word


def public_key(text: str) -> Ed25519PublicKey:
    """Return the key of 32 bytes in Base64.

    Raises:
        ValueError: it is something else.
    """
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        raise ValueError(
            "not the public half of a signer's key: 44 characters, as `touchstone sign-key` prints"
        ) from None


def public_text(key: Ed25519PrivateKey) -> str:
    """Return the public half of a key as the settings hold it."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _parsed(text: str) -> tuple[Word, bytes, bytes]:
    said, _, signature = text.strip().rpartition(".")
    prefix, _, body = said.rpartition(".")
    if prefix != PREFIX:
        raise NotArmed("the word is malformed: expected what `touchstone sign` prints, whole")
    try:
        word = msgspec.json.decode(_as_bytes(body), type=Word)
        # Without a zone an instant means another one on another machine.
        is_aware = word.made_at.tzinfo is not None and word.expires_at.tzinfo is not None
        packed = _as_bytes(signature)
    except (ValueError, msgspec.DecodeError):
        raise NotArmed("the word is malformed: it was cut or changed on its way; copy it whole") from None
    if not is_aware:
        raise NotArmed("the word is malformed: its instants have no zone")
    return word, said.encode(), packed


def _refuse_span(word: Word) -> None:
    if not timedelta(0) < word.expires_at - word.made_at <= LONGEST:
        hours = LONGEST.total_seconds() / 3600
        raise NotArmed(
            f"the word holds for {word.expires_at - word.made_at}: more than nothing and at most {hours:.0f} h"
        )


def _as_text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _as_bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
