"""`touchstone demo`: one whole day through the real daemon, told as it happens, with a table at the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import dagster as dg
from rich.console import Console

from assets.ledger_frames import latest_export, load_export
from assets.raw_store import RawStore
from assets.reporting.day_summary import day_summary, rich_tables
from assets.schemas import ALL
from execution.clock import FileClock
from execution.domain.errors import TouchstoneError
from execution.trading_calendar import TradingCalendar
from pipelines.analysis_adapters import first_cycle_session, sources_of
from pipelines.cli.init import create_home, refuse_other_settings
from pipelines.daemon_process import RunWatcher, running_daemon
from pipelines.home import Home
from pipelines.ledger_opening import open_ledger
from pipelines.settings import Settings, load_settings
from pipelines.trading_adapters import batches_of

DEMO_SETTINGS: Final = Path(__file__).parent.parent.parent / "examples" / "demo.yaml"
SECONDS_BETWEEN_LOOKS: Final = 0.5
SECONDS_A_DAY_MAY_TAKE: Final = 900.0


class DayFailed(TouchstoneError):
    """The day did not come to its end; the message says where it stopped and where to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTimes:
    """Where the seconds of a day went.

    Attributes:
        wall_seconds: from the daemon's start to the written report.
        steps: seconds per asset step, in the order they ended.
    """

    wall_seconds: float
    steps: tuple[tuple[str, str, float], ...]


def run_demo(*, home: Home, settings_path: Path | None) -> int:
    """Live the first day of a home through the daemon, print it, and return the exit code.

    A home that has lived its day lives it no second time: its day is printed again and nothing is sent.

    Args:
        home: made when it does not exist.
        settings_path: settings of a new home; None for the demo's own.
    """
    console = Console(highlight=False, soft_wrap=True)
    settings = _settings_of(home, settings_path)
    console.print(create_home(settings, home))
    calendar = TradingCalendar.shipped()
    session = first_cycle_session(settings, sources_of(settings, home))
    report = home.reports / f"{session.isoformat()}.html"
    FileClock(home.clock).live_until(calendar.bars_known_at(calendar.next(session)))
    if report.exists():
        console.print(f"this home has lived {session} already; nothing is done again")
    else:
        console.print(f"living {session} through the real daemon; its log is {home.logs / 'daemon.log'}")
        times = live_day_through_daemon(
            home, is_over=report.exists, timeout_seconds=SECONDS_A_DAY_MAY_TAKE, tell=console.print
        )
        console.print(*_stage_lines(times), sep="\n")
    return _told(settings, home, session, report, console)


def live_day_through_daemon(
    home: Home,
    *,
    is_over: Callable[[], bool],
    timeout_seconds: float,
    tell: Callable[[str], None],
) -> DayTimes:
    """Run the real daemon on a prepared home until the day is over.

    Args:
        home: prepared by `touchstone init`; its clock may go as far as the day needs.
        is_over: whether the day's last artifact stands.
        timeout_seconds: give up after this long.
        tell: takes one line of progress.

    Raises:
        DayFailed: a step failed thrice, the daemon died, or the time ran out.
    """
    started = time.monotonic()
    log_file = home.logs / "daemon.log"
    steps: list[tuple[str, str, float]] = []
    failures: dict[str, int] = {}
    with (
        dg.DagsterInstance.from_config(str(home.dagster)) as instance,
        running_daemon(environment=home.process_environment(home.settings), log_file=log_file) as daemon,
    ):
        watcher = RunWatcher(instance)
        while not (is_over() and watcher.unfinished_runs() == 0):
            for step in watcher.news():
                if step.is_success:
                    steps.append((step.job, step.step, step.seconds))
                    tell(f"{time.monotonic() - started:6.1f} s  {step.job:<12} {step.step:<28} {step.seconds:6.2f} s")
                else:
                    failures[step.step] = failures.get(step.step, 0) + 1
                    tell(f"{time.monotonic() - started:6.1f} s  {step.job:<12} {step.step:<28} FAILED")
            _refuse_a_hopeless_day(
                died=daemon.poll() is not None,
                failures=failures,
                waited_seconds=time.monotonic() - started,
                timeout_seconds=timeout_seconds,
                log_file=log_file,
            )
            time.sleep(SECONDS_BETWEEN_LOOKS)
    return DayTimes(wall_seconds=time.monotonic() - started, steps=tuple(steps))


def _refuse_a_hopeless_day(
    *, died: bool, failures: dict[str, int], waited_seconds: float, timeout_seconds: float, log_file: Path
) -> None:
    where = f"see {log_file.name} in the home's logs folder, and `make ui`"
    if died:
        raise DayFailed(f"the daemon ended before the day did; {where}")
    # A location that does not load leaves a daemon that looks well and starts nothing.
    if "Error loading repository location" in log_file.read_text(encoding="utf-8", errors="replace"):
        raise DayFailed(f"a code location does not load; {where}")
    hopeless = [step for step, count in failures.items() if count >= 3]
    if hopeless:
        raise DayFailed(f"{', '.join(sorted(hopeless))} failed three times; {where}")
    if waited_seconds > timeout_seconds:
        raise DayFailed(f"the day was not over after {timeout_seconds:.0f} s; {where}")


def _settings_of(home: Home, settings_path: Path | None) -> Settings:
    """Return the settings of a home; a new home keeps what it was made with (`create_home`)."""
    if not home.settings.exists():
        return load_settings(settings_path or DEMO_SETTINGS)
    refuse_other_settings(home, settings_path)
    return load_settings(home.settings)


def _stage_lines(times: DayTimes) -> list[str]:
    seconds: dict[str, float] = {}
    for job, step, step_seconds in times.steps:
        stage = f"{job}: {step.replace('__', '/')}"
        seconds[stage] = seconds.get(stage, 0.0) + step_seconds
    work = sum(seconds.values())
    lines = ["", "seconds per stage"]
    lines += [f"  {stage:<44} {stage_seconds:7.2f}" for stage, stage_seconds in seconds.items()]
    lines += [
        f"  {'starting runs, waiting for sensors':<44} {times.wall_seconds - work:7.2f}",
        f"  {'whole day':<44} {times.wall_seconds:7.2f}",
        "",
    ]
    return lines


def _told(settings: Settings, home: Home, session: date, report: Path, console: Console) -> int:
    calendar, batches, store = TradingCalendar.shipped(), batches_of(home.artifacts), RawStore(home.raw)
    frames = load_export(latest_export(home.artifacts, calendar.next(session)))
    counts = {table.name: sum(part.rows for part in store.parts(table)) for table in ALL}
    tables = day_summary(batches=batches, export_frames=frames, raw_counts=counts, session=session)
    console.print(*rich_tables(tables))
    ledger = open_ledger(settings, home)
    cycles = [cycle for cycle in ledger.book().cycles.values() if cycle.session == session]
    for cycle in cycles:
        console.print(f"batch  {cycle.batch_hash}\nplan   {cycle.plan_hash}")
    console.print(f"ledger {ledger.trading_hash()}\nreport {report}")
    if not ledger.book().fills:
        console.print("no order was filled; `touchstone why SYMBOL` and the report say why")
        return 1
    bought = next(iter(ledger.book().fills.values())).fill.symbol
    console.print(
        f"\nnext: `make ui` for the graph, `.venv/bin/touchstone why {bought}` for one decision, "
        "`.venv/bin/touchstone clock live --sessions 5` while `make ui` runs for five more days"
    )
    return 0
