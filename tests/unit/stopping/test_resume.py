"""Two steps and a name; never over a difference, an unknown outcome or a broken chain."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from execution.domain.errors import ChainBroken, Halted, LedgerError, NotArmed
from execution.domain.events import ControlChanged, ControlState
from execution.domain.orders import OrderRequest
from execution.ledger.store import LedgerStore
from execution.risk.kill_switch import KillSwitch
from execution.session.resume import Stopped, look_before_resuming, resume
from tests.builders.trading_days import FIRST, TradingDays
from tests.fakes.scripted_broker import ScriptedBroker


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker, is_on_files=True)
    days.plan()
    return days


def switch(days: TradingDays) -> KillSwitch:
    return KillSwitch(days.folder / "KILL")


def stop(days: TradingDays, state: ControlState = "halted", actor: str = "ada") -> None:
    changed = ControlChanged(at=days.clock.now(), state=state, actor=actor, reason="prices look wrong")
    days.desk.ledger.record(lambda _: (changed,))
    if state == "halted":
        switch(days).engage("prices look wrong", "ada", days.clock.now())


def look(days: TradingDays) -> Stopped:
    return look_before_resuming(days.desk, kill_switch=switch(days), stop_requests=days.folder / "stop_requests")


def go_on(days: TradingDays, token: str, **changes: Any) -> ControlChanged:
    given: dict[str, Any] = {"actor": "bob", "reason": "it was a test", **changes}
    return resume(
        days.desk, kill_switch=switch(days), stop_requests=days.folder / "stop_requests", token=token, **given
    )


def test_with_token_name_and_reason_trading_goes_on(days: TradingDays) -> None:
    stop(days)
    go_on(days, look(days).token)
    assert days.submit().status == "submitted"


def test_the_ledger_says_who_resumed_and_why(days: TradingDays) -> None:
    stop(days)
    go_on(days, look(days).token)
    control = days.desk.ledger.book().control
    assert control is not None
    assert (control.state, control.actor, control.reason) == ("active", "bob", "it was a test")


def test_looking_resumes_nothing(days: TradingDays) -> None:
    stop(days)
    look(days)
    with pytest.raises(Halted):
        days.submit()


def test_looking_twice_gives_the_same_token(days: TradingDays) -> None:
    stop(days)
    assert look(days) == look(days)


def test_who_stopped_and_why_is_shown(days: TradingDays) -> None:
    stop(days)
    seen = look(days)
    assert seen.control is not None
    assert (seen.state, seen.control.actor) == ("halted", "ada")
    assert "prices look wrong" in seen.kill_file


def test_what_works_and_what_is_held_is_shown_to_whoever_wants_to_resume(days: TradingDays) -> None:
    days.submit()
    stop(days)
    seen = look(days)
    assert seen.held_shares == dict(days.desk.broker.account().positions_shares)
    assert list(seen.held_shares) == ["AAA", "BBB", "CCC"]
    assert seen.working == tuple(order.client_order_id for order in days.desk.broker.open_orders())
    assert len(seen.working) == 3


@pytest.mark.parametrize(
    ("stands", "told"),
    [
        (lambda path: path.write_text("ada: enough\n", encoding="utf-8"), "ada: enough, made"),
        (lambda path: path.touch(), "an empty file, made"),
        (lambda path: path.write_bytes(b"\xff"), "not readable (UnicodeDecodeError), made"),
        (lambda path: path.mkdir(), "not readable (IsADirectoryError), made"),
    ],
)
def test_what_stands_in_a_kill_file_is_shown_and_when_it_was_made(
    days: TradingDays, stands: Callable[[Path], None], told: str
) -> None:
    file = switch(days).kill_file
    stands(file)
    assert look(days).kill_file == f"{told} {file.lstat().st_ctime_ns}"


def test_without_a_kill_file_nothing_is_shown_of_one(days: TradingDays) -> None:
    stop(days, "reducing")
    seen = look(days)
    assert (seen.kill_file, seen.state) == ("", "reducing")


def test_the_last_look_writes_down_the_halts_the_ledger_had_not_heard_of(days: TradingDays) -> None:
    requests = days.folder / "stop_requests"
    requests.mkdir()
    (requests / "1.json").write_text('{"actor": "eve", "reason": "fire", "at": "14:31"}', encoding="utf-8")
    seen = look(days)
    assert seen.control is not None
    assert (seen.state, seen.control.actor, seen.control.at) == ("halted", "eve", days.clock.now())


def test_removing_the_kill_file_by_hand_resumes_nothing(days: TradingDays) -> None:
    stop(days)
    switch(days).kill_file.unlink()
    with pytest.raises(Halted, match="by ada"):
        days.submit()


@pytest.mark.parametrize("missing", ["actor", "reason"])
def test_a_name_and_a_reason_are_asked_for(days: TradingDays, missing: str) -> None:
    stop(days)
    with pytest.raises(NotArmed, match=r"^resume wants a name and a reason: give both$"):
        go_on(days, look(days).token, **{missing: " "})
    assert switch(days).is_engaged


def test_a_wrong_token_resumes_nothing(days: TradingDays) -> None:
    stop(days)
    told = "^token '000000000000' does not stand for what is found now: look again with `touchstone resume`$"
    with pytest.raises(NotArmed, match=told):
        go_on(days, "000000000000")
    assert switch(days).is_engaged


def test_another_stop_since_the_look_makes_the_token_worthless(days: TradingDays) -> None:
    stop(days)
    token = look(days).token
    stop(days)
    with pytest.raises(NotArmed, match="look again"):
        go_on(days, token)


def test_a_new_kill_file_since_the_look_makes_the_token_worthless(days: TradingDays) -> None:
    stop(days)
    token = look(days).token
    switch(days).kill_file.unlink()
    switch(days).engage("again", "eve", days.clock.now())
    with pytest.raises(NotArmed, match="look again"):
        go_on(days, token)


def test_an_order_that_appeared_since_the_look_makes_the_token_worthless(days: TradingDays) -> None:
    stop(days)
    token = look(days).token
    days.venue.submit(
        OrderRequest(
            client_order_id="foreign",
            symbol="DDD",
            side="buy",
            leg="entry",
            quantity_shares=1,
            order_type="limit",
            time_in_force="gtc",
            limit_usd=days.world[FIRST, "DDD"].low_usd / 2 // 1,
        )
    )
    with pytest.raises(NotArmed, match="look again"):
        go_on(days, token)


def test_a_stop_asked_for_while_resuming_counts(days: TradingDays) -> None:
    stop(days)
    token = look(days).token
    requests = days.folder / "stop_requests"
    release = KillSwitch.release

    def released_while_somebody_stops(self: KillSwitch) -> None:
        requests.mkdir()
        (requests / "1.json").write_text('{"actor": "eve", "at": "now", "reason": "no!"}')
        release(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KillSwitch, "release", released_while_somebody_stops)
        go_on(days, token)
    with pytest.raises(Halted, match="by eve"):
        days.submit()


def test_a_stop_recorded_while_resuming_counts(days: TradingDays) -> None:
    stop(days)
    token = look(days).token
    release = KillSwitch.release

    def released_while_somebody_stops(self: KillSwitch) -> None:
        stop(days, actor="eve")
        release(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KillSwitch, "release", released_while_somebody_stops)
        with pytest.raises(NotArmed, match="since you looked"):
            go_on(days, token)
    with pytest.raises(Halted, match="by eve"):
        days.submit()


def test_nothing_is_resumed_when_nothing_is_stopped(days: TradingDays) -> None:
    with pytest.raises(NotArmed, match=r"^nothing to resume: trading is active and the kill switch is off$"):
        go_on(days, look(days).token)


def test_one_may_resume_to_reducing_alone(days: TradingDays) -> None:
    stop(days)
    go_on(days, look(days).token, to="reducing")
    days.submit()
    assert isinstance(days.desk.broker, ScriptedBroker)
    assert days.desk.broker.submitted == []


def test_reducing_is_resumed_in_the_same_two_steps(days: TradingDays) -> None:
    stop(days, "reducing")
    go_on(days, look(days).token)
    assert days.submit().accepted > 0


def test_a_difference_to_the_venue_is_never_resumed_over(days: TradingDays) -> None:
    days.submit()
    stop(days)
    with closing(sqlite3.connect(days.folder / "venue.db")) as venue, venue:
        venue.execute("update positions set shares = shares + 1 where symbol <> 'CCC'")
    told = "^ledger and venue differ in AAA by 1 shares, BBB by 1 shares: resuming waits until that is explained$"
    with pytest.raises(LedgerError, match=told):
        look(days)


def test_an_unknown_outcome_is_never_resumed_over(days: TradingDays) -> None:
    assert isinstance(days.desk.broker, ScriptedBroker)
    days.desk.broker.faults["AAA", "entry"] = "lose_request"
    days.desk.broker.faults["BBB", "entry"] = "lose_request"
    days.submit()
    stop(days)
    ids = [days.desk.order_id(FIRST, symbol=symbol, side="buy", leg="entry") for symbol in ("AAA", "BBB")]
    told = f"^nobody knows what became of {ids[0]} \\(buy AAA\\), {ids[1]} \\(buy BBB\\): resuming waits until"
    with pytest.raises(LedgerError, match=told):
        look(days)


def test_a_broken_chain_is_never_resumed_over(days: TradingDays) -> None:
    stop(days)
    break_chain(days.folder / "ledger.db")
    with pytest.raises(ChainBroken):
        look_before_resuming(days.restarted(), kill_switch=switch(days), stop_requests=days.folder / "stop_requests")


def break_chain(path: Path) -> None:
    with closing(sqlite3.connect(path)) as ledger, ledger:
        triggers = [row[0] for row in ledger.execute("select name from sqlite_schema where type = 'trigger'")]
        for trigger in triggers:
            ledger.execute(f"drop trigger {trigger}")
        ledger.execute("update event set body = replace(body, 'ada', 'eve') where body like '%ControlChanged%'")


@pytest.mark.parametrize(
    "stands", [lambda path: path.mkdir(), lambda path: path.symlink_to("nowhere"), lambda path: path.touch(mode=0)]
)
def test_whatever_stands_as_a_switch_can_be_resumed(days: TradingDays, stands: Callable[[Path], None]) -> None:
    stands(switch(days).kill_file)
    go_on(days, look(days).token)
    assert not switch(days).is_engaged


def test_a_folder_with_something_in_it_is_not_taken_away(days: TradingDays) -> None:
    (switch(days).kill_file / "mine").mkdir(parents=True)
    with pytest.raises(Halted, match="by hand"):
        go_on(days, look(days).token)
    assert switch(days).is_engaged


def test_a_crash_between_the_switch_and_the_ledger_leaves_trading_halted(days: TradingDays) -> None:
    stop(days)
    token = look(days).token
    ledger: LedgerStore = days.desk.ledger

    def dies(*_: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KillSwitch, "release", lambda self: (self.kill_file.unlink(), dies()))
        with pytest.raises(KeyboardInterrupt):
            go_on(days, token)
    assert not switch(days).is_engaged
    assert ledger.book().control is not None
    with pytest.raises(Halted, match="by ada"):
        days.submit()
