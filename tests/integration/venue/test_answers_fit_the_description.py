"""Every page of the venue against Alpaca's own API descriptions, where those lie beside the checkout."""

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest

from execution.venue.news_feed import NewsItem
from tests.builders.http_venue import KEY_ID, SECRET_KEY, http_venue
from tests.builders.venue import THURSDAY, TUESDAY, WEDNESDAY, World, a_bar, after_open

CHECKOUT = Path(__file__).resolve().parents[3]
SPECS = Path(os.environ.get("API_SPECS_FOLDER", CHECKOUT.parent / "shared" / "specs"))
HEADERS = {"APCA-API-KEY-ID": KEY_ID, "APCA-API-SECRET-KEY": SECRET_KEY}
TRADING = ("trading-api.json", "https://paper-api.alpaca.markets")
DATA = ("market-data-api.json", "https://data.alpaca.markets")
# The description demands three fields of an order; whoever trades needs these.
ORDER_FIELDS = {"id", "client_order_id", "status", "symbol", "side", "qty", "filled_qty", "filled_avg_price", "type"}
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not SPECS.is_dir(), reason="no API descriptions beside the checkout: set API_SPECS_FOLDER"),
]


@cache
def description(name: str) -> Any:
    from openapi_core import OpenAPI  # noqa: PLC0415 - loads only where the descriptions are

    return OpenAPI.from_dict(json.loads((SPECS / name).read_text(encoding="utf-8")))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx2.Client]:
    world = World(tmp_path, [a_bar(WEDNESDAY, dividend_usd="0.25"), a_bar(THURSDAY, split_ratio="2")])
    read_at = after_open(TUESDAY)
    item = NewsItem(
        news_id=1, headline="A", symbols=("AAA",), created_at=read_at, updated_at=read_at, content="<p>A</p>"
    )
    with http_venue(world, news=lambda _: [item]) as venue:
        world.at_open(TUESDAY)
        with httpx2.Client(base_url=venue.url, headers=HEADERS, trust_env=False, timeout=5) as made:
            sent(made, qty="100", limit_price="51.50", client_order_id="bought")
            sent(made, qty="10", limit_price="20", client_order_id="rests", time_in_force="gtc")
            world.at_open(THURSDAY)
            yield made


def sent(client: httpx2.Client, side: str = "buy", **changes: Any) -> httpx2.Response:
    body = {"symbol": "AAA", "side": side, "type": "limit", "time_in_force": "day", **changes}
    return client.post("/v2/orders", json=body)


def checked(answer: httpx2.Response, spec: tuple[str, str]) -> Any:
    """Return the answer's content after the description has nothing against the answer."""
    from openapi_core.testing import MockRequest, MockResponse  # noqa: PLC0415 - as above

    assert answer.is_success, answer.text
    name, host = spec
    url, request = answer.request.url, answer.request
    asked = MockRequest(host, request.method.lower(), url.path, args=dict(url.params))
    told = MockResponse(answer.content, status_code=answer.status_code, content_type="application/json")
    description(name).validate_response(asked, told)
    return answer.json() if answer.content else None


@pytest.mark.parametrize(
    "path",
    [
        "/v2/account",
        "/v2/account/activities",
        "/v2/account/portfolio/history",
        "/v2/positions",
        "/v2/positions/AAA",
        "/v2/assets",
        "/v2/assets/AAA",
        "/v2/calendar?start=2024-03-01&end=2024-03-31",
        "/v2/clock",
    ],
)
def test_a_trading_page_is_as_described(client: httpx2.Client, path: str) -> None:
    assert checked(client.get(path), TRADING)


def test_activities_of_one_kind_are_told_as_they_are_among_all(client: httpx2.Client) -> None:
    # The description of that page fits two of its alternatives at once, so it fits nothing.
    told = checked(client.get("/v2/account/activities"), TRADING)
    fills = [each for each in told if each["activity_type"] == "FILL"]
    assert client.get("/v2/account/activities/FILL").json() == fills != told


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        ("/v2/stocks/bars?symbols=AAA&timeframe=1Day&start=2024-03-01", "bars"),
        ("/v2/stocks/bars?symbols=AAA&timeframe=1Day&start=2024-03-01&limit=1", "next_page_token"),
        ("/v2/stocks/trades/latest?symbols=AAA", "trades"),
        ("/v2/stocks/quotes/latest?symbols=AAA", "quotes"),
        ("/v1beta1/news?symbols=AAA&include_content=true", "news"),
        ("/v1/corporate-actions?symbols=AAA&start=2024-03-01&end=2024-03-31", "corporate_actions"),
    ],
)
def test_a_page_of_market_data_is_as_described(client: httpx2.Client, path: str, holds: str) -> None:
    assert checked(client.get(path), DATA)[holds]


@pytest.mark.parametrize("status", ["open", "closed", "all"])
def test_listed_orders_are_as_described_and_have_every_field_needed(client: httpx2.Client, status: str) -> None:
    for order in checked(client.get("/v2/orders", params={"status": status, "nested": "true"}), TRADING):
        assert order.keys() >= ORDER_FIELDS


def test_an_order_is_as_described_from_its_sending_to_its_end(client: httpx2.Client) -> None:
    told = checked(sent(client, qty="10", limit_price="21", client_order_id="chain"), TRADING)
    by_client = client.get("/v2/orders:by_client_order_id", params={"client_order_id": "chain"})
    assert checked(by_client, TRADING)["id"] == told["id"]
    after = checked(client.patch(f"/v2/orders/{told['id']}", json={"limit_price": "22"}), TRADING)
    assert client.delete(f"/v2/orders/{after['id']}").status_code == 204
    ended = checked(client.get(f"/v2/orders/{after['id']}"), TRADING)
    assert (ended["status"], ended["replaces"]) == ("canceled", told["id"])


def test_a_bracket_is_as_described_with_its_legs(client: httpx2.Client) -> None:
    legs = {"take_profit": {"limit_price": "60"}, "stop_loss": {"stop_price": "10"}}
    answer = sent(client, qty="1", limit_price="23", order_class="bracket", **legs)
    assert [leg["status"] for leg in checked(answer, TRADING)["legs"]] == ["held", "held"]


def test_closing_and_cancelling_everything_is_as_described(client: httpx2.Client) -> None:
    assert checked(client.delete("/v2/orders"), TRADING)
    assert checked(client.delete("/v2/positions"), TRADING)[0]["status"] == 200
