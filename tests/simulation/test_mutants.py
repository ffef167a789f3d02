"""The checker bites: each mutant is caught where it should be, and the core as it is holds every promise there."""

import pytest

from tests.simulation.mutants import ARENAS, MUTANTS, Arena, Mutant

CLEAN_SEEDS = 12
CLEAN_SEEDS_WHOLE = 1_500


def caught_by(mutant: Mutant) -> str | None:
    """Return the first broken promise the mutant is meant to break; None when it survives."""
    with mutant.alive():
        for seed in range(mutant.seeds):
            for violation in mutant.arena.live(seed).violations:
                if violation.invariant in mutant.invariants:
                    return f"seed {seed}: {violation.invariant} {violation.told}"
    return None


def broken_in(arena: Arena, seeds: int) -> list[str]:
    outcomes = (arena.live(seed) for seed in range(seeds))
    return [f"seed {one.seed}: {v.invariant} {v.told}" for one in outcomes for v in one.violations[:1]]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "_"))
def test_a_mutant_is_caught(mutant: Mutant) -> None:
    assert caught_by(mutant) is not None


@pytest.mark.parametrize("name", ARENAS)
def test_the_core_as_it_is_breaks_nothing_where_mutants_are_caught(name: str) -> None:
    assert broken_in(ARENAS[name], CLEAN_SEEDS) == []


@pytest.mark.campaign
@pytest.mark.parametrize("name", ARENAS)
def test_the_core_as_it_is_breaks_nothing_in_many_more_schedules_there(name: str) -> None:
    assert broken_in(ARENAS[name], CLEAN_SEEDS_WHOLE) == []


def test_there_are_as_many_mutants_as_were_asked_for() -> None:
    assert len({mutant.name for mutant in MUTANTS}) >= 15


def test_the_core_is_whole_again_after_a_mutant() -> None:
    codes = [change.function.__code__ for mutant in MUTANTS for change in mutant.changes]
    for mutant in MUTANTS:
        with mutant.alive():
            pass
    assert codes == [change.function.__code__ for mutant in MUTANTS for change in mutant.changes]
