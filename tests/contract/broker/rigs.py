"""Venues the broker contract is run against, each in the same small world.

A rig begins between two sessions with an empty account; AAA closed at 51.00, opens at 50.00 and trades between 48.00
and 52.00 with a million shares.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol

from execution.brokers.tape import TapeRow
from execution.ports import Broker
from tests.builders.alpaca import alpaca_side
from tests.builders.http_venue import http_venue
from tests.builders.venue import CASH, TUESDAY, World


class BrokerRig(Protocol):
    @property
    def broker(self) -> Broker: ...

    @property
    def world(self) -> World: ...

    @property
    def initial_cash_usd(self) -> Decimal: ...

    def now(self) -> datetime: ...

    def open_session(self) -> None: ...

    def end_session(self) -> None: ...


class MakeRig(Protocol):
    __name__: str

    def __call__(self, folder: Path, bars: Iterable[TapeRow] = ()) -> AbstractContextManager[BrokerRig]: ...


class _InWorld:
    def __init__(self, world: World, broker: Broker) -> None:
        self.world = world
        self.broker = broker
        self.initial_cash_usd = CASH

    def now(self) -> datetime:
        return self.world.clock.now()

    def open_session(self) -> None:
        self.world.at_open(TUESDAY)

    def end_session(self) -> None:
        self.world.at_close(TUESDAY)


@contextmanager
def simulated(folder: Path, bars: Iterable[TapeRow] = ()) -> Iterator[BrokerRig]:
    world = World(folder, bars)
    yield _InWorld(world, world.broker)
    world.broker.close()


@contextmanager
def alpaca_over_http(folder: Path, bars: Iterable[TapeRow] = ()) -> Iterator[BrokerRig]:
    """The adapter and the real client library, talking to the simulated venue over a socket."""
    world = World(folder, bars)
    with http_venue(world) as venue:
        yield _InWorld(world, alpaca_side(venue.url, folder, world.clock).broker)
    world.broker.close()


RIGS: Final = (simulated, alpaca_over_http)
