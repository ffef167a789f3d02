"""Who may see a page that is reachable from elsewhere: a file of `name:password` lines, its owner's alone."""

import stat
from pathlib import Path
from typing import Final

from execution.domain.errors import SettingsRefused

_CHARACTERS_MIN: Final = 16


def read_passwords(path: Path) -> dict[str, str]:
    """Return password by user name.

    Raises:
        SettingsRefused: the file cannot be read, others may read it, or a line is not `name:password`.
    """
    try:
        mode, lines = stat.S_IMODE(path.stat().st_mode), path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SettingsRefused(f"the password file {path.name} cannot be read: {error.strerror}") from None
    if mode & 0o077:
        raise SettingsRefused(f"the password file {path.name} has mode {mode:o}: others may read it; run `chmod 600`")
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        user, colon, password = line.partition(":")
        if not line.strip():
            continue
        # The line itself is never shown: it holds a password.
        if not colon or not user or user in found or len(password) < _CHARACTERS_MIN:
            raise SettingsRefused(
                f"line {number} of the password file {path.name} is not name:password with a new name and "
                f"{_CHARACTERS_MIN} characters or more"
            )
        found[user] = password
    if not found:
        raise SettingsRefused(f"the password file {path.name} names nobody")
    return found
