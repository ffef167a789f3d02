"""When news happens in the synthetic market, and which way it points: numbers only, no words.

Prices react to it and headlines tell of it, so it comes before both.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from assets.ingest.arrays import Bools, Floats
from assets.ingest.simulation.companies import Companies
from assets.ingest.simulation.draws import BLOCK_SESSIONS, Stream, block_count, generator
from assets.ingest.simulation.earnings import EarningsQuarter

_NEWS_PER_SESSION: Final = 0.05
# How far a standardised surprise moves the price on its day, in standard deviations of an ordinary session.
_JUMP_ON_NEWS: Final = 0.9
_JUMP_ON_EARNINGS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsFlow:
    """News per session and symbol; arrays have shape (n_sessions, n_symbols).

    Attributes:
        has_news: whether there is any.
        is_earnings: whether it is the quarter's figures.
        surprise: standardised direction, 0 where there is none.
        jump: the reaction of the session, in standard deviations of an ordinary session.
    """

    has_news: Bools
    is_earnings: Bools
    surprise: Floats
    jump: Floats


def news_flow(
    seed: int, firms: Companies, quarters: tuple[EarningsQuarter, ...], *, first_index: int, sessions: int
) -> NewsFlow:
    """Return the news of a number of sessions; asking for more changes none of the earlier ones.

    Args:
        seed: the market's seed.
        firms: its companies.
        quarters: when they report.
        first_index: index of the market's first session in the calendar's whole table.
        sessions: how many sessions.
    """
    count = len(firms.symbols)
    has_news = np.zeros((sessions, count), dtype=bool)
    surprise = np.zeros((sessions, count))
    for block in range(block_count(sessions)):
        rng = generator(seed, Stream.NEWS, block)
        chance, direction = rng.random((BLOCK_SESSIONS, count)), rng.standard_normal((BLOCK_SESSIONS, count))
        rows = slice(block * BLOCK_SESSIONS, min((block + 1) * BLOCK_SESSIONS, sessions))
        kept = rows.stop - rows.start
        has_news[rows] = chance[:kept] < _NEWS_PER_SESSION
        surprise[rows] = np.where(has_news[rows], direction[:kept], 0.0)
    is_earnings = np.zeros((sessions, count), dtype=bool)
    for quarter in quarters:
        row = quarter.reaction - first_index
        columns = np.flatnonzero((row >= 0) & (row < sessions))
        is_earnings[row[columns], columns] = True
        surprise[row[columns], columns] = quarter.surprise[columns]
    jump = np.where(is_earnings, _JUMP_ON_EARNINGS, _JUMP_ON_NEWS) * surprise
    return NewsFlow(has_news=has_news | is_earnings, is_earnings=is_earnings, surprise=surprise, jump=jump)
