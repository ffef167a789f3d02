"""Backups readable by whoever has the passphrase: AES-SIV with a key stretched from it by scrypt.

SIV needs no nonce and gives equal bytes for equal bytes (RFC 5297), so a sealed backup is as incremental as a plain
one. What that tells a stranger is which pieces are equal, never what they say.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from assets.maintenance.backup_store import BackupStore
from execution.domain.errors import CorruptArtifact, DataError, SettingsRefused

FORMAT_NAME: Final = "format.json"
FORMAT: Final = 1
# RFC 7914 and OWASP's sheet of 2024 name 2**17 and 8 for keys at rest: about 128 MB and half a second.
_SCRYPT: Final = {"n": 2**17, "r": 8, "p": 1}
_PROOF: Final = b"touchstone backup"


class Sealing(Protocol):
    """How bytes stand in a store."""

    def seal(self, data: bytes) -> bytes:
        """Return what is stored; equal for equal bytes."""
        ...

    def unseal(self, stored: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            DataError: the bytes were sealed otherwise, or changed since.
        """
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """Bytes as they are."""

    def seal(self, data: bytes) -> bytes:
        """Return the bytes."""
        return data

    def unseal(self, stored: bytes) -> bytes:
        """Return the bytes."""
        return stored


@dataclass(frozen=True, slots=True)
class Sealed:
    """Bytes under a key of 64 bytes."""

    key: bytes = field(repr=False)

    def seal(self, data: bytes) -> bytes:
        """Return the bytes encrypted and authenticated."""
        return AESSIV(self.key).encrypt(data, None)

    def unseal(self, stored: bytes) -> bytes:
        """Return the bytes decrypted."""
        try:
            return AESSIV(self.key).decrypt(stored, None)
        except (InvalidTag, ValueError) as error:
            raise DataError("a piece of the backup does not open with this passphrase: it was changed") from error


def begin_store(store: BackupStore, passphrase: str | None) -> Sealing:
    """Return how a store is sealed; an empty store gets its format written down.

    Args:
        store: where backups lie or shall lie.
        passphrase: None for plain bytes.

    Raises:
        SettingsRefused: the store is sealed otherwise than the passphrase says, or by another one.
    """
    if FORMAT_NAME not in store.names(""):
        store.put(FORMAT_NAME, orjson.dumps(_new_format(passphrase), option=orjson.OPT_SORT_KEYS))
    return open_store(store, passphrase)


def open_store(store: BackupStore, passphrase: str | None) -> Sealing:
    """Return how an existing store is sealed.

    Raises:
        CorruptArtifact: the store does not say how it is sealed.
        DataError: nothing was ever stored.
        SettingsRefused: the store is sealed otherwise than the passphrase says, or by another one.
    """
    try:
        told: dict[str, Any] = orjson.loads(store.get(FORMAT_NAME))
    except CorruptArtifact:
        if store.names(""):
            raise
        raise DataError(
            "no backup was made yet where the settings say that backups lie: make one with `touchstone backup`, or "
            "name the place of yours in backup.folder or backup.bucket"
        ) from None
    if told["format"] != FORMAT:
        raise SettingsRefused(f"the backup store has format {told['format']}, expected {FORMAT}: use its own version")
    if (told["sealed"] is None) != (passphrase is None):
        wanted = "is not encrypted: unset backup.passphrase" if told["sealed"] is None else "needs backup.passphrase"
        raise SettingsRefused(f"the backup store {wanted}, or begin another store")
    if passphrase is None:
        return Plain()
    sealed = told["sealed"]
    sealing = Sealed(_stretched(passphrase, bytes.fromhex(sealed["salt"]), sealed))
    try:
        sealing.unseal(bytes.fromhex(sealed["proof"]))
    except DataError:
        raise SettingsRefused("backup.passphrase is not the one this backup store was begun with") from None
    return sealing


def _new_format(passphrase: str | None) -> dict[str, Any]:
    if passphrase is None:
        return {"format": FORMAT, "sealed": None}
    # A fresh key of the library is as good a salt as any random bytes.
    salt = AESSIV.generate_key(256)
    proof = Sealed(_stretched(passphrase, salt, _SCRYPT)).seal(_PROOF)
    return {"format": FORMAT, "sealed": {**_SCRYPT, "salt": salt.hex(), "proof": proof.hex()}}


def _stretched(passphrase: str, salt: bytes, cost: dict[str, Any]) -> bytes:
    return Scrypt(salt=salt, length=64, n=cost["n"], r=cost["r"], p=cost["p"]).derive(passphrase.encode())
