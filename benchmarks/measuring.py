"""What a piece of work used: wall and CPU seconds and the highest memory, measured inside the process that did it."""

import importlib.metadata
import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parent / "results"
_PACKAGES: Final = ("dagster", "dbt-core", "duckdb", "lightgbm", "numpy", "pandas", "pyarrow")
_MEBIBYTE: Final = 1024


@dataclass(frozen=True)
class Usage:
    """Seconds by the clock, CPU seconds of this process and its ended children, and peak memory of this process."""

    wall_seconds: float
    cpu_seconds: float
    peak_rss_mb: float


class Stopwatch:
    """Measures from its making to `stop`. The memory peak is counted anew, so what ran before does not hide it."""

    def __init__(self) -> None:
        _forget_peak()
        self._cpu = _cpu_seconds()
        self._wall = time.perf_counter()

    def stop(self) -> Usage:
        wall = time.perf_counter() - self._wall
        return Usage(wall, _cpu_seconds() - self._cpu, _peak_rss_mb())


def conditions() -> dict[str, Any]:
    """Return what a reader needs to judge the figures: when, on what, beside what. No paths, no host names."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load_average_1m": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def typical(values: Iterable[float]) -> float:
    """Return the median; 0 for nothing."""
    collected = list(values)
    return statistics.median(collected) if collected else 0.0


def write_result(name: str, result: Mapping[str, Any]) -> Path:
    """Write a result where it can be committed, overwriting the former one."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(as_text(result), encoding="utf-8")
    return path


def as_text(result: Mapping[str, Any]) -> str:
    """Return figures as JSON text."""
    return json.dumps(_plain(result), indent=1) + "\n"


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under a title, columns aligned, the first to the left."""
    cells = [list(columns), *(list(row) for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    print(f"\n{title}")
    for place, row in enumerate(cells):
        first, *rest = (
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join([first, *rest]).rstrip())
        if place == 0:
            print("  " + "  ".join("-" * width for width in widths))


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _plain(value: Any) -> Any:
    if isinstance(value, Usage):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    # A thousandth is finer than any of these figures repeats.
    return round(value, 3) if isinstance(value, float) else value


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _forget_peak() -> None:
    # Linux counts the peak anew after this write; where it is forbidden the peak is the process's whole life's.
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _peak_rss_mb() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / _MEBIBYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEBIBYTE
