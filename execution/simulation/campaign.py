"""Many seeds, on as many cores as are given: how many were lived, what was broken, and by which seeds."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Final

from execution.simulation.faults import Mode
from execution.simulation.schedule import Outcome, run_seed

_CHUNK: Final = 25


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over a chunk of schedules, and the outcomes that broke a promise."""

    schedules: int = 0
    stops: int = 0
    crashes: int = 0
    orders: int = 0
    fills: int = 0
    broken: tuple[Outcome, ...] = ()

    def plus(self, other: "Tally") -> "Tally":
        """Return both together."""
        return Tally(
            self.schedules + other.schedules,
            self.stops + other.stops,
            self.crashes + other.crashes,
            self.orders + other.orders,
            self.fills + other.fills,
            self.broken + other.broken,
        )


def campaign(*, first_seed: int, schedules: int, mode: Mode, processes: int) -> Iterator[Tally]:
    """Yield tallies, each with everything so far, in the order of their seeds.

    Args:
        first_seed: the first of so many seeds in a row.
        schedules: how many.
        mode: the kind of venue they meet.
        processes: processes that share the work; 1 works in this one.
    """
    so_far = Tally()
    for tally in _tallies(first_seed, schedules, mode, processes):
        so_far = so_far.plus(tally)
        yield so_far


def _tallies(first_seed: int, schedules: int, mode: Mode, processes: int) -> Iterator[Tally]:
    end = first_seed + schedules
    chunks = [(start, min(start + _CHUNK, end), mode) for start in range(first_seed, end, _CHUNK)]
    if processes == 1:
        yield from map(_lived, chunks)
        return
    # A forked child of a process with threads may hang: each worker starts afresh.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from pool.map(_lived, chunks)


def _lived(chunk: tuple[int, int, Mode]) -> Tally:
    first, end, mode = chunk
    total = Tally()
    for outcome in (run_seed(seed, mode) for seed in range(first, end)):
        broken = (outcome,) if outcome.violations else ()
        total = total.plus(Tally(1, outcome.stops, outcome.crashes, outcome.orders, outcome.fills, broken))
    return total


def worst(outcomes: tuple[Outcome, ...], most: int) -> tuple[Outcome, ...]:
    """Return the first few broken schedules, shortest first: the easiest to read."""
    return tuple(islice(sorted(outcomes, key=lambda outcome: (outcome.stops, outcome.seed)), most))
