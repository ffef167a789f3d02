"""One symbol, one cycle: dying at every stop, and at every pair of stops, under every way a submission can fare."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import pytest

from execution.simulation.exhaustive import paired_crashes, sampled_pairs, single_crashes
from execution.simulation.schedule import Outcome
from execution.simulation.wire import FATES


def broken(outcomes: Iterable[Outcome]) -> tuple[int, list[str]]:
    count, found = 0, []
    for outcome in outcomes:
        count += 1
        found += [f"{outcome.crashed_at}: {v.invariant} {v.told}" for v in outcome.violations[:1]]
    return count, found


@pytest.mark.parametrize("fate", FATES)
def test_dying_anywhere_in_a_cycle_breaks_no_promise(fate: str) -> None:
    count, found = broken(single_crashes(fate=fate, only_writes=True))
    assert found == []
    assert count > 30


@pytest.mark.campaign
@pytest.mark.parametrize("fate", FATES)
def test_dying_at_every_single_stop_of_a_cycle_breaks_no_promise(
    fate: str, record_property: Callable[[str, Any], None]
) -> None:
    count, found = broken(single_crashes(fate=fate, only_writes=False))
    record_property("schedules", count)
    assert found == []


@pytest.mark.campaign
@pytest.mark.parametrize("fate", FATES)
def test_dying_at_every_pair_of_writes_of_a_cycle_breaks_no_promise(
    fate: str, record_property: Callable[[str, Any], None]
) -> None:
    count, found = broken(paired_crashes(fate=fate, only_writes=True))
    record_property("schedules", count)
    assert found == []


@pytest.mark.parametrize("fate", FATES)
def test_dying_twice_anywhere_in_a_cycle_breaks_no_promise(
    fate: str, record_property: Callable[[str, Any], None]
) -> None:
    count, found = broken(sampled_pairs(fate=fate, firsts=10, seconds=6, seed=1))
    record_property("schedules", count)
    assert found == []
    assert count == 60


@pytest.mark.campaign
@pytest.mark.parametrize("fate", FATES)
def test_dying_at_every_pair_of_stops_of_a_cycle_breaks_no_promise(
    fate: str, record_property: Callable[[str, Any], None]
) -> None:
    # A million schedules over all fates: hours.
    count, found = broken(paired_crashes(fate=fate, only_writes=False))
    record_property("schedules", count)
    assert found == []


def test_a_sample_of_pairs_dies_twice_at_stops_its_seed_draws() -> None:
    def drawn(seed: int) -> list[tuple[int, ...]]:
        outcomes = list(sampled_pairs(fate="accepted", firsts=3, seconds=3, seed=seed))
        assert all(outcome.crashes == 2 for outcome in outcomes)
        return [outcome.crashed_at for outcome in outcomes]

    assert drawn(1) == drawn(1) != drawn(2)
    assert all(first < second for first, second in drawn(1))


def test_pairs_over_reads_begin_with_every_second_stop_after_the_first() -> None:
    outcomes = islice(paired_crashes(fate="refused", only_writes=False), 5)
    assert [outcome.crashed_at for outcome in outcomes] == [(1, 2), (1, 3), (1, 4), (1, 5), (1, 6)]


def test_a_cycle_that_dies_nowhere_trades() -> None:
    whole = next(iter(single_crashes(fate="accepted", only_writes=True)))
    assert (whole.orders, whole.violations) == (2, ())
