"""Write files so that a crash between any two steps leaves the old state or the new one, never half of one.

Each step is a method of its own, so that a test can die between any two of them. What a step means to a store (a part
without an index line, a line without its end) is the store's business, not this module's.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


class DurableFiles:
    """The steps of a durable write, in the order they are taken."""

    def write_temporary(self, target: Path, write: Callable[[Path], None]) -> Path:
        """Let `write` fill a new temporary file beside the target and return its path; nothing is left if it fails."""
        # A name of its own keeps two writers apart; one left by a dead process is ignored, never adopted.
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def sync(self, path: Path) -> None:
        """Force a file's bytes to the device."""
        with path.open("rb") as stream:
            os.fsync(stream.fileno())

    def rename(self, temporary: Path, target: Path) -> None:
        """Give the finished file its name; readers see all of it or none."""
        temporary.replace(target)

    def sync_folder(self, folder: Path) -> None:
        """Force a folder's entries to the device, so that a rename survives a power cut."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def append_line(self, path: Path, line: bytes) -> None:
        """Append one line and force it to the device; an unfinished line before it is ended first."""
        with path.open("ab+") as stream:
            if stream.tell() > 0:
                stream.seek(-1, os.SEEK_END)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")
            stream.write(line + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def publish(self, target: Path, write: Callable[[Path], None]) -> None:
        """Write a whole file under its final name: temporary, sync, rename, sync the folder."""
        temporary = self.write_temporary(target, write)
        self.sync(temporary)
        self.rename(temporary, target)
        self.sync_folder(target.parent)
