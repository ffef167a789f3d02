"""Two executors on one ledger file at once, their leases taken away: the row before the wire alone keeps the limits."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from execution.domain.events import SubmissionStarted
from execution.risk.limits import RiskLimits
from execution.session import run_session
from execution.session.lease_of_act import leased
from execution.session.reconcile import reconcile
from execution.session.reservation import view_at_send
from execution.session.run_session import Desk
from execution.session.send import send
from tests.builders.trading_days import FIRST, TradingDays

ROUNDS = 6
# Three entries of about 10,000 USD are planned; the account is then left with room for fewer.
ROOM = {
    "cash": RiskLimits(cash_min_weight=Decimal("0.75")),
    "gross": RiskLimits(gross_max_weight=Decimal("0.25")),
    "names": RiskLimits(names_max=2),
    "entries_per_day": RiskLimits(entries_per_day_max=2),
    "basket_notional": RiskLimits(basket_notional_max_usd=Decimal(25_000)),
}


def race(days: TradingDays, limits: RiskLimits) -> None:
    """Let every executor send every order of the plan at the same moment, without a lease."""
    start = threading.Barrier(2)

    def execute(desk: Desk, order_ids: list[str]) -> None:
        view = view_at_send(desk, reconcile(desk), FIRST)
        start.wait()
        for order_id in order_ids:
            record = desk.ledger.book().orders[order_id]
            send(desk, view, record, record.order.quantity_shares)

    desks = [replace(days.restarted(), limits=limits) for _ in range(2)]
    ids = [record.order.client_order_id for record in days.desk.ledger.book().orders_of(days.desk.cycle_id(FIRST))]
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(execute, desks[0], ids), pool.submit(execute, desks[1], ids[::-1])]:
            done.result(timeout=60)


@pytest.mark.parametrize("rule", ROOM)
def test_executors_that_race_for_the_last_room_never_take_more_than_there_is(tmp_path: Path, rule: str) -> None:
    for number in range(ROUNDS):
        days = TradingDays(tmp_path / str(number), is_on_files=True)
        days.plan()
        days.morning(FIRST)
        race(days, ROOM[rule])
        book = days.desk.ledger.book()
        entries = list(book.orders.values())
        sent = [record for record in entries if record.sent_at is not None]
        refused = [record.note for record in entries if record.state == "voided"]
        assert (len(sent), len(refused)) == (2, 1)
        assert refused[0].startswith(f"last look, {rule}: ")
        assert sum(record.reserved_usd for record in sent) <= Decimal(25_000)


def test_executors_that_race_over_a_whole_day_send_nothing_twice(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, is_on_files=True)
    days.plan()
    days.morning(FIRST)
    desks = [replace(days.restarted(), run_id=f"run-{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda desk: run_session.submit(desk, session=FIRST).status, desks))
    assert set(statuses) <= {"submitted", "already_submitted", "busy"}
    assert "submitted" in statuses
    started = [e.event for e in days.desk.ledger.events() if isinstance(e.event, SubmissionStarted)]
    assert len(started) == len({event.client_order_id for event in started}) == 6
    days.desk.ledger.verify_chain()


def test_only_one_of_two_executors_holds_the_lease_at_a_time(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, is_on_files=True)
    inside, most, guard = 0, 0, threading.Lock()

    def act(number: int) -> bool:
        nonlocal inside, most
        with leased(replace(days.desk, run_id=f"run-{number}")) as acting:
            if acting is None:
                return False
            with guard:
                inside += 1
                most = max(most, inside)
            acting.ledger.record(lambda _: ())
            with guard:
                inside -= 1
            return True

    with ThreadPoolExecutor(4) as pool:
        assert any(pool.map(act, range(40)))
    assert most == 1
