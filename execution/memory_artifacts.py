"""Artifacts in this process alone: for a backtest, whose why-rows nobody reads tomorrow."""

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from execution.domain.errors import CorruptArtifact

Value = TypeVar("Value")


class MemoryArtifacts:
    """The port `Artifacts` without a folder.

    Bytes have the name a folder would give them. Values are numbered instead: most of a backtest would be spent on
    encoding why-rows for the sake of their hash.
    """

    def __init__(self) -> None:
        self._content: dict[tuple[str, str], Any] = {}

    def write(self, folder: str, data: bytes, *, suffix: str) -> str:
        """Store bytes and return their hash."""
        digest = hashlib.sha256(data).hexdigest()
        self._content[folder, digest + suffix] = data
        return digest

    def read(self, folder: str, digest: str, *, suffix: str) -> bytes:
        """Return the bytes of a hash.

        Raises:
            CorruptArtifact: there are none.
        """
        return bytes(self._found(folder, digest + suffix))

    def keep(self, folder: str, value: Value, encode: Callable[[Value], bytes], *, suffix: str) -> str:  # noqa: ARG002 - nothing is encoded
        """Keep a frozen value and return a name for it: the same in every run that keeps the same things in order."""
        name = hashlib.sha256(f"{folder}:{len(self._content)}".encode()).hexdigest()
        self._content[folder, name + suffix] = value
        return name

    def kept(self, folder: str, digest: str, decode: Callable[[bytes], Value], *, suffix: str) -> Value:  # noqa: ARG002 - nothing was encoded
        """Return the value of a name.

        Raises:
            CorruptArtifact: there is none.
        """
        found: Value = self._found(folder, digest + suffix)
        return found

    def _found(self, folder: str, name: str) -> Any:
        if (folder, name) not in self._content:
            raise CorruptArtifact(f"no artifact {name} in {folder}: expected one that was written before")
        return self._content[folder, name]
