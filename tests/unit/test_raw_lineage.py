"""Which rows a decision could see, and which decisions saw a row, over a store of two deliveries and a correction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from assets.raw_lineage import RawRow, rows_behind, stored_rows
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS, EVENTS
from assets.snapshots import DataSnapshot
from execution.domain.errors import DataError
from tests.builders.raw_rows import CALENDAR, bar, rows, sessions

FIRST, SECOND, THIRD = sessions(3)


@dataclass(frozen=True)
class Stored:
    store: RawStore
    snapshot: DataSnapshot


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Two sessions taken in one by one; the first bar of AAA is corrected after the second session's cut-off."""
    store = RawStore(tmp_path)
    for session in (FIRST, SECOND):
        bars = rows(DAILY_BARS, [bar(symbol, session, 20.0) for symbol in ("AAA", "BBB")])
        store.append(DAILY_BARS, bars, session=session, recorded_at=CALENDAR.as_of(session))
    macro = {"symbol": "*", "kind": "macro", "scheduled_at": CALENDAR.opens_at(THIRD), "known_at": known_early()}
    store.append(EVENTS, rows(EVENTS, [macro]), session=FIRST, recorded_at=CALENDAR.as_of(FIRST))
    corrected = bar("AAA", FIRST, 21.0, known_at=CALENDAR.as_of(SECOND) + timedelta(minutes=1))
    store.append(DAILY_BARS, rows(DAILY_BARS, [corrected]), session=THIRD, recorded_at=CALENDAR.as_of(THIRD))
    return Stored(store, store.snapshot(session=SECOND, as_of=CALENDAR.as_of(SECOND)))


def known_early() -> datetime:
    return CALENDAR.opens_at(FIRST)


def first_bar_versions(stored: Stored) -> tuple[RawRow, ...]:
    return stored_rows(stored.store, DAILY_BARS, {"symbol": "AAA", "session": FIRST.isoformat()})


def test_a_symbols_rows_are_counted_by_the_part_they_came_in(stored: Stored) -> None:
    (bars, _) = rows_behind(stored.store, stored.snapshot, "AAA")
    assert (bars.table, bars.rows, [rows for _, rows in bars.parts]) == ("daily_bars", 2, [1, 1])


def test_the_newest_row_behind_a_decision_is_the_one_known_last_by_its_cut_off(stored: Stored) -> None:
    (bars, _) = rows_behind(stored.store, stored.snapshot, "AAA")
    assert bars.newest["session"] == SECOND
    assert bars.last_known_at == CALENDAR.bars_known_at(SECOND)


def test_rows_say_their_source_and_feed(stored: Stored) -> None:
    (bars, _) = rows_behind(stored.store, stored.snapshot, "AAA")
    assert bars.origins == ("test/test",)


def test_an_event_of_the_whole_market_stands_behind_every_symbol(stored: Stored) -> None:
    assert [table.table for table in rows_behind(stored.store, stored.snapshot, "CCC")] == ["events"]


def test_every_stored_version_of_a_row_is_found_earliest_first(stored: Stored) -> None:
    assert [row.columns["close_usd"] for row in first_bar_versions(stored)] == [Decimal(20), Decimal(21)]


def test_a_row_is_named_by_the_part_it_came_in(stored: Stored) -> None:
    assert first_bar_versions(stored)[0].part_hash in stored.snapshot.hashes("daily_bars")


def test_a_decision_sees_the_row_and_not_its_later_correction(stored: Stored) -> None:
    assert [row.is_behind(stored.snapshot) for row in first_bar_versions(stored)] == [True, False]


def test_a_row_in_a_listed_part_that_became_known_after_the_cut_off_is_not_behind(stored: Stored) -> None:
    early = stored.store.snapshot(session=SECOND, as_of=CALENDAR.as_of(SECOND))
    cut = DataSnapshot(session=FIRST, as_of=CALENDAR.as_of(FIRST), parts=early.parts)
    (row,) = stored_rows(stored.store, DAILY_BARS, {"symbol": "BBB", "session": SECOND.isoformat()})
    assert not row.is_behind(cut)


def test_a_column_the_table_does_not_have_is_refused_with_those_it_has(stored: Stored) -> None:
    with pytest.raises(DataError, match=r"no column 'ticker': it has symbol, session"):
        stored_rows(stored.store, DAILY_BARS, {"ticker": "AAA"})


def test_a_value_of_another_type_is_refused(stored: Stored) -> None:
    with pytest.raises(DataError, match="session='yesterday' is no date32"):
        stored_rows(stored.store, DAILY_BARS, {"session": "yesterday"})
