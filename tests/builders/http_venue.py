"""The simulated venue served over HTTP on a free loopback port, in a thread of the test's own process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import Tape
from execution.venue.app import venue_app
from execution.venue.faults import FaultPlan
from execution.venue.faulty_tape import FaultyTape
from execution.venue.floor import VenueFloor
from execution.venue.news_feed import NewsFeed, no_news
from execution.venue.order_sheet import SheetRow
from tests.builders.venue import CALENDAR, CASH, World

KEY_ID = "PKREHEARSAL"
SECRET_KEY = "rehearsal-secret"
STARTS_WITHIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class HttpVenue:
    """A venue that answers.

    Attributes:
        url: root of its paths, without a slash at the end: a client appends `/v2/orders`.
        floor: the venue behind the wire; `floor.broker` is the engine.
        faults: what goes wrong from now on: `faults.add(Fault(...))`.
        keys: the pairs that are good now.
    """

    url: str
    floor: VenueFloor
    faults: FaultPlan
    keys: set[tuple[str, str]]

    @property
    def accepted(self) -> tuple[SheetRow, ...]:
        """Every order the venue ever took, oldest first, whatever answers reached the client."""
        return self.floor.rows()

    @property
    def wire(self) -> dict[str, int]:
        """How often each route was asked: `POST /v2/orders` to its count."""
        return self.faults.wire()


@contextmanager
def http_venue(
    world: World,
    faults: FaultPlan | None = None,
    *,
    news: NewsFeed = no_news,
    requests_per_minute: int | None = None,
) -> Iterator[HttpVenue]:
    """Serve a world's venue; its clock and its tape stay the test's to move, and `world.broker` is the same account."""
    plan = faults or FaultPlan()
    tape = FaultyTape(Tape(world.folder / "tape"), plan)
    broker = SimulatedBroker(
        world.folder / "venue.db", tape, world.clock, CALENDAR, world.costs, CASH, links_wait_for_whole=True
    )
    app = venue_app(
        broker,
        tape=tape,
        news=news,
        clock=world.clock,
        calendar=CALENDAR,
        key_id=KEY_ID,
        secret_key=SECRET_KEY,
        faults=plan,
        requests_per_minute=requests_per_minute,
    )
    with served(app) as url:
        yield HttpVenue(url, app.state.floor, plan, app.state.keys)
    broker.close()


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """Serve an application on a free port of this machine's loopback, and give its root without a slash at the end."""
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", lifespan="off", ws="websockets-sansio", timeout_graceful_shutdown=1)
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise RuntimeError("the venue's server did not start")
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(STARTS_WITHIN_SECONDS)
