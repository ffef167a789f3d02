"""One schedule from one seed: a few trading days of one account, two executors, people, and what goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.ledger.store import LedgerStore
from execution.simulation.draws import Draws
from execution.simulation.executor import Executor
from execution.simulation.faults import Faults, Mode, drawn_faults
from execution.simulation.hub import SECOND, Hub, Stuck
from execution.simulation.invariants import Checker, Violation
from execution.simulation.market import CALENDAR, PublishedBatches, world
from execution.simulation.people import let_the_world_turn
from execution.simulation.plot import Plot, drawn_plot
from execution.simulation.ports import MemoryArtifacts, SimulatedSwitch, WriteLock
from execution.simulation.stage import CASH_USD, LIMITS, Stage
from execution.simulation.timeline import virtual_time
from execution.simulation.venue import Venue

OnStop = Callable[[Stage, str], None]
_TIME_TO_END_SECONDS: Final = 3 * 3600
"""How long after the last settle is due everything must have come to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one schedule.

    Attributes:
        trace_hash: hash of everything that happened, in order.
        stops: calls of ports by mortal processes, each before or after.
        tail: the lines of the trace that led to the first broken promise, else the newest.
        crashed_at: stops it was told to die at.
    """

    seed: int
    mode: str
    trace_hash: str
    violations: tuple[Violation, ...]
    stops: int
    crashes: int
    orders: int
    fills: int
    tail: tuple[str, ...]
    crashed_at: tuple[int, ...] = ()


def run_seed(seed: int, mode: Mode) -> Outcome:
    """Live the schedule of a seed; the same seed and mode live the same one, whatever the ledger lives in."""
    options = Draws(seed, "options")
    faults = drawn_faults(options)
    return run_plot(seed, mode, faults, drawn_plot(options, faults))


def run_plot(seed: int, mode: Mode, faults: Faults, plot: Plot, *, on_stop: OnStop | None = None) -> Outcome:
    """Live a schedule whose faults and plot are given; the seed draws what is left.

    Args:
        seed: of every draw.
        mode: the kind of venue, and where the ledger lives.
        faults: what goes wrong and how often.
        plot: what it is about.
        on_stop: is told the name of every stop of a mortal process, with everything that outlives it.
    """
    hub = Hub(Draws(seed, "schedule"), faults, plot.crash_at)

    def lived(opened: Callable[[], LedgerStore]) -> Outcome:
        stage = _staged(seed, hub, mode, plot, opened)
        if on_stop is not None:
            hub.on_stop = partial(on_stop, stage)
        return _lived(seed, plot, stage)

    if mode.ledger == "memory":
        ledger = MemoryLedger(clock_seconds=lambda: hub.now / SECOND)
        return lived(lambda: ledger)
    shared = Path("/dev/shm")  # noqa: S108 - only for speed, any folder will do
    with TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        path = Path(folder) / "ledger.db"
        return lived(lambda: SqliteLedger(path, clock_seconds=lambda: hub.now / SECOND))


def _lived(seed: int, plot: Plot, stage: Stage) -> Outcome:
    hub, checker = stage.hub, stage.checker
    let_the_world_turn(stage, plot)
    for number in range(plot.executors):
        executor = Executor(hub, stage.draws, checker, stage.desk, plot.days, stage.ends_at, stage.faults.stray_act)
        hub.start(f"executor-{number + 1}", executor.live)
    if plot.exits:
        watcher = Executor(hub, stage.draws, checker, stage.desk, plot.days, stage.ends_at, 0.0, is_watcher=True)
        hub.start("watcher", watcher.live)
    try:
        hub.run()
    except Stuck as stuck:
        checker.broken("I9", str(stuck))
    else:
        checker.finished(stage.opened(), needs_end=not checker.violations)
    return Outcome(
        seed=seed,
        mode=stage.mode.name,
        trace_hash=hub.trace_hash,
        violations=tuple(checker.violations),
        stops=hub.stops,
        crashes=hub.crashes,
        orders=checker.accepted_orders,
        fills=len(stage.venue.fills),
        tail=checker.trace or tuple(hub.tail),
        crashed_at=tuple(sorted(hub.crash_at)),
    )


def _staged(seed: int, hub: Hub, mode: Mode, plot: Plot, opened: Callable[[], LedgerStore]) -> Stage:
    draws, faults = hub.draws, hub.faults
    venue = Venue(hub, Draws(seed, "venue"), faults, mode, world(plot.world, plot.split), CASH_USD)
    batches = PublishedBatches()
    checker = Checker(hub, venue, batches, LIMITS, opened().book)
    venue.on_accept = checker.accepted
    last = virtual_time(CALENDAR.bars_known_at(CALENDAR.next(plot.days[-1])))
    return Stage(
        hub=hub,
        draws=draws,
        faults=faults,
        mode=mode,
        trading_mode="paper" if plot.is_told_by_person else "simulated",
        venue=venue,
        checker=checker,
        batches=batches,
        artifacts=MemoryArtifacts(hub, draws, faults),
        switch=SimulatedSwitch(hub, draws, faults),
        lock=WriteLock(hub),
        opened=opened,
        days=plot.days,
        ends_at=last + _TIME_TO_END_SECONDS * SECOND,
        forced=plot.forced,
        exits=plot.exits,
        share_decimals=plot.share_decimals,
        protective_stop=plot.protective_stop,
        entry_rungs=plot.entry_rungs,
    )
