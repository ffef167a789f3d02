import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.simulated import SimulatedBroker
from execution.brokers.venue_store import VenueStore
from execution.domain.errors import DataError
from tests.builders.venue import CALENDAR, MONDAY, THURSDAY, TUESDAY, WEDNESDAY, World, a_bar, buy, stop, usd

FROM_THE_START = CALENDAR.opens_at(MONDAY)
EVENTFUL = a_bar(
    WEDNESDAY, split_ratio="2", dividend_usd="0.40", open_usd="25", high_usd="26", low_usd="22", close_usd="24"
)


WRITES = ("set_value", "set_position", "update_order", "add_fill", "add_action")


def told(broker: SimulatedBroker) -> tuple[Any, ...]:
    return (
        broker.account(),
        broker.open_orders(),
        broker.fills(since=FROM_THE_START),
        broker.corporate_actions(since=FROM_THE_START),
    )


def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, [EVENTFUL]).with_position(100)
    world.broker.submit(stop(100, "40.00"))
    before = told(world.broker)
    assert told(world.reopened()) == before


def test_the_first_call_after_a_restart_lives_through_what_was_missed(tmp_path: Path) -> None:
    world = World(tmp_path, [EVENTFUL]).with_position(100)
    world.broker.submit(stop(100, "47.00"))
    world.broker.close()
    world.at_close(WEDNESDAY)
    assert world.reopened().account().positions_shares == {}


def test_venues_on_one_file_live_through_each_event_once(tmp_path: Path) -> None:
    world = World(tmp_path, [EVENTFUL]).with_position(100)
    brokers = [world.broker, *(world.reopened() for _ in range(3))]
    world.at_close(THURSDAY)
    threads = [threading.Thread(target=broker.account) for broker in brokers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = world.broker.corporate_actions(since=FROM_THE_START)
    assert [entry.kind for entry in entries] == ["dividend", "split"]
    assert all(told(broker) == told(world.broker) for broker in brokers)


def test_a_crash_at_any_write_of_a_day_is_made_good_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lived_through_wednesday(folder: Path, *, crash_at: int | None) -> tuple[int, tuple[Any, ...]]:
        world = World(folder, [EVENTFUL]).with_position(100)
        world.broker.submit(stop(100, "47.00"))
        writes = 0
        with monkeypatch.context() as patched:
            for name in WRITES:
                write = getattr(VenueStore, name)

                def counted(*args: Any, write: Any = write) -> None:
                    nonlocal writes
                    writes += 1
                    if writes == crash_at:
                        raise OSError("the device went away")
                    write(*args)

                patched.setattr(VenueStore, name, counted)
            world.at_close(WEDNESDAY)
            if crash_at is None:
                world.broker.account()
            else:
                with pytest.raises(OSError, match="went away"):
                    world.broker.account()
        return writes, told(world.reopened())

    writes, whole = lived_through_wednesday(tmp_path / "whole", crash_at=None)
    assert writes > 8
    for crash_at in range(1, writes + 1):
        _, healed = lived_through_wednesday(tmp_path / str(crash_at), crash_at=crash_at)
        assert healed == whole


def test_a_crash_while_an_order_is_taken_leaves_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(tmp_path)
    broker = world.at_open(TUESDAY)

    def crashing(*args: Any) -> None:
        raise OSError("the device went away")

    with monkeypatch.context() as patched:
        patched.setattr(VenueStore, "add_fill", crashing)
        with pytest.raises(OSError, match="went away"):
            broker.submit(buy(100))
    assert world.reopened().order("buy-1") is None
    assert world.reopened().account().cash_usd == usd("100000")


def test_a_file_of_another_schema_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.broker.close()
    with sqlite3.connect(tmp_path / "venue.db") as connection:
        connection.execute("pragma user_version = 9")
    connection.close()
    with pytest.raises(DataError, match="schema version 9"):
        world.reopened()
