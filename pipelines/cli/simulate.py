"""The crash simulator on the command line: many schedules, or one again."""

import sys
import time
from typing import Final

from execution.domain.errors import SettingsRefused
from execution.simulation.campaign import Tally, campaign, worst
from execution.simulation.faults import MODES, Mode
from execution.simulation.schedule import Outcome, run_seed

_PROGRESS_SECONDS: Final = 5.0
_SHOWN: Final = 3
_TRACE_LINES: Final = 40


def mode_named(name: str) -> Mode:
    """Return a mode by its name.

    Raises:
        SettingsRefused: there is none of that name.
    """
    if name not in MODES:
        raise SettingsRefused(f"no mode {name!r}: expected one of {', '.join(MODES)}")
    return MODES[name]


def replay(seed: int, *, mode: Mode) -> int:
    """Live one seed's schedule again, print what came of it and its trace hash last, and return the exit code."""
    outcome = run_seed(seed, mode)
    if outcome.violations:
        print(told(outcome))
    print(
        f"seed {seed}, mode {mode.name}: {outcome.stops} stops, {outcome.crashes} crashes, {outcome.orders} orders "
        f"accepted, {outcome.fills} fills, {len(outcome.violations)} violations"
    )
    print(outcome.trace_hash)
    return 1 if outcome.violations else 0


def simulate(*, schedules: int, first_seed: int, mode: Mode, processes: int) -> int:
    """Live so many seeds in a row, say how it goes, print what was broken, and return the exit code."""
    began = said = time.monotonic()
    tally = Tally()
    for tally in campaign(first_seed=first_seed, schedules=schedules, mode=mode, processes=processes):
        now = time.monotonic()
        if now - said >= _PROGRESS_SECONDS:
            said = now
            sys.stderr.write(f"{tally.schedules} of {schedules} schedules, {len(tally.broken)} broken\n")
    seconds = time.monotonic() - began
    for outcome in worst(tally.broken, _SHOWN):
        print(told(outcome))
    print(
        f"{tally.schedules} schedules from seed {first_seed}, mode {mode.name}, in {seconds:.1f} s: "
        f"{tally.stops} stops, {tally.crashes} crashes, {tally.orders} orders accepted, {tally.fills} fills, "
        f"{len(tally.broken)} broken"
    )
    return 1 if tally.broken else 0


def told(outcome: Outcome) -> str:
    """Return a broken schedule for a person: how to live it again, what was broken, and the trace up to there."""
    lines = [f"touchstone simulate --mode {outcome.mode} --seed {outcome.seed}"]
    lines += [f"  {one.invariant} at {one.at / 1e6:.3f} s: {one.told}" for one in outcome.violations]
    lines += [f"    {line.rstrip()}" for line in outcome.tail[-_TRACE_LINES:]]
    return "\n".join(lines)
