"""What a model learns from: features as they were known, and labels that had fully happened by the cut-off.

The label of a decision on session S is the total return from the close of S+1 to the close of S+1+horizon, net of the
equal-weight mean of the session's labelled members, turned into a Gaussian rank within the session. S+1 is skipped on
purpose: orders of S go out after the open of S+1, so the night between them cannot be earned; starting at the close of
S+1 never credits it, at the price of also ignoring what S+1 itself brings after the open. Nothing here reads a row of a
session after the cut-off.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assets.mart_settings import built_by
from assets.ml.forward_returns import ENTRY_LAG_SESSIONS, ForwardReturns
from assets.ml.policy import JUDGED_HORIZONS, LearningPolicy
from assets.warehouse import Warehouse
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import DataError
from execution.trading_calendar import AS_OF_AFTER_CLOSE, TradingCalendar

_SESSIONS_READ_AT_ONCE: Final = 125

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StillHeld:
    """Returns of names on sessions that have no row of them, but had one within the horizon before.

    What was bought then is held through such a session, whatever the universe says of the name by now.

    Attributes:
        sessions: ascending, as decision sessions are.
        symbols: exchange symbols, ascending within a session.
        one_session_return: from the close after the session to the next, or over the sessions without a bar before it.
    """

    sessions: Days
    symbols: npt.NDArray[np.object_]
    one_session_return: Floats

    @classmethod
    def none(cls) -> "StillHeld":
        """Return no such session, as sets from before they were kept have it."""
        return cls(
            sessions=np.empty(0, dtype="datetime64[D]"),
            symbols=np.empty(0, dtype=np.object_),
            one_session_return=np.empty(0),
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrainingSet:
    """Rows of (session, symbol), sorted by session and symbol; every array has one entry per row.

    Attributes:
        cut_off: newest session of which anything was read; every label ended on or before it.
        horizon_sessions: sessions a label spans.
        feature_names: columns of `features`, in order.
        sessions: decision sessions, ascending.
        symbols: exchange symbols, ascending within a session.
        features: (n_rows, n_features) float32; NaN where a feature was not known.
        label: Gaussian rank of `net_return` within its session, float32.
        net_return: forward total return net of the session's equal-weight mean, as a fraction.
        label_end: session on whose close the label was complete.
        volatility_20d: standard deviation of the last 20 one-session returns at the decision; NaN where unknown.
        sectors: sector at the decision; empty where unknown.
        forward_returns: (n_rows, 3) total returns over `JUDGED_HORIZONS`, only ever judged with; NaN where not over.
        feature_versions: version of each feature's definition; one that is not told is of version 1, as all were
            before any was told. No part of the hash, which is that of the rows.
        built_by: settings the marts were built by, by name; empty where it was not told. No part of the hash either.
        still_held: what names earned while they had no row and may have been held; only ever judged with, and no part
            of the hash either.
    """

    cut_off: date
    horizon_sessions: int
    feature_names: tuple[str, ...]
    sessions: Days
    symbols: npt.NDArray[np.object_]
    features: Singles
    label: Singles
    net_return: Floats
    label_end: Days
    volatility_20d: Floats
    sectors: npt.NDArray[np.object_]
    forward_returns: Floats
    feature_versions: Mapping[str, int] = field(default_factory=dict)
    built_by: Mapping[str, str] = field(default_factory=dict)
    still_held: StillHeld = field(default_factory=StillHeld.none)

    @property
    def days(self) -> Days:
        """The distinct decision sessions, ascending."""
        return np.unique(self.sessions)

    @property
    def hash(self) -> str:
        """SHA-256 over names and array bytes: the same rows give the same hash in any process."""
        digest = hashlib.sha256(
            canonical_bytes(
                {
                    "cut_off": self.cut_off,
                    "horizon_sessions": self.horizon_sessions,
                    "feature_names": self.feature_names,
                    "symbols": "\n".join(self.symbols.tolist()),
                    "sectors": "\n".join(self.sectors.tolist()),
                    "rows": len(self.symbols),
                }
            )
        )
        for days in (self.sessions, self.label_end):
            digest.update(np.ascontiguousarray(days.astype("datetime64[D]").astype("<i8")).data)
        # The arrays' own memory: a copy of the features as bytes would be a third of a gigabyte.
        digest.update(np.ascontiguousarray(self.features, dtype="<f4").data)
        digest.update(np.ascontiguousarray(self.label, dtype="<f4").data)
        for numbers in (self.net_return, self.volatility_20d, self.forward_returns):
            digest.update(np.ascontiguousarray(numbers, dtype="<f8").data)
        return digest.hexdigest()


def training_cut_off(warehouse: Warehouse, *, now: datetime, calendar: TradingCalendar) -> date:
    """Return the newest session with features whose own cut-off had passed at an instant.

    Args:
        warehouse: where the marts are.
        now: the clock's instant, in UTC.
        calendar: the exchange's sessions.

    Raises:
        DataError: no session with features is that old.
    """
    newest = calendar.last_closed(now - AS_OF_AFTER_CLOSE)
    rows = warehouse.read(
        "select max(session) as session from marts.fct_features where session <= $newest", {"newest": newest}
    )
    found = rows.column("session")[0].as_py()
    if not isinstance(found, date):
        raise DataError(f"found no features on or before {newest}, expected at least one session: run a cycle first")
    return found


def offered_features(warehouse: Warehouse) -> tuple[str, ...]:
    """Return every feature the mart holds: the catalogue's, then those of the library that are switched on."""
    columns = warehouse.read("select * from marts.fct_features limit 0").column_names
    return tuple(name for name in columns if name not in {"session", "symbol"})


