"""The stop with nothing but the standard library: flag, request, cancel, verify, tell; each also where it fails."""

import errno
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from execution.domain.orders import OrderRequest
from execution.risk.kill_switch import KillSwitch
from execution.session.control import take_in_stop_requests
from execution.session.reconcile import reconcile
from pipelines.cli import halt as stop
from pipelines.home import Home
from pipelines.stopping import prepare_stopping
from tests.builders.trading_days import FIRST, TradingDays


@pytest.fixture(autouse=True)
def _nothing_is_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "IN_FLIGHT_SECONDS", 0.0)
    monkeypatch.setattr(stop, "CANCEL_WITHIN_SECONDS", 0.3)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    prepare_stopping(home)
    return home


@pytest.fixture
def days(home: Home) -> TradingDays:
    """Return a desk in the home with entries and stops working at the venue."""
    days = TradingDays(home.root, is_on_files=True)
    days.plan()
    days.submit()
    return days


def pressed(home: Home, **options: Any) -> tuple[int, str]:
    return stop.halt(home.root, reason="prices look wrong", actor="ada", **options)


def works(days: TradingDays) -> list[str]:
    return [order.client_order_id for order in days.desk.broker.open_orders()]


def rest(days: TradingDays) -> str:
    """Leave a limit far from the market working and return its id."""
    order = OrderRequest(
        client_order_id="far",
        symbol="DDD",
        side="buy",
        leg="entry",
        quantity_shares=1,
        order_type="limit",
        time_in_force="day",
        limit_usd=days.world[FIRST, "DDD"].low_usd / 2 // 1,
    )
    days.venue.submit(order)
    assert "far" in works(days)
    return "far"


def test_everything_works_without_a_ledger_or_an_executor(home: Home, days: TradingDays) -> None:
    home.ledger.unlink()
    assert works(days)
    code, _ = pressed(home)
    assert code == 0
    assert works(days) == []


def test_the_switch_is_on_afterwards(home: Home) -> None:
    pressed(home)
    assert KillSwitch(home.kill).is_engaged


def test_the_switch_names_who_and_why(home: Home) -> None:
    pressed(home)
    told = json.loads(home.kill.read_text())
    assert (told["actor"], told["reason"]) == ("ada", "prices look wrong")


def test_stops_can_be_kept(home: Home, days: TradingDays) -> None:
    far = rest(days)
    code, said = pressed(home, keep_stops=True)
    assert (code, "none open but the stops that were to be kept" in said) == (0, True)
    assert far not in works(days)
    assert len(works(days)) == 3


def test_an_order_ended_by_halt_is_as_one_the_venue_ended_itself(home: Home, days: TradingDays) -> None:
    far = rest(days)
    before = days.desk.broker.order(far)
    pressed(home)
    after = days.desk.broker.order(far)
    assert before is not None
    assert after is not None
    assert (after.status, after.reason) == ("cancelled", "cancelled by halt")
    assert (after.quantity_shares, after.filled_shares) == (before.quantity_shares, before.filled_shares)


def test_the_ledger_agrees_with_the_venue_after_a_halt(home: Home, days: TradingDays) -> None:
    pressed(home)
    reconciled = reconcile(days.desk)
    assert reconciled.differences == ()
    assert reconciled.book.unproven_orders == ()


def test_the_next_to_open_the_ledger_writes_the_halt_down(home: Home, days: TradingDays) -> None:
    pressed(home)
    taken = take_in_stop_requests(days.desk.ledger, home.stop_requests, at=days.clock.now())
    control = days.desk.ledger.book().control
    assert taken == 1
    assert control is not None
    assert (control.state, control.actor) == ("halted", "ada")
    assert control.reason.startswith("prices look wrong (asked for at ")


def test_a_request_is_written_down_once(home: Home, days: TradingDays) -> None:
    pressed(home)
    take_in_stop_requests(days.desk.ledger, home.stop_requests, at=days.clock.now())
    assert take_in_stop_requests(days.desk.ledger, home.stop_requests, at=days.clock.now()) == 0


def test_a_request_nobody_can_read_still_halts(home: Home, days: TradingDays) -> None:
    home.stop_requests.mkdir()
    (home.stop_requests / "1.json").write_text("{")
    take_in_stop_requests(days.desk.ledger, home.stop_requests, at=days.clock.now())
    control = days.desk.ledger.book().control
    assert control is not None
    assert (control.state, control.actor) == ("halted", "unknown")


def test_halting_twice_is_harmless(home: Home, days: TradingDays) -> None:
    pressed(home)
    code, said = pressed(home)
    assert code == 0
    assert "on already" in said


def test_an_audit_line_tells_what_was_achieved(home: Home) -> None:
    pressed(home)
    line = json.loads((home.logs / "halts.jsonl").read_text())
    assert (line["actor"], line["reason"], line["exit_code"]) == ("ada", "prices look wrong", 0)


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", '{"venue": {"kind": "pigeon"}}', '{"venue": {"kind": "http"}}']
)
def test_without_a_readable_halt_file_the_switch_is_on_and_orders_are_unknown(home: Home, content: str | None) -> None:
    home.halt.unlink()
    if content is not None:
        home.halt.write_text(content)
    code, said = pressed(home)
    assert code == 4
    assert home.kill.exists()
    assert "UNKNOWN" in said


