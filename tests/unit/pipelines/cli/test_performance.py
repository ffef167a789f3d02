"""`touchstone performance` tells the account of a home and where its pages lie, and refuses what it cannot tell."""

import sys
from pathlib import Path

import orjson
import pytest

from pipelines.cli.main import main
from tests.builders.trading_days import FIRST, SESSIONS, TradingDays
from tests.unit.ml.marts_builder import a_market

SECOND = SESSIONS[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose account has lived one session, so its ledger is there."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "home"
    monkeypatch.setenv("TOUCHSTONE_HOME", str(root))
    TradingDays(root, is_on_files=True).live()
    return root


def told(*arguments: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Return what a call printed and what it refused."""
    monkeypatch.setattr(sys, "argv", ["touchstone", "performance", *arguments])
    with pytest.raises(SystemExit):
        main()
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_the_account_is_told_with_its_pages(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_market(symbols=4, sessions=310).write(home / "warehouse.duckdb")
    out, err = told(capsys=capsys, monkeypatch=monkeypatch)
    assert err == ""
    assert out.startswith("account paper-1 [synthetic market]")
    assert f"{SECOND} to {SECOND}, 1" in out
    assert "too short" in out
    for suffix in ("html", "pdf", "json"):
        page = home / "reports" / "account" / f"{FIRST}.{suffix}"
        assert str(page) in out
        assert page.exists()
    assert orjson.loads((home / "reports" / "account" / f"{FIRST}.json").read_bytes())["account"] == "paper-1"


def test_a_session_without_a_settle_is_refused_in_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = told("--session", SESSIONS[3].isoformat(), capsys=capsys, monkeypatch=monkeypatch)
    assert out == ""
    assert f"session {SESSIONS[3]} is not settled and marked: settled are {FIRST} to {FIRST}" in err
    assert len(err.splitlines()) == 1
    assert not (home / "reports").exists()


def test_without_marts_the_account_waits_and_says_for_what(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = told(capsys=capsys, monkeypatch=monkeypatch)
    assert err == ""
    assert out.startswith(f"Nothing can be compared yet: the close of {SECOND} waits for that session's cycle")
    assert len(out.splitlines()) == 1
    assert not (home / "reports").exists()
