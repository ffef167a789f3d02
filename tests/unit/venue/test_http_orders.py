from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.builders.http_venue import KEY_ID, SECRET_KEY, HttpVenue, http_venue
from tests.builders.venue import TUESDAY, World, a_bar

HEADERS = {"APCA-API-KEY-ID": KEY_ID, "APCA-API-SECRET-KEY": SECRET_KEY}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.at_open(TUESDAY)
    return made


@pytest.fixture
def venue(world: World) -> Iterator[HttpVenue]:
    with http_venue(world) as served:
        yield served


@pytest.fixture
def client(venue: HttpVenue) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=venue.url, headers=HEADERS, trust_env=False, timeout=5) as made:
        yield made


def asked(side: str = "buy", qty: str = "10", **changes: Any) -> dict[str, Any]:
    limit = "51.50" if side == "buy" else "46.00"
    body = {"symbol": "AAA", "side": side, "qty": qty, "type": "limit", "time_in_force": "day", "limit_price": limit}
    return {"client_order_id": f"{side}-1", **body, **changes}


def sent(client: httpx2.Client, **order: Any) -> dict[str, Any]:
    answer = client.post("/v2/orders", json=asked(**order))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_an_order_is_filled_told_in_strings_and_found_by_either_id(client: httpx2.Client) -> None:
    told = sent(client)
    assert (told["status"], told["filled_qty"], told["filled_avg_price"]) == ("filled", "10", "50")
    by_client = client.get("/v2/orders:by_client_order_id", params={"client_order_id": "buy-1"}).json()
    assert by_client["id"] == told["id"]
    assert client.get(f"/v2/orders/{told['id']}").json()["filled_at"] == told["filled_at"]


def test_wrong_keys_are_told_401_and_nothing_is_accepted(client: httpx2.Client, venue: HttpVenue) -> None:
    answer = client.post("/v2/orders", json=asked(), headers={"APCA-API-SECRET-KEY": "guessed"})
    assert answer.status_code == 401
    assert venue.accepted == ()


def test_a_used_client_order_id_is_told_422_and_trades_nothing(client: httpx2.Client, venue: HttpVenue) -> None:
    sent(client)
    answer = client.post("/v2/orders", json=asked(qty="20"))
    assert (answer.status_code, answer.json()["code"]) == (422, 40010001)
    assert [row.order.quantity_shares for row in venue.accepted] == [10]


@pytest.mark.parametrize(
    ("order", "answered", "words"),
    [
        ({"qty": "1000000"}, (403, 40310000), "insufficient buying power"),
        ({"limit_price": "51.505"}, (422, 42210000), "sub-penny"),
        ({"side": "sell"}, (403, 40310000), "not allowed to short"),
        ({"symbol": "NONE"}, (422, 42210000), "asset not found"),
        ({"qty": "1.5", "time_in_force": "gtc"}, (422, 42210000), "part of a share"),
        ({"time_in_force": "soon"}, (422, 40010001), "time_in_force"),
        ({"client_order_id": "x" * 129}, (422, 40010001), "128"),
        ({"limit_price": "NaN"}, (422, 40010001), "limit_price"),
    ],
)
def test_what_the_venue_does_not_take_is_refused_in_its_words(
    client: httpx2.Client, venue: HttpVenue, order: dict[str, Any], answered: tuple[int, int], words: str
) -> None:
    answer = client.post("/v2/orders", json=asked(**order))
    assert (answer.status_code, answer.json()["code"]) == answered
    assert words in answer.json()["message"]
    assert venue.accepted == ()


def test_an_order_unknown_to_the_venue_is_told_404(client: httpx2.Client) -> None:
    answer = client.get("/v2/orders:by_client_order_id", params={"client_order_id": "never"})
    assert (answer.status_code, answer.json()["code"]) == (404, 40410000)


def test_cancelling_is_told_204_each_time_and_the_order_tells_its_end(client: httpx2.Client) -> None:
    told = sent(client, limit_price="30")
    assert told["status"] == "new"
    assert [client.delete(f"/v2/orders/{told['id']}").status_code for _ in range(2)] == [204, 204]
    ended = client.get(f"/v2/orders/{told['id']}").json()
    assert (ended["status"], ended["filled_qty"]) == ("canceled", "0")
    assert ended["canceled_at"] is not None


def test_a_replacement_is_a_new_order_and_the_former_says_which(client: httpx2.Client) -> None:
    former = sent(client, limit_price="30")
    answer = client.patch(f"/v2/orders/{former['id']}", json={"limit_price": "31", "client_order_id": "second"})
    after = answer.json()
    assert (after["replaces"], after["limit_price"], after["status"]) == (former["id"], "31", "new")
    replaced = client.get(f"/v2/orders/{former['id']}").json()
    assert (replaced["status"], replaced["replaced_by"]) == ("replaced", after["id"])


