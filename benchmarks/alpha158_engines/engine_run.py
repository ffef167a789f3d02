"""How an engine is run: a panel in Parquet in, seconds of CPU and the features out. Standard library and pyarrow alone.

A script of this folder is started in a process of its own, by whichever interpreter has its engine:

    ENGINE.py PANEL full|day OUT

Measured is from the Parquet file to features in memory, after a run over a tiny panel that loads and compiles what has
to be, or after an engine's own beginning. With OUT other than `-` the features are written there afterwards.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Compute = Callable[[Path, str], Any]
"""Features of a panel: mode full is of every session, mode day of the last one alone."""
Write = Callable[[Any, Path], None]
"""Features as one Parquet file: session, symbol, then Qlib's names; any order of rows."""


def measure(compute: Compute, write: Write, *, begin: Callable[[Path], None] | None = None) -> None:
    panel, mode, out = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    if begin is None:
        compute(panel.with_name("tiny"), mode)
    else:
        begin(panel)
    before, began = cpu_seconds(), time.perf_counter()
    features = compute(panel, mode)
    used = {"cpu_seconds": cpu_seconds() - before, "wall_seconds": time.perf_counter() - began}
    used["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if out != "-":
        write(features, Path(out))
    print(json.dumps(used))


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
