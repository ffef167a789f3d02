from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from execution.venue.faults import Fault, FaultPlan
from tests.builders.http_venue import KEY_ID, SECRET_KEY, HttpVenue, http_venue
from tests.builders.venue import TUESDAY, World

HEADERS = {"APCA-API-KEY-ID": KEY_ID, "APCA-API-SECRET-KEY": SECRET_KEY}
ORDER = {
    "client_order_id": "buy-1",
    "symbol": "AAA",
    "side": "buy",
    "qty": "10",
    "type": "limit",
    "time_in_force": "day",
    "limit_price": "51.50",
}


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[HttpVenue]:
    world = World(tmp_path)
    world.at_open(TUESDAY)
    with http_venue(world) as served:
        yield served


def post(venue: HttpVenue, **changes: Any) -> httpx2.Response:
    with httpx2.Client(base_url=venue.url, headers=HEADERS, trust_env=False, timeout=2) as client:
        return client.post("/v2/orders", json={**ORDER, **changes})


def get(venue: HttpVenue, path: str, **params: str) -> httpx2.Response:
    with httpx2.Client(base_url=venue.url, headers=HEADERS, trust_env=False, timeout=2) as client:
        return client.get(path, params=params)


def ids(venue: HttpVenue) -> list[str]:
    return [row.order.client_order_id for row in venue.accepted]


def test_a_connection_dropped_before_acting_leaves_no_order(venue: HttpVenue) -> None:
    venue.faults.add(Fault(action="drop_before", method="POST"))
    with pytest.raises(httpx2.TransportError):
        post(venue)
    assert ids(venue) == []


def test_a_connection_dropped_after_acting_leaves_one_order(venue: HttpVenue) -> None:
    venue.faults.add(Fault(action="drop_after", method="POST"))
    with pytest.raises(httpx2.TransportError):
        post(venue)
    assert ids(venue) == ["buy-1"]


def test_a_truncated_answer_leaves_one_order(venue: HttpVenue) -> None:
    venue.faults.add(Fault(action="truncate", method="POST"))
    with pytest.raises(httpx2.TransportError):
        post(venue)
    assert ids(venue) == ["buy-1"]


def test_an_answer_after_acting_hides_that_the_order_is_there(venue: HttpVenue) -> None:
    venue.faults.add(Fault(action="answer_after", method="POST", status=504))
    assert post(venue).status_code == 504
    assert ids(venue) == ["buy-1"]


def test_a_burst_ends_after_its_times(venue: HttpVenue) -> None:
    venue.faults.add(Fault(action="answer", path="/v2/clock", status=503, times=3))
    assert [get(venue, "/v2/clock").status_code for _ in range(4)] == [503, 503, 503, 200]


def test_a_scripted_429_carries_its_headers_and_nothing_was_acted_on(venue: HttpVenue) -> None:
    venue.faults.add(Fault(action="answer", method="POST", status=429, headers={"Retry-After": "1"}))
    answer = post(venue)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert ids(venue) == []


def test_a_delay_answers_all_the_same(venue: HttpVenue) -> None:
    venue.faults.add(Fault(action="delay", method="POST", seconds=0.05))
    assert post(venue).status_code == 200


def test_an_edit_changes_and_leaves_out_fields_at_any_depth(venue: HttpVenue) -> None:
    venue.faults.add(Fault(action="edit", method="POST", fields={"status": "quantum"}, without=("filled_qty",)))
    told = post(venue).json()
    assert told["status"] == "quantum"
    assert "filled_qty" not in told


def test_an_order_may_be_accepted_and_rejected_afterwards(venue: HttpVenue) -> None:
    venue.faults.add(Fault(action="reject_after_accept"))
    told = post(venue).json()
    assert told["status"] == "new"
    found = get(venue, f"/v2/orders/{told['id']}").json()
    assert (found["status"], found["filled_qty"]) == ("rejected", "0")
    assert found["failed_at"] is not None


