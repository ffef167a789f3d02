"""What the machine of a home has left: processor, memory, disk. Measured when asked; nothing is kept."""

import os
import resource
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_KILOBYTE: Final = 1024
_MEMORY: Final = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineUse:
    """How much is in use, and how much is left.

    Attributes:
        load_per_core: processes that ran or waited to run over the last minute, per core; above 1 some wait.
        memory_available_bytes: what programs can still get without swapping; None where the kernel does not tell.
        disk_free_bytes: on the home's disk.
        peak_memory_bytes: the most this process ever held.
    """

    load_per_core: float
    memory_available_bytes: int | None
    disk_free_bytes: int
    peak_memory_bytes: int

    def facts(self) -> dict[str, int | float]:
        """Return every figure that is known by its name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def machine_use(folder: Path) -> MachineUse:
    """Return what the machine has left now.

    Args:
        folder: lies on the disk that is meant.
    """
    return MachineUse(
        load_per_core=round(os.getloadavg()[0] / (os.cpu_count() or 1), 3),
        memory_available_bytes=_available_bytes(),
        disk_free_bytes=shutil.disk_usage(folder).free,
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KILOBYTE,
    )


def _available_bytes() -> int | None:
    try:
        lines = _MEMORY.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    told = {name: rest.split()[0] for name, _, rest in (line.partition(":") for line in lines) if rest}
    return int(told["MemAvailable"]) * _KILOBYTE if "MemAvailable" in told else None
