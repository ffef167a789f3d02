"""Where a database file must not lie: file systems of other machines, whose locks and flushes cannot be trusted."""

import os
from pathlib import Path
from typing import Final

from execution.domain.errors import LedgerError

_MOUNTS: Final = Path("/proc/self/mounts")
NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre"}
    | {"ncpfs", "nfs", "nfs4", "smb3", "smbfs"}
)


def refuse_network_folder(folder: Path, *, mounts: Path = _MOUNTS) -> None:
    """Do nothing when a folder lies on this machine, or when nobody can tell.

    Args:
        folder: an absolute path.
        mounts: the kernel's table of mounts; on systems without one nothing is refused.

    Raises:
        LedgerError: the folder lies on a network file system.
    """
    try:
        table = mounts.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    place = Path(os.path.realpath(folder))
    found, kind = Path("/"), ""
    for line in table.splitlines():
        fields = line.split(" ")
        # Blanks in a mount point are written as octal escapes.
        point = Path(fields[1].encode().decode("unicode_escape"))
        if place.is_relative_to(point) and len(point.parts) >= len(found.parts):
            found, kind = point, fields[2]
    if kind in NETWORK_FILE_SYSTEMS:
        raise LedgerError(
            f"{folder.name} lies on a network file system ({kind}), which cannot promise that a commit is on the "
            "disk: keep the ledger on a disk of this machine, or use Postgres"
        )
