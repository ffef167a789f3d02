"""Conformance cases 46 to 50 of the stream: what it repeats, leaves out, or never says changes no order."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.alpaca_stream import AlpacaStream
from execution.clock import SystemClock
from execution.domain.errors import AccessDenied
from execution.trade_updates import UNREADABLE, TradeUpdates
from execution.wakeful_clock import WakefulClock
from tests.builders.alpaca import policy
from tests.builders.alpaca_account import AlpacaAccount
from tests.builders.http_venue import KEY_ID, SECRET_KEY
from tests.builders.venue import buy
from tests.fakes.manual_clock import ManualClock

SECONDS = 10.0
FAR = Decimal("30.00")


def until(is_so: Callable[[], bool]) -> None:
    deadline, never = time.monotonic() + SECONDS, threading.Event()
    while not is_so():
        assert time.monotonic() < deadline
        never.wait(0.01)


def stream_of(
    account: AlpacaAccount, updates: TradeUpdates, *, secret: str = SECRET_KEY, **changes: Any
) -> AlpacaStream:
    return AlpacaStream(
        account.venue.url,
        key_id=KEY_ID,
        secret_key=secret,
        policy=policy(**changes),
        updates=updates,
        clock=account.world.clock,
    )


@contextmanager
def listening(account: AlpacaAccount, **changes: Any) -> Iterator[TradeUpdates]:
    """Listen in a thread until the block ends; the block begins when the venue tells events."""
    updates, is_over = TradeUpdates(account.folder / "operations.db"), threading.Event()
    stream = stream_of(account, updates, **changes)
    thread = threading.Thread(target=stream.listen, kwargs={"is_over": is_over.is_set})
    thread.start()
    try:
        until(lambda: updates.listener() is not None)
        yield updates
    finally:
        is_over.set()
        thread.join(SECONDS)


def names(updates: TradeUpdates) -> list[str]:
    return [update.event for update in updates.after(0)]


def test_each_event_is_kept_with_the_order_it_is_about(account: AlpacaAccount) -> None:
    with listening(account) as updates:
        account.accepted(buy(10))
        until(lambda: len(names(updates)) == 2)
    assert [(each.event, each.client_order_id) for each in updates.after(0)] == [("new", "buy-1"), ("fill", "buy-1")]


def test_case_47_events_told_twice_and_out_of_order_are_kept_once(account: AlpacaAccount) -> None:
    account.meets("reorder_event", "WS", "new")
    account.meets("duplicate_event", "WS", "fill")
    with listening(account) as updates:
        account.accepted(buy(10))
        until(lambda: len(names(updates)) == 2)
        account.accepted(buy(5, client_order_id="buy-2", limit_usd=FAR))
        until(lambda: len(names(updates)) == 3)
    assert sorted(names(updates)) == ["fill", "new", "new"]
    assert account.state(buy(10)).status == "filled"


def test_case_46_a_stream_that_drops_is_opened_anew_and_a_look_up_knows_what_it_missed(account: AlpacaAccount) -> None:
    account.meets("close_socket", "WS", "new")
    with listening(account) as updates:
        account.accepted(buy(10))
        until(lambda: updates.listener() != ("listening", account.world.clock.now()))
        until(lambda: updates.listener() == ("listening", account.world.clock.now()))
        account.accepted(buy(5, client_order_id="buy-2", limit_usd=FAR))
        until(lambda: bool(names(updates)))
    assert {each.client_order_id for each in updates.after(0)} == {"buy-2"}
    assert account.state(buy(10)).status == "filled"


def test_case_48_a_socket_that_says_nothing_any_more_is_opened_anew(account: AlpacaAccount) -> None:
    account.meets("freeze_socket", "WS", "new")
    with listening(account, stream_silence_seconds=0.3) as updates:
        account.accepted(buy(10))
        until(lambda: (updates.listener() or ("",))[0] == "away")
        until(lambda: (updates.listener() or ("",))[0] == "listening")
        numbers = count(2)

        def an_order_is_told_of() -> bool:
            # Again and again: a socket is given up after as short a silence here, and what is told meanwhile is lost.
            account.accepted(buy(5, client_order_id=f"buy-{next(numbers)}", limit_usd=FAR))
            return "new" in names(updates)

        until(an_order_is_told_of)


def test_case_49_refused_keys_are_told_within_a_moment_and_not_asked_again(account: AlpacaAccount) -> None:
    updates = TradeUpdates(account.folder / "operations.db")
    began = time.monotonic()
    with pytest.raises(AccessDenied, match="refuses access") as refused:
        stream_of(account, updates, secret="guessed-secret").listen(is_over=lambda: False)
    assert time.monotonic() - began < SECONDS
    assert "guessed-secret" not in str(refused.value)
    assert (updates.listener() or ("",))[0] == "refused"


def test_case_50_an_event_nobody_has_heard_of_is_kept_as_it_came(account: AlpacaAccount) -> None:
    account.meets("edit", "WS", "new", fields={"event": "in_orbit", "status": "adrift"})
    with listening(account) as updates:
        account.accepted(buy(5, limit_usd=FAR))
        until(lambda: bool(names(updates)))
    [kept] = updates.after(0)
    assert kept.event == "in_orbit"
    assert b"adrift" in kept.raw


@pytest.mark.parametrize("raw", [b"\xff\x00", b"[]", b'{"stream": "trade_updates"}', b'{"data": 5}'])
def test_case_50_what_cannot_be_read_is_kept_once(tmp_path: Path, raw: bytes) -> None:
    updates, now = TradeUpdates(tmp_path / "operations.db"), SystemClock().now()
    assert updates.keep(raw, heard_at=now)
    assert not updates.keep(raw, heard_at=now)
    assert [(each.event, each.raw) for each in updates.after(0)] == [(UNREADABLE, raw)]


def test_an_event_ends_a_wait_early(tmp_path: Path) -> None:
    updates = TradeUpdates(tmp_path / "operations.db")
    waiting = WakefulClock(SystemClock(), updates)
    soon = threading.Timer(0.1, lambda: updates.keep(b"{}", heard_at=waiting.now()))
    soon.start()
    began = time.monotonic()
    assert waiting.wait_seconds(SECONDS)
    assert time.monotonic() - began < SECONDS / 2
    soon.join()


def test_a_wait_without_an_event_is_as_long_as_it_was_asked(tmp_path: Path) -> None:
    waiting = WakefulClock(SystemClock(), TradeUpdates(tmp_path / "operations.db"))
    began = time.monotonic()
    assert waiting.wait_seconds(0.3)
    assert time.monotonic() - began >= 0.3


def test_a_clock_that_moves_when_told_still_does_not_wait(account: AlpacaAccount) -> None:
    assert isinstance(account.world.clock, ManualClock)
    waiting = WakefulClock(account.world.clock, TradeUpdates(account.folder / "operations.db"))
    assert not waiting.wait_seconds(5.0)
