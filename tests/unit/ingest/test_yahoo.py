"""Yahoo through yfinance: what really traded is worked back, silence is silence, and no second feed joins a series."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.compute as pc
import pytest
import requests
import stamina
import yfinance  # noqa: F401 - loading it changes which warnings are shown; a test that loads it would let them by

from assets import schemas
from assets.ingest.prices import keep_to_feed
from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import simulated_sources
from assets.ingest.yahoo import YahooData
from assets.ingest.yahoo_asking import yahoo_history
from assets.row_versions import newest_versions
from execution.domain.errors import SettingsRefused, VenueUnavailable
from execution.request_budget import RequestBudget
from execution.shared_breaker import SharedBreaker
from execution.trading_calendar import TradingCalendar
from tests.builders.yahoo_history import history_of
from tests.fakes.manual_clock import ManualClock

# The library calls pandas in a form that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")
CALENDAR = TradingCalendar.shipped()
MONDAY, TUESDAY, WEDNESDAY = CALENDAR.between(date(2024, 3, 4), date(2024, 3, 6))
NEW_YORK = ZoneInfo("America/New_York")


class Site(requests.Session):
    """Stands where the network would: one body per symbol in the form of Yahoo's chart page."""

    def __init__(self, bodies: dict[str, Any], *, status: int = 200) -> None:
        super().__init__()
        self.bodies = bodies
        self.status = status
        self.charts = 0

    def get(self, url: Any, **_: Any) -> requests.Response:
        answer = requests.Response()
        answer.url, answer.status_code, answer._content = str(url), 404, b""
        if "/v8/finance/chart/" in str(url):
            self.charts += 1
            found = self.bodies.get(str(url).rsplit("/", 1)[-1])
            absent = {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found"}}}
            answer.status_code = self.status
            answer._content = json.dumps(found or absent).encode() if self.status == 200 else b"<html>sorry</html>"
        return answer


def midnight(session: date) -> int:
    return int(datetime(session.year, session.month, session.day, 9, 30, tzinfo=NEW_YORK).timestamp())


def chart(days: dict[date, float], *, splits: dict[date, tuple[int, int]] | None = None, **paid: Any) -> dict[str, Any]:
    """Return a chart page whose prices are those of the close, and whose volume is a thousand."""
    events: dict[str, Any] = {}
    if splits:
        events["splits"] = {
            str(midnight(day)): {
                "date": midnight(day),
                "numerator": new,
                "denominator": old,
                "splitRatio": f"{new}:{old}",
            }
            for day, (new, old) in splits.items()
        }
    if paid:
        events["dividends"] = {
            str(midnight(day)): {"amount": amount, "date": midnight(day)} for day, amount in paid["dividends"].items()
        }
    closes = list(days.values())
    quote = dict.fromkeys(("open", "high", "low", "close"), closes) | {"volume": [1_000] * len(closes)}
    meta = {
        "currency": "USD",
        "symbol": "AAA",
        "exchangeName": "NMS",
        "instrumentType": "EQUITY",
        "exchangeTimezoneName": "America/New_York",
        "timezone": "EST",
        "gmtoffset": -18_000,
        "priceHint": 2,
        "regularMarketTime": midnight(max(days)),
        "dataGranularity": "1d",
        "range": "",
        "validRanges": ["1d", "5d", "max"],
    }
    result = {
        "meta": meta,
        "timestamp": [midnight(day) for day in days],
        "events": events,
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": closes}]},
    }
    return {"chart": {"result": [result], "error": None}}


@pytest.fixture(autouse=True)
def _no_pauses() -> Any:
    with stamina.set_testing(True, attempts=2):
        yield


def yahoo(site: Site, folder: Path, *symbols: str, now: datetime | None = None) -> YahooData:
    clock = ManualClock(now or CALENDAR.closes_at(WEDNESDAY) + timedelta(hours=1))
    budget = RequestBudget(
        folder / "operations.db", provider="yahoo", clock=clock, per_minute=1_000, kept_for_orders=0, kept_for_cancels=0
    )
    breaker = SharedBreaker(folder / "operations.db", provider="yahoo", failures=9, reset_seconds=1.0)
    return YahooData(
        lambda: symbols or ("AAA",),
        first_session=MONDAY,
        history=yahoo_history(folder / "yahoo", budget=budget, breaker=breaker, session=site),
        feed_file=folder / "feed",
        clock=clock,
        calendar=CALENDAR,
    )


THREE = {MONDAY: 50.0, TUESDAY: 51.0, WEDNESDAY: 25.75}
EVER = datetime(2030, 1, 1, tzinfo=UTC)


def test_prices_before_a_split_are_what_traded_and_volume_is_too(tmp_path: Path) -> None:
    adjusted = {MONDAY: 25.0, TUESDAY: 25.5, WEDNESDAY: 25.75}
    told = yahoo(Site({"AAA": chart(adjusted, splits={WEDNESDAY: (2, 1)}, dividends={TUESDAY: 0.125})}), tmp_path)
    rows = told.bars(after=None, upto=EVER).sort_by("session").to_pylist()
    assert [row["close_usd"] for row in rows] == [Decimal(50), Decimal(51), Decimal("25.75")]
    assert [row["volume_shares"] for row in rows] == [500, 500, 1_000]
    actions = told.corporate_actions(after=None, upto=EVER).sort_by("ex_session").to_pylist()
    assert [(row["action"], row["value"]) for row in actions] == [("dividend", Decimal("0.25")), ("split", Decimal(2))]
    assert {(row["source"], row["feed"]) for row in (*rows, *actions)} == {("yahoo", "yahoo")}


def test_a_whole_market_told_by_yahoo_is_the_market_to_the_cent(tmp_path: Path) -> None:
    first, last = date(2021, 12, 1), date(2022, 6, 30)
    market = simulated_sources(
        SimulatedMarket(SimulatedMarketSettings(seed=5, symbols=80, first_session=first, last_session=last))
    )
    until = CALENDAR.as_of(last)
    bars = newest_versions(schemas.DAILY_BARS, market.rows(schemas.DAILY_BARS, after=None, upto=until))
    symbols = sorted(set(bars.column("symbol").to_pylist()))
    told = YahooData(
        lambda: symbols,
        first_session=first,
        history=history_of(market, last),
        feed_file=tmp_path / "feed",
        clock=ManualClock(until),
        calendar=CALENDAR,
    )
    splits = market.rows(schemas.CORPORATE_ACTIONS, after=None, upto=until).column("action").to_pylist()
    assert "split" in splits
    wanted = ["symbol", "session", "open_usd", "high_usd", "low_usd", "close_usd"]
    own, market_s = (
        rows.select(wanted).sort_by([("symbol", "ascending"), ("session", "ascending")]).to_pylist()
        for rows in (told.bars(after=None, upto=until), bars)
    )
    assert [row for row, other in zip(own, market_s, strict=True) if row != other] == []


def test_a_day_that_still_trades_is_not_told(tmp_path: Path) -> None:
    told = yahoo(Site({"AAA": chart(THREE)}), tmp_path, now=CALENDAR.opens_at(WEDNESDAY) + timedelta(hours=1))
    assert pc.max(told.bars(after=None, upto=EVER).column("session")).as_py() == TUESDAY


def test_the_morning_of_a_split_tells_the_days_before_as_they_traded(tmp_path: Path) -> None:
    page = chart({MONDAY: 100.1, TUESDAY: 100.4, WEDNESDAY: 100.9}, splits={WEDNESDAY: (10, 1)})
    now = CALENDAR.opens_at(WEDNESDAY) + timedelta(minutes=30)
    read = yahoo(Site({"AAA": page}), tmp_path, "AAA", now=now)
    rows = read.bars(after=None, upto=now).to_pylist()
    assert [(row["close_usd"], row["volume_shares"]) for row in rows] == [(Decimal(1001), 100), (Decimal(1004), 100)]
    assert read.corporate_actions(after=None, upto=now).num_rows == 0


def test_a_session_nobody_has_a_bar_of_is_not_there_yet(tmp_path: Path) -> None:
    told = yahoo(Site({"AAA": chart({MONDAY: 50.0, TUESDAY: 51.0})}), tmp_path)
    with pytest.raises(VenueUnavailable, match="no bar of 2024-03-06"):
        told.bars(after=None, upto=EVER)


def test_a_symbol_yahoo_does_not_know_has_no_rows(tmp_path: Path) -> None:
    told = yahoo(Site({"AAA": chart(THREE)}), tmp_path, "AAA", "GONE")
    assert set(told.bars(after=None, upto=EVER).column("symbol").to_pylist()) == {"AAA"}


@pytest.mark.parametrize("status", [429, 500])
def test_silence_is_no_empty_history(tmp_path: Path, status: int) -> None:
    site = Site({}, status=status)
    with pytest.raises(VenueUnavailable, match="yahoo"):
        yahoo(site, tmp_path).bars(after=None, upto=EVER)
    assert site.charts >= 2


def test_bars_of_another_feed_are_never_followed_by_yahoos(tmp_path: Path) -> None:
    keep_to_feed(tmp_path / "feed", "sip")
    with pytest.raises(SettingsRefused, match="from feed sip and settings say yahoo"):
        yahoo(Site({"AAA": chart(THREE)}), tmp_path).bars(after=None, upto=EVER)


def test_a_class_of_shares_is_asked_with_a_dash(tmp_path: Path) -> None:
    told = yahoo(Site({"BRK-B": chart(THREE)}), tmp_path, "BRK.B")
    assert set(told.bars(after=None, upto=EVER).column("symbol").to_pylist()) == {"BRK.B"}


def test_a_split_told_late_changes_the_revision(tmp_path: Path) -> None:
    before = yahoo(Site({"AAA": chart(THREE)}), tmp_path / "a").revision("corporate_actions")
    after = yahoo(Site({"AAA": chart(THREE, splits={WEDNESDAY: (2, 1)})}), tmp_path / "b").revision("corporate_actions")
    assert before != after
