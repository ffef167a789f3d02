"""A newcomer is asked for the first settings, refused what cannot be, and left with a home that is ready."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from execution.domain.errors import SettingsRefused
from pipelines.cli.guide import KEYS_OF_PAPER, guide
from pipelines.home import Home
from pipelines.settings import load_settings

KEYS = dict.fromkeys(KEYS_OF_PAPER, "a-key-of-a-test-home")


class Person:
    """Answers in order, and hears why an answer was refused; runs away when no answer is left."""

    def __init__(self, answers: Sequence[str]) -> None:
        self._answers: Iterator[str] = iter(answers)
        self.asked: list[str] = []
        self.told: list[str] = []

    def ask(self, question: str) -> str:
        self.asked.append(question)
        try:
            return next(self._answers)
        except StopIteration:
            raise EOFError from None


def guided(home: Home, *answers: str, environ: dict[str, str] | None = None) -> tuple[Person, str]:
    person = Person(answers)
    return person, guide(home, environ or {}, ask=person.ask, tell=person.told.append)


def test_empty_answers_make_a_simulated_home_of_defaults(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    _, said = guided(home, "", "", "", "", "", "", "")
    settings = load_settings(home.settings, {})
    assert (settings.mode, settings.account, settings.simulated.symbols) == ("simulated", "main", 100)
    assert home.clock.exists()
    assert "is ready" in said


def test_what_was_answered_is_what_the_home_keeps(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    guided(home, "simulated", "desk-1", "25000", "strict", "60", str(tmp_path / "elsewhere"), "5000")
    settings = load_settings(home.settings, {})
    assert (settings.account, str(settings.initial_cash_usd), settings.risk_profile) == ("desk-1", "25000", "strict")
    assert (settings.backup.folder, settings.approval.threshold_usd) == (tmp_path / "elsewhere", 5000)


def test_an_answer_that_cannot_be_is_refused_with_the_reason_and_asked_again(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    person, _ = guided(home, "simulated", "My Account", "desk-1", "-5", "25000", "", "", "", "")
    assert "account" in person.told[0]
    assert "initial_cash_usd" in person.told[1]
    assert load_settings(home.settings, {}).account == "desk-1"


def test_a_mode_that_wants_more_than_answers_is_named_with_its_way(tmp_path: Path) -> None:
    person, _ = guided(Home(tmp_path / "home"), "files", "", "", "", "", "", "", "")
    assert "examples/real-data.yaml" in person.told[0]


def test_paper_without_keys_is_refused_by_name_before_anything_is_asked(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(SettingsRefused, match="ALPACA_DATA__SECRET_KEY"):
        guided(home, "paper")
    assert not home.root.exists()


def test_a_home_on_paper_keeps_no_key(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    guided(home, "paper", "", "", "", "A Person a.person@example.com", "", "", environ=KEYS)
    assert load_settings(home.settings, KEYS).mode == "paper"
    kept = b"".join(path.read_bytes() for path in home.root.rglob("*") if path.is_file())
    assert b"a-key-of-a-test-home" not in kept


def test_who_leaves_in_between_leaves_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(EOFError):
        guided(home, "simulated", "desk-1")
    assert not home.root.exists()


def test_settings_that_are_there_are_never_overwritten(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    home.settings.write_text("account: mine\n")
    with pytest.raises(SettingsRefused, match="has settings already"):
        guided(home)
    assert home.settings.read_text() == "account: mine\n"
