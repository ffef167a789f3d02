"""One account at the simulated venue over HTTP, and a client of it: what the conformance cases are run on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from execution.brokers.alpaca import AlpacaBroker
from execution.brokers.tape import TapeRow
from execution.domain.orders import Accepted, OrderRequest, OrderState, Refused, Unknown
from execution.venue.faults import Fault
from tests.builders.alpaca import AlpacaSide, alpaca_side
from tests.builders.http_venue import HttpVenue, http_venue
from tests.builders.venue import TUESDAY, World

POST = "POST /v2/orders"


@dataclass(frozen=True, slots=True)
class AlpacaAccount:
    """A venue on Tuesday after the open, what is on its wire, and the adapter under test.

    Attributes:
        folder: where quota and breaker of the client live.
    """

    world: World
    venue: HttpVenue
    side: AlpacaSide
    folder: Path

    @property
    def broker(self) -> AlpacaBroker:
        return self.side.broker

    @property
    def orders_sent(self) -> int:
        return self.venue.wire.get(POST, 0)

    def other_client(self, **changes: Any) -> AlpacaSide:
        """Return a client as another process of the home has it."""
        return alpaca_side(self.venue.url, self.folder, self.world.clock, **changes)

    def meets(self, action: Any, method: str = "POST", path: str = "/v2/orders", **fields: Any) -> None:
        """Let the next request of a kind meet a fault."""
        self.venue.faults.add(Fault(action=action, method=method, path=path, **fields))

    def accepted(self, order: OrderRequest) -> OrderState:
        outcome = self.broker.submit(order)
        assert isinstance(outcome, Accepted), outcome
        return self.state(order)

    def refused(self, order: OrderRequest) -> str:
        outcome = self.broker.submit(order)
        assert isinstance(outcome, Refused), outcome
        return outcome.reason

    def unknown(self, order: OrderRequest) -> str:
        outcome = self.broker.submit(order)
        assert isinstance(outcome, Unknown), outcome
        return outcome.reason

    def state(self, order: OrderRequest) -> OrderState:
        found = self.broker.order(order.client_order_id)
        assert found is not None
        return found

    def engine_submits(self, order: OrderRequest) -> None:
        """Let an order reach the engine without the wire, as somebody else's would."""
        outcome = self.venue.floor.broker.submit(order)
        assert isinstance(outcome, Accepted), outcome


@contextmanager
def alpaca_account(folder: Path, bars: tuple[TapeRow, ...] = (), **changes: Any) -> Iterator[AlpacaAccount]:
    """Serve a world on Tuesday after the open and give a client of it; changes are of the client's policy."""
    world = World(folder, bars)
    world.at_open(TUESDAY)
    with http_venue(world) as venue:
        side = alpaca_side(venue.url, folder, world.clock, **changes)
        yield AlpacaAccount(world, venue, side, folder)
    world.broker.close()
