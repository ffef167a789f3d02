"""A key that signs, anchors or a person's word: made once, readable by its owner alone, never printed."""

import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from execution.domain.errors import LedgerError
from execution.durable_files import DurableFiles


def make_key(path: Path) -> None:
    """Make the key's file with mode 0600; harmless when there is one."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files = DurableFiles()
    # A temporary file is its owner's alone from its first moment on.
    temporary = files.write_temporary(path, lambda new: _fill(new, pem))
    files.sync(temporary)
    try:
        # A link, not a rename: of two processes that make a key at once, the second must not replace the first's.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    files.sync_folder(path.parent)


def read_key(path: Path, *, called: str = "anchor key", maker: str = "touchstone init") -> Ed25519PrivateKey:
    """Return the key of a file.

    Args:
        path: the file.
        called: what to name it in a refusal.
        maker: the command that makes one.

    Raises:
        LedgerError: there is none, others than its owner may read it, or it holds something else.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        pem = path.read_bytes()
    except OSError as error:
        raise LedgerError(f"the {called} {path.name} cannot be read ({error.strerror}): `{maker}` makes one") from None
    if mode & 0o077:
        raise LedgerError(f"the {called} {path.name} has mode {mode:o}: others may read it; run `chmod 600` on it")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerError(f"the {called} {path.name} holds no Ed25519 key: put the right file back from a backup")
    return key


def _fill(path: Path, content: bytes) -> None:
    path.write_bytes(content)
