"""One symbol, one cycle: dying at every stop, and at every pair of writes, under every way a submission can fare."""

from collections.abc import Callable, Iterable
from itertools import islice, pairwise
from typing import Any

import pytest

from execution.ledger.memory_ledger import MemoryLedger
from execution.simulation.executor import Executor
from execution.simulation.exhaustive import (
    BOUGHT_AT_ONCE,
    LADDER,
    WRITES,
    Scene,
    one_cycle,
    paired_crashes,
    sampled_pairs,
    single_crashes,
)
from execution.simulation.schedule import Outcome
from execution.simulation.stage import Stage
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


def test_a_stop_a_settle_sent_and_nobody_looks_at_again_breaks_a_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its request comes late: without the look of the next evening its outcome stays unknown.
    monkeypatch.setattr(Executor, "_last_look", lambda *_: None)
    outcomes = single_crashes(fate="late_request", only_writes=True)
    violation = next(one.violations[0] for one in outcomes if one.violations)
    assert violation.invariant == "I9"
    assert "stop (stop_2) stays unknown: open" in violation.told


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
    count, found = broken(paired_crashes(fate=fate))
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


@pytest.mark.parametrize("fate", ["lost_answer"])
def test_dying_anywhere_on_a_ladder_breaks_no_promise(fate: str) -> None:
    count, found = broken(single_crashes(fate=fate, only_writes=True, scene=LADDER))
    assert found == []
    assert count > 200


@pytest.mark.campaign
@pytest.mark.parametrize("fate", FATES)
def test_dying_at_every_single_stop_of_a_ladder_breaks_no_promise(
    fate: str, record_property: Callable[[str, Any], None]
) -> None:
    count, found = broken(single_crashes(fate=fate, only_writes=False, scene=LADDER))
    record_property("schedules", count)
    assert found == []


@pytest.mark.campaign
@pytest.mark.parametrize("fate", FATES)
def test_dying_twice_anywhere_on_a_ladder_breaks_no_promise(
    fate: str, record_property: Callable[[str, Any], None]
) -> None:
    count, found = broken(sampled_pairs(fate=fate, firsts=40, seconds=10, seed=1, scene=LADDER))
    record_property("schedules", count)
    assert found == []


def test_a_ladder_that_dies_nowhere_sends_three_limits_and_a_stop_behind_each_purchase() -> None:
    whole = next(iter(single_crashes(fate="accepted", only_writes=True, scene=LADDER)))
    assert (whole.orders, whole.violations) == (5, ())


def test_a_sample_of_pairs_dies_twice_at_stops_its_seed_draws() -> None:
    def drawn(seed: int) -> list[tuple[int, ...]]:
        outcomes = list(sampled_pairs(fate="accepted", firsts=3, seconds=3, seed=seed))
        assert all(outcome.crashes == 2 for outcome in outcomes)
        return [outcome.crashed_at for outcome in outcomes]

    assert drawn(1) == drawn(1) != drawn(2)
    assert all(first < second for first, second in drawn(1))


@pytest.mark.parametrize("scene", [BOUGHT_AT_ONCE, LADDER])
@pytest.mark.parametrize("fate", FATES)
def test_what_outlives_a_process_changes_at_writes_alone(fate: str, scene: Scene) -> None:
    # So a process that dies at a read leaves what it would have left right after the write before.
    found: list[tuple[str, tuple[object, ...]]] = []

    def durable(stage: Stage, name: str) -> None:
        ledger = stage.opened()
        assert isinstance(ledger, MemoryLedger)
        kept = (ledger.head(), dict(ledger._leases), set(stage.artifacts.files), stage.switch.is_engaged)
        found.append((name, kept))

    one_cycle(scene, fate, on_stop=durable)
    changed = {stop for (_, before), (stop, after) in pairwise(found) if before != after}
    assert changed == {"record>", "lease>", "renew>", "release>", "artifact>"}
    assert changed < WRITES


def test_pairs_begin_with_every_second_write_after_the_first() -> None:
    outcomes = islice(paired_crashes(fate="refused"), 5)
    pairs = [outcome.crashed_at for outcome in outcomes]
    assert {first for first, _ in pairs} == {pairs[0][0]}
    seconds = [second for _, second in pairs]
    assert seconds == sorted(set(seconds))
    assert seconds[0] > pairs[0][0]


def test_a_cycle_that_dies_nowhere_trades() -> None:
    whole = next(iter(single_crashes(fate="accepted", only_writes=True)))
    assert (whole.orders, whole.violations) == (2, ())
