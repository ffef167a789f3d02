"""Alpaca's own client library against the venue, dangers left in: what an adapter has to take out of it."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from execution.venue.faults import Fault
from tests.builders.http_venue import KEY_ID, SECRET_KEY, HttpVenue, http_venue
from tests.builders.venue import TUESDAY, World

# The library imports a part of websockets that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ORDER = {"symbol": "AAA", "side": "buy", "qty": "1", "type": "limit", "time_in_force": "day", "limit_price": "51.50"}


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[HttpVenue]:
    world = World(tmp_path)
    world.at_open(TUESDAY)
    with http_venue(world) as served:
        yield served


@pytest.fixture
def client(venue: HttpVenue) -> Any:
    from alpaca.trading.client import TradingClient  # noqa: PLC0415 - pandas comes with it

    made = TradingClient(KEY_ID, SECRET_KEY, url_override=venue.url, raw_data=True)
    made._session.trust_env = False
    made._retry_wait = 0
    return made


def test_it_reads_account_clock_and_calendar(client: Any) -> None:
    assert client.get_account()["cash"] == "100000"
    assert client.get_clock()["is_open"] is True
    assert client.get_calendar()[0]["open"] == "09:30"


def test_it_trades_and_finds_its_order_again(client: Any) -> None:
    told = client.post("/orders", {**ORDER, "client_order_id": "mine"})
    assert client.get_order_by_client_id("mine")["id"] == told["id"]
    assert [position["symbol"] for position in client.get_all_positions()] == ["AAA"]
    assert [activity["order_id"] for activity in client.get("/account/activities/FILL")] == [told["id"]]


def test_its_typed_answers_parse(venue: HttpVenue) -> None:
    from alpaca.trading.client import TradingClient  # noqa: PLC0415 - pandas comes with it

    typed = TradingClient(KEY_ID, SECRET_KEY, url_override=venue.url)
    typed._session.trust_env = False
    typed.post("/orders", ORDER)
    assert [order.symbol for order in typed.get_orders()] == []
    assert [position.symbol for position in typed.get_all_positions()] == ["AAA"]
    assert [asset.symbol for asset in typed.get_all_assets()] == ["AAA"]


def test_an_order_without_an_id_that_was_taken_and_told_504_becomes_four(client: Any, venue: HttpVenue) -> None:
    from alpaca.common.exceptions import APIError  # noqa: PLC0415 - pandas comes with it

    venue.faults.add(Fault(action="answer_after", method="POST", path="/v2/orders", status=504, times=4))
    with pytest.raises(APIError):
        client.post("/orders", ORDER)
    assert (len(venue.accepted), venue.wire["POST /v2/orders"]) == (4, 4)


def test_with_an_id_the_same_looks_like_a_refusal_although_the_order_is_there(client: Any, venue: HttpVenue) -> None:
    from alpaca.common.exceptions import APIError  # noqa: PLC0415 - pandas comes with it

    venue.faults.add(Fault(action="answer_after", method="POST", path="/v2/orders", status=504))
    with pytest.raises(APIError, match="must be unique"):
        client.post("/orders", {**ORDER, "client_order_id": "mine"})
    assert [row.order.client_order_id for row in venue.accepted] == ["mine"]


def test_its_stream_hears_of_a_fill_as_it_happens(venue: HttpVenue, client: Any) -> None:
    from alpaca.trading.stream import TradingStream  # noqa: PLC0415 - pandas comes with it

    heard: queue.Queue[Any] = queue.Queue()

    async def listen(update: Any) -> None:
        heard.put((str(update.event), update.order.client_order_id, update.qty))
        if str(update.event) == "fill":
            await stream.stop_ws()

    stream = TradingStream(KEY_ID, SECRET_KEY, url_override=venue.url.replace("http", "ws") + "/stream")
    stream.subscribe_trade_updates(listen)
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    for number in range(100):
        # It tells nobody when it listens, and what came before it is not replayed.
        client.post("/orders", {**ORDER, "client_order_id": f"n{number}"})
        if not heard.empty() or threading.Event().wait(0.1):
            break
    told = [heard.get(timeout=5), heard.get(timeout=5)]
    thread.join(10)
    assert [event for event, _, _ in told] == ["new", "fill"]
    assert told[0][1] == told[1][1]
    assert told[1][2] == 1


def test_it_sends_an_order_again_after_a_429_and_waits_for_no_header(client: Any, venue: HttpVenue) -> None:
    told = {"Retry-After": "3600", "X-RateLimit-Reset": "4000000000"}
    venue.faults.add(Fault(action="answer", method="POST", path="/v2/orders", status=429, headers=told, times=2))
    client.post("/orders", ORDER)
    assert venue.wire["POST /v2/orders"] == 3