def test_a_refused_replacement_leaves_the_former_at_work(client: httpx2.Client) -> None:
    former = sent(client, limit_price="30")
    answer = client.patch(f"/v2/orders/{former['id']}", json={"qty": "1000000"})
    assert answer.status_code == 403
    assert client.get(f"/v2/orders/{former['id']}").json()["status"] == "new"


def test_a_part_that_filled_stays_with_the_replaced_order(tmp_path: Path) -> None:
    world = World(tmp_path, [a_bar(volume_shares=80)])
    world.at_open(TUESDAY)
    with http_venue(world) as venue, httpx2.Client(base_url=venue.url, headers=HEADERS, trust_env=False) as client:
        former = sent(client, limit_price="51")
        assert (former["status"], former["filled_qty"]) == ("partially_filled", "4")
        after = client.patch(f"/v2/orders/{former['id']}", json={"qty": "9"}).json()
        assert (after["qty"], after["filled_qty"]) == ("5", "0")


def test_orders_of_one_instant_are_paged_without_loss_or_repeat(client: httpx2.Client) -> None:
    for number in range(7):
        sent(client, qty="1", client_order_id=f"n{number}", limit_price="30")
    seen: list[str] = []
    page = client.get("/v2/orders", params={"limit": 3}).json()
    while page:
        seen += [order["client_order_id"] for order in page]
        page = client.get("/v2/orders", params={"limit": 3, "before_order_id": page[-1]["id"]}).json()
    assert seen == [f"n{number}" for number in reversed(range(7))]


def test_activities_are_paged_from_the_last_id_seen(client: httpx2.Client) -> None:
    for number in range(5):
        sent(client, qty="1", client_order_id=f"n{number}")
    params: dict[str, Any] = {"direction": "asc", "page_size": 2}
    seen: list[dict[str, Any]] = []
    while page := client.get("/v2/account/activities/FILL", params=params).json():
        seen += page
        params["page_token"] = page[-1]["id"]
    assert len({each["id"] for each in seen}) == len(seen) == 5
    assert {(each["price"], each["type"], each["leaves_qty"]) for each in seen} == {("50", "fill", "0")}


def test_account_and_positions_are_exact_decimals(client: httpx2.Client) -> None:
    sent(client)
    account = client.get("/v2/account").json()
    assert Decimal(account["cash"]) == Decimal(100_000) - 500
    assert Decimal(account["equity"]) == Decimal(100_000)
    [position] = client.get("/v2/positions").json()
    assert (position["qty"], position["qty_available"], position["avg_entry_price"]) == ("10", "10", "50")


def test_an_opposing_order_that_could_cross_is_a_wash_trade(client: httpx2.Client) -> None:
    sent(client)
    sent(client, client_order_id="rests", limit_price="49")
    answer = client.post("/v2/orders", json=asked("sell", limit_price="48"))
    assert (answer.status_code, answer.json()["code"]) == (403, 40310000)
    assert "wash trade" in answer.json()["message"]


def test_the_legs_of_a_bracket_are_held_until_its_entry_has_filled(client: httpx2.Client) -> None:
    legs = {"take_profit": {"limit_price": "60"}, "stop_loss": {"stop_price": "30"}}
    told = sent(client, order_class="bracket", time_in_force="gtc", limit_price="40", **legs)
    assert [leg["status"] for leg in told["legs"]] == ["held", "held"]
    assert {leg["client_order_id"] for leg in told["legs"]}.isdisjoint({"buy-1"})


def test_closing_everything_answers_for_each_position(client: httpx2.Client) -> None:
    sent(client)
    answer = client.delete("/v2/positions", params={"cancel_orders": "True"})
    assert answer.status_code == 207
    assert [(each["symbol"], each["status"]) for each in answer.json()] == [("AAA", 200)]
    assert client.get("/v2/positions").json() == []


def test_the_clock_is_told_in_new_york_time(client: httpx2.Client) -> None:
    told = client.get("/v2/clock").json()
    assert told["is_open"] is True
    assert told["timestamp"] == "2024-03-05T09:31:00-05:00"
    assert told["next_close"] == "2024-03-05T16:00:00-05:00"
    assert told["next_open"] == "2024-03-06T09:30:00-05:00"


def test_the_calendar_tells_early_closes(client: httpx2.Client) -> None:
    days = client.get("/v2/calendar", params={"start": "2024-07-03", "end": "2024-07-05"}).json()
    assert [(day["date"], day["open"], day["close"]) for day in days] == [
        ("2024-07-03", "09:30", "13:00"),
        ("2024-07-05", "09:30", "16:00"),
    ]


def test_every_answer_says_how_many_requests_are_left(client: httpx2.Client) -> None:
    assert client.get("/v2/clock").headers["X-RateLimit-Limit"] == "200"
