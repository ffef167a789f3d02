"""What may leave is decided, shown and checked first; it is archived and read back before it is removed."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.maintenance.archive import Archive, archive_bodies, archive_files
from assets.maintenance.retention import FEATURES, LOGS, NEWS, RUNS, Item, decisions_hurt, plan_retention
from assets.maintenance.retention_policy import RetentionPolicy
from execution.domain.errors import CorruptArtifact

TODAY = date(2024, 6, 28)
NOW = datetime(2024, 6, 28, 22, tzinfo=UTC)
OLD, YOUNG = date(2023, 6, 28), date(2024, 6, 27)
DECIDED = date(2024, 6, 26)


def an_item(name: str = "features/price/part.parquet", *, kind: str = FEATURES, day: date = OLD) -> Item:
    return Item(kind=kind, name=name, day=day, rows=3, size_bytes=40)


def planned(*items: Item, stood_on: dict[str, date] | None = None) -> tuple[list[str], list[str]]:
    plan = plan_retention(items, today=TODAY, policy=RetentionPolicy(), stood_on=stood_on or {})
    return [item.name for item in plan.leaving], [item.name for item, _ in plan.held]


def a_file(home: Path, name: str = "features/price/part.parquet") -> Item:
    path = home / name
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"close_usd": [1.0, 2.0, 3.0]}), path)
    return an_item(name)


def test_what_is_old_leaves_and_what_is_young_stays() -> None:
    assert planned(an_item("old"), an_item("young", day=YOUNG)) == (["old"], [])


def test_what_a_decision_stands_on_is_held_however_old() -> None:
    news = an_item("raw/news/part.parquet", kind=NEWS)
    assert planned(news, stood_on={news.name: DECIDED}) == ([], [news.name])


def test_the_oldest_leave_first() -> None:
    older = an_item("older", kind=RUNS, day=date(2022, 1, 3))
    assert planned(an_item("old"), older)[0] == ["older", "old"]


def test_each_kind_has_an_age_of_its_own() -> None:
    at_60_days = date(2024, 4, 29)
    items = [an_item(kind, kind=kind, day=at_60_days) for kind in (RUNS, FEATURES, NEWS)]
    assert planned(*items)[0] == [NEWS, FEATURES]


def test_a_plan_that_hurts_a_decision_is_found_without_believing_the_plan() -> None:
    pinned = {DECIDED: frozenset({"raw/news/part.parquet"})}
    assert decisions_hurt([an_item("raw/news/part.parquet", kind=NEWS)], pinned) == (
        "raw/news/part.parquet is listed by the decision of 2024-06-26",
    )
    assert decisions_hurt([an_item("another")], pinned) == ()


def test_the_page_of_a_plan_counts_rows_and_bytes_of_each_kind() -> None:
    plan = plan_retention([an_item(), an_item("b")], today=TODAY, policy=RetentionPolicy(), stood_on={})
    assert "| superseded_features | 2 | 6 | 80 | 0 |" in plan.table()


def test_a_file_leaves_the_home_and_its_bytes_are_in_the_archive(tmp_path: Path) -> None:
    item = a_file(tmp_path)
    body = (tmp_path / item.name).read_bytes()
    archive = Archive(tmp_path / "archive")
    assert archive_files(archive, tmp_path, [item], at=NOW) == 40
    (line,) = archive.lines()
    assert not (tmp_path / item.name).exists()
    assert (tmp_path / "archive" / FEATURES / f"{line['sha256']}.parquet").read_bytes() == body
    assert (line["names"], line["rows"]) == ([item.name], 3)


def test_archiving_twice_finds_nothing_left_to_do(tmp_path: Path) -> None:
    item, archive = a_file(tmp_path), Archive(tmp_path / "archive")
    archive_files(archive, tmp_path, [item], at=NOW)
    assert archive_files(archive, tmp_path, [item], at=NOW) == 0
    assert len(archive.lines()) == 1


def test_killed_before_the_removal_a_file_is_in_both_places(tmp_path: Path) -> None:
    item, archive = a_file(tmp_path), Archive(tmp_path / "archive")

    def killed(_path: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive_files(archive, tmp_path, [item], at=NOW, remove=killed)
    assert (tmp_path / item.name).exists()
    assert len(archive.lines()) == 1
    assert archive_files(archive, tmp_path, [item], at=NOW) == 40


def test_an_archived_table_reads_back_equal(tmp_path: Path) -> None:
    rows = pa.table({"run_id": ["a", "a"], "number": [0, 1]})
    digest = Archive(tmp_path).keep_table(RUNS, rows, names=["a"], at=NOW)
    assert pq.read_table(tmp_path / RUNS / f"{digest}.parquet").equals(rows)


def test_what_was_changed_in_the_archive_is_refused(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    digest = archive.keep_table(RUNS, pa.table({"run_id": ["a"]}), names=["a"], at=NOW)
    path = tmp_path / RUNS / f"{digest}.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(CorruptArtifact, match="was changed"):
        archive.read(RUNS, digest)
    path.unlink()
    with pytest.raises(CorruptArtifact, match="is gone"):
        archive.read(RUNS, digest)


def test_files_that_are_no_parquet_leave_together_byte_by_byte(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    items = [Item(kind=LOGS, name=f"logs/{name}", day=OLD) for name in ("a.jsonl", "b.log", "gone.log")]
    for item in items[:2]:
        (tmp_path / item.name).write_bytes(item.name.encode())
    archive = Archive(tmp_path / "archive")
    assert archive_bodies(archive, tmp_path, items, at=NOW) == len("logs/a.jsonllogs/b.log")
    (line,) = archive.lines()
    assert archive.read(LOGS, str(line["sha256"]))["body"].to_pylist() == [b"logs/a.jsonl", b"logs/b.log"]
    assert archive_bodies(archive, tmp_path, items, at=NOW) == 0
