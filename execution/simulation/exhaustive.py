"""One symbol, one cycle, and every way it can be cut down: a complete statement where random schedules give breadth.

A process dies at every stop in turn, and at every pair of stops next to something it writes, under every way a
submission can fare. A read leaves nothing behind (a test watches all that outlives a process), so dying at a read is
dying after the write before it, a little later. Pairs over reads are a million; a sample of them is drawn from a seed.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

from execution.simulation.draws import Draws
from execution.simulation.faults import MODES, Faults
from execution.simulation.hub import AT_WRITES
from execution.simulation.market import CALENDAR, SESSIONS
from execution.simulation.plot import Plot
from execution.simulation.schedule import OnStop, Outcome, run_plot
from execution.simulation.timeline import virtual_time

WRITES: Final = (
    AT_WRITES | {f"{call}{at}" for call in ("lease", "renew", "release", "artifact") for at in "<>"} | {"engage"}
)
"""Stops before, inside and after everything a process writes: ledger, leases, artifacts, kill switch, the wire."""
_SEED: Final = 1
_QUIET: Final = Faults(switch=0.0, step_microseconds=500)


@dataclass(frozen=True, slots=True)
class Scene:
    """What one symbol's cycle is about."""

    plot: Plot
    faults: Faults = _QUIET


BOUGHT_AT_ONCE: Final = Scene(Plot(days=SESSIONS[:1], liked=(("AAA",),), healed_at=0))
"""A symbol whose entry goes out once, and fills."""
LADDER: Final = Scene(
    Plot(
        days=SESSIONS[:1],
        liked=(("AAA",),),
        entry_rungs=3,
        healed_at=virtual_time(CALENDAR.closes_at(SESSIONS[1])),
    ),
    replace(_QUIET, unfilled=1.0),
)
"""A symbol that opens above the first limit of its entry; the second and the third are filled in part."""


def single_crashes(*, fate: str, only_writes: bool, scene: Scene = BOUGHT_AT_ONCE) -> Iterator[Outcome]:
    """Yield what comes of dying at each stop of a cycle in turn, and first of not dying.

    Args:
        fate: how every submission fares, one of `FATES`.
        only_writes: leave out stops at reads.
        scene: what the cycle is about.
    """
    yield one_cycle(scene, fate)
    stops = _writes(scene, fate) if only_writes else range(1, len(_stops(scene, fate)) + 1)
    for stop in stops:
        yield one_cycle(scene, fate, {stop})


def paired_crashes(*, fate: str, scene: Scene = BOUGHT_AT_ONCE) -> Iterator[Outcome]:
    """Yield what comes of dying at each pair of a cycle's stops at writes, under a fate of every submission."""
    for first in _writes(scene, fate):
        for second in _writes(scene, fate, first):
            yield one_cycle(scene, fate, {first, second})


def sampled_pairs(
    *, fate: str, firsts: int, seconds: int, seed: int, scene: Scene = BOUGHT_AT_ONCE
) -> Iterator[Outcome]:
    """Yield what comes of dying at some pairs of stops, reads included; the same seed draws the same pairs.

    Args:
        fate: how every submission fares, one of `FATES`.
        firsts: first stops drawn.
        seconds: second stops drawn for each of them; a pair may be drawn twice.
        seed: of the draws.
        scene: what the cycle is about.
    """
    draws = Draws(seed, f"pairs:{fate}")
    whole = len(_stops(scene, fate))
    for _ in range(firsts):
        first = 1 + draws.below(whole)
        again = len(_stops(scene, fate, first))
        for _ in range(seconds):
            yield one_cycle(scene, fate, {first, first + 1 + draws.below(again - first)})


def one_cycle(scene: Scene, fate: str, crash_at: Collection[int] = (), *, on_stop: OnStop | None = None) -> Outcome:
    """Return what comes of a cycle when its process dies at some stops, counted from 1."""
    plot = replace(scene.plot, crash_at=frozenset(crash_at), forced=fate)
    return run_plot(_SEED, MODES["normal"], scene.faults, plot, on_stop=on_stop)


def _stops(scene: Scene, fate: str, *crash_at: int) -> list[str]:
    names: list[str] = []
    one_cycle(scene, fate, crash_at, on_stop=lambda _, name: names.append(name))
    return names


def _writes(scene: Scene, fate: str, *crash_at: int) -> list[int]:
    """Return the stops at writes that come after the last death."""
    after = max(crash_at, default=0)
    return [
        stop for stop, name in enumerate(_stops(scene, fate, *crash_at), start=1) if stop > after and name in WRITES
    ]
