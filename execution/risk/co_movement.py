"""How positions move together: correlations with a newer overlay, and the historical loss of a whole book.

Statistics over the batch's one-session returns, so floats; sums run in a fixed order, and the same returns give the
same answer on any machine.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from operator import mul
from typing import Final

import numpy as np
from numpy.typing import NDArray

from execution.domain.quantities import decimal_of

RETURN_SESSIONS: Final = 60
OVERLAY_SESSIONS: Final = 5
_VAR_TAIL: Final = 0.05
# More than rounding can make of sixty products, whatever order they are added in.
_ROUNDING: Final = 1e-9


def deviations(returns: Sequence[float]) -> tuple[float, ...] | None:
    """Return returns less their mean, scaled to length one; None when they never change.

    The dot product of two such series is their Pearson correlation.
    """
    mean = math.fsum(returns) / len(returns)
    centred = [value - mean for value in returns]
    length = math.sqrt(math.fsum(map(mul, centred, centred)))
    # Below this the differences are rounding, not movement.
    if length < 1e-12:
        return None
    return tuple([value / length for value in centred])


class Movement:
    """One symbol's last 60 one-session returns, made ready to be compared with many others.

    Attributes:
        returns: oldest first.
        whole: scaled deviations over all 60 sessions; None when nothing moved in them.
        newest: the same over the last five.
    """

    __slots__ = ("newest", "returns", "whole")

    def __init__(self, returns: tuple[float, ...]) -> None:
        self.returns = returns
        self.whole = deviations(returns)
        self.newest = deviations(returns[-OVERLAY_SESSIONS:])

    @classmethod
    def of(cls, returns: Sequence[float]) -> "Movement | None":
        """Return the movement of a series; None when it is shorter than 60 sessions or not finite."""
        newest = tuple(returns[-RETURN_SESSIONS:])
        is_known = len(newest) == RETURN_SESSIONS and all(map(math.isfinite, newest))
        return cls(newest) if is_known else None


def moves_with(one: Movement, other: Movement, *, threshold: float) -> bool:
    """Return whether two symbols count as correlated.

    Over 60 sessions, or where the mean of that and the last five sessions reaches the threshold: five sessions alone
    say little, so they can raise a correlation that is there and never make one, nor hide one. What never moved moves
    with nothing.
    """
    if one.whole is None or other.whole is None:
        return False
    whole: float = sum(map(mul, one.whole, other.whole))
    if whole >= threshold:
        return True
    if (whole + 1) / 2 < threshold or one.newest is None or other.newest is None:
        return False
    newest: float = sum(map(mul, one.newest, other.newest))
    return (whole + newest) / 2 >= threshold


class Companions:
    """Many symbols' movements, so kept that one more is compared with all of them in one product."""

    def __init__(self) -> None:
        self._symbols: list[str] = []
        self._movements: dict[str, Movement] = {}
        self._whole: NDArray[np.float64] = np.empty((16, RETURN_SESSIONS))

    def add(self, symbol: str, movement: Movement) -> None:
        """Take a symbol in; one that is there already, or that never moved, changes nothing."""
        if symbol in self._movements or movement.whole is None:
            return
        count = len(self._symbols)
        if count == len(self._whole):
            self._whole = np.concatenate([self._whole, np.empty_like(self._whole)])
        self._whole[count] = movement.whole
        self._symbols.append(symbol)
        self._movements[symbol] = movement

    def moving_with(self, movement: Movement, *, threshold: float) -> list[str]:
        """Return the symbols that count as correlated with a movement, in the order they were taken in.

        The product leaves out those that are too far away whatever their last five sessions say; it may add in any
        order, so what is left is judged by `moves_with`.
        """
        if movement.whole is None or not self._symbols:
            return []
        # Not `@`: the linear algebra library would start threads for a product this small.
        whole = np.einsum("ij,j->i", self._whole[: len(self._symbols)], np.asarray(movement.whole))
        near = np.flatnonzero((whole + 1) / 2 >= threshold - _ROUNDING)
        symbols = [self._symbols[place] for place in near.tolist()]
        return [symbol for symbol in symbols if moves_with(movement, self._movements[symbol], threshold=threshold)]


def historical_var95_usd(session_results_usd: Sequence[float]) -> Decimal:
    """Return the loss that a book's sessions exceeded in no more than one of twenty; 0 when it is a gain.

    Args:
        session_results_usd: what today's book would have earned in each past session, in dollars.

    Source:
        Historical simulation: Jorion (2006), Value at Risk, 3rd ed., ch. 10.
    """
    if not session_results_usd:
        return Decimal(0)
    worst_first = sorted(session_results_usd)
    return max(Decimal(0), decimal_of(-worst_first[math.ceil(_VAR_TAIL * len(worst_first)) - 1]))
