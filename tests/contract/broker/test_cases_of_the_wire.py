"""Conformance cases 11 to 26 of an adapter at a venue over HTTP: what the wire may do to an order.

Asserted on the venue's table of accepted orders and on its count of requests, never on the adapter's word alone.
"""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alpaca.common.exceptions import RetryException

from execution.brokers import alpaca_wire
from execution.domain.errors import AccessDenied, VenueUnavailable
from execution.domain.orders import Accepted, Refused, Unknown
from tests.builders.alpaca import alpaca_side
from tests.builders.alpaca_account import AlpacaAccount, alpaca_account
from tests.builders.http_venue import KEY_ID, SECRET_KEY, http_venue
from tests.builders.venue import TUESDAY, World, after_open, buy, sell
from tests.fakes.manual_clock import ManualClock

LOST_AFTER: dict[str, dict[str, Any]] = {
    "11_connection_dropped": {"action": "drop_after"},
    "12_answered_504": {"action": "answer_after", "status": 504},
    "14_answer_cut_off": {"action": "truncate"},
    "15_answered_with_a_page": {"action": "answer_after", "status": 200, "body": "<html>hello</html>"},
    "15_answered_with_nothing": {"action": "answer_after", "status": 200},
}
NO_SUCH_ORDER = '{"code": 40410000, "message": "order not found"}'


@pytest.fixture(params=LOST_AFTER)
def lost_after(request: pytest.FixtureRequest, account: AlpacaAccount) -> AlpacaAccount:
    fault = LOST_AFTER[request.param]
    account.meets(**fault)
    return account


def test_case_11_12_14_15_an_order_accepted_and_not_answered_is_unknown_and_one(lost_after: AlpacaAccount) -> None:
    lost_after.unknown(buy(10))
    assert [row.order.client_order_id for row in lost_after.venue.accepted] == ["buy-1"]
    assert lost_after.orders_sent == 1


def test_case_11_12_14_15_what_was_not_answered_is_found_by_its_id(lost_after: AlpacaAccount) -> None:
    lost_after.unknown(buy(10))
    assert lost_after.state(buy(10)).status == "filled"


def test_case_11_12_14_15_sending_it_again_names_the_first(lost_after: AlpacaAccount) -> None:
    lost_after.unknown(buy(10))
    first = lost_after.venue.accepted[0].order_id
    assert lost_after.broker.submit(buy(10)) == Accepted(first)
    assert len(lost_after.venue.accepted) == 1


def test_case_13_an_answer_later_than_the_time_out_is_unknown_and_one_order(tmp_path: Path) -> None:
    with alpaca_account(tmp_path, answer_timeout_seconds=0.2) as account:
        # The request has arrived and the venue is at work on it when the client's patience ends.
        with account.venue.floor._lock:
            assert "ReadTimeout" in account.unknown(buy(10))
        wait_until(lambda: len(account.venue.accepted) == 1)
        assert account.orders_sent == 1


def test_case_16_an_order_dropped_before_it_arrived_is_unknown_and_may_be_sent_again(account: AlpacaAccount) -> None:
    account.meets("drop_before")
    account.unknown(buy(10))
    assert account.broker.order("buy-1") is None
    account.accepted(buy(10))
    assert len(account.venue.accepted) == 1


def test_case_17_a_lookup_that_lags_is_no_second_order(account: AlpacaAccount) -> None:
    account.meets("drop_after")
    account.meets("answer", "GET", "/v2/orders:by_client_order_id", status=404, body=NO_SUCH_ORDER, times=2)
    account.unknown(buy(10))
    assert account.broker.order("buy-1") is None
    # Sent again while look-ups still miss it: the venue refuses the id, and nobody knows more than before.
    assert isinstance(account.broker.submit(buy(10)), Unknown)
    assert account.state(buy(10)).filled_shares == 10
    assert len(account.venue.accepted) == 1


def test_case_18_a_used_id_with_the_same_order_is_the_first_order(account: AlpacaAccount) -> None:
    first = account.accepted(buy(10))
    assert account.broker.submit(buy(10)) == Accepted(first.broker_order_id)
    assert len(account.venue.accepted) == 1


