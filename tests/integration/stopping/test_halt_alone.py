"""`halt` as a process of its own: no site packages, no project, nothing else alive."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from execution.risk.kill_switch import KillSwitch
from pipelines.home import Home
from pipelines.stopping import prepare_stopping
from tests.builders.trading_days import TradingDays

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "pipelines" / "cli" / "halt.py"
# Isolated, no site packages: the interpreter and its own library are all there is.
BARE = (sys.executable, "-I", "-S")


def run(*command: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command), "--reason", "prices look wrong", "--by", "ada", "--home", str(home)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    prepare_stopping(home)
    return home


def test_the_file_alone_stops_a_home_whose_ledger_is_no_database(home: Home) -> None:
    days = TradingDays(home.root, is_on_files=True)
    days.plan()
    days.submit()
    assert days.venue.open_orders()
    home.ledger.write_bytes(b"gone")
    done = run(*BARE, SCRIPT, home=home.root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert days.venue.open_orders() == ()
    assert KillSwitch(home.kill).is_engaged


def test_the_success_is_looked_at_after_the_last_order_in_flight(home: Home) -> None:
    began = time.monotonic()
    done = run(*BARE, SCRIPT, home=home.root)
    assert done.returncode == 0
    assert time.monotonic() - began >= 1.0


def test_the_module_imports_nothing_but_the_standard_library() -> None:
    program = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); before = set(sys.modules); import pipelines.cli.halt; "
        "print(json.dumps(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))"
    )
    done = subprocess.run([*BARE, "-c", program, str(ROOT)], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(json.loads(done.stdout))
    assert loaded - set(sys.stdlib_module_names) - {"__mp_main__"} == {"pipelines"}


def test_the_same_as_a_module_and_as_the_verb(home: Home, tmp_path: Path) -> None:
    assert run(sys.executable, "-m", "pipelines.cli.halt", home=home.root).returncode == 0
    home.kill.unlink()
    verb = subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main", "halt", "--reason", "prices look wrong"],
        env={"TOUCHSTONE_HOME": str(home.root), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert verb.returncode == 0, verb.stdout + verb.stderr
    assert KillSwitch(home.kill).is_engaged


def test_a_venue_nobody_answers_at_is_an_exit_code_of_its_own(home: Home) -> None:
    home.halt.write_text('{"venue": {"kind": "http", "orders_url": "http://127.0.0.1:9/v2/orders", "headers": {}}}')
    done = run(*BARE, SCRIPT, home=home.root)
    assert done.returncode == 4
    assert "UNKNOWN" in done.stdout
    assert KillSwitch(home.kill).is_engaged
