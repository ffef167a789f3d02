"""What one trading day costs in one process: seconds, CPU, memory, and how much of it is Dagster, dbt, checks and work.

Each size lives in a process of its own, so that its memory is its own. That process takes in seven years of history and
trains (day 0), then lives warm days; a second, fresh process lives one more day, which shows what the first cycle of a
process pays for its imports. `make bench` runs 50 and 500 symbols here and then through the daemon (`daemon.py`).

    python benchmarks/cycle.py                     50 and 500 symbols, then the daemon
    python benchmarks/cycle.py --sizes 50          one size
    python benchmarks/cycle.py --growth            3,000 symbols as well
    python benchmarks/cycle.py --in-process-only   without the daemon
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from measuring import conditions, print_table, seconds, typical, write_result

from pipelines.home import Home

SIZES: Final = (50, 500)
GROWTH_SIZE: Final = 3_000
WARM_DAYS: Final = 5
AIM_WARM_CYCLE_SECONDS: Final = 3.0
AIM_PEAK_MB: Final = 1_536
INGEST_TO_BATCH: Final = ("ingest", "cycle", "first_cycle")
KINDS: Final = ("Dagster", "dbt", "checks", "work")


def measure(symbols: int, warm_days: int) -> dict[str, Any]:
    """Measure one size in two child processes on one home and return their notes."""
    with tempfile.TemporaryDirectory(prefix="touchstone-bench-") as folder:
        root = Path(folder) / "home"
        lived = _child(root, symbols, first_day=0, days=1 + warm_days)
        fresh = _child(root, symbols, first_day=1 + warm_days, days=1)
    return {"symbols": symbols, "lived": lived, "fresh_process": fresh}


def _child(root: Path, symbols: int, *, first_day: int, days: int) -> dict[str, Any]:
    answer = root.parent / f"answer-{first_day}.json"
    span = ["--first-day", str(first_day), "--days", str(days)]
    command = [
        sys.executable,
        str(Path(__file__).with_name("lived_days.py")),
        "--home",
        str(root),
        "--symbols",
        str(symbols),
        *span,
        "--answer",
        str(answer),
    ]
    log = root.parent / "child.log"
    with log.open("ab") as sink:
        code = subprocess.run(
            command, stdout=sink, stderr=sink, check=False, env=Home(root).process_environment()
        ).returncode
    if code:
        raise SystemExit(f"{symbols} symbols: the measured process failed\n{log.read_text(errors='replace')[-3000:]}")
    noted: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return noted


def summary(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of one size: medians over the warm days."""
    lived, fresh = measured["lived"], measured["fresh_process"]
    sessions = sorted({run["session"] for run in lived["runs"] if run["act"] == "cycle"})[1:]
    warm = [_ingest_to_batch(lived["runs"], session) for session in sessions]
    plans = [
        run["usage"]["wall_seconds"] for run in lived["runs"] if run["act"] == "plan" and run["session"] in sessions
    ]
    ends = lived["day_ends_seconds"]
    last = max(run["session"] for run in fresh["runs"] if run["act"] == "cycle")
    return {
        "symbols": measured["symbols"],
        "warm_days": len(warm),
        "warm_wall_seconds": typical(one["wall"] for one in warm),
        "warm_wall_seconds_highest": max((one["wall"] for one in warm), default=0.0),
        "warm_cpu_seconds": typical(one["cpu"] for one in warm),
        "warm_peak_mb": max((one["peak"] for one in warm), default=0.0),
        "by_kind": {kind: typical(one["by_kind"][kind] for one in warm) for kind in KINDS},
        "steps": {
            name: typical(one["steps"].get(name, 0.0) for one in warm) for name in (warm[-1]["steps"] if warm else {})
        },
        "batch_to_plan_seconds": typical(plans),
        "whole_day_seconds": typical(after - before for before, after in pairwise(ends[1:])),
        "acts": _seconds_of_acts(lived["runs"], sessions),
        "day_0_seconds": ends[0],
        "start_seconds": fresh["start"]["wall_seconds"],
        "first_cycle_of_a_process": _ingest_to_batch(fresh["runs"], last),
        "empty_run_10_steps_seconds": lived["empty_run_10_steps"]["wall_seconds"],
    }


def _seconds_of_acts(runs: list[dict[str, Any]], sessions: list[str]) -> dict[str, float]:
    """Return what each act takes of a warm day on which it runs, the longest first."""
    taken: dict[str, dict[str, float]] = {}
    for run in runs:
        if run["session"] in sessions:
            of_day = taken.setdefault(run["act"], {})
            of_day[run["session"]] = of_day.get(run["session"], 0.0) + run["usage"]["wall_seconds"]
    return dict(sorted(((act, typical(days.values())) for act, days in taken.items()), key=lambda act: -act[1]))


