"""From a key on a person's machine, over the line that is handed on, to a plan that goes: by the verbs alone."""

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from execution.clock import FileClock
from execution.domain.errors import LedgerError, NotArmed, SettingsRefused
from execution.domain.events import ControlChanged
from pipelines.cli import consent
from pipelines.cli import resume as back
from pipelines.cli.main import app
from pipelines.cli.signing import make_signing_key, sign_word
from pipelines.home import Home
from pipelines.trading_settings import TradingSettings, load_trading_settings
from tests.builders.trading_days import TradingDays

NAME = "Ann Person"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "at the person's" / "person.pem"


@pytest.fixture
def tree(key: Path) -> TradingSettings:
    public, *_ = make_signing_key(key).splitlines()
    environ = {
        "TOUCHSTONE__ACCOUNT": "paper-1",
        "TOUCHSTONE__STRATEGY": "momentum",
        "TOUCHSTONE__APPROVAL__THRESHOLD_USD": "0",
        "TOUCHSTONE__APPROVAL__ALWAYS_SIGNED": "true",
        "TOUCHSTONE__APPROVAL__SIGNERS": f'{{"{NAME}": "{public}"}}',
    }
    return load_trading_settings(environ=environ)


@pytest.fixture
def days(tmp_path: Path, tree: TradingSettings) -> TradingDays:
    days = TradingDays(tmp_path / "home", desk_changes={"approval": tree.approval}, is_on_files=True)
    FileClock(Home(days.folder).clock).initialise(days.clock.now())
    return days


def word_for(days: TradingDays, key: Path, matter: str, subject: str) -> str:
    at = days.clock.now().isoformat()
    words = ["sign", matter, subject, "--account", "paper-1", "--by", NAME, "--key", str(key), "--at", at]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def test_a_plan_goes_by_the_line_that_sign_prints(days: TradingDays, tree: TradingSettings, key: Path) -> None:
    plan_hash = days.plan().plan_hash
    assert plan_hash is not None
    home = Home(days.folder)
    with pytest.raises(NotArmed, match=f"touchstone sign plan {plan_hash}"):
        consent.approve_plan(tree, home, plan_hash=plan_hash, by=NAME, reason="read")
    word = word_for(days, key, "plan", plan_hash)
    assert "approved" in consent.approve_plan(tree, home, plan_hash=plan_hash, by=NAME, reason="read", word=word)
    assert days.submit().status == "submitted"


def test_the_first_step_of_resuming_says_what_to_sign(days: TradingDays, tree: TradingSettings, key: Path) -> None:
    halted = ControlChanged(at=days.clock.now(), state="halted", actor="ada", reason="prices look wrong")
    days.plan()
    days.desk.ledger.record(lambda _: (halted,))
    home = Home(days.folder)
    page = back.look(tree, home)
    [subject] = {word for word in page.split() if word.startswith("active:")}
    word = word_for(days, key, "resume", subject)
    token = subject.removeprefix("active:")
    said = back.confirm(tree, home, token=token, actor=NAME, reason="looked", is_reducing=False, word=word)
    assert said.startswith("trading is active")


def test_a_key_is_its_owners_alone_and_is_never_made_twice(key: Path) -> None:
    first, second = make_signing_key(key), make_signing_key(key)
    assert first.splitlines()[0] == second.splitlines()[0]
    assert ("made" in first, "there already" in second) == (True, True)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def signed_with(key: Path, **changes: str) -> str:
    return sign_word("plan", "a" * 64, account="main", by=NAME, key_file=key, hours=1, **changes)


def test_a_key_others_may_read_signs_nothing(key: Path) -> None:
    make_signing_key(key)
    key.chmod(0o640)
    with pytest.raises(LedgerError, match=r"the signing key person\.pem has mode 640"):
        signed_with(key)


def test_a_key_that_is_not_there_is_named_with_how_to_make_one(key: Path) -> None:
    with pytest.raises(LedgerError, match="touchstone sign-key"):
        signed_with(key)


@pytest.mark.parametrize("at", ["yesterday", "2024-03-05T21:30:00"])
def test_an_instant_without_a_zone_is_none(key: Path, at: str) -> None:
    make_signing_key(key)
    with pytest.raises(SettingsRefused, match="is no instant"):
        signed_with(key, at=at)