def test_an_order_may_fill_in_part_and_be_cancelled(tmp_path: Path) -> None:
    world = World(tmp_path)
    faults = FaultPlan([Fault(action="cancel_after_accept")])
    faults.volumes_shares["AAA"] = 80
    world.at_open(TUESDAY)
    with http_venue(world, faults) as venue:
        told = post(venue).json()
        found = get(venue, f"/v2/orders/{told['id']}").json()
    assert (found["status"], found["filled_qty"]) == ("canceled", "4")


def test_nothing_trades_in_a_halted_symbol(venue: HttpVenue) -> None:
    venue.faults.halted.add("AAA")
    assert post(venue).json()["status"] == "new"


def test_a_cancel_may_be_lost(venue: HttpVenue) -> None:
    told = post(venue, limit_price="30").json()
    venue.faults.add(Fault(action="lose_cancel"))
    with httpx2.Client(base_url=venue.url, headers=HEADERS, trust_env=False) as client:
        assert client.delete(f"/v2/orders/{told['id']}").status_code == 204
    assert get(venue, f"/v2/orders/{told['id']}").json()["status"] == "new"


def test_a_replacement_may_be_rejected_afterwards(venue: HttpVenue) -> None:
    told = post(venue, limit_price="30").json()
    venue.faults.add(Fault(action="reject_replacement"))
    with httpx2.Client(base_url=venue.url, headers=HEADERS, trust_env=False) as client:
        after = client.patch(f"/v2/orders/{told['id']}", json={"limit_price": "31"}).json()
    assert get(venue, f"/v2/orders/{after['id']}").json()["status"] == "rejected"
    assert get(venue, f"/v2/orders/{told['id']}").json()["status"] == "new"


def test_the_clock_may_be_told_wrong(venue: HttpVenue) -> None:
    venue.faults.clock_skew_seconds = 90
    assert get(venue, "/v2/clock").json()["timestamp"] == "2024-03-05T09:32:30-05:00"


def test_a_blocked_account_and_an_inactive_asset_take_no_order(venue: HttpVenue) -> None:
    venue.faults.assets["AAA"] = {"tradable": False}
    assert post(venue).status_code == 422
    venue.faults.assets.clear()
    venue.faults.account["trading_blocked"] = True
    assert post(venue).status_code == 403
    assert get(venue, "/v2/account").json()["trading_blocked"] is True
    assert ids(venue) == []


def test_the_wire_counts_what_was_asked_whatever_became_of_it(venue: HttpVenue) -> None:
    venue.faults.add(Fault(action="answer", method="POST", status=500))
    post(venue)
    told = post(venue).json()
    get(venue, f"/v2/orders/{told['id']}")
    assert venue.wire == {"GET /v2/orders/{id}": 1, "POST /v2/orders": 2}


def test_requests_above_the_quota_are_told_429(tmp_path: Path) -> None:
    world = World(tmp_path)
    with http_venue(world, requests_per_minute=2) as venue:
        # A minute may end in between: of four requests at least one is above two a minute.
        answers = [get(venue, "/v2/clock") for _ in range(5)]
    assert 429 in [answer.status_code for answer in answers]


def test_faults_may_be_asked_for_over_the_wire(venue: HttpVenue) -> None:
    with httpx2.Client(base_url=venue.url, trust_env=False) as client:
        wanted = [{"action": "answer", "path": "/v2/clock", "status": 502}]
        assert client.post("/__faults__", json=wanted).json() == {"added": 1}
        assert client.post("/__faults__", json=[{"action": "explode"}]).status_code == 422
    assert get(venue, "/v2/clock").status_code == 502


def test_the_same_seed_draws_the_same_faults() -> None:
    def drawn(seed: int) -> list[str]:
        plan = FaultPlan(seed=seed, rate=0.3)
        return [fault.action if (fault := plan.of_request("GET", "/v2/clock")) else "" for _ in range(200)]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert 30 < sum(action != "" for action in drawn(7)) < 90
