"""Which rows of a delivery say something new about the facts a table already holds.

A fact (a symbol's bar of a session) may have several versions, each known from its own instant on. A row that repeats
the version in force at its `known_at` says nothing. Two kinds of rows come late, and count from the moment they were
recorded, never earlier, because a session already decided could not have known them: a row that contradicts what is
stored for its own time or later, a correction whose maker gave no time; and any row, of a new fact too, that claims to
have been known by the cut-off of a session that was pinned without it.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assets.schemas import INSTANT, RawTable

_ORIGIN_COLUMNS = frozenset({"source", "feed", "known_at"})
_TICK = timedelta(microseconds=1)
_LARGEST_ID = 2**62

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def new_rows(
    table: RawTable,
    *,
    incoming: pa.Table,
    stored: pa.Table,
    recorded_at: datetime,
    pinned_until: datetime | None = None,
    retired_until: datetime | None = None,
    is_whole_past: bool = False,
) -> pa.Table:
    """Return the incoming rows that add a fact or a version, in no particular order.

    Source and feed are not compared: the same values from another feed are no news. What contradicts a stored version
    known at the same time or later, and what was known by `pinned_until`, gets `known_at` = `recorded_at`, or just
    after the newest stored version or `pinned_until` when that is later still. Of several versions of one fact only the
    one with the latest own time can come late: what it superseded nobody can have known any more.

    Args:
        table: the contract of both tables.
        incoming: rows a source delivered.
        stored: every stored version of at least the facts the incoming rows name.
        recorded_at: when we record the delivery.
        pinned_until: cut-off of the newest session whose snapshot is pinned; None while none is, so that a history
            taken in for the first time keeps its times.
        retired_until: the newest `known_at` that left the store with age; what is older and told again was known once
            and keeps its time. None while nothing has left.
        is_whole_past: the source tells all it knows again (an edited file). Then a fact whose newest told version
            is an older stored one was taken back, and is told anew as of `recorded_at`.
    """
    if incoming.num_rows == 0:
        return incoming
    if pinned_until is not None:
        recorded_at = max(recorded_at, pinned_until + _TICK)
    ids = fact_ids(table, stored, incoming)
    stored_ids, incoming_ids = ids[: stored.num_rows], ids[stored.num_rows :]
    counts = np.bincount(ids)
    is_contested = counts[incoming_ids] > 1
    is_missed = _missed(incoming, pinned_until, retired_until)
    plain = incoming.filter(pa.array(~is_contested))
    if is_missed.any():
        at = pc.if_else(pa.array(is_missed[~is_contested]), pa.scalar(recorded_at, INSTANT), plain.column("known_at"))
        plain = _known_at(plain, at)
    if not is_contested.any():
        return plain
    contested = incoming.filter(pa.array(is_contested))
    rivals = stored.filter(pa.array(np.isin(stored_ids, incoming_ids[is_contested])))
    added = _added_versions(table, contested, rivals, is_missed[is_contested], recorded_at)
    if is_whole_past:
        known = pa.concat_tables([rivals, added])
        added = pa.concat_tables([added, _taken_back(table, contested, known, recorded_at)])
    return pa.concat_tables([plain, added])


def newest_versions(table: RawTable, rows: pa.Table) -> pa.Table:
    """Return one row per fact: the version with the latest `known_at`, sorted by fact key.

    This is what the world knew at the instant the rows were read as of.
    """
    if rows.num_rows == 0:
        return rows
    ordered = rows.take(
        pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in (*table.fact_key, "known_at")])
    )
    ids = fact_ids(table, ordered)
    return ordered.filter(pa.array(np.append(ids[1:] != ids[:-1], [True])))


def _missed(rows: pa.Table, pinned_until: datetime | None, retired_until: datetime | None) -> BoolArray:
    """Return which rows a pinned session would have seen, had they come in time."""
    times = _micros(rows.column("known_at"))
    missed = np.zeros(len(times), dtype=bool) if pinned_until is None else times <= _micro(pinned_until)
    return missed if retired_until is None else missed & (times > _micro(retired_until))


def _added_versions(
    table: RawTable, incoming: pa.Table, stored: pa.Table, is_missed: BoolArray, recorded_at: datetime
) -> pa.Table:
    is_new, is_late = _judge(table, stored, incoming)
    is_late |= is_missed
    added = incoming.filter(pa.array(is_new & ~is_late))
    late = incoming.filter(pa.array(is_new & is_late & _are_newest(table, incoming)))
    if late.num_rows == 0:
        return added
    known = pa.concat_tables([stored, added])
    stamped = _stamped(newest_versions(table, late), known, recorded_at)
    # Told again after a correction was recorded, the same contradiction equals the newest version and is no news.
    is_still_new, _ = _judge(table, known, stamped)
    return pa.concat_tables([added, stamped.filter(pa.array(is_still_new))])


def _taken_back(table: RawTable, told: pa.Table, known: pa.Table, recorded_at: datetime) -> pa.Table:
    """Return the newest told version of each fact that is not the newest known one, stamped as recorded now."""
    ids = fact_ids(table, known, told)
    # Only a fact with two versions can return to the first of them.
    has_versions = np.bincount(ids[: known.num_rows], minlength=int(ids.max()) + 1) > 1
    newest_told = newest_versions(table, told.filter(pa.array(has_versions[ids[known.num_rows :]])))
    if newest_told.num_rows == 0:
        return newest_told
    stamped = _stamped(newest_told, known, recorded_at)
    is_new, _ = _judge(table, known, stamped)
    return stamped.filter(pa.array(is_new))


def _judge(table: RawTable, stored: pa.Table, incoming: pa.Table) -> tuple[BoolArray, BoolArray]:
    """Return per incoming row: does it differ from the version before it, and is a stored version as late as it."""
    both = pa.concat_tables([stored, incoming]).combine_chunks()
    ids = fact_ids(table, both)
    times = _micros(both.column("known_at"))
    is_incoming = np.arange(both.num_rows) >= stored.num_rows
    order = np.lexsort((is_incoming, times, ids))
    ordered = both.take(pa.array(order))
    repeats = np.zeros(both.num_rows, dtype=bool)
    repeats[1:] = (ids[order][1:] == ids[order][:-1]) & _equals_previous(table, ordered)
    newest_stored = np.full(int(ids.max()) + 1, np.iinfo(np.int64).min)
    np.maximum.at(newest_stored, ids[: stored.num_rows], times[: stored.num_rows])
    is_new = np.empty(both.num_rows, dtype=bool)
    is_new[order] = ~repeats
    return is_new[stored.num_rows :], (times <= newest_stored[ids])[stored.num_rows :]


def _are_newest(table: RawTable, rows: pa.Table) -> BoolArray:
    """Return which rows no other row of the same fact has a later time than."""
    ids, times = fact_ids(table, rows), _micros(rows.column("known_at"))
    newest = np.full(int(ids.max()) + 1, np.iinfo(np.int64).min)
    np.maximum.at(newest, ids, times)
    are_newest: BoolArray = times == newest[ids]
    return are_newest


def _equals_previous(table: RawTable, rows: pa.Table) -> BoolArray:
    equal = np.ones(rows.num_rows - 1, dtype=bool)
    for name in table.schema.names:
        if name in _ORIGIN_COLUMNS or name in table.fact_key:
            continue
        column = rows.column(name).combine_chunks()
        this, previous = column[1:], column[:-1]
        same = pc.fill_null(pc.equal(this, previous), False)  # noqa: FBT003 - pyarrow takes the fill value by position
        both_null = pc.and_(pc.is_null(this), pc.is_null(previous))
        equal &= pc.or_(same, both_null).to_numpy(zero_copy_only=False)
    return equal


def _stamped(late: pa.Table, known: pa.Table, recorded_at: datetime) -> pa.Table:
    newest = pc.max(known.column("known_at")).as_py()
    at = recorded_at.astimezone(UTC) if newest is None else max(recorded_at.astimezone(UTC), newest + _TICK)
    return _known_at(late, pa.array([at] * late.num_rows, INSTANT))


def _known_at(rows: pa.Table, instants: pa.Array | pa.ChunkedArray) -> pa.Table:
    index = rows.schema.get_field_index("known_at")
    return rows.set_column(index, rows.schema.field(index), instants)


def fact_ids(table: RawTable, *tables: pa.Table) -> IntArray:
    """Return one integer per row of the stacked tables, equal where the fact keys are equal and less than the rows.

    No column of the key may hold nulls.
    """
    stacked = pa.concat_tables([part.select(list(table.fact_key)) for part in tables])
    ids: IntArray = np.zeros(stacked.num_rows, dtype=np.int64)
    room = 1
    for name in table.fact_key:
        encoded = stacked.column(name).combine_chunks().dictionary_encode()
        size = len(encoded.dictionary) + 1
        if room * size > _LARGEST_ID:
            # Renumbering sorts every row, so it waits until the product of the columns would overflow.
            ids, room = _renumbered(ids), stacked.num_rows
        ids = ids * size + encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        room *= size
    return _renumbered(ids)


def _renumbered(ids: IntArray) -> IntArray:
    _, numbers = np.unique(ids, return_inverse=True)
    return numbers.astype(np.int64)


def _micro(instant: datetime) -> int:
    micro: int = pa.scalar(instant, INSTANT).cast(pa.int64()).as_py()
    return micro


def _micros(column: pa.ChunkedArray) -> IntArray:
    micros: IntArray = column.cast(pa.int64()).to_numpy()
    return micros
