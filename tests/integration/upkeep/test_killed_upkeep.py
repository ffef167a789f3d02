"""Backup, restore and retention ended by the kernel on their way, at seeded steps: nothing half, nothing lost."""

import hashlib
import multiprocessing
import random
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from assets.features.feature_parts import FeatureParts
from assets.maintenance.archive import Archive, archive_files
from assets.maintenance.backup import newest
from assets.maintenance.compaction import compact
from assets.maintenance.restore import restore_files
from assets.maintenance.retention import FEATURES, Item
from assets.maintenance.sealing import Plain
from assets.warehouse import Warehouse
from execution.ledger.sqlite_ledger import SqliteLedger
from pipelines.cli.restore import restored_page
from pipelines.upkeep.backup import make_backup
from tests.builders.trading_days import CALENDAR, FIRST
from tests.integration.upkeep.traded_home import TradedHome

pytestmark = pytest.mark.filterwarnings("default")
KILLS = [8, pytest.param(100, marks=pytest.mark.campaign)]


# Steps by which work is told how far it has come: each may be the last.
STEPS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect"})
SECONDS_AFTER_A_STEP = 0.002


class Killer:
    """Has the kernel end work of a process of its own within two milliseconds of a seeded step."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.cut_short = 0
        self._dice = random.Random(20240305)  # noqa: S311 - a seed makes the steps the same each time
        self._fork = multiprocessing.get_context("fork")
        self._steps = self._fork.RawValue("i", 0)
        assert self._ends(work, at_step=0)
        self._all_steps = self._steps.value

    def lets(self, work: Callable[[], object]) -> None:
        """Start work and end it somewhere on its way; work that was faster tells how many steps there are now."""
        if self._ends(work, at_step=self._dice.randint(1, self._all_steps)):
            self._all_steps = min(self._all_steps, self._steps.value)
        else:
            self.cut_short += 1

    def _ends(self, work: Callable[[], object], *, at_step: int) -> bool:
        """Return whether work came to its own end."""
        delay = max(1e-6, self._dice.random() * SECONDS_AFTER_A_STEP)

        def counted() -> None:
            # Nobody handles the alarm, so the kernel ends the process as `kill` would.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)

            def count(event: str, _arguments: object) -> None:
                if event in STEPS:
                    self._steps.value += 1
                    if self._steps.value == at_step:
                        signal.setitimer(signal.ITIMER_REAL, delay)

            sys.addaudithook(count)
            work()

        self._steps.value = 0
        process = self._fork.Process(target=counted)
        process.start()
        process.join()
        assert process.exitcode in (0, -signal.SIGALRM)
        return process.exitcode == 0


@pytest.fixture
def traded(tmp_path: Path) -> TradedHome:
    traded = TradedHome(tmp_path / "original")
    traded.days.live(FIRST)
    traded.tell_the_clock()
    make_backup(traded.settings, traded.home)
    return traded


def grown(traded: TradedHome, number: int) -> None:
    """Give the home something that no backup has yet."""
    body = hashlib.shake_128(f"growth {number}".encode()).digest(3_000_000)
    (traded.home.reports / f"growth-{number}.bin").write_bytes(body)


@pytest.mark.parametrize("kills", KILLS)
def test_the_newest_backup_is_whole_whenever_one_was_killed(traded: TradedHome, tmp_path: Path, kills: int) -> None:
    store = traded.settings.backup.store(traded.home.backups)
    grown(traded, -1)
    killer = Killer(lambda: make_backup(traded.settings, traded.home))
    for number in range(kills):
        grown(traded, number)
        killer.lets(lambda: make_backup(traded.settings, traded.home))
        restore_files(store, Plain(), newest(store, Plain()), place=tmp_path / "back").discard()
    assert killer.cut_short >= kills // 2
    make_backup(traded.settings, traded.home)
    paths = {file.path for file in newest(store, Plain()).manifest.files}
    assert {f"reports/growth-{number}.bin" for number in range(kills)} <= paths


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_restore_leaves_no_home_or_one_in_recovery(traded: TradedHome, tmp_path: Path, kills: int) -> None:
    place = tmp_path / "back"

    def restore() -> None:
        restored_page(traded.settings, traded.home, to=place, name="", actor="A. Person")

    killer = Killer(restore)
    for number in range(kills):
        place.rename(tmp_path / f"gone-{number}") if place.exists() else None
        killer.lets(restore)
        if place.exists():
            control = SqliteLedger(place / "ledger.db").book().control
            assert control is not None
            assert (control.state, control.reason[:8]) == ("halted", "recovery")
    assert killer.cut_short >= kills // 2


def home_with_parts(home: Path, *, close_usd: float) -> list[Item]:
    """Make a home of a hundred sessions' feature parts and return them all as things to archive."""
    for session in CALENDAR.between(date(2023, 1, 3), date(2023, 5, 25)):
        rows = pa.table({"session": [session], "close_usd": [close_usd]})
        FeatureParts(home / "features").write("price_features", rows, [session])
    paths = sorted((home / "features" / "price_features").glob("2*.parquet"))
    return [Item(kind=FEATURES, name=path.relative_to(home).as_posix(), day=date(2023, 1, 3)) for path in paths]


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_retention_leaves_each_part_in_the_home_or_in_the_archive(tmp_path: Path, kills: int) -> None:
    at = CALENDAR.as_of(FIRST)
    tried = tmp_path / "tried"
    items = home_with_parts(tried, close_usd=-1.0)
    killer = Killer(lambda: archive_files(Archive(tried / "archive"), tried, items, at=at))
    for number in range(kills):
        home = tmp_path / f"home-{number}"
        items = home_with_parts(home, close_usd=float(number))
        bodies = {home / item.name: (home / item.name).read_bytes() for item in items}
        archive = Archive(home / "archive")
        killer.lets(lambda: archive_files(archive, home, items, at=at))  # noqa: B023 - called before the loop goes on
        for path, body in bodies.items():
            kept = home / "archive" / FEATURES / f"{hashlib.sha256(body).hexdigest()}.parquet"
            assert path.exists() or kept.read_bytes() == body
        archive_files(archive, home, items, at=at)
        assert {name for line in archive.lines() for name in line["names"]} == {item.name for item in items}  # type: ignore[attr-defined]  # lines are JSON
    assert killer.cut_short >= kills // 2


