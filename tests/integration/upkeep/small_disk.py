"""A real disk of a few megabytes, which a test fills up to the last page, and gives room again."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PAGE_BYTES = 4096


class SmallDisk:
    """A file system in memory, with a ballast that leaves as much room as a test says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / "ballast"

    @contextmanager
    def room_for(self, pages: int) -> Iterator[None]:
        """Leave room for so many pages until the block ends."""
        # One page is what the ballast's own name may take.
        free = shutil.disk_usage(self.root).free - (pages + 1) * PAGE_BYTES
        descriptor = os.open(self._ballast, os.O_CREAT | os.O_WRONLY)
        try:
            os.posix_fallocate(descriptor, 0, max(PAGE_BYTES, free))
        finally:
            os.close(descriptor)
        try:
            yield
        finally:
            self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a small disk on a folder until the block ends; skip the test aloud where nobody may."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)
