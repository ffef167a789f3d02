"""What an operator sees: the state with who, why and when; the two steps back; the closing of everything."""

import re
from pathlib import Path

import pytest

from execution.clock import FileClock
from execution.domain.errors import NotArmed
from execution.domain.events import ControlChanged
from pipelines.cli import resume as back
from pipelines.cli.flatten import close_everything
from pipelines.cli.halt import halt
from pipelines.cli.status import status_page
from pipelines.home import Home
from pipelines.stopping import prepare_stopping
from pipelines.trading_settings import TradingSettings, load_trading_settings
from tests.builders.trading_days import TradingDays


@pytest.fixture
def home(tmp_path: Path) -> Home:
    days = TradingDays(tmp_path, is_on_files=True)
    days.plan()
    days.submit()
    halted = ControlChanged(at=days.clock.now(), state="halted", actor="ada", reason="prices look wrong")
    days.desk.ledger.record(lambda _: (halted,))
    home = Home(tmp_path)
    FileClock(home.clock).initialise(days.clock.now())
    home.kill.touch()
    return home


@pytest.fixture
def tree() -> TradingSettings:
    return load_trading_settings(environ={"TOUCHSTONE__ACCOUNT": "paper-1", "TOUCHSTONE__STRATEGY": "momentum"})


def test_status_names_the_state_who_set_it_and_why(home: Home, tree: TradingSettings) -> None:
    page = status_page(tree, home)
    assert re.search(r"trading +halted since 2024-03-06T14:\d\d:00\+00:00, by ada: prices look wrong", page)


def test_status_right_after_a_halt_tells_who_stopped_when_and_why_and_calls_nothing_active(
    home: Home, tree: TradingSettings
) -> None:
    _resumed(tree, home)
    prepare_stopping(home)
    halt(home.root, reason="prices look wrong again", actor="eve")
    page = status_page(tree, home)
    assert re.search(r"KILL SWITCH +engaged since \S+, by eve: prices look wrong again; nothing is sent", page)
    assert re.search(r"trading +halted by the kill file; the next act writes it into the ledger\n", page)
    assert "active" not in page


def test_status_under_a_switch_that_says_nothing_tells_that_it_is_on(home: Home, tree: TradingSettings) -> None:
    _resumed(tree, home)
    home.kill.symlink_to(home.root / "nowhere")
    page = status_page(tree, home)
    assert re.search(r"KILL SWITCH +engaged by KILL, which does not say who made it, when or why", page)
    assert "halted by the kill file; only a running `touchstone watchdog` writes it into the ledger" in page


def _resumed(tree: TradingSettings, home: Home) -> None:
    token = re.search(r"--token (\w{12})", back.look(tree, home))
    assert token is not None
    back.confirm(tree, home, token=token[1], actor="bob", reason="it was a test", is_reducing=False)


def test_resume_prints_the_second_step_and_that_step_resumes(home: Home, tree: TradingSettings) -> None:
    page = back.look(tree, home)
    token = re.search(r"--token (\w{12})", page)
    assert token is not None
    assert "by ada: prices look wrong" in page
    said = back.confirm(tree, home, token=token[1], actor="bob", reason="it was a test", is_reducing=False)
    assert said.startswith("trading is active")
    assert not home.kill.exists()


def test_resume_on_a_home_nobody_stopped_says_so(home: Home, tree: TradingSettings) -> None:
    token = re.search(r"--token (\w{12})", back.look(tree, home))
    assert token is not None
    back.confirm(tree, home, token=token[1], actor="bob", reason="it was a test", is_reducing=False)
    assert back.look(tree, home).endswith("nothing is stopped")


def test_flatten_after_resuming_to_reducing_closes_everything(home: Home, tree: TradingSettings) -> None:
    token = re.search(r"--token (\w{12})", back.look(tree, home))
    assert token is not None
    back.confirm(tree, home, token=token[1], actor="bob", reason="to close", is_reducing=True)
    is_closing, said = close_everything(
        tree, home, arm="close every position of paper-1", actor="bob", reason="going home"
    )
    assert is_closing
    assert said.startswith("status        flat")


def test_flatten_without_its_phrase_says_which(home: Home, tree: TradingSettings) -> None:
    with pytest.raises(NotArmed, match="close every position of paper-1"):
        close_everything(tree, home, arm="", actor="bob", reason="going home")
