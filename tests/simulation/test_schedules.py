"""Whole schedules: nothing is broken, and the same seed lives the same schedule wherever it is lived."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from execution.session import run_session
from execution.simulation.campaign import Tally, campaign
from execution.simulation.draws import Draws
from execution.simulation.executor import ACTS
from execution.simulation.faults import MODES, drawn_faults
from execution.simulation.plot import drawn_plot
from execution.simulation.schedule import Outcome, run_plot, run_seed

SLICE = {"normal": 80, "sqlite": 15}
OTHER_MODES = 15
WHOLE = {"normal": 10_000, "sqlite": 300}
OTHER_MODES_WHOLE = 1_000
HASHED = "from execution.simulation.schedule import run_seed\nfrom execution.simulation.faults import MODES\n"
HASHED += "print([run_seed(seed, MODES['normal']).trace_hash for seed in range(40, 46)])"


def lived(mode: str, schedules: int, *, first_seed: int, processes: int) -> Tally:
    *_, tally = campaign(first_seed=first_seed, schedules=schedules, mode=MODES[mode], processes=processes)
    return tally


def told(tally: Tally) -> list[str]:
    return [f"seed {one.seed}: {v.invariant} {v.told}" for one in tally.broken for v in one.violations[:1]]


@pytest.mark.parametrize("mode", MODES)
def test_no_schedule_breaks_a_promise(mode: str) -> None:
    tally = lived(mode, SLICE.get(mode, OTHER_MODES), first_seed=0, processes=1)
    assert told(tally) == []
    # Schedules in which nothing is traded would hold every promise too.
    assert tally.orders > tally.schedules
    assert tally.crashes > tally.schedules


def told_so(seed: int, mode: str, **changes: Any) -> Outcome:
    options = Draws(seed, "options")
    faults = drawn_faults(options)
    return run_plot(seed, MODES[mode], faults, replace(drawn_plot(options, faults), **changes))


@pytest.mark.parametrize("seeds", [15, pytest.param(300, marks=pytest.mark.campaign)])
@pytest.mark.parametrize("mode", ["normal", "same_id"])
@pytest.mark.parametrize(
    "changes",
    [
        {"share_decimals": 9},
        {"protective_stop": "bracket"},
        {"protective_stop": "trailing_stop", "share_decimals": 1},
        {"protective_stop": "stop", "entry_rungs": 3},
    ],
    ids=["parts", "brackets", "trails", "ladders"],
)
def test_no_schedule_of_another_form_breaks_a_promise(mode: str, changes: dict[str, Any], seeds: int) -> None:
    outcomes = [told_so(seed, mode, **changes) for seed in range(2_000, 2_000 + seeds)]
    assert [(one.seed, one.violations[0]) for one in outcomes if one.violations] == []
    assert sum(one.fills for one in outcomes) > len(outcomes)


def test_a_leg_of_a_bracket_is_never_sent_again_by_itself() -> None:
    # These seeds lost a bracket's answer at a venue that is asked again under the same id.
    outcomes = [told_so(seed, "same_id", protective_stop="bracket", share_decimals=0) for seed in (70, 92, 501)]
    assert [one.violations for one in outcomes] == [(), (), ()]


def test_a_settle_leaves_no_stop_behind_that_was_not_sent_or_was_asked_to_end() -> None:
    outcomes = [told_so(seed, "normal", protective_stop="bracket") for seed in (26, 20_059, 20_887)]
    assert [one.violations for one in outcomes] == [(), (), ()]


@pytest.mark.campaign
@pytest.mark.parametrize("mode", MODES)
def test_no_schedule_of_the_whole_campaign_breaks_a_promise(
    mode: str, record_property: Callable[[str, Any], None]
) -> None:
    tally = lived(mode, WHOLE.get(mode, OTHER_MODES_WHOLE), first_seed=100_000, processes=2)
    for name in ("schedules", "stops", "crashes", "orders", "fills"):
        record_property(name, getattr(tally, name))
    assert told(tally) == []


@pytest.mark.parametrize("act", ACTS)
def test_a_simulated_executor_runs_the_code_of_the_real_one(act: str) -> None:
    assert ACTS[act].__code__ is getattr(run_session, act).__code__


def test_the_same_seed_lives_the_same_schedule_whatever_hashes_are_salted_with() -> None:
    traces = {
        subprocess.run(
            [sys.executable, "-c", HASHED],
            env={**os.environ, "PYTHONHASHSEED": salt},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for salt in ("1", "99")
    }
    assert len(traces) == 1


@pytest.mark.parametrize("seed", range(70, 76))
def test_the_same_seed_lives_the_same_schedule_whatever_the_ledger_lives_in(seed: int) -> None:
    assert run_seed(seed, MODES["normal"]).trace_hash == run_seed(seed, MODES["sqlite"]).trace_hash


def test_another_seed_lives_another_schedule() -> None:
    assert len({run_seed(seed, MODES["normal"]).trace_hash for seed in range(10)}) == 10


def test_two_processes_count_what_one_counts() -> None:
    alone = lived("normal", 24, first_seed=500, processes=1)
    assert alone == lived("normal", 24, first_seed=500, processes=2)