def stored_versions(warehouse: Warehouse, feature_names: Sequence[str]) -> dict[str, int]:
    """Return the version of each feature by which the mart's rows were made; 1 where none was noted with them."""
    told = {}
    if warehouse.has_table("request", "feature_versions"):
        rows = warehouse.read("select feature, version from request.feature_versions")
        told = dict(zip(rows.column("feature").to_pylist(), rows.column("version").to_pylist(), strict=True))
    return {name: told.get(name, 1) for name in feature_names}


def build_training_set(
    warehouse: Warehouse,
    *,
    cut_off: date,
    feature_names: Sequence[str],
    policy: LearningPolicy,
    calendar: TradingCalendar,
    known: date | None = None,
) -> TrainingSet:
    """Return every universe member's features joined with the label that was complete at the cut-off.

    Args:
        warehouse: holds the marts; nothing after the cut-off is read from it.
        cut_off: session whose close is the last fact a label may know.
        feature_names: columns of `marts.fct_features` to learn from.
        policy: horizon and bounds of the history.
        calendar: the exchange's sessions; labels count these, so a day without data never stretches a horizon.
        known: session at whose cut-off the past is told, corrections included; the cut-off unless told otherwise.

    Raises:
        DataError: fewer labelled sessions than the policy demands.
    """
    first = calendar.sessions[max(0, calendar.index(cut_off) + 1 - policy.max_history_sessions)]
    grid = calendar.between(first, cut_off)
    returns = ForwardReturns.read(warehouse, grid=grid, calendar=calendar, known=known)
    rows = warehouse.read(_members_sql(()), {"first": first, "last": cut_off})
    day = np.searchsorted(np.array(grid, dtype="datetime64[D]"), _days(rows, "session"))
    forward, *judged = (
        returns.of(returns.over(horizon), day, rows.column("symbol"))
        for horizon in (policy.horizon_sessions, *JUDGED_HORIZONS)
    )
    sizes = np.bincount(day[np.isfinite(forward)], minlength=len(grid))
    keep = np.isfinite(forward) & (sizes[day] >= policy.min_names_per_session)
    labelled = int(np.unique(day[keep]).size)
    if labelled < policy.min_history_sessions:
        raise DataError(
            f"found {labelled} labelled sessions up to {cut_off}, expected at least {policy.min_history_sessions}: "
            "take in more history, or lower min_history_sessions"
        )
    kept_day = day[keep]
    net = forward[keep] - (_sum_by(kept_day, forward[keep], len(grid)) / np.maximum(sizes, 1))[kept_day]
    sessions = np.array(grid, dtype="datetime64[D]")
    return TrainingSet(
        cut_off=cut_off,
        horizon_sessions=policy.horizon_sessions,
        feature_names=tuple(feature_names),
        sessions=sessions[kept_day],
        symbols=np.asarray(rows.column("symbol").to_pylist(), dtype=np.object_)[keep],
        features=_kept_features(warehouse, feature_names, grid=grid, day=day, keep=keep),
        label=gaussian_rank(net, kept_day).astype(np.float32),
        net_return=net,
        label_end=sessions[kept_day + ENTRY_LAG_SESSIONS + policy.horizon_sessions],
        volatility_20d=_numbers(rows, "fact_volatility_20d")[keep],
        sectors=np.asarray([name or "" for name in rows.column("fact_sector").to_pylist()], dtype=np.object_)[keep],
        forward_returns=np.column_stack(judged)[keep],
        feature_versions=stored_versions(warehouse, feature_names),
        built_by=built_by(warehouse),
        still_held=_still_held(returns, grid, kept_day, rows.column("symbol").filter(pa.array(keep)), policy),
    )


