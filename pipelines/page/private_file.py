"""A file that its owner alone may read: passwords, and the key of a certificate."""

import stat
from pathlib import Path

from execution.domain.errors import SettingsRefused


def read_private(path: Path, called: str) -> str:
    """Return the text of a file.

    Args:
        path: the file.
        called: what to name it in a refusal.

    Raises:
        SettingsRefused: it cannot be read, or others may read it.
    """
    try:
        mode, text = stat.S_IMODE(path.stat().st_mode), path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsRefused(f"the {called} {path.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsRefused(f"the {called} {path.name} is no text") from None
    if mode & 0o077:
        raise SettingsRefused(f"the {called} {path.name} has mode {mode:o}: others may read it; run `chmod 600`")
    return text