def _ingest_to_batch(runs: list[dict[str, Any]], session: str) -> dict[str, Any]:
    chosen = [run for run in runs if run["session"] == session and run["act"] in INGEST_TO_BATCH]
    steps: dict[str, float] = {}
    for run in chosen:
        for name, taken in run["steps"].items():
            steps[name] = steps.get(name, 0.0) + taken
    return {
        "wall": sum(run["usage"]["wall_seconds"] for run in chosen),
        "cpu": sum(run["usage"]["cpu_seconds"] for run in chosen),
        "peak": max(run["usage"]["peak_rss_mb"] for run in chosen),
        "by_kind": {kind: sum(run["by_kind"][kind] for run in chosen) for kind in KINDS},
        "steps": steps,
    }


def print_summaries(rows: list[dict[str, Any]]) -> None:
    """Print every size side by side, each with its ratio to the first."""
    print_table(
        f"Ingest to signal batch in one process, warm, median of {rows[0]['warm_days']} days, 7 years of history",
        ("symbols", "wall s", "highest", "CPU s", "peak MB", "x first", *(f"{kind} s" for kind in KINDS)),
        [
            (
                f"{row['symbols']:,}",
                seconds(row["warm_wall_seconds"]),
                seconds(row["warm_wall_seconds_highest"]),
                seconds(row["warm_cpu_seconds"]),
                f"{row['warm_peak_mb']:,.0f}",
                f"{row['warm_wall_seconds'] / rows[0]['warm_wall_seconds']:.2f}",
                *(seconds(row["by_kind"][kind]) for kind in KINDS),
            )
            for row in rows
        ],
    )
    print(f"  aim for 500 symbols: under {AIM_WARM_CYCLE_SECONDS:.0f} s wall and {AIM_PEAK_MB:,} MB")
    names = list(dict.fromkeys(name for row in rows for name in row["steps"]))
    print_table(
        "Seconds per step, warm",
        ("step", *(f"{row['symbols']:,}" for row in rows)),
        [(name.replace("__", "/"), *(f"{row['steps'].get(name, 0.0):.3f}" for row in rows)) for name in names],
    )
    acts = list(dict.fromkeys(act for row in rows for act in row["acts"]))
    print_table(
        "Seconds of a day per act, warm",
        ("act", *(f"{row['symbols']:,}" for row in rows)),
        [(act, *(f"{row['acts'].get(act, 0.0):.3f}" for row in rows)) for act in acts],
    )
    print_table(
        "The rest of the day in one process",
        (
            "symbols",
            "batch to plan s",
            "whole day s",
            "first cycle s",
            "+ start s",
            "history + training s",
            "10 empty steps s",
        ),
        [
            (
                f"{row['symbols']:,}",
                seconds(row["batch_to_plan_seconds"]),
                seconds(row["whole_day_seconds"]),
                seconds(row["first_cycle_of_a_process"]["wall"]),
                seconds(row["start_seconds"]),
                seconds(row["day_0_seconds"]),
                seconds(row["empty_run_10_steps_seconds"]),
            )
            for row in rows
        ],
    )


def main() -> None:
    """Measure every size asked for, print the tables and write the figures."""
    parser = argparse.ArgumentParser(description="Measure a trading day.")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="symbols of each market measured")
    parser.add_argument("--growth", action="store_true", help="measure 3,000 symbols as well")
    parser.add_argument("--warm-days", type=int, default=WARM_DAYS)
    parser.add_argument("--in-process-only", action="store_true", help="leave the daemon out")
    asked = parser.parse_args()
    sizes = [*asked.sizes, *([GROWTH_SIZE] if asked.growth else [])]
    before = conditions()
    measured = []
    for size in sizes:
        print(f"{size:,} symbols: seven years of history, training, {asked.warm_days} days ...", flush=True)
        measured.append(measure(size, asked.warm_days))
    rows = [summary(one) for one in measured]
    print_summaries(rows)
    write_result("cycle", {"conditions": before, "aims": {"wall_seconds": AIM_WARM_CYCLE_SECONDS}, "sizes": rows})
    if not asked.in_process_only:
        command = [sys.executable, str(Path(__file__).with_name("daemon.py")), "--sizes"]
        subprocess.run([*command, *map(str, asked.sizes)], check=True)


if __name__ == "__main__":
    main()
