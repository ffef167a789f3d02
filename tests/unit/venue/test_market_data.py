from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from execution.venue.news_feed import NewsItem
from tests.builders.http_venue import KEY_ID, SECRET_KEY, HttpVenue, http_venue
from tests.builders.venue import FRIDAY, MONDAY, THURSDAY, TUESDAY, WEDNESDAY, World, a_bar, after_close

HEADERS = {"APCA-API-KEY-ID": KEY_ID, "APCA-API-SECRET-KEY": SECRET_KEY}
BARS = {"symbols": "AAA,BBB", "timeframe": "1Day", "start": "2024-03-04", "end": "2024-03-09", "limit": "3"}


def told_until(now: datetime) -> Iterable[NewsItem]:
    first = after_close(MONDAY)
    changed = [first, first + timedelta(days=1), first + timedelta(days=1)]
    items = [
        NewsItem(
            news_id=number,
            headline=f"Headline {number}",
            symbols=("AAA",),
            created_at=first,
            updated_at=at,
            content="<p>Text</p>",
        )
        for number, at in enumerate(changed, start=1)
    ]
    return [item for item in items if item.updated_at <= now]


@pytest.fixture
def world(tmp_path: Path) -> World:
    rows = [a_bar(session, "BBB", open_usd="48.5") for session in (MONDAY, TUESDAY, WEDNESDAY)]
    rows += [a_bar(WEDNESDAY, split_ratio="2", dividend_usd="0.25"), a_bar(THURSDAY, is_halted=True)]
    rows += [a_bar(WEDNESDAY, "BBB", is_last_session=True)]
    return World(tmp_path, rows)


@pytest.fixture
def venue(world: World) -> Iterator[HttpVenue]:
    with http_venue(world, news=told_until) as served:
        yield served


@pytest.fixture
def client(venue: HttpVenue) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=venue.url, headers=HEADERS, trust_env=False, timeout=5) as made:
        yield made


def paged(client: httpx2.Client, path: str, params: dict[str, str]) -> Iterator[dict[str, Any]]:
    asked = dict(params)
    while True:
        page = client.get(path, params=asked).json()
        yield page
        if page["next_page_token"] is None:
            return
        asked["page_token"] = page["next_page_token"]


def test_bars_are_paged_by_symbol_then_time_without_loss_or_repeat(world: World, client: httpx2.Client) -> None:
    world.at_close(FRIDAY)
    seen = [
        (symbol, bar["t"][:10])
        for page in paged(client, "/v2/stocks/bars", BARS)
        for symbol, bars in page["bars"].items()
        for bar in bars
    ]
    days = [f"2024-03-0{day}" for day in (4, 5, 6, 8)]
    assert seen == [("AAA", day) for day in days] + [("BBB", day) for day in days[:3]]


def test_a_bar_carries_midnight_in_new_york_and_raw_prices(world: World, client: httpx2.Client) -> None:
    world.at_close(MONDAY)
    told = client.get("/v2/stocks/bars", params={**BARS, "symbols": "BBB"}).json()
    [bar] = told["bars"]["BBB"]
    assert (bar["t"], bar["o"], bar["c"], bar["v"]) == ("2024-03-04T05:00:00Z", 48.5, 51.0, 1_000_000)


def test_a_session_that_runs_has_no_bar_yet(world: World, client: httpx2.Client) -> None:
    world.at_open(TUESDAY)
    told = client.get("/v2/stocks/bars", params=BARS).json()
    assert {bar["t"] for bars in told["bars"].values() for bar in bars} == {"2024-03-04T05:00:00Z"}


def test_adjusted_prices_and_minutes_are_refused(client: httpx2.Client) -> None:
    assert client.get("/v2/stocks/bars", params={**BARS, "adjustment": "all"}).status_code == 400
    assert client.get("/v2/stocks/bars", params={**BARS, "timeframe": "1Min"}).status_code == 400


def test_the_last_price_of_a_running_session_is_its_open(world: World, client: httpx2.Client) -> None:
    world.at_open(TUESDAY)
    trades = client.get("/v2/stocks/trades/latest", params={"symbols": "BBB,NONE"}).json()["trades"]
    assert {symbol: trade["p"] for symbol, trade in trades.items()} == {"BBB": 48.5}
    quote = client.get("/v2/stocks/quotes/latest", params={"symbols": "BBB"}).json()["quotes"]["BBB"]
    assert (quote["bp"], quote["ap"]) == (48.49, 48.51)


def test_actions_are_told_from_the_open_of_their_day(world: World, client: httpx2.Client) -> None:
    asked = {"start": "2024-03-01", "end": "2024-03-31"}
    assert client.get("/v1/corporate-actions", params=asked).json()["corporate_actions"] == {}
    world.at_open(WEDNESDAY)
    told = client.get("/v1/corporate-actions", params=asked).json()["corporate_actions"]
    assert [(each["symbol"], each["new_rate"], each["old_rate"]) for each in told["forward_splits"]] == [("AAA", 2, 1)]
    assert [(each["ex_date"], each["rate"]) for each in told["cash_dividends"]] == [("2024-03-06", 0.25)]


def test_actions_are_paged_across_their_kinds(world: World, client: httpx2.Client) -> None:
    world.at_open(WEDNESDAY)
    pages = list(paged(client, "/v1/corporate-actions", {"start": "2024-03-01", "end": "2024-03-31", "limit": "1"}))
    assert [kind for page in pages for kind in page["corporate_actions"]] == ["cash_dividends", "forward_splits"]


def test_assets_forget_what_was_delisted(world: World, client: httpx2.Client) -> None:
    world.at_open(WEDNESDAY)
    assert [each["symbol"] for each in client.get("/v2/assets").json()] == ["AAA", "BBB"]
    world.at_close(WEDNESDAY)
    assert [each["symbol"] for each in client.get("/v2/assets").json()] == ["AAA"]
    assert client.get("/v2/assets/BBB").status_code == 404


def test_an_asset_is_found_by_its_id(client: httpx2.Client) -> None:
    told = client.get("/v2/assets/AAA").json()
    assert client.get(f"/v2/assets/{told['id']}").json() == told


def test_news_is_told_by_its_last_change_and_never_ahead(world: World, client: httpx2.Client) -> None:
    params = {"symbols": "AAA", "limit": "2", "sort": "asc"}
    assert [item["id"] for page in paged(client, "/v1beta1/news", params) for item in page["news"]] == [1]
    world.at_close(TUESDAY)
    pages = list(paged(client, "/v1beta1/news", params))
    assert [[item["id"] for item in page["news"]] for page in pages] == [[1, 2], [3]]


def test_news_has_its_content_only_when_asked(client: httpx2.Client) -> None:
    assert client.get("/v1beta1/news").json()["news"][0]["content"] == ""
    assert client.get("/v1beta1/news", params={"include_content": "true"}).json()["news"][0]["content"] == "<p>Text</p>"
