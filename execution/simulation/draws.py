"""Chance from a seed: every draw of a schedule comes from here, so the same seed lives the same schedule."""

from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np

_BLOCK: Final = 512
Item = TypeVar("Item")


class Draws:
    """A stream of draws; two of the same seed and name are equal on every machine (PCG64, O'Neill 2014)."""

    __slots__ = ("_block", "_generator")

    def __init__(self, seed: int, name: str) -> None:
        """Begin a stream.

        Args:
            seed: the schedule's seed, not negative.
            name: what the stream is for; streams of one seed do not disturb each other.
        """
        self._generator = np.random.default_rng([seed, *name.encode()])
        self._block: list[float] = []

    def unit(self) -> float:
        """Return a number from 0, included, to 1, excluded."""
        if not self._block:
            # One scalar draw costs more than a hundred of a block.
            self._block = self._generator.random(_BLOCK).tolist()
        return self._block.pop()

    def chance(self, probability: float) -> bool:
        """Return whether something of a probability happens; a probability of 0 draws nothing."""
        return probability > 0 and self.unit() < probability

    def between(self, low: float, high: float) -> float:
        """Return a number from low to high."""
        return low + (high - low) * self.unit()

    def below(self, count: int) -> int:
        """Return a whole number from 0 to count - 1."""
        return int(self.unit() * count)

    def choice(self, items: Sequence[Item]) -> Item:
        """Return one of some items."""
        return items[int(self.unit() * len(items))]
