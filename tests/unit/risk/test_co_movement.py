from decimal import Decimal
from statistics import correlation

import numpy as np
import pytest

from execution.risk.co_movement import Companions, Movement, historical_var95_usd, moves_with
from tests.builders.batches import returns_of


def mixed(share: float, newest: float | None = None) -> tuple[float, ...]:
    """Return returns that are partly AAA's and partly BBB's own; the last five with another share."""
    mine, other = returns_of("AAA"), returns_of("BBB")
    shares = [share] * 55 + [share if newest is None else newest] * 5
    return tuple(part * a + (1 - part) * b for part, a, b in zip(shares, mine, other, strict=True))


def together(one: tuple[float, ...], other: tuple[float, ...], threshold: float) -> bool:
    first, second = Movement.of(one), Movement.of(other)
    assert first is not None
    assert second is not None
    return moves_with(first, second, threshold=threshold)


def test_positions_move_together_from_the_threshold_on() -> None:
    one, other = returns_of("AAA"), mixed(0.6)
    measured = correlation(one, other)
    assert 0.7 < measured < 0.95
    assert together(one, other, measured - 1e-9)
    assert not together(one, mixed(0.6, newest=0.0), 0.99)


def test_five_newest_sessions_raise_a_correlation_that_is_there() -> None:
    one = returns_of("AAA")
    converged = mixed(0.5, newest=1.0)
    measured, newest = correlation(one, converged), correlation(one[-5:], converged[-5:])
    assert measured < (measured + newest) / 2
    assert together(one, converged, (measured + newest) / 2 - 1e-9)
    assert not together(one, converged, (measured + newest) / 2 + 1e-6)


def test_five_newest_sessions_alone_make_no_correlation() -> None:
    apart = returns_of("BBB")[:55] + returns_of("AAA")[55:]
    assert not together(returns_of("AAA"), apart, 0.8)


def test_five_newest_sessions_hide_no_correlation() -> None:
    parted = returns_of("AAA")[:55] + tuple(-value / 10 for value in returns_of("AAA")[55:])
    assert correlation(returns_of("AAA"), parted) > 0.8
    assert together(returns_of("AAA"), parted, 0.8)


def test_opposite_positions_do_not_move_together() -> None:
    assert not together(returns_of("AAA"), tuple(-value for value in returns_of("AAA")), 0.8)


def test_five_newest_sessions_are_weighed_like_all_sixty() -> None:
    one = returns_of("AAA")
    converged = mixed(0.3, newest=0.7)
    measured, newest = correlation(one, converged), correlation(one[-5:], converged[-5:])
    assert 0 < measured < newest < 1
    assert together(one, converged, (measured + newest) / 2 - 1e-9)
    assert not together(one, converged, (measured + newest) / 2 + 1e-9)


def test_what_never_moved_moves_with_nothing() -> None:
    assert not together((0.0,) * 60, (0.0,) * 60, 0.01)
    assert not together((0.0,) * 60, returns_of("AAA"), 0.01)
    assert not together(returns_of("AAA"), (0.0,) * 60, 0.01)


def test_what_did_not_move_lately_is_raised_by_nothing() -> None:
    still = mixed(0.6)[:55] + (0.0,) * 5
    measured = correlation(returns_of("AAA"), still)
    assert together(returns_of("AAA"), still, measured - 1e-9)
    assert not together(returns_of("AAA"), still, measured + 1e-6)
    assert not together(still, returns_of("AAA"), measured + 1e-6)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8, 1.0])
def test_many_symbols_at_once_move_together_as_each_does_alone(threshold: float) -> None:
    random = np.random.default_rng(1)
    market = random.normal(0.0, 0.01, 60)
    drawn = [tuple((beta * market + random.normal(0.0, 0.005, 60)).tolist()) for beta in random.uniform(-1, 2, 40)]
    # Two that moved alike to the last bit, one that stood still, one that stood still lately.
    drawn += [drawn[0], (0.0,) * 60, drawn[1][:55] + (0.0,) * 5]
    movements = {f"S{number}": Movement(returns) for number, returns in enumerate(drawn)}
    companions = Companions()
    for symbol, movement in movements.items():
        companions.add(symbol, movement)
    companions.add("S1", movements["S0"])
    found = {symbol: companions.moving_with(movement, threshold=threshold) for symbol, movement in movements.items()}
    assert found == {
        symbol: [other for other, moved in movements.items() if moves_with(movement, moved, threshold=threshold)]
        for symbol, movement in movements.items()
    }
    assert any(len(others) > 1 for others in found.values())


def test_nothing_moves_with_a_symbol_while_no_other_is_carried() -> None:
    alone = Movement.of(returns_of("AAA"))
    assert alone is not None
    assert Companions().moving_with(alone, threshold=0.8) == []


@pytest.mark.parametrize("returns", [(), (0.01,) * 59, (float("nan"), *returns_of("AAA")[1:])])
def test_too_short_or_broken_a_history_is_not_known(returns: tuple[float, ...]) -> None:
    assert Movement.of(returns) is None


def test_the_worst_twentieth_of_sixty_sessions_is_the_third_worst() -> None:
    results = [float(value) for value in range(-30, 30)]
    assert historical_var95_usd(results) == Decimal("28.0")


def test_a_book_that_only_gained_has_nothing_at_risk() -> None:
    assert historical_var95_usd([1.0] * 60) == 0
    assert historical_var95_usd([]) == 0
