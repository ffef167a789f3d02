"""Random numbers that depend on seed, purpose and place only, never on how much of the market is asked for.

Each purpose has a stream of its own, each stream is cut into blocks of sessions (or quarters), and each block has a
generator of its own. Asking for more sessions adds blocks and leaves the earlier ones alone.
"""

from enum import IntEnum
from typing import Final

import numpy as np

from assets.ingest.arrays import Floats

BLOCK_SESSIONS: Final = 64
# Student's t with 5 degrees of freedom has variance 5/3; shocks are scaled to variance 1.
_T5_SCALE: Final = float(np.sqrt(3.0 / 5.0))


class Stream(IntEnum):
    """What a random number is for. Numbers are part of the market's identity: never renumber, only add."""

    COMPANY = 1
    LIFE = 2
    EARNINGS = 3
    MARKET = 4
    SHOCK = 5
    NEWS = 6
    TRADING = 7
    HEADLINE = 8
    FILING = 9
    PRINT = 10
    START = 11


def generator(seed: int, stream: Stream, block: int = 0) -> np.random.Generator:
    """Return the generator of one block of one stream."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, int(stream), block])))


def fat_tailed(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return shocks of Student's t with 5 degrees of freedom, scaled to variance 1."""
    return rng.standard_t(5.0, size=shape) * _T5_SCALE


def block_count(sessions: int) -> int:
    """Return how many blocks cover a number of sessions."""
    return -(-sessions // BLOCK_SESSIONS)
