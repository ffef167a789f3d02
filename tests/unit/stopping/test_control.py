"""What the ledger says of trading holds for every order, whoever removed which file."""

import json
from pathlib import Path

import pytest

from execution.domain.errors import Halted
from execution.domain.events import ControlChanged, ControlState
from execution.session.control import control_sentence, take_in_stop_requests
from execution.session.desk import Desk
from tests.builders.trading_days import TradingDays
from tests.fakes.scripted_broker import ScriptedBroker


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return TradingDays(tmp_path, wrap_broker=ScriptedBroker)


def control(desk: Desk, state: ControlState) -> None:
    changed = ControlChanged(at=desk.clock.now(), state=state, actor="ada", reason="prices look wrong")
    desk.ledger.record(lambda _: (changed,))


def sent_legs(days: TradingDays) -> set[str]:
    assert isinstance(days.desk.broker, ScriptedBroker)
    return {order.leg for order in days.desk.broker.submitted}


def test_a_book_nobody_stopped_has_no_control(days: TradingDays) -> None:
    assert days.desk.ledger.book().control is None


def test_one_line_says_what_may_be_sent_who_said_so_when_and_why(days: TradingDays) -> None:
    assert control_sentence(None) == "active, nobody ever stopped it"
    control(days.desk, "reducing")
    told = control_sentence(days.desk.ledger.book().control)
    assert told == f"reducing since {days.clock.now().isoformat()}, by ada: prices look wrong"


def test_each_stop_asked_for_while_the_ledger_was_away_is_on_record(days: TradingDays) -> None:
    for number, actor in enumerate(("ada", "eve")):
        said = json.dumps({"actor": actor, "reason": "fire", "at": "14:31"})
        (days.folder / f"{number}.json").write_text(said, encoding="utf-8")
    (days.folder / "2.json").write_text("torn", encoding="utf-8")
    (days.folder / "3.json").write_text("[]", encoding="utf-8")
    assert take_in_stop_requests(days.desk.ledger, days.folder, at=days.clock.now()) == 4
    events = [recorded.event for recorded in days.desk.ledger.events()]
    assert [(each.state, each.actor, each.reason) for each in events if isinstance(each, ControlChanged)] == [
        ("halted", "ada", "fire (asked for at 14:31)"),
        ("halted", "eve", "fire (asked for at 14:31)"),
        ("halted", "unknown", "stop request 2.json cannot be read: JSONDecodeError"),
        ("halted", "unknown", "stop request 3.json cannot be read: TypeError"),
    ]
    assert take_in_stop_requests(days.desk.ledger, days.folder, at=days.clock.now()) == 0


def test_the_newest_change_counts(days: TradingDays) -> None:
    control(days.desk, "halted")
    control(days.desk, "active")
    book = days.desk.ledger.book()
    assert book.control is not None
    assert (book.control.state, book.control.actor) == ("active", "ada")


def test_a_halt_in_the_ledger_stops_without_any_kill_file(days: TradingDays) -> None:
    days.plan()
    control(days.desk, "halted")
    with pytest.raises(Halted, match="by ada"):
        days.submit()
    assert sent_legs(days) == set()


def test_entries_planned_before_stay_unsent_while_reducing(days: TradingDays) -> None:
    days.plan()
    control(days.desk, "reducing")
    days.submit()
    assert sent_legs(days) == set()


def test_stops_still_go_out_while_reducing(days: TradingDays) -> None:
    days.plan()
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    broker.before_submit = lambda order: control(days.desk, "reducing") if order.leg == "entry" else None
    days.submit()
    assert [order.leg for order in broker.submitted] == ["entry", "stop"]


def test_trading_hashes_do_not_tell_that_somebody_stopped(days: TradingDays) -> None:
    before = days.desk.ledger.trading_hash()
    control(days.desk, "halted")
    assert days.desk.ledger.trading_hash() == before