@pytest.mark.parametrize(
    "changes", [{"quantity_shares": 11}, {"symbol": "BBB"}, {"order_type": "market", "limit_usd": None}]
)
def test_case_19_a_used_id_with_another_order_is_refused_and_trades_nothing(
    account: AlpacaAccount, changes: dict[str, Any]
) -> None:
    account.accepted(buy(10))
    other = {"quantity": changes.pop("quantity_shares", 10), **changes}
    assert "duplicate" in account.refused(buy(**other))
    assert len(account.venue.accepted) == 1


def test_case_22_a_read_over_the_quota_waits_as_it_is_asked_to(account: AlpacaAccount) -> None:
    account.meets("answer", "GET", "/v2/account", status=429, headers={"Retry-After": "0"})
    assert account.broker.account().cash_usd == Decimal(100_000)
    assert account.venue.wire["GET /v2/account"] == 3


def test_case_22_an_order_over_the_quota_is_not_sent_again_blindly(account: AlpacaAccount) -> None:
    account.meets("answer", status=429, headers={"Retry-After": "7"}, body='{"message": "rate limit exceeded"}')
    assert "429" in account.unknown(buy(10))
    assert account.orders_sent == 1
    assert account.venue.accepted == ()


def test_case_22_what_one_process_was_told_holds_every_other_back(account: AlpacaAccount) -> None:
    account.meets("answer", status=429, headers={"Retry-After": "7"})
    account.unknown(buy(10))
    other = account.other_client().broker
    assert other.submit(buy(10)) == Refused("not sent: the request budget is used up for 7.0 s")
    account.world.clock.move_to(account.world.clock.now() + timedelta(seconds=8))
    assert isinstance(other.submit(buy(10)), Accepted)


def test_case_22_the_time_of_the_reset_is_understood_too(account: AlpacaAccount) -> None:
    resets_at = int(account.world.clock.now().timestamp()) + 20
    account.meets("answer", status=429, headers={"X-RateLimit-Reset": str(resets_at)})
    account.unknown(buy(10))
    assert "used up for 20.0 s" in account.refused(buy(10))


def test_case_22_the_last_request_of_a_minute_is_heeded_before_one_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.at_open(TUESDAY)
    with http_venue(world, requests_per_minute=3) as venue:
        side = alpaca_side(venue.url, tmp_path, world.clock)
        side.broker.account()
        assert "request budget is used up" in str(side.broker.submit(buy(10)))
        assert sum(venue.wire.values()) == 3
        world.clock.move_to(world.clock.now() + timedelta(minutes=3))
        assert side.wire.held_back("order") == ""


def test_case_22_a_cancel_goes_out_even_then(account: AlpacaAccount) -> None:
    resting = buy(10, limit_usd=Decimal("30.00"))
    account.accepted(resting)
    account.meets("answer", status=429, headers={"Retry-After": "1"})
    account.unknown(buy(10, client_order_id="other"))
    account.side.wire.act("DELETE", f"/orders/{account.venue.accepted[0].order_id}", urgency="cancel")
    assert account.venue.accepted[0].order.status == "cancelled"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_case_23_a_burst_of_failures_does_not_lose_a_read(tmp_path: Path, status: int) -> None:
    with alpaca_account(tmp_path, read_attempts=6, breaker_failures=6) as account:
        account.meets("answer", "GET", "/v2/positions", status=status, times=5)
        assert account.broker.account().cash_usd == Decimal(100_000)


def test_case_23_behind_an_open_breaker_nobody_is_asked_and_nothing_is_sent(tmp_path: Path) -> None:
    with alpaca_account(tmp_path, breaker_failures=3) as account:
        account.meets("answer", "GET", "/v2/positions", status=503, times=99)
        with pytest.raises(VenueUnavailable):
            account.broker.account()
        assert account.venue.wire["GET /v2/positions"] == 3
        with pytest.raises(VenueUnavailable, match="several times in a row"):
            account.other_client(breaker_failures=3).broker.open_orders()
        assert "several times in a row" in account.refused(buy(10))
        assert set(account.venue.wire) == {"GET /v2/account", "GET /v2/positions"}


