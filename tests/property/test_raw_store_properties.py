"""The raw store against a model that fits on a page: what was known when, whatever arrives in whatever order."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.raw_store import RawStore
from assets.row_versions import newest_versions
from assets.schemas import INDICES
from assets.table_content import canonical_order, table_hash

START = datetime(2024, 1, 2, 21, 15, tzinfo=UTC)
SESSION = date(2024, 1, 2)
RECORDED = START + timedelta(days=100)
SLOW = settings(deadline=None, max_examples=25)


class Told(NamedTuple):
    """One row: which fact, its value, and when it became known, in hours after the start."""

    fact: int
    value: int
    hour: int


rows_told = st.lists(st.builds(Told, st.integers(0, 3), st.integers(0, 2), st.integers(0, 20)), max_size=12)


def table_of(rows: list[Told]) -> pa.Table:
    columns = {
        "index_name": [f"index{row.fact}" for row in rows],
        "session": [SESSION] * len(rows),
        "close": [float(row.value) for row in rows],
        "source": ["test"] * len(rows),
        "feed": ["test"] * len(rows),
        "known_at": [START + timedelta(hours=row.hour) for row in rows],
    }
    return pa.table(columns, schema=INDICES.schema)


def in_order_of_time(rows: list[Told]) -> list[Told]:
    """One version per fact and instant, as a source that keeps its contract tells them."""
    return sorted({(row.hour, row.fact): row for row in rows}.values(), key=lambda row: (row.hour, row.fact))


@contextmanager
def new_store() -> Iterator[RawStore]:
    with tempfile.TemporaryDirectory() as folder:
        yield RawStore(Path(folder))


def put(store: RawStore, rows: list[Told], recorded_at: datetime = RECORDED) -> None:
    store.append(INDICES, table_of(rows), session=SESSION, recorded_at=recorded_at)


def known_values(store: RawStore, hour: int) -> dict[str, float]:
    rows = store.read(INDICES, as_of=START + timedelta(hours=hour))
    newest = newest_versions(INDICES, rows)
    return dict(zip(newest.column("index_name").to_pylist(), newest.column("close").to_pylist(), strict=True))


def expected_values(rows: list[Told], hour: int) -> dict[str, float]:
    return {f"index{row.fact}": float(row.value) for row in rows if row.hour <= hour}


@SLOW
@given(rows_told, st.integers(0, 21))
def test_what_was_known_at_any_hour_is_what_was_told_by_then(rows: list[Told], hour: int) -> None:
    told = in_order_of_time(rows)
    with new_store() as store:
        put(store, told)
        assert known_values(store, hour) == expected_values(told, hour)


@SLOW
@given(rows_told, st.lists(st.integers(0, 12), max_size=3))
def test_deliveries_cut_anywhere_leave_the_same_rows(rows: list[Told], cuts: list[int]) -> None:
    told = in_order_of_time(rows)
    bounds = sorted({0, len(told), *(min(cut, len(told)) for cut in cuts)})
    with new_store() as whole, new_store() as pieces:
        put(whole, told)
        for start, stop in pairwise(bounds):
            put(pieces, told[start:stop])
        left, right = (store.read(INDICES, as_of=RECORDED) for store in (whole, pieces))
        assert canonical_order(INDICES, left).equals(canonical_order(INDICES, right))


@SLOW
@given(rows_told)
def test_a_delivery_repeated_adds_nothing(rows: list[Told]) -> None:
    told = in_order_of_time(rows)
    with new_store() as store:
        put(store, told)
        before = store.parts(INDICES)
        put(store, told, RECORDED + timedelta(days=1))
        assert store.parts(INDICES) == before
        assert store.verify() == len(before)


@SLOW
@given(rows_told, rows_told, st.integers(0, 40))
def test_a_contradiction_never_changes_what_was_known_before_it_was_recorded(
    first: list[Told], second: list[Told], hour: int
) -> None:
    told = in_order_of_time(first)
    stored: dict[int, Told] = {}
    for row in told:
        # A repetition of the version in force is not stored, so it covers no time of its own.
        if row.fact not in stored or stored[row.fact].value != row.value:
            stored[row.fact] = row
    # The second delivery speaks of stored facts, and of times their newest stored version already covers.
    late = [row for row in in_order_of_time(second) if row.fact in stored and row.hour <= stored[row.fact].hour]
    with new_store() as store:
        put(store, told)
        before = known_values(store, hour)
        put(store, late)
        assert known_values(store, hour) == before


@SLOW
@given(rows_told, st.randoms(use_true_random=False))
def test_the_hash_does_not_see_the_order_of_rows(rows: list[Told], random: object) -> None:
    told = in_order_of_time(rows)
    shuffled = list(told)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis hands over a random.Random
    left, right = (canonical_order(INDICES, table_of(order)) for order in (told, shuffled))
    assert table_hash(INDICES, left) == table_hash(INDICES, right)


@SLOW
@given(rows_told, rows_told)
def test_other_rows_have_another_hash(first: list[Told], second: list[Told]) -> None:
    left, right = (canonical_order(INDICES, table_of(in_order_of_time(rows))) for rows in (first, second))
    assert (table_hash(INDICES, left) == table_hash(INDICES, right)) == left.equals(right)
