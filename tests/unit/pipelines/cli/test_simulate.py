import pytest

from execution.domain.errors import SettingsRefused
from execution.simulation.faults import MODES
from execution.simulation.invariants import Violation
from execution.simulation.schedule import run_seed
from pipelines.cli.simulate import mode_named, replay, simulate, told
from tests.simulation.mutants import MUTANTS

NORMAL = MODES["normal"]


def test_a_replay_prints_its_trace_hash_last(capsys):
    assert replay(3, mode=NORMAL) == 0
    assert capsys.readouterr().out.splitlines()[-1] == run_seed(3, NORMAL).trace_hash


def test_a_campaign_that_breaks_nothing_says_what_it_lived(capsys):
    assert simulate(schedules=12, first_seed=40, mode=NORMAL, processes=1) == 0
    assert capsys.readouterr().out.startswith("12 schedules from seed 40, mode normal, in ")


def test_a_broken_promise_is_told_with_the_way_back_to_it(capsys):
    with MUTANTS[0].alive():
        assert simulate(schedules=5, first_seed=0, mode=NORMAL, processes=1) == 1
    told_of = capsys.readouterr().out
    assert "touchstone simulate --mode normal --seed" in told_of
    assert "I6 at" in told_of
    assert "without a row from before the wire" in told_of


def test_a_broken_schedule_shows_the_end_of_its_trace():
    with MUTANTS[0].alive():
        outcome = run_seed(0, NORMAL)
    assert isinstance(outcome.violations[0], Violation)
    assert any("VIOLATION" in line for line in told(outcome).splitlines())


def test_an_unknown_mode_is_refused_with_those_there_are():
    with pytest.raises(SettingsRefused, match="expected one of normal, long_lag"):
        mode_named("no-such")
