"""What holding the best fifth by score would have earned over the market, after costs: one figure a day.

Every way to score is turned into money alike, a model, a rule or chance: each day one part in as many as the horizon
has sessions moves into the day's best fifth and stays there for the horizon. What is told is the return over holding
every member alike, so holding them all earns 0 here by definition.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assets.ml.dataset import Days, Floats, TrainingSet
from assets.ml.walk_forward import Rows, day_slices

FIFTHS = 5
_RANDOM_PORTFOLIOS = 2000


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReturnGrid:
    """One-session returns of some rows as a grid.

    Attributes:
        days: (n_days,) days with a return, ascending.
        day: (n_rows,) place of each row's day.
        symbol: (n_rows,) place of each row's symbol.
        active: (n_days, n_symbols) return less the members' equal-weight mean of the day; 0 where a name has none.
        is_known: (n_days, n_symbols) whether a name has a return, as a member or as one that may still be held.
    """

    days: Days
    day: npt.NDArray[np.int64]
    symbol: npt.NDArray[np.int64]
    active: Floats
    is_known: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, training_set: TrainingSet, rows: Rows, one_session_return: Floats) -> "ReturnGrid":
        """Return the grid of some rows.

        Args:
            training_set: whose days and symbols are meant.
            rows: (n_rows,) row numbers, ascending.
            one_session_return: (n_rows,) returns from the close after the decision to the next; NaN where not known.
        """
        days, day = np.unique(training_set.sessions[rows], return_inverse=True)
        names, symbol = np.unique(training_set.symbols[rows].astype(str), return_inverse=True)
        active = np.zeros((len(days), len(names)))
        is_known = np.zeros(active.shape, dtype=bool)
        market = np.full(len(days), np.nan)
        is_known[day, symbol] = np.isfinite(one_session_return)
        for part in day_slices(training_set.sessions[rows]):
            known = np.isfinite(one_session_return[part])
            if known.any():
                returns = one_session_return[part][known]
                active[day[part][known], symbol[part][known]] = returns - returns.mean()
                market[day[part.start]] = returns.mean()
        # Names leave the universe after a fall more often than after a rise, and who bought them lives through it.
        held = training_set.still_held
        at = np.minimum(np.searchsorted(days, held.sessions), len(days) - 1)
        column = np.minimum(np.searchsorted(names, held.symbols.astype(str)), len(names) - 1)
        told = (days[at] == held.sessions) & (names[column] == held.symbols.astype(str)) & np.isfinite(market[at])
        active[at[told], column[told]] = (held.one_session_return - market[at])[told]
        is_known[at[told], column[told]] = True
        return cls(days=days, day=day, symbol=symbol, active=active, is_known=is_known)


def held_weights(grid: ReturnGrid, scores: Floats, *, horizon_sessions: int) -> Floats:
    """Return (n_days, n_symbols) weights of what is held; a day with fewer than five scored names adds nothing.

    Args:
        grid: rows and places.
        scores: (n_rows,) scores; NaN is never bought. Equal scores keep the order of the rows.
        horizon_sessions: days a part of the money stays.
    """
    chosen = np.zeros(grid.active.shape)
    starts = np.searchsorted(grid.day, np.arange(len(grid.days) + 1))
    for place in range(len(grid.days)):
        rows = np.arange(starts[place], starts[place + 1])
        rows = rows[np.isfinite(scores[rows])]
        if len(rows) >= FIFTHS:
            best = rows[np.argsort(-scores[rows], kind="stable")[: len(rows) // FIFTHS]]
            chosen[place, grid.symbol[best]] = 1.0 / len(best)
    held = np.zeros(chosen.shape)
    for age in range(min(horizon_sessions, len(chosen))):
        held[age:] += chosen[: len(chosen) - age] / horizon_sessions
    return held


def turnover(weights: Floats) -> Floats:
    """Return (n_days,) the share of the money bought plus the share sold, from nothing on the first day."""
    return np.asarray(np.abs(np.diff(weights, axis=0, prepend=np.zeros((1, weights.shape[1])))).sum(axis=1))


def net_returns(grid: ReturnGrid, weights: Floats, *, cost_bps: float) -> Floats:
    """Return (n_days,) what the weights earned over the market, less the costs of getting there, as fractions.

    Args:
        grid: the returns.
        weights: (n_days, n_symbols).
        cost_bps: cost of each dollar bought or sold.
    """
    return np.asarray((weights * grid.active).sum(axis=1) - cost_bps / 1e4 * turnover(weights))


def luck_quantile(grid: ReturnGrid, weights: Floats, *, seed: int) -> float:
    """Return the share of random portfolios that earned less than the weights did, before costs.

    Arguments as in `earned_by_chance`.
    """
    own, luck = earned_by_chance(grid, weights, seed=seed)
    return float((luck < own).mean())


def earned_by_chance(grid: ReturnGrid, weights: Floats, *, seed: int) -> tuple[float, Floats]:
    """Return what the weights earned over the market, before costs, and (n_portfolios,) what random portfolios did.

    A random portfolio buys and sells as much on the same days, only other names: those of a permutation that holds for
    the whole span. On a day on which a name has no return, the name that is to stand in for that one does, and so on:
    among the names of any day it is a permutation again. Were absent names to earn the market, chance would be calmer
    than what it is to be told from.

    Args:
        grid: the returns.
        weights: (n_days, n_symbols).
        seed: of the permutations.
    """
    # What each symbol's weights would have earned with each other symbol's returns; without BLAS, whose last bit
    # depends on its threads.
    held = np.where(grid.is_known, weights, 0.0)
    earned = np.einsum("ds,dt->st", held, grid.active)
    names = np.arange(len(earned))
    absent_day, absent_name = np.nonzero(~grid.is_known)
    random = np.random.default_rng(seed)
    luck = np.empty(_RANDOM_PORTFOLIOS)
    for place in range(_RANDOM_PORTFOLIOS):
        taken = random.permutation(names)
        holder = np.empty_like(taken)
        holder[taken] = names
        luck[place] = earned[names, taken].sum()
        # Absent names have earned 0 so far: the weights that fell on them move on until they fall on a name that is
        # there. They do, since whoever holds a weight is there and lies on the same cycle.
        moved = held[absent_day, holder[absent_name]]
        day, name, moved = (told[moved != 0.0] for told in (absent_day, absent_name, moved))
        while len(day):
            name = taken[name]
            is_there = grid.is_known[day, name]
            luck[place] += (moved * grid.active[day, name])[is_there].sum()
            day, name, moved = (told[~is_there] for told in (day, name, moved))
    return float(np.trace(earned)), luck
