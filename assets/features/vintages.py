"""What a symbol's history looked like at each session's cut-off: its vintages.

A bar or action normally becomes known before its own session's cut-off, and then one history serves every session. A
late row or a correction opens a new vintage: from the first session that could know it on, the history is read with it;
sessions before keep the history they had, in a full rebuild too. Times are positions in the exchange calendar.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class VersionedRows:
    """All versions of one kind of fact of one symbol, sorted by session, then by when they became known.

    Attributes:
        position: session the row is about, as a calendar position, shape (n,).
        usable_from: first session whose cut-off knew the row, as a calendar position, shape (n,).
        identity: a number per fact within the session; rows that share position and identity are versions of one fact.
        values: columns of numbers, shape (columns, n).
    """

    position: Ints
    usable_from: Ints
    identity: Ints
    values: Floats

    @property
    def has_one_version(self) -> bool:
        """Whether there are rows, all on time, and none is a version of another: nearly every symbol."""
        return bool(_has_one_version(self.position, self.usable_from))

    @property
    def late_from(self) -> set[int]:
        """Sessions at which a row became usable after its own session; each opens a vintage."""
        return set(_late(self.position, self.usable_from).tolist())

    def as_known_at(self, position: int) -> tuple[Ints, Floats]:
        """Return positions and values of the newest versions usable at a session and about it or an earlier one."""
        if self.has_one_version and position >= self.position[-1]:
            return self.position, self.values
        newest = _newest(self.position, self.usable_from, self.identity, position)
        return self.position[newest], self.values[:, newest]


@dataclass(frozen=True, slots=True)
class Vintage:
    """One reading of a symbol's history and the sessions it holds for.

    Attributes:
        first: first session the reading holds for.
        last: last session it holds for; the history below ends here.
        bar_positions: sessions with a bar, ascending, shape (n,).
        bars: open, high, low, close in raw dollars, volume in raw shares; shape (5, n).
        action_positions: ex-sessions, ascending, shape (m,).
        actions: is_split (1 or 0) and value; shape (2, m).
    """

    first: int
    last: int
    bar_positions: Ints
    bars: Floats
    action_positions: Ints
    actions: Floats


def vintages(bars: VersionedRows, actions: VersionedRows, *, last: int) -> Iterator[Vintage]:
    """Yield a symbol's readings in order; together they hold for every session up to `last`, each exactly once.

    Args:
        bars: every version of its bars; values as in `Vintage.bars`.
        actions: every version of its splits and dividends; values as in `Vintage.actions`.
        last: newest session wanted, as a calendar position.
    """
    starts = [0, *sorted(start for start in bars.late_from | actions.late_from if start <= last)]
    ends = [*(start - 1 for start in starts[1:]), last]
    for first, end in zip(starts, ends, strict=True):
        # Rows on time are all usable at the end of the reading; late ones open a reading, so none begins inside it.
        yield Vintage(first, end, *bars.as_known_at(end), *actions.as_known_at(end))


@numba.njit(cache=True)
def _has_one_version(about: Ints, usable_from: Ints) -> bool:
    for row in range(about.size):
        if usable_from[row] > about[row] or (row > 0 and about[row] <= about[row - 1]):
            return False
    return about.size > 0


@numba.njit(cache=True)
def _late(about: Ints, usable_from: Ints) -> Ints:
    return usable_from[usable_from > about]


@numba.njit(cache=True)
def _newest(about: Ints, usable_from: Ints, identity: Ints, position: int) -> Ints:
    """Return the rows visible at a session that no later visible row is a version of."""
    rows = np.empty(about.size, dtype=np.int64)
    kept = 0
    for row in range(about.size):
        if usable_from[row] > position or about[row] > position:
            continue
        last = rows[kept - 1]
        if kept > 0 and about[last] == about[row] and identity[last] == identity[row]:
            kept -= 1
        rows[kept] = row
        kept += 1
    return rows[:kept]
