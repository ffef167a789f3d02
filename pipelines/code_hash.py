"""Which code decided: one hash over the source of the four packages and the dbt project, and whether git knows it."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SOURCE_FOLDERS: Final = ("assets", "dbt_project", "execution", "pipelines", "sensors")
_MADE_FOLDERS: Final = {"__pycache__", "target", "logs", "dbt_packages"}
_GIT_TIMEOUT_SECONDS: Final = 10


def checkout_root() -> Path:
    """Return the folder that holds the four packages and dbt_project."""
    return Path(__file__).resolve().parent.parent


def code_hash(root: Path) -> str:
    """Return the SHA-256 over names and bytes of every source file, as 64 hexadecimal digits.

    Made files (caches, dbt's target) and hidden files are left out, so running the code does not change its name. Two
    checkouts of one commit have one hash, wherever they lie.

    Args:
        root: the checkout; see `checkout_root`.
    """
    total = hashlib.sha256()
    for name, path in sorted(_sources(root)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        # One line per file: a name cannot run into the next file's bytes.
        total.update(f"{content}  {name}\n".encode())
    return total.hexdigest()


def is_dirty(root: Path) -> bool | None:
    """Return whether source files differ from the commit; None where git or its history is absent."""
    command = ["git", "-C", str(root), "status", "--porcelain", "--untracked-files=normal", "--", *SOURCE_FOLDERS]
    try:
        status = subprocess.run(  # noqa: S603 - the command is a constant but for the checkout's own path
            command, capture_output=True, check=False, timeout=_GIT_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return bool(status.stdout.strip()) if status.returncode == 0 else None


def _sources(root: Path) -> Iterator[tuple[str, Path]]:
    for folder in SOURCE_FOLDERS:
        for path in (root / folder).rglob("*"):
            parts = path.relative_to(root).parts
            is_made = any(part in _MADE_FOLDERS or part.startswith(".") for part in parts)
            if path.is_file() and not is_made and path.suffix != ".pyc":
                yield "/".join(parts), path