def _still_held(
    returns: ForwardReturns,
    grid: Sequence[date],
    day: npt.NDArray[np.int64],
    symbols: pa.ChunkedArray,
    policy: LearningPolicy,
) -> StillHeld:
    """Return what names with a row in the horizon before earned on sessions without one, while they have bars."""
    position = {symbol: column for column, symbol in enumerate(returns.symbols)}
    has_row = np.zeros(returns.growth.shape, dtype=np.bool_)
    has_row[day, [position[symbol] for symbol in symbols.to_pylist()]] = True
    after = returns.next_session()
    may_be_held = np.zeros(has_row.shape, dtype=np.bool_)
    for age in range(1, min(policy.horizon_sessions, len(has_row))):
        may_be_held[age:] |= has_row[:-age]
    is_judged = np.isin(np.arange(len(has_row)), day)
    place, column = np.nonzero(may_be_held & ~has_row & is_judged[:, np.newaxis] & np.isfinite(after))
    return StillHeld(
        sessions=np.array(grid, dtype="datetime64[D]")[place],
        symbols=np.array(returns.symbols, dtype=np.object_)[column],
        one_session_return=after[place, column],
    )


def _kept_features(
    warehouse: Warehouse,
    feature_names: Sequence[str],
    *,
    grid: Sequence[date],
    day: npt.NDArray[np.int64],
    keep: npt.NDArray[np.bool_],
) -> Singles:
    """Return the features of the kept members, read a stretch of sessions at a time: all at once are gigabytes."""
    sql = _members_sql(feature_names)
    matrix = np.empty((int(keep.sum()), len(feature_names)), dtype=np.float32)
    end = 0
    for begin in range(0, len(grid), _SESSIONS_READ_AT_ONCE):
        until = min(begin + _SESSIONS_READ_AT_ONCE, len(grid))
        rows = warehouse.read(sql, {"first": grid[begin], "last": grid[until - 1]})
        block = feature_matrix(rows, feature_names)[keep[(day >= begin) & (day < until)]]
        matrix[end : end + len(block)] = block
        end += len(block)
        del rows, block
        pa.default_memory_pool().release_unused()
    return matrix


def member_features(
    warehouse: Warehouse, feature_names: Sequence[str], *, first: date, last: date
) -> tuple[Days, Singles]:
    """Return sessions and (n_rows, n_features) features of every member of some sessions, by session and symbol.

    Raises:
        DataError: a named feature is no column of the marts.
    """
    rows = warehouse.read(_members_sql(feature_names), {"first": first, "last": last})
    return _days(rows, "session"), feature_matrix(rows, feature_names)


