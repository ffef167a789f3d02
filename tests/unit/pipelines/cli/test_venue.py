from datetime import date
from pathlib import Path

import httpx2
import pytest

from execution.clock import FileClock
from execution.domain.errors import SettingsRefused
from execution.trading_calendar import TradingCalendar
from execution.venue.faults import FaultPlan
from pipelines.cli.venue import KEY_ID, SECRET_KEY, rehearsal_app, venue_page
from pipelines.home import Home
from pipelines.settings import Settings
from tests.builders.http_venue import served

CALENDAR = TradingCalendar.shipped()
SESSION = date(2022, 3, 1)
SETTINGS = Settings.model_validate(
    {"simulated": {"symbols": 12, "first_session": "2022-01-03", "last_session": "2022-06-30"}}
)
HEADERS = {"APCA-API-KEY-ID": KEY_ID, "APCA-API-SECRET-KEY": SECRET_KEY}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path).create()
    FileClock(made.clock).initialise(CALENDAR.bars_known_at(SESSION))
    return made


def test_a_home_is_served_with_its_market_its_clock_and_its_news(home: Home) -> None:
    app = rehearsal_app(SETTINGS, home, by_wall_clock=False, faults=FaultPlan())
    with served(app) as url, httpx2.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
        assert client.get("/v2/clock").json()["timestamp"].startswith("2022-03-01T16:15")
        symbols = [asset["symbol"] for asset in client.get("/v2/assets").json()]
        asked = {"symbols": ",".join(symbols), "timeframe": "1Day", "start": "2022-03-01"}
        assert set(client.get("/v2/stocks/bars", params=asked).json()["bars"]) <= set(symbols)
        assert client.get("/v1beta1/news").json()["news"]


def test_an_account_survives_a_restart_of_its_server(home: Home) -> None:
    FileClock(home.clock).advance_to(CALENDAR.opens_at(CALENDAR.next(SESSION)))
    order = {"qty": "1", "side": "buy", "type": "limit", "time_in_force": "gtc", "limit_price": "1"}
    told = []
    for _ in range(2):
        app = rehearsal_app(SETTINGS, home, by_wall_clock=False, faults=FaultPlan())
        with served(app) as url, httpx2.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
            symbol = client.get("/v2/assets").json()[0]["symbol"]
            if not told:
                client.post("/v2/orders", json={**order, "symbol": symbol}).raise_for_status()
            told.append(client.get("/v2/orders").json())
    assert told[0] == told[1] != []


def test_a_mode_without_a_market_of_its_own_is_refused(home: Home) -> None:
    keys = {"key_id": "12345678", "secret_key": "12345678"}
    paper = Settings.model_validate({"mode": "paper", "broker_keys": keys})
    with pytest.raises(SettingsRefused, match="simulated and files"):
        rehearsal_app(paper, home, by_wall_clock=True, faults=FaultPlan())


def test_the_page_says_how_a_paper_account_is_pointed_at_it() -> None:
    assert "TOUCHSTONE__ALPACA__TRADING_URL=http://127.0.0.1:8085" in venue_page(8085)


def test_a_venue_may_follow_the_clock_of_another_home_with_an_account_of_its_own(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other").create()
    FileClock(other.clock).initialise(CALENDAR.opens_at(CALENDAR.next(SESSION)))
    app = rehearsal_app(SETTINGS, home, faults=FaultPlan(), told_by=other.root)
    with served(app) as url, httpx2.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
        assert client.get("/v2/clock").json()["timestamp"].startswith("2022-03-02T09:30")
    assert not home.venue.exists()
