"""The kill switch: a file in the home. While it exists, or nobody can tell, nothing is sent.

A file needs no database, no orchestrator and no other process, so it still works when all of them are dead. Whatever
stands under its name counts: an empty file, a folder, a link to nowhere. `touchstone halt` makes it without this
module; `touchstone resume` alone takes it away.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from execution.domain.errors import Halted
from execution.durable_files import DurableFiles


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """The switch of one home.

    Attributes:
        kill_file: the file; its existence is the switch, its content only tells who, why and when.
    """

    kill_file: Path

    def refuse_when_engaged(self) -> None:
        """Do nothing while the switch is off.

        Raises:
            Halted: the kill file exists, or nobody can tell.
        """
        try:
            self.kill_file.lstat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise Halted(f"the kill file {self.kill_file.name} cannot be read: {error}; nothing is sent") from error
        raise Halted(f"the kill file {self.kill_file.name} exists: nothing is sent; `touchstone resume` takes it away")

    @property
    def is_engaged(self) -> bool:
        """Whether nothing may be sent, also because nobody can tell."""
        try:
            self.refuse_when_engaged()
        except Halted:
            return True
        return False

    def cause(self) -> Mapping[str, str]:
        """Return what the file tells of the stop: `actor`, `reason` and `at`; nothing where it was made by hand."""
        try:
            told = json.loads(self.kill_file.read_bytes())
        except (OSError, ValueError):
            # It stops all the same, as does one on a disk that had no room for who and why.
            return {}
        return {str(name): str(value) for name, value in told.items()} if isinstance(told, dict) else {}

    def told(self) -> str:
        """Return since when the switch is on, by whom and why, in one line; empty while it is off."""
        if not self.is_engaged:
            return ""
        cause = self.cause()
        if not {"at", "actor", "reason"} <= cause.keys():
            return f"by {self.kill_file.name}, which does not say who made it, when or why"
        return f"since {cause['at']}, by {cause['actor']}: {cause['reason']}"

    def engage(self, reason: str, actor: str, at: datetime) -> None:
        """Stop everything; harmless to repeat, and the first to stop is the one the file names.

        Raises:
            OSError: nothing stands under the file's name and it cannot be made: the switch is still off.
        """
        try:
            descriptor = os.open(self.kill_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return
        try:
            # On a full disk the name is there and its content is not: it stops all the same.
            with suppress(OSError):
                os.write(descriptor, json.dumps({"at": at.isoformat(), "actor": actor, "reason": reason}).encode())
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        DurableFiles().sync_folder(self.kill_file.parent)

    def release(self) -> None:
        """Take the switch away, in whatever form it stands there; harmless when it is off.

        Raises:
            Halted: it cannot be taken away, so nothing is sent.
        """
        try:
            # A link is taken away itself, never what it points to.
            is_folder = self.kill_file.is_dir() and not self.kill_file.is_symlink()
            self.kill_file.rmdir() if is_folder else self.kill_file.unlink(missing_ok=True)
            DurableFiles().sync_folder(self.kill_file.parent)
        except OSError as error:
            raise Halted(
                f"the kill file {self.kill_file.name} cannot be taken away: {error}; look at what stands there, and "
                "remove it by hand once you know who put it there"
            ) from error
