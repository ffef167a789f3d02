"""The raw store: written once, corrected by rows, and either the old state or the new one after any crash."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets import schemas
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS, SECURITIES
from execution.domain.errors import CorruptArtifact, DataError
from execution.durable_files import DurableFiles
from execution.trading_calendar import TradingCalendar

CALENDAR = TradingCalendar.shipped()
MONDAY = date(2024, 3, 4)
TUESDAY = date(2024, 3, 5)
NOW = datetime(2024, 3, 6, 12, 0, tzinfo=UTC)


def bar(symbol: str = "AAA", session: date = MONDAY, close: str = "10.50", **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "symbol": symbol,
        "session": session,
        "open_usd": Decimal("10.00"),
        "high_usd": Decimal("11.00"),
        "low_usd": Decimal("9.00"),
        "close_usd": Decimal(close),
        "volume_shares": 1_000,
        "is_halted": False,
        "source": "test",
        "feed": "test",
        "known_at": CALENDAR.bars_known_at(session),
    }
    return {**row, **changes}


def bars(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=DAILY_BARS.schema)


def closes(store: RawStore, as_of: datetime = NOW + timedelta(days=365)) -> list[Decimal]:
    return store.read(DAILY_BARS, as_of=as_of, columns=["close_usd"]).column("close_usd").to_pylist()


def put(
    store: RawStore,
    *rows: dict[str, object],
    session: date = MONDAY,
    recorded_at: datetime = NOW,
    pinned_until: datetime | None = None,
    is_whole_past: bool = False,
):
    return store.append(
        DAILY_BARS,
        bars(*rows),
        session=session,
        recorded_at=recorded_at,
        pinned_until=pinned_until,
        is_whole_past=is_whole_past,
    )


def test_a_part_is_named_by_what_its_rows_say_in_any_order(tmp_path: Path) -> None:
    first = put(RawStore(tmp_path / "one"), bar("AAA"), bar("BBB"))
    second = put(RawStore(tmp_path / "two"), bar("BBB"), bar("AAA"), recorded_at=NOW + timedelta(days=9))
    assert first.hash == second.hash
    assert (tmp_path / "one" / "daily_bars" / f"{first.hash}.parquet").exists()


def test_one_changed_value_changes_the_name(tmp_path: Path) -> None:
    first = put(RawStore(tmp_path / "one"), bar())
    second = put(RawStore(tmp_path / "two"), bar(volume_shares=1_001))
    assert first.hash != second.hash


def test_taking_in_the_same_data_again_adds_nothing(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    put(store, bar("AAA"), bar("BBB"))
    before = sorted(path.name for path in (tmp_path / "daily_bars").iterdir())
    assert put(store, bar("AAA"), bar("BBB"), session=TUESDAY, recorded_at=NOW + timedelta(hours=1)) is None
    assert sorted(path.name for path in (tmp_path / "daily_bars").iterdir()) == before


def test_the_same_values_from_another_feed_add_nothing(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    put(store, bar())
    assert put(store, bar(feed="other")) is None


def test_a_correction_adds_a_row_and_keeps_the_old_one(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    put(store, bar(close="10.50"))
    put(store, bar(close="10.60", known_at=CALENDAR.bars_known_at(TUESDAY)))
    assert closes(store) == [Decimal("10.50"), Decimal("10.60")]


def test_a_correction_is_invisible_before_it_became_known(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    put(store, bar(close="10.50"), bar(close="10.60", known_at=CALENDAR.bars_known_at(TUESDAY)))
    assert closes(store, as_of=CALENDAR.as_of(MONDAY)) == [Decimal("10.50")]


def test_rows_are_counted_by_when_they_became_known_whichever_part_they_lie_in(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    put(store, bar("AAA"), bar("BBB"), bar("AAA", TUESDAY))
    put(store, bar("BBB", TUESDAY), session=TUESDAY)
    monday, tuesday = CALENDAR.bars_known_at(MONDAY), CALENDAR.bars_known_at(TUESDAY)
    counted = [
        store.count(DAILY_BARS, after=after, upto=upto)
        for after, upto in ((None, monday), (monday, tuesday), (tuesday, NOW), (None, NOW))
    ]
    assert counted == [2, 2, 0, 4]


def test_rows_of_parts_that_are_asked_for_whole_are_counted_without_opening_them(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    parts = [put(store, bar(session=day), bar("BBB", day), session=day) for day in (MONDAY, TUESDAY)]
    for part in parts:
        store.path(DAILY_BARS, part.hash).write_bytes(b"nobody reads this")
    assert store.count(DAILY_BARS, after=CALENDAR.as_of(MONDAY), upto=CALENDAR.as_of(TUESDAY)) == 2


def test_a_correction_without_a_time_of_its_own_counts_from_its_recording(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    put(store, bar(close="10.50"))
    part = put(store, bar(close="10.60"), recorded_at=NOW)
    assert part.min_known_at == NOW
    assert closes(store, as_of=CALENDAR.as_of(MONDAY)) == [Decimal("10.50")]


def test_a_correction_without_a_time_told_twice_adds_one_row(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    put(store, bar(close="10.50"))
    put(store, bar(close="10.60"), recorded_at=NOW)
    assert put(store, bar(close="10.60"), recorded_at=NOW + timedelta(days=1)) is None


def test_a_return_to_an_older_value_is_a_version_of_its_own(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    later = CALENDAR.bars_known_at(TUESDAY)
    put(store, bar(close="10.50"), bar(close="10.60", known_at=later))
    put(store, bar(close="10.50", known_at=later + timedelta(days=1)))
    assert closes(store) == [Decimal("10.50"), Decimal("10.60"), Decimal("10.50")]


def test_an_older_delivery_repeated_takes_nothing_back(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    put(store, bar(close="10.50"))
    put(store, bar(close="10.60"))
    assert put(store, bar(close="10.50"), recorded_at=NOW + timedelta(days=1)) is None


def test_a_whole_past_that_returns_to_an_older_value_takes_the_newer_back(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    put(store, bar(close="10.50"), bar("BBB"))
    put(store, bar(close="10.60"))
    whole, later = bars(bar(close="10.50"), bar("BBB")), NOW + timedelta(days=1)
    part = store.append(DAILY_BARS, whole, session=TUESDAY, recorded_at=later, is_whole_past=True)
    assert (part.rows, part.min_known_at) == (1, later)
    assert store.append(DAILY_BARS, whole, session=TUESDAY, recorded_at=later, is_whole_past=True) is None


def test_a_fact_told_after_a_session_was_pinned_without_it_counts_from_its_recording(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    put(store, bar("AAA"))
    part = put(store, bar("BBB"), pinned_until=CALENDAR.as_of(MONDAY))
    assert part.min_known_at == NOW
    assert put(store, bar("BBB"), recorded_at=NOW + timedelta(days=1), pinned_until=NOW) is None
    assert closes(store, as_of=CALENDAR.as_of(MONDAY)) == [Decimal("10.50")]


def test_a_fact_told_before_its_session_is_pinned_keeps_its_own_time(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    part = put(store, bar(session=TUESDAY), pinned_until=CALENDAR.as_of(MONDAY))
    assert part.min_known_at == CALENDAR.bars_known_at(TUESDAY)


def test_what_is_recorded_by_a_clock_behind_a_pinned_session_is_known_just_after_its_cut_off(tmp_path: Path) -> None:
    cut_off = CALENDAR.as_of(TUESDAY)
    store = RawStore(tmp_path)
    put(store, bar("AAA"))
    late = put(store, bar("BBB"), recorded_at=cut_off, pinned_until=cut_off)
    corrected = put(store, bar("AAA", close="10.60"), recorded_at=cut_off, pinned_until=cut_off)
    assert late.min_known_at == cut_off + timedelta(microseconds=1)
    assert corrected.min_known_at > cut_off


def test_a_version_with_a_time_a_pinned_session_has_passed_counts_from_its_recording(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    put(store, bar(close="10.50"))
    corrected = bar(close="10.60", known_at=CALENDAR.bars_known_at(TUESDAY))
    assert put(store, corrected, pinned_until=CALENDAR.as_of(TUESDAY)).min_known_at == NOW


def test_of_versions_that_all_come_late_only_the_newest_is_known(tmp_path: Path) -> None:
    store, cut_off = RawStore(tmp_path), CALENDAR.as_of(TUESDAY)
    told = bar(close="10.50"), bar(close="10.60", known_at=CALENDAR.bars_known_at(TUESDAY))
    put(store, *told, pinned_until=cut_off, is_whole_past=True)
    later = NOW + timedelta(days=1)
    assert put(store, *told, recorded_at=later, pinned_until=NOW, is_whole_past=True) is None
    assert closes(store) == [Decimal("10.60")]


def test_a_late_version_that_the_same_delivery_supersedes_in_time_is_never_known(tmp_path: Path) -> None:
    store, cut_off = RawStore(tmp_path), CALENDAR.as_of(MONDAY)
    told = bar(close="10.50"), bar(close="10.60", known_at=CALENDAR.bars_known_at(TUESDAY))
    put(store, *told, pinned_until=cut_off, is_whole_past=True)
    later = NOW + timedelta(days=1)
    assert put(store, *told, recorded_at=later, pinned_until=NOW, is_whole_past=True) is None
    assert closes(store) == [Decimal("10.60")]


def test_rows_that_were_retired_keep_their_time_when_they_are_told_again(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    part = put(store, bar())
    store.retire(DAILY_BARS, part.hash)
    again = put(store, bar(), recorded_at=NOW + timedelta(days=1), pinned_until=NOW, is_whole_past=True)
    assert again.min_known_at == CALENDAR.bars_known_at(MONDAY)


def test_reading_an_empty_table_gives_its_columns(tmp_path: Path) -> None:
    rows = RawStore(tmp_path).read(SECURITIES, as_of=NOW)
    assert rows.num_rows == 0
    assert rows.schema.equals(SECURITIES.schema)


def test_the_latest_session_is_that_of_the_newest_part(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    assert store.latest_session(DAILY_BARS) is None
    put(store, bar(session=MONDAY), session=MONDAY)
    put(store, bar(session=TUESDAY), session=TUESDAY)
    assert store.latest_session(DAILY_BARS) == TUESDAY


def test_a_snapshot_leaves_out_parts_known_after_the_cut_off(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    monday = put(store, bar(session=MONDAY), session=MONDAY)
    put(store, bar(session=TUESDAY), session=TUESDAY)
    snapshot = store.snapshot(session=MONDAY, as_of=CALENDAR.as_of(MONDAY))
    assert snapshot.hashes("daily_bars") == (monday.hash,)


def test_the_paths_of_a_snapshot_begin_with_the_zero_row_file(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    part = put(store, bar())
    snapshot = store.snapshot(session=MONDAY, as_of=CALENDAR.as_of(MONDAY))
    schema_file, data_file = store.paths(snapshot, DAILY_BARS)
    assert pq.read_table(schema_file).num_rows == 0
    assert data_file.stem == part.hash
    assert store.paths(snapshot, SECURITIES) == [tmp_path / "securities" / "_schema.parquet"]


def test_rows_that_break_the_contract_are_refused_by_name(tmp_path: Path) -> None:
    without_volume = bars(bar()).drop_columns(["volume_shares"])
    with pytest.raises(DataError, match="volume_shares"):
        RawStore(tmp_path).append(DAILY_BARS, without_volume, session=MONDAY, recorded_at=NOW)


def test_a_null_where_a_value_is_required_is_refused(tmp_path: Path) -> None:
    loose = pa.schema([field.with_nullable(nullable=True) for field in DAILY_BARS.schema])
    rows = pa.Table.from_pylist([bar(close_usd=None)], schema=loose)
    with pytest.raises(DataError, match="close_usd has 1 nulls"):
        RawStore(tmp_path).append(DAILY_BARS, rows, session=MONDAY, recorded_at=NOW)


def test_verify_counts_the_parts_it_hashed_again(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    put(store, bar(session=MONDAY))
    put(store, bar(session=TUESDAY))
    assert store.verify() == 2


def test_verify_finds_a_part_whose_rows_were_changed(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    part = put(store, bar())
    path = tmp_path / "daily_bars" / f"{part.hash}.parquet"
    metadata = pq.read_schema(path).metadata
    pq.write_table(bars(bar(close="99")).replace_schema_metadata(metadata), path)
    with pytest.raises(CorruptArtifact, match="other rows than its name says"):
        store.verify()


def test_verify_finds_a_truncated_part(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    part = put(store, bar())
    path = tmp_path / "daily_bars" / f"{part.hash}.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptArtifact, match="cannot be read"):
        store.verify()


def test_a_part_that_is_gone_is_named_not_forgotten(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    part = put(store, bar())
    (tmp_path / "daily_bars" / f"{part.hash}.parquet").unlink()
    with pytest.raises(CorruptArtifact, match=part.hash):
        store.read(DAILY_BARS, as_of=NOW)


def test_an_unfinished_index_line_is_told_by_the_part_itself(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    part = put(store, bar())
    index = tmp_path / "daily_bars" / "parts.jsonl"
    index.write_bytes(index.read_bytes()[:40])
    assert store.parts(DAILY_BARS) == (part,)
    put(store, bar(session=TUESDAY))
    assert len(RawStore(tmp_path).parts(DAILY_BARS)) == 2
    assert RawStore(tmp_path).verify() == 2


class Crash(Exception):
    """The process died here."""


class DyingFiles(DurableFiles):
    """Dies just before, or half-way through, the n-th step."""

    def __init__(self, dies_at: int) -> None:
        self._steps_left = dies_at

    def _step(self) -> None:
        if self._steps_left == 0:
            raise Crash
        self._steps_left -= 1

    def write_temporary(self, target, write):
        if self._steps_left == 0:
            target.with_name(f".{target.name}.dead.tmp").write_bytes(b"half a file")
        self._step()
        return super().write_temporary(target, write)

    def sync(self, path):
        self._step()
        super().sync(path)

    def rename(self, temporary, target):
        self._step()
        super().rename(temporary, target)

    def sync_folder(self, folder):
        self._step()
        super().sync_folder(folder)

    def append_line(self, path, line):
        if self._steps_left == 0:
            with path.open("ab") as stream:
                stream.write(line[: len(line) // 2])
        self._step()
        super().append_line(path, line)


STEPS_OF_A_FIRST_APPEND = 4 + 4 + 1


def test_a_first_append_takes_the_steps_the_crash_test_counts(tmp_path: Path) -> None:
    put(RawStore(tmp_path, files=DyingFiles(STEPS_OF_A_FIRST_APPEND)), bar())
    with pytest.raises(Crash):
        put(RawStore(tmp_path / "again", files=DyingFiles(STEPS_OF_A_FIRST_APPEND - 1)), bar())


@pytest.mark.parametrize("step", range(STEPS_OF_A_FIRST_APPEND))
def test_a_crash_at_any_step_leaves_the_old_state_or_the_new_one(tmp_path: Path, step: int) -> None:
    with pytest.raises(Crash):
        put(RawStore(tmp_path, files=DyingFiles(step)), bar("AAA"), bar("BBB"))
    survivor = RawStore(tmp_path)
    assert len(closes(survivor)) in (0, 2)
    put(survivor, bar("AAA"), bar("BBB"), recorded_at=NOW + timedelta(hours=1))
    put(survivor, bar("CCC"))
    assert len(closes(survivor)) == 3
    assert survivor.verify() == 2


@pytest.mark.parametrize("step", range(5))
def test_a_crash_during_a_correction_loses_neither_version(tmp_path: Path, step: int) -> None:
    put(RawStore(tmp_path), bar(close="10.50"))
    correction = bar(close="10.60", known_at=CALENDAR.bars_known_at(TUESDAY))
    with pytest.raises(Crash):
        put(RawStore(tmp_path, files=DyingFiles(step)), correction)
    assert closes(RawStore(tmp_path))[0] == Decimal("10.50")
    put(RawStore(tmp_path), correction)
    assert closes(RawStore(tmp_path)) == [Decimal("10.50"), Decimal("10.60")]


def test_every_raw_table_has_a_hash_that_survives_nulls(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    for table in schemas.ALL:
        row = {field.name: None if field.nullable else SAMPLES[str(field.type)] for field in table.schema}
        rows = pa.Table.from_pylist([row], schema=table.schema)
        assert store.append(table, rows, session=MONDAY, recorded_at=NOW) is not None
    assert store.verify() == len(schemas.ALL)


SAMPLES = {
    "string": "x",
    "date32[day]": MONDAY,
    "decimal128(18, 6)": Decimal("1.5"),
    "int64": 7,
    "int16": 3,
    "bool": True,
    "double": 1.25,
    "timestamp[us, tz=UTC]": NOW,
}
