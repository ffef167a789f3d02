"""A disk that is full at some write of an act, backup, restore or retention: refused, and nothing half stands there."""

import errno
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assets.maintenance.archive import Archive, archive_files
from assets.maintenance.backup import newest
from assets.maintenance.restore import restore_files
from assets.maintenance.retention import FEATURES, Item
from assets.maintenance.sealing import Plain
from execution.domain.errors import TouchstoneError
from execution.durable_files import DurableFiles
from execution.ledger.sqlite_ledger import SqliteLedger
from pipelines.cli.restore import restored_page
from pipelines.upkeep.backup import make_backup
from tests.builders.trading_days import CALENDAR, FIRST, TradingDays
from tests.integration.upkeep.small_disk import PAGE_BYTES, SmallDisk, small_disk
from tests.integration.upkeep.test_killed_upkeep import home_with_parts
from tests.integration.upkeep.traded_home import TradedHome

pytestmark = pytest.mark.filterwarnings("default")
# So many pages are free; in the campaign every number of them up to where nothing is refused any more.
SOME, EVERY = (0, 1, 3, 8, 21), range(64)
ROOMS = [SOME, pytest.param(EVERY, marks=pytest.mark.campaign)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=24) as disk:
        yield disk


def is_refused(work: Callable[[], object]) -> bool:
    """Return whether work was refused for want of room, and in no other way."""
    try:
        work()
    except TouchstoneError:
        return True
    except OSError as error:
        assert error.errno == errno.ENOSPC  # noqa: PT017 - which of its kind it was is the fact
        return True
    return False


@pytest.mark.parametrize("rooms", ROOMS)
def test_acts_refused_for_want_of_room_end_as_if_there_had_been_room(
    disk: SmallDisk, tmp_path: Path, rooms: tuple[int, ...]
) -> None:
    undisturbed = TradingDays(tmp_path / "undisturbed", is_on_files=True)
    undisturbed.live(FIRST)
    refused = 0
    for pages in rooms:
        folder = disk.root / f"home-{pages}"
        folder.mkdir()
        # The venue's own disk is another: ours being full must not be its fault.
        (folder / "venue.db").symlink_to(tmp_path / f"venue-{pages}.db")
        days = TradingDays(folder, is_on_files=True)
        for act in ("plan", "submit", "cancel_rest", "settle"):
            with disk.room_for(pages):
                refused += is_refused(getattr(days, act))
            SqliteLedger(folder / "ledger.db").verify_chain()
            days.restarted()
            getattr(days, act)()
        ledger = SqliteLedger(folder / "ledger.db")
        ledger.verify_projections()
        assert ledger.trading_hash() == undisturbed.desk.ledger.trading_hash()
        assert dict(days.venue.account().positions_shares) == ledger.book().held_shares
    assert refused >= len(SOME)


@pytest.fixture
def traded(tmp_path: Path) -> TradedHome:
    traded = TradedHome(tmp_path / "original")
    traded.days.live(FIRST)
    traded.tell_the_clock()
    return traded


@pytest.mark.parametrize("rooms", ROOMS)
def test_a_backup_without_room_leaves_the_newest_one_whole(
    disk: SmallDisk, traded: TradedHome, tmp_path: Path, rooms: tuple[int, ...]
) -> None:
    policy = traded.settings.backup.model_copy(update={"folder": disk.root / "store"})
    settings = traded.settings.model_copy(update={"backup": policy})
    store = policy.store(traded.home.backups)
    first = make_backup(settings, traded.home).name
    refused = 0
    for pages in rooms:
        (traded.home.reports / "growth.bin").write_bytes(hashlib.shake_128(bytes([pages])).digest(5 * PAGE_BYTES))
        with disk.room_for(pages):
            refused += is_refused(lambda: make_backup(settings, traded.home))
        restore_files(store, Plain(), newest(store, Plain()), place=tmp_path / "back").discard()
    assert refused > 0
    last = make_backup(settings, traded.home)
    assert last.name != first
    assert "reports/growth.bin" in {file.path for file in newest(store, Plain()).manifest.files}


@pytest.mark.parametrize("rooms", ROOMS)
def test_a_restore_without_room_leaves_no_home(disk: SmallDisk, traded: TradedHome, rooms: tuple[int, ...]) -> None:
    make_backup(traded.settings, traded.home)
    place = disk.root / "back"
    for pages in rooms:
        with disk.room_for(pages):
            assert is_refused(lambda: restored_page(traded.settings, traded.home, to=place, name="", actor="A. Person"))
        assert not place.exists()
    restored_page(traded.settings, traded.home, to=place, name="", actor="A. Person")
    assert SqliteLedger(place / "ledger.db").verify_chain().sequence > 0


@pytest.mark.parametrize("rooms", ROOMS)
def test_a_retention_without_room_loses_no_part(disk: SmallDisk, rooms: tuple[int, ...]) -> None:
    refused = 0
    for pages in rooms:
        home = disk.root / f"home-{pages}"
        items: list[Item] = home_with_parts(home, close_usd=float(pages))
        bodies = {home / item.name: (home / item.name).read_bytes() for item in items}
        archive = Archive(home / "archive")
        with disk.room_for(pages):
            refused += is_refused(lambda: archive_files(archive, home, items, at=CALENDAR.as_of(FIRST)))  # noqa: B023 - called at once
        for path, body in bodies.items():
            kept = home / "archive" / FEATURES / f"{hashlib.sha256(body).hexdigest()}.parquet"
            assert path.exists() or kept.read_bytes() == body
        archive_files(archive, home, items, at=CALENDAR.as_of(FIRST))
        assert not any(path.exists() for path in bodies)
        shutil.rmtree(home)
    assert refused > 0


def test_a_file_without_room_has_no_name_and_leaves_nothing(disk: SmallDisk) -> None:
    target = disk.root / "part.bin"
    with disk.room_for(1):
        assert is_refused(lambda: DurableFiles().publish(target, lambda new: _fill(new, 5 * PAGE_BYTES)))
        assert {path.name for path in disk.root.iterdir()} == {"ballast"}


def _fill(path: Path, size: int) -> None:
    path.write_bytes(b"x" * size)
