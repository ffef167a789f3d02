import errno
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from execution.clock import FileClock
from pipelines.cli.main import app, main
from pipelines.home import Home
from pipelines.logging_setup import process_mask, unconfigure_logging

SUMMARY_SECONDS = 60


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOUCHSTONE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def call(*arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["touchstone", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    captured = capsys.readouterr()
    return exit_.value.code, captured.out, captured.err


def test_config_show_prints_values_with_their_origins(capsys, monkeypatch):
    monkeypatch.setenv("TOUCHSTONE__RISK_PROFILE", "strict")
    code, out, _ = call("config", "show", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["risk_profile", "strict", "TOUCHSTONE__RISK_PROFILE"] in lines
    assert ["limits.names_max", "5", "profile", "strict"] in lines
    assert ["account", "main", "default"] in lines


def test_a_refused_setting_is_one_line_and_exit_code_one(capsys, monkeypatch):
    monkeypatch.setenv("TOUCHSTONE__MODE", "liv")
    code, out, err = call("config", "show", capsys=capsys, monkeypatch=monkeypatch)
    assert (code, out) == (1, "")
    assert err.startswith("touchstone: mode (TOUCHSTONE__MODE): found 'liv'")
    assert len(err.splitlines()) == 1


def test_an_unknown_verb_is_exit_code_two(capsys, monkeypatch):
    code, _, err = call("sell-everything", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 2
    assert "No such command" in err


def test_advance_wants_exactly_one_way(capsys, monkeypatch):
    for arguments in ((), ("--to", "2024-03-01", "--next-event")):
        code, _, err = call("clock", "advance", *arguments, capsys=capsys, monkeypatch=monkeypatch)
        assert code == 2
        assert "give one of --to and --next-event" in err


def test_without_a_ledger_the_verbs_say_where_they_looked(capsys, monkeypatch, home):
    for verb in (("ledger", "verify"), ("ledger", "show"), ("orders",), ("why", "AAPL"), ("performance",)):
        code, _, err = call(*verb, capsys=capsys, monkeypatch=monkeypatch)
        assert code == 1
        assert f"there is no ledger at {home / 'ledger.db'}" in err
    assert not home.exists()


@pytest.mark.parametrize(
    "verb",
    [("replay", "2024-01-04"), ("resume",), ("flatten",), ("watchdog",), ("retain",), ("backup",)],
    ids=" ".join,
)
def test_a_verb_in_a_home_nobody_made_says_so_and_leaves_nothing_behind(capsys, monkeypatch, home, verb):
    code, _, err = call(*verb, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 1
    assert f"there is no {'ledger' if verb[0] == 'replay' else 'home'} at {home}" in err
    assert len(err.splitlines()) == 1
    assert not home.exists()


@pytest.mark.parametrize("verb", ["resume", "retain", "backup"])
def test_a_home_that_was_made_and_has_no_ledger_yet_can_be_kept_well(capsys, monkeypatch, home, verb):
    call("init", capsys=capsys, monkeypatch=monkeypatch)
    code, out, err = call(verb, capsys=capsys, monkeypatch=monkeypatch)
    assert (code, err) == (0, "")
    assert out


def test_status_of_no_home_is_no_error_and_creates_nothing(capsys, monkeypatch, home):
    code, out, _ = call("status", capsys=capsys, monkeypatch=monkeypatch)
    assert code == 0
    assert "none yet" in out
    assert not home.exists()


@pytest.mark.parametrize(
    "verb",
    [
        ("status",),
        ("init",),
        ("demo",),
        ("why", "A"),
        ("performance",),
        ("clock", "advance", "--next-event"),
        ("backup",),
        ("resume",),
    ],
    ids=" ".join,
)
def test_a_home_that_is_a_file_is_one_line_and_is_left_alone(capsys, monkeypatch, home, verb):
    home.write_text("no folder")
    code, _, err = call(*verb, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 1
    assert err.startswith(f"touchstone: home {home} is no folder")
    assert len(err.splitlines()) == 1
    assert home.read_text() == "no folder"


@pytest.mark.parametrize(
    "verb",
    [("init",), ("demo",), ("cycle",), ("backup",), ("resume",), ("clock", "advance", "--next-event")],
    ids=" ".join,
)
def test_a_home_that_cannot_be_written_is_one_line(capsys, monkeypatch, home, verb):
    Home(home).create()
    FileClock(home / "clock.json").initialise(datetime(2024, 1, 5, 23, tzinfo=UTC))
    (home / "ledger.db").touch()

    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(home))

    # The user that runs the tests may write everywhere.
    monkeypatch.setattr(os, "access", lambda *_: False)
    for write in ("mkdir", "touch", "write_bytes"):
        monkeypatch.setattr(Path, write, refused)
    for opener in ("open", "replace", "link"):
        monkeypatch.setattr(os, opener, refused)
    code, _, err = call(*verb, capsys=capsys, monkeypatch=monkeypatch)
    assert code == 1
    assert err.startswith(f"touchstone: home {home} cannot be written: make it writable")
    assert len(err.splitlines()) == 1


def test_a_time_after_the_shipped_calendar_is_one_line(capsys, monkeypatch, home):
    Home(home).create()
    FileClock(home / "clock.json").initialise(datetime(2024, 1, 5, 23, tzinfo=UTC))
    for _ in range(10):
        code, _, err = call("clock", "live", "--sessions", "2000", capsys=capsys, monkeypatch=monkeypatch)
        if code:
            break
    assert code == 1
    assert "lies outside the shipped calendar" in err
    assert len(err.splitlines()) == 1


def test_a_replay_of_nothing_named_is_refused(capsys, monkeypatch, home):
    home.mkdir()
    (home / "ledger.db").touch()
    code, _, err = call("replay", "", capsys=capsys, monkeypatch=monkeypatch)
    unconfigure_logging()
    assert (code, err) == (
        1,
        "touchstone: found an empty name, expected a session, a plan hash or a client order id\n",
    )


def test_a_replay_sends_what_libraries_say_to_the_log(capsys, monkeypatch, home):
    home.mkdir()
    (home / "ledger.db").touch()
    masks = []
    monkeypatch.setattr("pipelines.cli.replay_page.replay_page", lambda *_, **__: masks.append(process_mask()) or "")
    assert call("replay", "2024-01-04", capsys=capsys, monkeypatch=monkeypatch)[0] == 0
    unconfigure_logging()
    assert masks != [None]


def test_a_fault_of_another_kind_in_a_sound_home_is_not_hidden(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["touchstone", "status"])
    monkeypatch.setattr("pipelines.cli.status.status_page", lambda *_: {}["a bug"])
    with pytest.raises(KeyError):
        main()


def test_every_verb_explains_itself():
    runner = CliRunner()
    for arguments in ([], ["config"], ["clock"], ["ledger"]):
        text = runner.invoke(app, [*arguments, "--help"]).output
        commands = [line for line in text.partition("Commands:")[2].splitlines() if line.strip()]
        assert commands
        assert all(len(line.split()) > 1 for line in commands)


def test_help_loads_nothing_heavy():
    program = (
        "import sys; sys.argv = ['touchstone', '--help']\n"
        "from pipelines.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'dagster', 'duckdb', 'pandas', 'numpy', 'pyarrow', 'pydantic', 'yaml', 'lightgbm', 'dbt'}\n"
        "print('LOADED', sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=SUMMARY_SECONDS
    )
    assert done.stdout.splitlines()[-1] == "LOADED []"
