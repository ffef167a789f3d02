"""What one trading day costs through the real daemon: sensors, queue and run workers included.

A home lives day 0 (history and training) and then a few days without anybody touching it. The figures come from the
event log: when a run was asked for, when a batch and a plan stood, when the day's page was written. Memory is what the
daemon and everything it started hold together, looked at five times a second.

    python benchmarks/daemon.py --sizes 50 500
"""

import argparse
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dagster as dg
import psutil
from bench_homes import CALENDAR, BenchHome, bench_home
from measuring import conditions, print_table, seconds, typical, write_result

from pipelines.cli.demo import live_day_through_daemon
from pipelines.trading_adapters import clock_of

SIZES: Final = (50, 500)
DAYS: Final = 3
AIM_INGEST_TO_BATCH_SECONDS: Final = 20.0
AIM_BATCH_TO_PLAN_SECONDS: Final = 5.0
AIM_DAY_SECONDS: Final = 60.0
FIGURES: Final = ("ingest_to_batch", "cycle_to_batch", "batch_to_plan", "whole_day")
SECONDS_BETWEEN_LOOKS: Final = 0.2
SECONDS_A_HOME_MAY_TAKE: Final = 3_600.0
_BATCH: Final = ["ml", "signal_batch"]
_PLAN: Final = ["trading", "order_plan"]
_REPORT: Final = ["reports", "daily_report"]


class MemoryWatch:
    """The highest memory of this process's descendants, all together and the largest one alone."""

    def __init__(self) -> None:
        self.together_mb = 0.0
        self.largest_mb = 0.0
        self._over = threading.Event()

    @contextmanager
    def watching(self) -> Iterator["MemoryWatch"]:
        """Look until the block ends."""
        thread = threading.Thread(target=self._look_until_over, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _look_until_over(self) -> None:
        own = psutil.Process()
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            held = []
            for child in own.children(recursive=True):
                # A process may end between being listed and being asked.
                try:
                    held.append(child.memory_info().rss / 2**20)
                except psutil.NoSuchProcess:
                    continue
            self.together_mb = max(self.together_mb, sum(held))
            self.largest_mb = max(self.largest_mb, max(held, default=0.0))


def live_through_daemon(bench: BenchHome, days: int) -> dict[str, Any]:
    """Live day 0 and a number of days through the daemon and return what the event log says of them."""
    last = bench.session(days)
    clock: Any = clock_of(bench.settings.mode, bench.home)
    clock.live_until(CALENDAR.bars_known_at(CALENDAR.next(last)))
    page = bench.home.reports / f"{last.isoformat()}.html"
    with MemoryWatch().watching() as memory:
        live_day_through_daemon(
            bench.home, is_over=page.exists, timeout_seconds=SECONDS_A_HOME_MAY_TAKE, tell=lambda _line: None
        )
    with dg.DagsterInstance.from_config(str(bench.home.dagster)) as instance:
        told = [
            day_figures(instance, bench.session(day - 1).isoformat(), bench.session(day).isoformat())
            for day in range(1, days + 1)
        ]
    return {"days": told, "together_mb": memory.together_mb, "largest_process_mb": memory.largest_mb}


def day_figures(instance: Any, before: str, session: str) -> dict[str, float | None]:
    """Return one day's figures in seconds; None where the log has no such event.

    Args:
        instance: the home's Dagster instance.
        before: the session before it, whose page marks where the day begins.
        session: the decision session measured.
    """
    batch, plan = _made_at(instance, _BATCH, session), _made_at(instance, _PLAN, session)
    page, page_before = _made_at(instance, _REPORT, session), _made_at(instance, _REPORT, before)
    return {
        "ingest_to_batch": _between(_asked_at(instance, session, ("ingest", "cycle", "first_cycle")), batch),
        "cycle_to_batch": _between(_asked_at(instance, session, ("cycle", "first_cycle")), batch),
        "batch_to_plan": _between(batch, plan),
        "whole_day": _between(page_before, page),
    }


def _asked_at(instance: Any, session: str, jobs: tuple[str, ...]) -> float | None:
    filters = dg.RunsFilter(tags={"dagster/partition": session})
    moments = [
        record.create_timestamp.timestamp()
        for record in instance.get_run_records(filters=filters)
        if record.dagster_run.job_name in jobs
    ]
    return min(moments, default=None)


def _made_at(instance: Any, key: list[str], session: str) -> float | None:
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(key), asset_partitions=[session])
    moments = [record.timestamp for record in instance.fetch_materializations(wanted, limit=50).records]
    return min(moments, default=None)


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start


def summary(symbols: int, lived: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of one size: medians and highest values over its days."""
    row: dict[str, Any] = {"symbols": symbols, "days": len(lived["days"])}
    for name in FIGURES:
        known = [day[name] for day in lived["days"] if day[name] is not None]
        row[f"{name}_seconds"] = typical(known)
        row[f"{name}_seconds_highest"] = max(known, default=None)
    return {**row, "together_mb": lived["together_mb"], "largest_process_mb": lived["largest_process_mb"]}


def print_summaries(rows: list[dict[str, Any]]) -> None:
    """Print every size side by side."""
    print_table(
        f"Through the daemon, median (highest) of {rows[0]['days']} days",
        ("symbols", *(f"{name.replace('_', ' ')} s" for name in FIGURES), "all processes MB", "largest MB"),
        [
            (
                f"{row['symbols']:,}",
                *(f"{seconds(row[f'{name}_seconds'])} ({seconds(row[f'{name}_seconds_highest'])})" for name in FIGURES),
                f"{row['together_mb']:,.0f}",
                f"{row['largest_process_mb']:,.0f}",
            )
            for row in rows
        ],
    )
    print(
        f"  aims for 500 symbols: under {AIM_INGEST_TO_BATCH_SECONDS:.0f} s to the batch, "
        f"{AIM_BATCH_TO_PLAN_SECONDS:.0f} s to the plan, {AIM_DAY_SECONDS:.0f} s a day"
    )


def main(sizes: list[int], days: int = DAYS) -> None:
    """Measure every size asked for, print the table and write the figures."""
    before = conditions()
    rows = []
    for size in sizes:
        print(f"{size:,} symbols through the daemon: history, training, {days} days ...", flush=True)
        with tempfile.TemporaryDirectory(prefix="touchstone-bench-") as folder:
            bench = bench_home(Path(folder) / "home", symbols=size)
            rows.append(summary(size, live_through_daemon(bench, days)))
    print_summaries(rows)
    write_result("daemon", {"conditions": before, "sizes": rows})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure trading days through the daemon.")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="symbols of each market measured")
    parser.add_argument("--days", type=int, default=DAYS)
    asked = parser.parse_args()
    main(asked.sizes, asked.days)
