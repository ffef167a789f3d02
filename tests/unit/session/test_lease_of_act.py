"""One act at a time: a rival is told to ask again, who loses the lease stops, and a dead holder is waited for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from execution.domain.errors import Fenced, Halted
from execution.session import run_session
from execution.session.lease_of_act import ACT_LEASE, LEASE_SECONDS, holder_of, leased
from execution.session.run_session import Desk
from tests.builders.trading_days import FIRST, TradingDays

ACTS: dict[str, Callable[[Desk, date], Any]] = {
    "plan": lambda desk, session: run_session.plan(desk, session=session, batch_hash=None),
    "submit": lambda desk, session: run_session.submit(desk, session=session),
    "cancel_rest": lambda desk, session: run_session.cancel_rest(desk, session=session),
    "settle": lambda desk, session: run_session.settle(desk, session=session),
}


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return TradingDays(tmp_path)


@pytest.mark.parametrize("name", ACTS)
def test_while_another_process_acts_every_act_reports_busy_and_writes_nothing(days: TradingDays, name: str) -> None:
    days.plan()
    head = days.desk.ledger.head()
    with leased(replace(days.desk, run_id="rival")):
        assert ACTS[name](days.desk, FIRST).status == "busy"
    assert days.desk.ledger.head() == head


def test_a_lease_is_free_again_after_each_act(days: TradingDays) -> None:
    days.live()
    with leased(replace(days.desk, run_id="rival")) as acting:
        assert acting is not None


def test_a_lease_is_free_again_after_an_act_that_was_refused(days: TradingDays) -> None:
    days.plan()
    (days.folder / "KILL").touch()
    with pytest.raises(Halted):
        days.submit()
    with leased(replace(days.desk, run_id="rival")) as acting:
        assert acting is not None


def test_a_dead_holder_keeps_others_waiting_and_not_its_own_next_start(days: TradingDays) -> None:
    dead = replace(days.desk, run_id="died")
    dead.ledger.take_lease(ACT_LEASE, holder=holder_of(dead), ttl_seconds=LEASE_SECONDS)
    assert days.plan().status == "busy"
    digest = days.publish(days.a_batch())
    assert run_session.plan(dead, session=FIRST, batch_hash=digest).status == "planned"


def test_an_act_whose_lease_was_taken_over_records_nothing_more(days: TradingDays) -> None:
    with leased(replace(days.desk, run_id="one")) as acting:
        assert acting is not None
        days.desk.ledger.take_lease(ACT_LEASE, holder="one", ttl_seconds=LEASE_SECONDS)
        with pytest.raises(Fenced):
            acting.ledger.record(lambda _: ())


def test_an_act_inside_an_act_uses_the_lease_it_has(days: TradingDays) -> None:
    with leased(days.desk) as acting:
        assert acting is not None
        with leased(acting) as inner:
            assert inner is acting


def test_reading_needs_no_lease(days: TradingDays) -> None:
    days.plan()
    with leased(replace(days.desk, run_id="rival")):
        assert days.desk.ledger.book().cycles


def test_two_daemons_that_run_the_same_day_send_nothing_twice(days: TradingDays) -> None:
    first, second = (replace(days.desk, run_id=name) for name in ("first", "second"))
    digest = days.publish(days.a_batch())
    for moment, act in ((days.evening, "plan"), (days.morning, "submit"), (days.deadline, "cancel_rest")):
        moment(FIRST)
        for desk in (first, second, first):
            if act == "plan":
                run_session.plan(desk, session=FIRST, batch_hash=digest)
            else:
                ACTS[act](desk, FIRST)
    days.next_close(FIRST)
    settled = [run_session.settle(desk, session=FIRST).status for desk in (second, first, second)]
    assert settled == ["settled", "already_settled", "already_settled"]
    bought = [r for r in days.desk.ledger.book().orders.values() if r.leg == "entry"]
    assert len(bought) == 3
    assert dict(days.venue.account().positions_shares) == {r.order.symbol: r.order.quantity_shares for r in bought}
