"""One symbol, one cycle: dying at every stop, and at every pair of stops, under every way a submission can fare."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from execution.simulation.exhaustive import paired_crashes, single_crashes
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


def test_a_cycle_that_dies_nowhere_trades() -> None:
    whole = next(iter(single_crashes(fate="accepted", only_writes=True)))
    assert (whole.orders, whole.violations) == (2, ())
