from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from execution.venue.faults import Fault
from tests.builders.http_venue import KEY_ID, SECRET_KEY, HttpVenue, http_venue
from tests.builders.venue import CALENDAR, FRIDAY, TUESDAY, World, buy

KEYS = {"action": "authenticate", "data": {"key_id": KEY_ID, "secret_key": SECRET_KEY}}
LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.at_open(TUESDAY)
    return made


@pytest.fixture
def venue(world: World) -> Iterator[HttpVenue]:
    with http_venue(world) as served:
        yield served


def told(socket: ClientConnection, seconds: float = 5.0) -> dict[str, Any]:
    parsed: dict[str, Any] = orjson.loads(socket.recv(timeout=seconds))
    return parsed


@contextmanager
def listening(venue: HttpVenue) -> Iterator[ClientConnection]:
    with connect(venue.url.replace("http", "ws") + "/stream", proxy=None) as socket:
        socket.send(orjson.dumps(KEYS))
        assert told(socket)["data"]["status"] == "authorized"
        socket.send(orjson.dumps(LISTEN))
        assert told(socket)["data"] == {"streams": ["trade_updates"]}
        yield socket


def names(socket: ClientConnection, count: int) -> list[str]:
    return [str(told(socket)["data"]["event"]) for _ in range(count)]


def test_wrong_keys_are_told_and_the_socket_closes(venue: HttpVenue) -> None:
    with connect(venue.url.replace("http", "ws") + "/stream", proxy=None) as socket:
        socket.send(orjson.dumps({"action": "auth", "key": KEY_ID, "secret": "guessed"}))
        assert told(socket)["data"]["status"] == "unauthorized"
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)


def test_an_order_is_told_new_then_filled_with_its_execution(venue: HttpVenue, world: World) -> None:
    with listening(venue) as socket:
        world.broker.submit(buy(10))
        first, second = told(socket)["data"], told(socket)["data"]
    assert (first["event"], first["order"]["filled_qty"]) == ("new", "0")
    assert (second["event"], second["price"], second["qty"], second["position_qty"]) == ("fill", "50", "10", "10")
    assert second["execution_id"]


def test_an_order_that_expires_is_told_at_the_close(venue: HttpVenue, world: World) -> None:
    world.broker.submit(buy(10, limit_usd=Decimal(30)))
    assert len(venue.accepted) == 1
    with listening(venue) as socket:
        world.at_close(TUESDAY)
        event = told(socket)["data"]
    assert (event["event"], event["timestamp"]) == ("expired", "2024-03-05T21:00:00.000000Z")


def test_an_end_that_is_noticed_days_later_is_told_at_its_own_close(venue: HttpVenue, world: World) -> None:
    world.broker.submit(buy(10, limit_usd=Decimal(30)))
    assert len(venue.accepted) == 1
    world.at_close(FRIDAY)
    [row] = venue.accepted
    assert (row.order.status, row.ended_at) == ("expired", CALENDAR.closes_at(TUESDAY))


def test_nothing_is_replayed_to_who_comes_later(venue: HttpVenue, world: World) -> None:
    world.broker.submit(buy(10))
    assert len(venue.accepted) == 1
    with listening(venue) as socket:
        world.broker.submit(buy(5, client_order_id="later"))
        assert told(socket)["data"]["order"]["client_order_id"] == "later"


def test_an_event_may_be_skipped_doubled_or_overtaken(venue: HttpVenue, world: World) -> None:
    venue.faults.add(Fault(action="skip_event", path="new"), Fault(action="duplicate_event", path="fill"))
    venue.faults.add(Fault(action="reorder_event", path="new", skip=0))
    with listening(venue) as socket:
        world.broker.submit(buy(10))
        assert names(socket, 2) == ["fill", "fill"]
        world.broker.submit(buy(5, client_order_id="second"))
        assert names(socket, 2) == ["fill", "new"]


def test_an_event_may_carry_what_nobody_knows(venue: HttpVenue, world: World) -> None:
    venue.faults.add(Fault(action="edit", path="new", fields={"event": "trade_bust", "status": "quantum"}))
    with listening(venue) as socket:
        world.broker.submit(buy(10))
        event = told(socket)["data"]
    assert (event["event"], event["order"]["status"]) == ("trade_bust", "quantum")


def test_the_socket_may_close_or_fall_silent(venue: HttpVenue, world: World) -> None:
    venue.faults.add(Fault(action="close_socket", path="new"), Fault(action="freeze_socket", path="fill"))
    with listening(venue) as socket:
        world.broker.submit(buy(10))
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)
    with listening(venue) as socket:
        world.broker.submit(buy(5, client_order_id="second"))
        assert names(socket, 1) == ["new"]
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.3)


def test_a_script_may_send_an_event_of_its_own(venue: HttpVenue, world: World) -> None:
    world.broker.submit(buy(10))
    [row] = venue.accepted
    with listening(venue) as socket:
        venue.floor.push("trade_bust", row.order_id, execution_id="gone")
        event = told(socket)["data"]
    assert (event["event"], event["execution_id"]) == ("trade_bust", "gone")