def test_case_23_a_failing_post_is_unknown_and_looked_up(account: AlpacaAccount) -> None:
    account.meets("answer", status=503)
    assert "503" in account.unknown(buy(10))
    assert account.broker.order("buy-1") is None
    assert account.orders_sent == 1


def test_case_24_refused_keys_stop_everything_and_are_never_told(
    account: AlpacaAccount, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    side = account.other_client(secret_key="wrong-canary-secret")
    told = []
    for ask in (side.broker.account, side.broker.open_orders, lambda: side.broker.submit(buy(10))):
        with pytest.raises(AccessDenied, match="refuses access") as denied:
            ask()
        told.append(str(denied.value) + repr(denied.value.__cause__))
    assert account.venue.accepted == ()
    assert not [text for text in (*told, caplog.text) if "wrong-canary-secret" in text or KEY_ID in text]


def test_case_24_keys_that_the_venue_echoes_are_masked(account: AlpacaAccount) -> None:
    account.meets("answer", "GET", "/v2/account", status=401, body=f"no such key: {KEY_ID} {SECRET_KEY}")
    with pytest.raises(AccessDenied) as denied:
        account.broker.account()
    assert KEY_ID not in str(denied.value)
    assert SECRET_KEY not in str(denied.value)


@pytest.fixture
def mute() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_case_25_a_server_that_never_answers_takes_bounded_time(mute: str, tmp_path: Path) -> None:
    side = alpaca_side(mute, tmp_path, ManualClock(after_open(TUESDAY)), answer_timeout_seconds=0.2)
    began = time.monotonic()
    assert isinstance(side.broker.submit(buy(10)), Unknown)
    assert time.monotonic() - began < 2


def test_case_25_an_answer_that_drips_takes_bounded_time(tmp_path: Path) -> None:
    with dripping() as url:
        clock = ManualClock(after_open(TUESDAY))
        side = alpaca_side(url, tmp_path, clock, connect_timeout_seconds=0.2, answer_timeout_seconds=0.3)
        began = time.monotonic()
        assert isinstance(side.broker.submit(buy(10)), Unknown)
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_case_26_a_redirect_is_not_followed(account: AlpacaAccount, status: int) -> None:
    account.meets("answer", status=status, headers={"Location": f"{account.venue.url}/v2/orders"})
    account.unknown(buy(10))
    assert account.orders_sent == 1
    assert account.venue.accepted == ()


def test_case_26_a_redirected_read_is_no_answer(tmp_path: Path) -> None:
    with alpaca_account(tmp_path, read_attempts=2) as account:
        account.meets("answer", "GET", "/v2/account", status=302, headers={"Location": "/v2/clock"}, times=9)
        with pytest.raises(VenueUnavailable, match="302"):
            account.broker.account()
        assert "GET /v2/clock" not in account.venue.wire


def test_a_sale_is_looked_up_like_a_purchase(account: AlpacaAccount) -> None:
    account.accepted(buy(10))
    account.meets("drop_after")
    account.unknown(sell(10))
    assert account.state(sell(10)).status == "filled"


@pytest.mark.parametrize("status", [504, 429])
def test_case_12_22_would_see_the_client_librarys_own_retries(
    account: AlpacaAccount, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    once = alpaca_wire._OneAttempt._one_request

    def as_the_library_does(client: Any, method: str, url: str, opts: dict[str, Any], retry: int) -> dict[str, Any]:
        came = once(client, method, url, opts, retry)
        if came["status"] in client._retry_codes and retry > 0:
            client._retry_wait = 0
            raise RetryException
        return came

    monkeypatch.setattr(alpaca_wire._OneAttempt, "_one_request", as_the_library_does)
    account.meets("answer_after", status=status)
    account.broker.submit(buy(10))
    assert account.orders_sent == 2


class dripping:  # noqa: N801 - reads as what it serves
    """A server whose body never ends: one byte every tenth of a second."""

    def __enter__(self) -> str:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._listening.close()
        self._thread.join(5)

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not self._is_over.wait(0.1):
                try:
                    connection.sendall(b"{")
                except OSError:
                    return


def wait_until(is_so: Any) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
