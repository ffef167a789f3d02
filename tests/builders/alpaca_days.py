"""A few trading days of one desk at Alpaca's adapters over HTTP: orders, prices and the time all come by the wire."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from execution.brokers.alpaca import AlpacaBroker
from execution.brokers.tape import TapeRow
from execution.domain.events import FillBooked
from execution.portfolio.cost_model import CostModel
from execution.portfolio.sizing_policy import SizingPolicy
from execution.session.run_session import Desk
from execution.session.send_policy import SendPolicy
from execution.session.time_agreement import TimeAgreement
from execution.venue.faults import Fault, FaultPlan
from tests.builders.alpaca import AlpacaSide, alpaca_side
from tests.builders.http_venue import HttpVenue, http_venue
from tests.builders.trading_days import COSTS, TradingDays
from tests.builders.venue import World
from tests.fakes.manual_clock import ManualClock

EVER = datetime(1970, 1, 1, tzinfo=UTC)
SAME_ID = SendPolicy(unknown_outcome_policy="same_id")


@dataclass(frozen=True, slots=True)
class AlpacaDays:
    """Days lived over the wire.

    Attributes:
        days: clock, ledger and acts; `days.desk` trades over HTTP.
        venue: what is at the other end.
        changes: of the client's policy.
        wrap_broker: what stands between a desk and its client.
    """

    days: TradingDays
    venue: HttpVenue
    changes: dict[str, Any]
    wrap_broker: Callable[[AlpacaBroker], Any] = lambda broker: broker

    def restarted(self) -> Desk:
        """Return a desk of new objects on the same files, as another process has it."""
        side = self.client()
        self.days.desk_changes = {
            **self.days.desk_changes,
            "broker": self.wrap_broker(side.broker),
            "quotes": side.quotes,
            "time_agreement": TimeAgreement(side.time, apart_max_seconds=10),
        }
        return self.days.restarted()

    def client(self) -> AlpacaSide:
        return alpaca_side(self.venue.url, self.days.folder, self.days.clock, **self.changes)

    def meets(self, action: Any, method: str = "POST", path: str = "/v2/orders", **fields: Any) -> None:
        self.venue.faults.add(Fault(action=action, method=method, path=path, **fields))

    @property
    def accepted_ids(self) -> list[str]:
        return sorted(row.order.client_order_id for row in self.venue.accepted)

    def assert_ledger_is_venue(self) -> None:
        """Assert that cash, positions and executions of the ledger are those of the engine, whatever the wire said."""
        book, engine = self.days.desk.ledger.book(), self.venue.floor.broker
        account = engine.account()
        assert book.cash_usd == account.cash_usd
        assert dict(book.held_shares) == dict(account.positions_shares)
        booked = [row.event.fill for row in self.days.desk.ledger.events() if isinstance(row.event, FillBooked)]
        done = [fill for fill in engine.fills(since=EVER) if fill.client_order_id in book.orders]
        assert len(booked) == len(done)
        assert sum(fill.quantity_shares for fill in booked) == sum(fill.quantity_shares for fill in done)


@dataclass
class _Place:
    folder: Path
    clock: ManualClock
    costs: CostModel


@contextmanager
def alpaca_days(
    folder: Path,
    *,
    sending: SendPolicy | None = None,
    faults: FaultPlan | None = None,
    wrap_broker: Callable[[AlpacaBroker], Any] = lambda broker: broker,
    sizing: SizingPolicy | None = None,
    bars: Iterable[TapeRow] = (),
    **changes: Any,
) -> Iterator[AlpacaDays]:
    """Serve the venue of a few trading days and give the desk that trades there; changes are of the client's policy."""
    desk_changes: dict[str, Any] = {"sending": sending or SendPolicy()}
    if sizing is not None:
        desk_changes["sizing"] = sizing
    days = TradingDays(folder, bars, desk_changes=desk_changes, is_on_files=True)
    with http_venue(cast("World", _Place(folder, days.clock, COSTS)), faults) as venue:
        made = AlpacaDays(days, venue, changes, wrap_broker)
        made.restarted()
        yield made
