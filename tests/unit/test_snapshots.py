"""Pinned snapshots: the newest pin wins, a missing one is named, a changed one is caught."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from assets.snapshots import DataSnapshot, SnapshotStore
from execution.domain.errors import CorruptArtifact, DataError

SESSION = date(2024, 3, 4)
AS_OF = datetime(2024, 3, 4, 23, 0, tzinfo=UTC)


def snapshot(*hashes: str) -> DataSnapshot:
    return DataSnapshot(session=SESSION, as_of=AS_OF, parts=(("daily_bars", hashes), ("news", ())))


def test_a_pinned_snapshot_comes_back_equal(tmp_path: Path) -> None:
    SnapshotStore(tmp_path).pin(snapshot("aa", "bb"))
    assert SnapshotStore(tmp_path).pinned(SESSION) == snapshot("aa", "bb")


def test_the_newest_pin_of_a_session_wins(tmp_path: Path) -> None:
    SnapshotStore(tmp_path).pin(snapshot("aa"))
    SnapshotStore(tmp_path).pin(snapshot("aa", "bb"))
    assert SnapshotStore(tmp_path).pinned(SESSION).hashes("daily_bars") == ("aa", "bb")


def test_another_part_gives_another_hash() -> None:
    assert snapshot("aa").hash != snapshot("aa", "bb").hash


def test_a_session_without_a_pin_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="materialize raw/snapshot"):
        SnapshotStore(tmp_path).pinned(SESSION)


def test_the_newest_cut_off_is_that_of_the_newest_session_with_a_pin(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    assert store.newest_cut_off(now=AS_OF) is None
    later, earlier = AS_OF + timedelta(days=1), AS_OF - timedelta(days=3)
    store.pin(replace(snapshot("aa"), session=later.date(), as_of=later))
    store.pin(replace(snapshot("aa"), session=earlier.date(), as_of=earlier))
    assert store.newest_cut_off(now=later) == later


def test_a_pin_whose_cut_off_has_not_come_is_no_newest_cut_off(tmp_path: Path) -> None:
    store, far = SnapshotStore(tmp_path), AS_OF + timedelta(days=365)
    store.pin(replace(snapshot("aa"), session=far.date(), as_of=far))
    assert store.newest_cut_off(now=AS_OF) is None
    store.pin(snapshot("aa"))
    assert store.newest_cut_off(now=AS_OF) == AS_OF
    assert store.newest_cut_off(now=far) == far


def test_a_pin_that_lists_no_part_is_no_newest_cut_off(tmp_path: Path) -> None:
    SnapshotStore(tmp_path).pin(snapshot())
    assert SnapshotStore(tmp_path).newest_cut_off(now=AS_OF) is None


def test_a_changed_pin_is_caught(tmp_path: Path) -> None:
    SnapshotStore(tmp_path).pin(snapshot("aa"))
    path = tmp_path / "2024-03-04.json"
    path.write_bytes(path.read_bytes().replace(b'"aa"', b'"cc"'))
    with pytest.raises(CorruptArtifact, match="hash"):
        SnapshotStore(tmp_path).pinned(SESSION)


def test_a_torn_pin_is_caught(tmp_path: Path) -> None:
    SnapshotStore(tmp_path).pin(snapshot("aa"))
    path = tmp_path / "2024-03-04.json"
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(CorruptArtifact, match="no JSON"):
        SnapshotStore(tmp_path).pinned(SESSION)
