import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from execution.brokers.alpaca import AlpacaBroker
from execution.clock import FileClock, SystemClock
from execution.domain.errors import SettingsRefused, VenueUnavailable
from pipelines.home import Home
from pipelines.stopping import prepare_stopping
from pipelines.trading_adapters import clock_of, open_desk, orders_url
from pipelines.trading_settings import TradingSettings, load_trading_settings

REHEARSAL = {
    "TOUCHSTONE__ALPACA__TRADING_URL": "http://127.0.0.1:9",
    "TOUCHSTONE__ALPACA__DATA_URL": "http://127.0.0.1:9",
}
SECRET = "canary-of-a-secret-key"
KEYS = {
    "TOUCHSTONE__MODE": "paper",
    "TOUCHSTONE__BROKER_KEYS__KEY_ID": "PKCANARYKEY",
    "TOUCHSTONE__BROKER_KEYS__SECRET_KEY": SECRET,
}
LIVE = {**KEYS, "TOUCHSTONE__MODE": "live", "TOUCHSTONE_LIVE_ACCOUNT": "main"}


def settings(**changes: str) -> TradingSettings:
    return load_trading_settings(environ={**KEYS, **changes})


def test_a_paper_desk_trades_at_alpaca(tmp_path: Path) -> None:
    desk = open_desk(settings(), Home(tmp_path).create())
    assert isinstance(desk.broker, AlpacaBroker)
    assert desk.time_agreement is not None


def test_opening_a_desk_asks_nothing_of_the_venue(tmp_path: Path) -> None:
    open_desk(settings(TOUCHSTONE__ALPACA__TRADING_URL="http://127.0.0.1:9"), Home(tmp_path).create())


def test_each_mode_has_its_own_address() -> None:
    assert orders_url(settings()) == "https://paper-api.alpaca.markets/v2/orders"
    assert orders_url(load_trading_settings(environ=LIVE)) == "https://api.alpaca.markets/v2/orders"
    assert orders_url(load_trading_settings(environ={})) == ""


@pytest.mark.parametrize(
    "address",
    [
        "https://api.alpaca.markets",
        "https://paper-api.alpaca.markets.example.com",
        "http://192.0.2.7:8900",
        "https://127.0.0.1:8900",
        "http://user:pass@127.0.0.1:8900",
        "http://127.0.0.1:8900/somewhere",
    ],
)
def test_an_address_that_is_not_on_the_list_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"alpaca\.trading_url names the host"):
        open_desk(settings(TOUCHSTONE__ALPACA__TRADING_URL=address), Home(tmp_path).create())


def test_a_live_account_is_never_rehearsed(tmp_path: Path) -> None:
    environ = {**LIVE, "TOUCHSTONE__ALPACA__TRADING_URL": "http://127.0.0.1:8900"}
    with pytest.raises(SettingsRefused, match="a live account has no other"):
        open_desk(load_trading_settings(environ=environ), Home(tmp_path).create())


def test_a_refused_address_does_not_tell_its_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as refused:
        settings(TOUCHSTONE__ALPACA__TRADING_URL="http://user:hunter2@example.com").alpaca.trading_address("paper")
    assert "hunter2" not in str(refused.value)


def test_halt_is_told_where_to_cancel_and_never_the_keys(tmp_path: Path) -> None:
    home = Home(tmp_path).create()
    prepare_stopping(home, orders_url=orders_url(settings()))
    told = json.loads(home.halt.read_text())["venue"]
    assert told["orders_url"] == "https://paper-api.alpaca.markets/v2/orders"
    assert told["headers"]["APCA-API-SECRET-KEY"] == {"env": "TOUCHSTONE__BROKER_KEYS__SECRET_KEY"}
    assert SECRET not in home.halt.read_text()


def test_a_simulated_desk_loads_nothing_of_alpaca(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pipelines.home import Home\n"
        "from pipelines.trading_adapters import open_desk\n"
        "from pipelines.trading_settings import load_trading_settings\n"
        "import pipelines.cli.init\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('alpaca', 'requests', 'pybreaker')))"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_paper_desk_loads_no_frames(tmp_path: Path) -> None:
    program = (
        "import sys, pipelines.alpaca_adapters\n"
        "print(sorted(name for name in ('pandas', 'duckdb', 'websockets') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def told_home(root: Path) -> Home:
    home = Home(root).create()
    FileClock(home.clock).initialise(datetime(2024, 1, 4, 22, 0, tzinfo=UTC))
    return home


def test_a_paper_home_with_a_clock_of_its_own_lives_in_its_time(tmp_path: Path) -> None:
    desk = open_desk(settings(**REHEARSAL), told_home(tmp_path))
    assert desk.clock.now() == datetime(2024, 1, 4, 22, 0, tzinfo=UTC)
    assert not desk.clock.wait_seconds(5.0)


@pytest.mark.parametrize("left_out", [*REHEARSAL, "both"])
def test_told_time_is_refused_where_anything_leads_to_alpaca_itself(tmp_path: Path, left_out: str) -> None:
    given = {} if left_out == "both" else {name: url for name, url in REHEARSAL.items() if name != left_out}
    with pytest.raises(SettingsRefused, match="moves when told"):
        open_desk(settings(**given), told_home(tmp_path))


def test_a_live_account_never_lives_in_told_time(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    assert isinstance(clock_of("live", home), SystemClock)


def test_quotas_are_counted_in_the_minutes_of_the_wire(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    wire = open_desk(settings(**REHEARSAL), home).broker
    assert isinstance(wire, AlpacaBroker)
    with pytest.raises(VenueUnavailable):
        wire.account()
    with closing(sqlite3.connect(home.operations)) as kept:
        [(at,)] = kept.execute("select max(at) from requests").fetchall()
    assert at > datetime(2025, 1, 1, tzinfo=UTC).timestamp()