def emptied(path: Path, *, kept_rows: int) -> Path:
    """Make a database of which most was deleted, so that there is something to give back."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table fill (id integer primary key, body text)")
        database.executemany("insert into fill (body) values (?)", [("x" * 500,)] * 4_000)
        database.execute("delete from fill where id > ?", (kept_rows,))
        database.commit()
    return path


def loosened(warehouse: Warehouse) -> None:
    """Leave a warehouse with more empty blocks than full ones, so that it is worth a copy."""
    with warehouse.connect(read_only=False) as connection:
        connection.execute("create table gone as select range, random() as noise from range(200000)")
        connection.execute("checkpoint")
        connection.execute("drop table gone")


@pytest.mark.parametrize("kills", KILLS)
def test_a_killed_compaction_changes_no_row(tmp_path: Path, kills: int) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    with warehouse.connect(read_only=False) as connection:
        connection.execute("create table mart as select range as shares from range(1000)")
    paths = [tmp_path / name for name in ("venue.db", "operations.db", "index.db")]

    def work() -> None:
        compact(warehouse, paths)

    loosened(warehouse)
    killer = Killer(work)
    for number in range(kills):
        rows = 1_000 + number
        for path in paths:
            emptied(path, kept_rows=rows)
        loosened(warehouse)
        killer.lets(work)
        for path in paths:
            with closing(sqlite3.connect(path)) as database:
                assert database.execute("pragma integrity_check").fetchone() == ("ok",)
                assert database.execute("select count(*), sum(length(body)) from fill").fetchone() == (rows, rows * 500)
        assert warehouse.read("select sum(shares) as told from mart").to_pylist() == [{"told": 499_500}]
    assert killer.cut_short >= kills // 2
