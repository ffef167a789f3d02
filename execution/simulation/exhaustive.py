"""One symbol, one cycle, and every way it can be cut down: a complete statement where random schedules give breadth.

A process dies at every stop in turn, and at every pair of stops, under every way a submission can fare. Pairs over
reads are a million; a sample of them is drawn from a seed.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from execution.simulation.draws import Draws
from execution.simulation.faults import MODES, Faults
from execution.simulation.hub import AT_WRITES
from execution.simulation.market import SESSIONS
from execution.simulation.plot import Plot
from execution.simulation.schedule import Outcome, run_plot

_SEED: Final = 1
_QUIET: Final = Faults(switch=0.0, step_microseconds=500)
_PLOT: Final = Plot(days=SESSIONS[:1], liked=(("AAA",),), healed_at=0)


def single_crashes(*, fate: str, only_writes: bool) -> Iterator[Outcome]:
    """Yield what comes of dying at each stop of a cycle in turn, and first of not dying.

    Args:
        fate: how every submission fares, one of `FATES`.
        only_writes: leave out stops at reads; dying at a read is dying after the write before it.
    """
    whole: list[str] = []
    yield _lived(fate, frozenset(), whole)
    for stop in _chosen(whole, after=0, only_writes=only_writes):
        yield _lived(fate, frozenset({stop}))


def paired_crashes(*, fate: str, only_writes: bool) -> Iterator[Outcome]:
    """Yield what comes of dying at each pair of stops of a cycle; arguments as for `single_crashes`."""
    whole: list[str] = []
    _lived(fate, frozenset(), whole)
    for first in _chosen(whole, after=0, only_writes=only_writes):
        again: list[str] = []
        _lived(fate, frozenset({first}), again)
        for second in _chosen(again, after=first, only_writes=only_writes):
            yield _lived(fate, frozenset({first, second}))


def sampled_pairs(*, fate: str, firsts: int, seconds: int, seed: int) -> Iterator[Outcome]:
    """Yield what comes of dying at some pairs of stops, reads included; the same seed draws the same pairs.

    Args:
        fate: how every submission fares, one of `FATES`.
        firsts: first stops drawn.
        seconds: second stops drawn for each of them; a pair may be drawn twice.
        seed: of the draws.
    """
    draws = Draws(seed, f"pairs:{fate}")
    whole: list[str] = []
    _lived(fate, frozenset(), whole)
    for _ in range(firsts):
        first = 1 + draws.below(len(whole))
        again: list[str] = []
        _lived(fate, frozenset({first}), again)
        for _ in range(seconds):
            yield _lived(fate, frozenset({first, first + 1 + draws.below(len(again) - first)}))


def _lived(fate: str, crash_at: frozenset[int], stop_names: list[str] | None = None) -> Outcome:
    plot = replace(_PLOT, crash_at=crash_at, forced=fate)
    return run_plot(_SEED, MODES["normal"], _QUIET, plot, stop_names=stop_names)


def _chosen(names: list[str], *, after: int, only_writes: bool) -> list[int]:
    stops = range(after + 1, len(names) + 1)
    return [stop for stop in stops if not only_writes or names[stop - 1] in AT_WRITES]
