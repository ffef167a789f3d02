"""A ledger that came back from a backup sends nothing until it agrees with the venue and a person resumes."""

from datetime import timedelta
from pathlib import Path

import pytest

from execution.domain.errors import Halted, IllegalTransition, LedgerError
from execution.domain.events import LedgerRestored
from execution.ledger.recovering import begin_recovery
from execution.ledger.sqlite_ledger import SqliteDriver, SqliteLedger
from execution.ledger.transplanting import transplant
from execution.risk.kill_switch import KillSwitch
from execution.session.reconcile import reconcile
from execution.session.resume import look_before_resuming, resume
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays

EPOCH = 1_700_000_000


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return TradingDays(tmp_path, is_on_files=True)


def restore(days: TradingDays, epoch: int = EPOCH) -> LedgerRestored:
    return begin_recovery(days.desk.ledger, at=days.clock.now(), epoch=epoch, backup="a-backup", actor="A. Person")


def resumed(days: TradingDays) -> None:
    switch, requests = KillSwitch(days.folder / "KILL"), days.folder / "stop_requests"
    seen = look_before_resuming(days.desk, kill_switch=switch, stop_requests=requests)
    resume(days.desk, kill_switch=switch, stop_requests=requests, token=seen.token, actor="A. Person", reason="looked")


def test_a_restored_ledger_sends_nothing(days: TradingDays) -> None:
    days.plan()
    restore(days)
    with pytest.raises(Halted, match="recovery: restored from a-backup"):
        days.submit()
    assert days.venue.open_orders() == ()


def test_what_was_decided_before_a_restore_counts_as_sent_and_never_goes_out(days: TradingDays) -> None:
    days.plan()
    restore(days)
    states = {record.state for record in days.desk.ledger.book().orders.values()}
    assert states == {"in_flight"}
    days.next_close(FIRST)
    reconcile(days.desk)
    resumed(days)
    days.live(SESSIONS[1], days.a_batch(SESSIONS[1], best=("EEE",)))
    sent = {record.order.symbol for record in days.desk.ledger.book().orders.values() if record.filled_shares}
    assert sent == {"EEE"}
    assert {fill.symbol for fill in days.venue.fills(since=CALENDAR.as_of(FIRST))} == {"EEE"}


def test_a_resume_waits_while_nobody_knows_what_the_lost_rows_sent(days: TradingDays) -> None:
    days.plan()
    restore(days)
    with pytest.raises(LedgerError, match="nobody knows what became of"):
        resumed(days)


def test_orders_sent_after_the_backup_are_found_at_the_venue_and_booked(days: TradingDays, tmp_path: Path) -> None:
    days.plan()
    transplant(SqliteDriver(tmp_path / "ledger.db"), SqliteDriver(tmp_path / "older.db"))
    days.submit()
    filled = days.settle() and days.desk.ledger.book().held_shares
    assert filled
    older = SqliteLedger(tmp_path / "older.db")
    days.desk_changes = {"ledger": older}
    days.restarted()
    restore(days)
    assert reconcile(days.desk).book.held_shares == filled


def test_an_id_decided_after_a_restore_was_never_used_before(days: TradingDays) -> None:
    before = days.desk.order_id(FIRST, symbol="AAA", side="buy", leg="entry")
    restore(days)
    after = days.desk.order_id(FIRST, symbol="AAA", side="buy", leg="entry")
    assert before != after


def test_a_second_restore_of_the_same_backup_takes_other_ids(days: TradingDays, tmp_path: Path) -> None:
    ids = []
    for number in range(2):
        copy = SqliteLedger(tmp_path / f"copy_{number}.db")
        begin_recovery(copy, at=days.clock.now(), epoch=EPOCH + number, backup="a-backup", actor="A. Person")
        days.desk_changes = {"ledger": copy}
        ids.append(days.restarted().order_id(FIRST, symbol="AAA", side="buy", leg="entry"))
    assert len(set(ids)) == 2


def test_an_epoch_that_does_not_rise_is_refused(days: TradingDays) -> None:
    restore(days)
    with pytest.raises(IllegalTransition, match=f"epoch {EPOCH} was used"):
        restore(days)


def test_an_epoch_outlives_its_process(days: TradingDays) -> None:
    restore(days)
    assert days.restarted().ledger.book().epoch == EPOCH


def test_trading_goes_on_after_a_person_resumed(days: TradingDays) -> None:
    restore(days)
    reconcile(days.desk)
    resumed(days)
    days.plan()
    assert days.submit().status == "submitted"
    assert days.venue.open_orders() != () or days.venue.fills(since=days.clock.now() - timedelta(days=1))


def test_a_transplanted_ledger_is_the_same_chain(days: TradingDays, tmp_path: Path) -> None:
    days.plan()
    days.submit()
    head = transplant(SqliteDriver(tmp_path / "ledger.db"), SqliteDriver(tmp_path / "other.db"))
    other = SqliteLedger(tmp_path / "other.db")
    other.verify_projections()
    assert other.verify_chain() == head == days.desk.ledger.head()


def test_a_transplant_writes_over_no_ledger(days: TradingDays, tmp_path: Path) -> None:
    days.plan()
    days.restarted()
    with pytest.raises(LedgerError, match="holds a ledger already"):
        transplant(SqliteDriver(tmp_path / "ledger.db"), SqliteDriver(tmp_path / "ledger.db"))
