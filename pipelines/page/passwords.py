"""Who may see a page that is reachable from elsewhere: a file of `name:password` lines, its owner's alone."""

from pathlib import Path
from typing import Final

from execution.domain.errors import SettingsRefused
from pipelines.page.private_file import read_private

_CHARACTERS_MIN: Final = 16


def read_passwords(path: Path) -> dict[str, str]:
    """Return password by user name.

    Raises:
        SettingsRefused: the file cannot be read, others may read it, or a line is not `name:password`.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(read_private(path, "password file").splitlines(), start=1):
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
