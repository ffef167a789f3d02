"""Backup, restore and retention killed by the kernel at seeded moments: nothing half, nothing lost."""

import hashlib
import multiprocessing
import random
import signal
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from assets.features.feature_parts import FeatureParts
from assets.maintenance.backup import newest
from assets.maintenance.restore import restore_files
from assets.maintenance.retention import FEATURES, Archive, Item, archive_files
from assets.maintenance.sealing import Plain
from execution.ledger.sqlite_ledger import SqliteLedger
from pipelines.backup_making import make_backup
from pipelines.cli.restore import restored_page
from tests.builders.trading_days import CALENDAR, FIRST
from tests.integration.upkeep.traded_home import TradedHome

pytestmark = pytest.mark.filterwarnings("default")
KILLS = [8, pytest.param(100, marks=pytest.mark.campaign)]


class Killer:
    """Kills work at a seeded part of the time it takes, which it learns anew whenever work ends before that."""

    def __init__(self, whole_seconds: float) -> None:
        self.whole_seconds = whole_seconds
        self.cut_short = 0
        self._dice = random.Random(20240305)  # noqa: S311 - a seed makes the parts the same each time

    def lets(self, work: Callable[[], object]) -> None:
        """Start work and kill it somewhere on its way."""
        started = time.monotonic()
        if killed_after(self._dice.random() * self.whole_seconds, work):
            self.cut_short += 1
        else:
            self.whole_seconds = min(self.whole_seconds, time.monotonic() - started)


def killed_after(seconds: float, work: Callable[[], object]) -> bool:
    """Run work in a process of its own and kill it; return whether it was still at it."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def seconds_of(work: Callable[[], object]) -> float:
    started = time.monotonic()
    assert not killed_after(60, work)
    return time.monotonic() - started


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
    killer = Killer(seconds_of(lambda: make_backup(traded.settings, traded.home)))
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

    killer = Killer(seconds_of(restore))
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
    killer = Killer(seconds_of(lambda: archive_files(Archive(tried / "archive"), tried, items, at=at)))
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
