"""Die before and after every single call to venue and ledger, start again: the same ledger, and no order twice.

One exception is a promise of its own: between the write-ahead row and the wire nobody can know whether the order went
out. It is then never sent again, so the day ends with one order less.
"""

import shutil
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from execution.domain.events import SubmissionStarted
from execution.domain.signals import SignalBatch
from execution.session import run_session
from tests.builders.trading_days import FIRST, SESSIONS, TradingDays, a_day_of
from tests.fakes.dying_port import DyingPort, Fuse, Killed

SECOND = SESSIONS[1]
WRITES = {"record", "submit", "cancel", "take_lease", "renew_lease", "release_lease"}
_HOMES = count(1)
# The second session sells AAA, keeps BBB and CCC, buys DDD in full and EEE in part; CCC falls through its stop.
THIN = a_day_of("EEE", SESSIONS[2], volume_shares=400)
FALLING = a_day_of("CCC", SESSIONS[2], low_usd="40.00", close_usd="41.00")


@pytest.fixture(scope="module")
def fast_folder() -> Iterator[Path]:
    # Hundreds of days with a synced write per event: memory, where there is some to be had.
    shared = Path("/dev/shm")  # noqa: S108 - only for speed, any folder will do
    with TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def lived(fast_folder: Path) -> Path:
    home = fast_folder / "lived"
    days = TradingDays(home, bars=(THIN, FALLING), is_on_files=True)
    days.live(FIRST)
    days.publish(second_batch(days))
    return home


def second_batch(days: TradingDays) -> SignalBatch:
    return days.a_batch(SECOND, best=("BBB", "DDD", "EEE", "CCC", "FFF", "AAA"))


def days_with(home: Path, fuse: Fuse) -> TradingDays:
    return TradingDays(
        home,
        bars=(THIN, FALLING),
        wrap_broker=lambda broker: DyingPort(broker, fuse),
        wrap_ledger=lambda ledger: DyingPort(ledger, fuse),
        is_on_files=True,
    )


def live_second_session(days: TradingDays) -> None:
    """Live the second session; an act that is killed is started again on new objects, at the same instant."""
    batch_hash = days.desk.batches.published(SECOND)[-1]
    acts = (
        (days.evening, lambda: run_session.plan(days.desk, session=SECOND, batch_hash=batch_hash)),
        (days.morning, lambda: run_session.submit(days.desk, session=SECOND)),
        (days.deadline, lambda: run_session.cancel_rest(days.desk, session=SECOND)),
        (days.next_close, lambda: run_session.settle(days.desk, session=SECOND)),
    )
    for moment, act in acts:
        moment(SECOND)
        try:
            act()
        except Killed:
            days.restarted()
            act()


def lived_again(lived: Path, fast_folder: Path, fuse: Fuse) -> TradingDays:
    home = fast_folder / f"home-{next(_HOMES)}"
    shutil.copytree(lived, home)
    days = days_with(home, fuse)
    live_second_session(days)
    return days


def assert_nothing_doubled(days: TradingDays) -> None:
    book = days.desk.ledger.book()
    account = days.venue.account()
    assert (book.cash_usd, book.held_shares) == (account.cash_usd, dict(account.positions_shares))
    started = [e.event.client_order_id for e in days.desk.ledger.events() if isinstance(e.event, SubmissionStarted)]
    assert len(started) == len(set(started))


def assert_every_death_is_survived(lived: Path, fast_folder: Path, *, calls: set[str] | None, after_call: bool) -> None:
    whole = Fuse()
    undisturbed = lived_again(lived, fast_folder, whole)
    every_call = tuple(whole.calls)
    expected = undisturbed.desk.ledger.trading_hash()
    assert len(undisturbed.desk.ledger.book().held_shares) == 3
    at_most_once = 0
    for number, name in enumerate(every_call, start=1):
        if calls is not None and name not in calls:
            continue
        days = lived_again(lived, fast_folder, Fuse(burns_at=number, after_call=after_call))
        assert_nothing_doubled(days)
        assert SECOND in days.facts.settled
        days.desk.ledger.verify_chain()
        if days.desk.ledger.trading_hash() != expected:
            at_most_once += 1
            missed = [record.state for record in days.desk.ledger.book().orders.values()].count("missed")
            assert missed == 1, f"killed at call {number}, {name}, after it: {after_call}"
    # Only at the wire may dying cost an order: after its row and before the submission.
    assert at_most_once == calls_at_the_wire(every_call, counted=calls, after_call=after_call)


def calls_at_the_wire(every_call: Sequence[str], *, counted: set[str] | None, after_call: bool) -> int:
    """Return at how many calls a death falls between a row before the wire and the wire."""
    found = 0
    for wire in (number for number, name in enumerate(every_call) if name == "submit"):
        row = max(number for number, name in enumerate(every_call[:wire]) if name == "record")
        between = every_call[row:wire] if after_call else every_call[row + 1 : wire + 1]
        found += sum(counted is None or name in counted for name in between)
    return found


def test_a_day_killed_after_any_write_ends_in_the_same_ledger(lived: Path, fast_folder: Path) -> None:
    # Dying at a read is dying after the write before it.
    assert_every_death_is_survived(lived, fast_folder, calls=WRITES, after_call=True)


@pytest.mark.campaign
@pytest.mark.parametrize("after_call", [False, True])
def test_a_day_killed_at_any_call_ends_in_the_same_ledger(lived: Path, fast_folder: Path, *, after_call: bool) -> None:
    assert_every_death_is_survived(lived, fast_folder, calls=None, after_call=after_call)
