"""A backup is whole or none, and comes back byte for byte."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.maintenance import backup as backups
from assets.maintenance.backup import Pieces
from assets.maintenance.backup_policy import BackupPolicy, outlived
from assets.maintenance.backup_store import FolderStore
from assets.maintenance.home_files import copy_database
from assets.maintenance.restore import restore_files
from assets.maintenance.sealing import FORMAT_NAME, Plain, begin_store, open_store
from execution.domain.errors import CorruptArtifact, DataError, SettingsRefused
from tests.unit.maintenance.small_home import MADE_AT, a_backup, a_home, contents, files_of, noise

PHRASE = "a long enough phrase"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return a_home(tmp_path / "home")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


class Killed(BaseException):
    """The process ended here."""


class DyingStore(FolderStore):
    """A folder whose writer dies before one of its writes."""

    lives = 0

    def put(self, name: str, data: bytes) -> None:
        if DyingStore.lives == 0:
            raise Killed
        DyingStore.lives -= 1
        super().put(name, data)


def pieces_of(store: FolderStore) -> list[Path]:
    return sorted(path for path in (store.root / "pieces").rglob("*") if path.is_file())


def test_a_restored_home_has_the_same_content(home: Path, store: FolderStore, tmp_path: Path) -> None:
    backup = a_backup(store, home, tmp_path / "scratch")
    restore_files(store, Plain(), backup, place=tmp_path / "back").publish()
    assert contents(tmp_path / "back") == contents(home)


def test_a_second_backup_of_the_same_home_adds_only_its_manifest(
    home: Path, store: FolderStore, tmp_path: Path
) -> None:
    a_backup(store, home, tmp_path / "scratch")
    before = pieces_of(store)
    again = a_backup(store, home, tmp_path / "scratch", at=MADE_AT + timedelta(days=1))
    assert pieces_of(store) == before
    assert again.written_bytes < 3_000


def test_a_grown_file_adds_only_its_new_end(home: Path, store: FolderStore, tmp_path: Path) -> None:
    a_backup(store, home, tmp_path / "scratch")
    with (home / "raw" / "part.parquet").open("ab") as stream:
        stream.write(b"one more row")
    again = a_backup(store, home, tmp_path / "scratch", at=MADE_AT + timedelta(days=1))
    assert again.written_bytes < backups.PIECE_BYTES


@pytest.mark.parametrize("lives", range(6))
def test_a_backup_killed_at_any_write_is_none(home: Path, store: FolderStore, tmp_path: Path, lives: int) -> None:
    whole = a_backup(store, home, tmp_path / "scratch")
    (home / "raw" / "part.parquet").write_bytes(noise(4_500_000, b"another part"))
    (home / "empty").write_bytes(b"no more")
    DyingStore.lives = lives
    with pytest.raises(Killed):
        a_backup(DyingStore(store.root), home, tmp_path / "scratch", at=MADE_AT + timedelta(days=1))
    assert backups.newest(store, Plain()).name == whole.name


def test_a_backup_after_a_killed_one_is_whole(home: Path, store: FolderStore, tmp_path: Path) -> None:
    DyingStore.lives = 2
    with pytest.raises(Killed):
        a_backup(DyingStore(store.root), home, tmp_path / "scratch")
    backup = a_backup(store, home, tmp_path / "scratch")
    restore_files(store, Plain(), backup, place=tmp_path / "back").publish()
    assert contents(tmp_path / "back") == contents(home)


@settings(deadline=None, max_examples=12)
@given(data=st.data())
def test_any_changed_byte_of_any_piece_is_found(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("changed")
    store = FolderStore(folder / "store")
    backup = a_backup(store, a_home(folder / "home"), folder / "scratch")
    path = data.draw(st.sampled_from(pieces_of(store)))
    stored = bytearray(path.read_bytes())
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(stored)
    with pytest.raises(CorruptArtifact, match="does not have the hash it is named by"):
        restore_files(store, Plain(), backup, place=folder / "back")
    assert not (folder / "back").exists()


def test_a_changed_manifest_is_found(home: Path, store: FolderStore, tmp_path: Path) -> None:
    backup = a_backup(store, home, tmp_path / "scratch")
    path = store.root / backup.name
    path.write_bytes(path.read_bytes().replace(b'"main"', b'"mine"'))
    with pytest.raises(CorruptArtifact, match="it was changed"):
        backups.newest(store, Plain())


def test_a_lost_piece_is_found(home: Path, store: FolderStore, tmp_path: Path) -> None:
    backup = a_backup(store, home, tmp_path / "scratch")
    pieces_of(store)[0].unlink()
    with pytest.raises(CorruptArtifact, match="is gone from the backup store"):
        restore_files(store, Plain(), backup, place=tmp_path / "back")


def test_a_full_backup_mends_a_damaged_piece(home: Path, store: FolderStore, tmp_path: Path) -> None:
    backup = a_backup(store, home, tmp_path / "scratch")
    pieces_of(store)[0].write_bytes(b"damaged")
    pieces = Pieces.of(store, Plain(), is_full=True)
    for name, path in files_of(home).copies(tmp_path / "scratch"):
        pieces.keep(name, path)
    restore_files(store, Plain(), backup, place=tmp_path / "back").publish()
    assert contents(tmp_path / "back") == contents(home)


def test_a_place_with_something_in_it_is_refused(home: Path, store: FolderStore, tmp_path: Path) -> None:
    backup = a_backup(store, home, tmp_path / "scratch")
    with pytest.raises(DataError, match="is not empty: a restore writes over nothing"):
        restore_files(store, Plain(), backup, place=home)


def test_a_restore_that_was_not_published_is_no_home(home: Path, store: FolderStore, tmp_path: Path) -> None:
    backup = a_backup(store, home, tmp_path / "scratch")
    restore_files(store, Plain(), backup, place=tmp_path / "back")
    assert not (tmp_path / "back").exists()
    restore_files(store, Plain(), backup, place=tmp_path / "back").publish()
    assert contents(tmp_path / "back") == contents(home)


def test_of_two_backups_at_one_instant_the_later_is_the_newest(home: Path, store: FolderStore, tmp_path: Path) -> None:
    for number in range(12):
        (home / "empty").write_text(str(number), encoding="utf-8")
        last = a_backup(store, home, tmp_path / "scratch")
        assert backups.newest(store, Plain()).name == last.name


def test_an_empty_store_says_that_it_has_no_backup(store: FolderStore) -> None:
    with pytest.raises(DataError, match="no whole backup"):
        backups.newest(store, Plain())


def test_what_only_a_removed_backup_needed_is_swept(home: Path, store: FolderStore, tmp_path: Path) -> None:
    old = a_backup(store, home, tmp_path / "scratch")
    (home / "empty").write_bytes(b"no more")
    new = a_backup(store, home, tmp_path / "scratch", at=MADE_AT + timedelta(days=1))
    (home / "raw" / "part.parquet").write_bytes(b"smaller")
    newest = a_backup(store, home, tmp_path / "scratch", at=MADE_AT + timedelta(days=2))
    assert backups.sweep(store, Plain(), [old.name, new.name]) == 3
    restore_files(store, Plain(), newest, place=tmp_path / "back").publish()
    assert contents(tmp_path / "back") == contents(home)


def test_a_database_is_copied_while_somebody_writes_it(home: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home / "venue.db", isolation_level=None)) as writer:
        writer.execute("begin immediate")
        writer.execute("insert into fill values (8)")
        copy_database(home / "venue.db", tmp_path / "copy.db")
        writer.execute("commit")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copied:
        assert copied.execute("select shares from fill").fetchall() == [(7,)]


def test_a_file_made_elsewhere_stands_in_for_the_one_of_its_name(home: Path, tmp_path: Path) -> None:
    (tmp_path / "made").write_bytes(b"said")
    files = files_of(home, made={"empty": tmp_path / "made"})
    found = [path.read_bytes() for name, path in files.copies(tmp_path) if name == "empty"]
    assert found == [b"said"]


def test_a_sealed_backup_shows_none_of_its_bytes(home: Path, store: FolderStore, tmp_path: Path) -> None:
    (home / "empty").write_bytes(b"position of AAA: 100 shares")
    a_backup(store, home, tmp_path / "scratch", sealing=begin_store(store, PHRASE))
    stored = b"".join(path.read_bytes() for path in store.root.rglob("*") if path.is_file())
    assert b"100 shares" not in stored
    assert b"raw/parts.jsonl" not in stored


def test_a_sealed_backup_comes_back_with_its_phrase(home: Path, store: FolderStore, tmp_path: Path) -> None:
    a_backup(store, home, tmp_path / "scratch", sealing=begin_store(store, PHRASE))
    sealing = open_store(store, PHRASE)
    restore_files(store, sealing, backups.newest(store, sealing), place=tmp_path / "back").publish()
    assert contents(tmp_path / "back") == contents(home)


def test_a_sealed_backup_is_as_incremental_as_a_plain_one(home: Path, store: FolderStore, tmp_path: Path) -> None:
    sealing = begin_store(store, PHRASE)
    a_backup(store, home, tmp_path / "scratch", sealing=sealing)
    again = a_backup(store, home, tmp_path / "scratch", sealing=sealing, at=MADE_AT + timedelta(days=1))
    assert again.written_bytes < 3_000


@pytest.mark.parametrize(
    ("begun", "opened", "told"),
    [
        (PHRASE, "another long phrase", "is not the one"),
        (PHRASE, None, "needs backup.passphrase"),
        (None, PHRASE, "is not encrypted"),
    ],
)
def test_a_store_is_opened_only_as_it_was_begun(
    store: FolderStore, begun: str | None, opened: str | None, told: str
) -> None:
    begin_store(store, begun)
    with pytest.raises(SettingsRefused, match=told):
        open_store(store, opened)


def test_a_store_begun_twice_keeps_its_first_format(store: FolderStore) -> None:
    begin_store(store, PHRASE)
    first = store.get(FORMAT_NAME)
    begin_store(store, PHRASE)
    assert store.get(FORMAT_NAME) == first


def named(instant: datetime) -> str:
    return f"manifests/{instant:%Y%m%dT%H%M%SZ}-000001-{'0' * 64}"


def test_fourteen_days_eight_weeks_and_twelve_months_are_kept() -> None:
    days = [datetime(2022, 1, 1, 22, tzinfo=UTC) + timedelta(days=day) for day in range(730)]
    names = [named(day) for day in days]
    gone = set(outlived(names, BackupPolicy()))
    kept = [day for day in days if named(day) not in gone]
    assert kept[-14:] == days[-14:]
    assert sum(day.weekday() == 6 for day in kept[:-14]) >= 6
    assert {(day.year, day.month) for day in kept} == {(2023, month) for month in range(1, 13)}
    assert len(kept) <= 14 + 8 + 12


def test_a_home_that_rested_loses_no_backup() -> None:
    names = [named(datetime(2020, 5, 4, tzinfo=UTC)), named(datetime(2024, 5, 6, tzinfo=UTC))]
    assert outlived(names, BackupPolicy(daily=1, weekly=0, monthly=12)) == ()


def test_the_last_backup_of_a_day_stands_for_it() -> None:
    early, late = (named(datetime(2024, 5, 6, hour, tzinfo=UTC)) for hour in (1, 22))
    assert outlived([late, early], BackupPolicy()) == (early,)


def test_a_store_in_which_nothing_ever_lay_is_told_from_one_that_lost_its_format(store: FolderStore) -> None:
    with pytest.raises(DataError, match="no backup was made yet"):
        open_store(store, None)
    store.put("pieces/one", b"a piece")
    with pytest.raises(CorruptArtifact, match=f"{FORMAT_NAME} is gone from the backup store"):
        open_store(store, None)


def test_a_folder_whose_folder_is_the_store_names_that_one(home: Path, tmp_path: Path) -> None:
    begin_store(FolderStore(tmp_path / "backups" / "store"), None)
    (tmp_path / "backups" / "anchors").mkdir()
    (tmp_path / "backups" / "anchors" / "anchors.txt").touch()
    with pytest.raises(DataError, match=f"it is in its folder store: name {tmp_path / 'backups' / 'store'}"):
        open_store(FolderStore(tmp_path / "backups"), None)