def feature_matrix(rows: pa.Table, feature_names: Sequence[str]) -> Singles:
    """Return features as (n_rows, n_features) float32, C-ordered, with NaN for null and for anything not finite.

    Raises:
        DataError: a named feature is no column of the rows.
    """
    absent = [name for name in feature_names if name not in rows.column_names]
    if absent:
        raise DataError(f"found no feature column {', '.join(absent)}: rebuild the marts, or train a new model")
    matrix = np.empty((rows.num_rows, len(feature_names)), dtype=np.float32)
    with np.errstate(over="ignore"):  # beyond single precision becomes infinite here and missing below
        for position, name in enumerate(feature_names):
            matrix[:, position] = _numbers(rows, name)
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def gaussian_rank(values: Floats, groups: npt.NDArray[np.int64]) -> Floats:
    """Return each value's normal quantile of its mid-rank within its group; ties share their mean rank.

    Args:
        values: (n,) finite numbers.
        groups: (n,) non-decreasing group numbers, one group per session.

    Source:
        Van der Waerden scores with the Hazen plotting position (rank - 1/2) / n.
    """
    from scipy.special import ndtri  # noqa: PLC0415 - definitions import this module; the library loads in training

    _, sizes = _runs(groups[1:] != groups[:-1], len(groups))
    normal: Floats = ndtri((mean_ranks_within(values, groups) - 0.5) / np.repeat(sizes, sizes))
    return normal


def mean_ranks(values: Floats) -> Floats:
    """Return ranks from 1, smallest first; ties share the mean of the ranks they cover."""
    return mean_ranks_within(values, np.zeros(len(values), dtype=np.int64))


def mean_ranks_within(values: Floats, groups: npt.NDArray[np.int64]) -> Floats:
    """Return each value's rank within its group, from 1, smallest first; ties share the mean of the ranks they cover.

    Args:
        values: (n,) finite numbers.
        groups: (n,) non-decreasing group numbers.
    """
    order = np.lexsort((values, groups))
    rising = values[order]
    is_other_group = groups[1:] != groups[:-1]
    tie_begins, tied = _runs(is_other_group | (rising[1:] != rising[:-1]), len(values))
    group_begins, sizes = _runs(is_other_group, len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(tie_begins + (tied + 1) / 2.0, tied) - np.repeat(group_begins, sizes)
    return ranks


def _runs(is_other: npt.NDArray[np.bool_], count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where each run of equal neighbours begins and how long it is; `is_other` compares each with the former."""
    begins = np.flatnonzero(np.r_[count > 0, is_other])
    return begins, np.diff(np.r_[begins, count])


def _members_sql(feature_names: Sequence[str]) -> str:
    columns = "".join(f', f."{name}"' for name in feature_names)
    return (
        f"select f.session, f.symbol, t.volatility_20d as fact_volatility_20d, t.sector as fact_sector{columns} "  # noqa: S608 - names come from the catalogue
        "from marts.fct_features as f "
        "inner join marts.fct_universe as u on u.session = f.session and u.symbol = f.symbol "
        "left join marts.fct_trading_facts as t on t.session = f.session and t.symbol = f.symbol "
        "where u.is_member and f.session between $first and $last order by f.session, f.symbol"
    )


def _days(rows: pa.Table, name: str) -> Days:
    days: Days = rows.column(name).to_numpy().astype("datetime64[D]")
    return days


def _numbers(rows: pa.Table, name: str) -> Floats:
    return np.asarray(rows.column(name).to_numpy(), dtype=np.float64)


def _sum_by(groups: npt.NDArray[np.int64], values: Floats, size: int) -> Floats:
    # bincount adds in row order, one by one: the same rows give the same last bit.
    return np.bincount(groups, weights=values, minlength=size).astype(np.float64)