def test_a_venue_file_of_another_version_is_not_touched(home: Home, days: TradingDays) -> None:
    with closing(sqlite3.connect(home.venue)) as connection:
        connection.execute("pragma user_version = 99")
    code, said = pressed(home)
    assert code == 4
    assert "version 99" in said


def test_a_venue_that_never_opened_has_no_orders(home: Home) -> None:
    assert pressed(home)[0] == 0
    assert not home.venue.exists()


def test_a_locked_venue_is_told_as_unknown(home: Home, days: TradingDays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "_CALL_TIMEOUT_SECONDS", 0.05)
    with closing(sqlite3.connect(home.venue, isolation_level=None)) as other:
        other.execute("begin exclusive")
        code, said = pressed(home)
    assert code == 4
    assert "locked" in said


def test_a_locked_ledger_stops_nobody_from_stopping(home: Home, days: TradingDays) -> None:
    with closing(sqlite3.connect(home.ledger, isolation_level=None)) as other:
        other.execute("begin exclusive")
        assert pressed(home)[0] == 0
    assert works(days) == []


def full_disk(monkeypatch: pytest.MonkeyPatch, *, of: str, only: Callable[..., bool] = lambda *_: True) -> None:
    real = getattr(os, of)

    def fails(*arguments: Any, **options: Any) -> Any:
        if only(*arguments):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **options)

    monkeypatch.setattr(os, of, fails)


def creates(path: Any, flags: int = 0, *_: Any) -> bool:
    return bool(flags & os.O_CREAT) and not os.path.lexists(path)


def test_a_full_disk_gives_the_switch_the_spare_name(
    home: Home, days: TradingDays, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk(monkeypatch, of="open", only=creates)
    code, said = pressed(home)
    assert code == 0
    assert home.kill.exists()
    assert not home.kill_spare.exists()
    assert "spare file" in said


def test_a_full_disk_leaves_an_empty_switch_that_stops_all_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk(monkeypatch, of="write")
    code, said = pressed(home)
    assert code == 0
    assert home.kill.read_bytes() == b""
    assert "is empty" in said


def test_without_room_for_any_name_orders_are_cancelled_and_the_code_says_the_switch_is_off(
    home: Home, days: TradingDays, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.kill_spare.unlink()
    full_disk(monkeypatch, of="open", only=creates)
    code, said = pressed(home)
    assert code == 3
    assert works(days) == []
    assert "NOT on: [Errno 28]" in said


def test_a_home_that_does_not_exist_achieves_nothing_and_says_so(tmp_path: Path) -> None:
    code, said = stop.halt(tmp_path / "elsewhere", reason="stop", actor="ada")
    assert code == 5
    assert "NOT on" in said


@pytest.mark.parametrize("stands", ["folder", "link", "unreadable"])
def test_whatever_stands_under_the_name_is_a_switch_that_is_on(home: Home, stands: str) -> None:
    match stands:
        case "folder":
            home.kill.mkdir()
        case "link":
            home.kill.symlink_to("nowhere")
        case _:
            home.kill.touch(mode=0)
    assert pressed(home)[0] == 0
    assert KillSwitch(home.kill).is_engaged


@dataclass
class FlakyVenue:
    """Fails the first calls of each kind; a cancel may miss what arrives late."""

    failing_calls: int = 0
    orders: list[str] = field(default_factory=lambda: ["a", "b"])
    arrives_after_cancel: list[str] = field(default_factory=list)

    def cancel_all(self) -> None:
        self._fail()
        self.orders[:] = self.arrives_after_cancel
        self.arrives_after_cancel = []

    def open_orders(self) -> list[str]:
        self._fail()
        return list(self.orders)

    def _fail(self) -> None:
        self.failing_calls -= 1
        if self.failing_calls >= 0:
            raise TimeoutError("504")


def pressed_at(venue: stop.CancelAll, home: Home, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.setattr(stop, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(stop, "_venue", lambda *_, **__: venue)
    return pressed(home)


def test_a_failing_venue_is_asked_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pressed_at(FlakyVenue(failing_calls=5), home, monkeypatch)[0] == 0


def test_an_order_that_arrives_after_the_cancel_is_cancelled_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    venue = FlakyVenue(arrives_after_cancel=["late"])
    assert pressed_at(venue, home, monkeypatch)[0] == 0
    assert venue.orders == []


def test_a_venue_that_always_fails_is_told_as_unknown(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = pressed_at(FlakyVenue(failing_calls=10**9), home, monkeypatch)
    assert code == 4
    assert "504" in said


def test_an_empty_look_before_the_last_in_flight_is_no_proof(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "IN_FLIGHT_SECONDS", 10.0)
    code, said = pressed_at(FlakyVenue(orders=[]), home, monkeypatch)
    assert code == 4
    assert "UNKNOWN" in said


def test_orders_that_stay_open_are_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(FlakyVenue):
        def cancel_all(self) -> None:
            pass

    code, said = pressed_at(Deaf(), home, monkeypatch)
    assert code == 4
    assert "2 STILL OPEN: a, b" in said


def test_a_reason_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        stop.main([])
    assert "--reason" in capsys.readouterr().err


def test_the_halt_file_names_no_secret_and_the_kill_file_is_where_it_is_looked_for(home: Home) -> None:
    assert json.loads(home.halt.read_text()) == {
        "venue": {"kind": "simulated", "store": str(home.venue)},
        "version": 1,
    }
    pressed(home)
    assert home.kill.name == "KILL"
