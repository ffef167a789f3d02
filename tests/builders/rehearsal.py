"""A paper home whose prices, headlines and orders all come over HTTP from the simulated venue, in time that is told."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from execution.clock import FileClock
from execution.domain.events import FillBooked
from execution.ledger.book import Book
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.trading_calendar import TradingCalendar
from execution.venue.faults import FaultPlan
from execution.venue.floor import VenueFloor
from pipelines.cli.init import create_home
from pipelines.cli.venue import rehearsal_app
from pipelines.home import Home
from pipelines.settings import Settings, load_settings
from tests.builders.http_venue import served

CALENDAR = TradingCalendar.shipped()
# With the two sessions after it, before the end of a week: no training but the first one belongs to them.
FIRST = date(2024, 1, 2)
EVER = datetime(1970, 1, 1, tzinfo=UTC)
MARKET = """\
mode: simulated
simulated:
  symbols: 30
  first_session: 2022-03-01
  last_session: 2024-12-31
  signal_strength: 5.0
"""
SETTINGS = """\
mode: paper
first_cycle_session: 2024-01-02
alpaca_data:
  first_session: 2022-03-01
alpaca:
  # An answer that is late here is late on purpose.
  answer_timeout_seconds: 5.0
  requests_per_minute: 10000
learning:
  num_trees: 15
  promotion: {min_deflated_sharpe: 0, max_overfitting_probability: 1, max_superiority_p: 1, min_luck_quantile: 0,
    must_match_rules: false}
sizing:
  # The venue tells prices and headlines, and so little teaches little: these homes are about what happens to orders.
  round_trip_cost_bps: 0
  kelly_multiple: 0
limits:
  earnings_blackout_sessions: 0
  sector_max_weight: 1
backup:
  is_scheduled: false
"""
CANARY_ID, CANARY_SECRET = "PKCANARYBROKERKEY", "canary-of-a-broker-secret"
KEYS = {
    "TOUCHSTONE__BROKER_KEYS__KEY_ID": CANARY_ID,
    "TOUCHSTONE__BROKER_KEYS__SECRET_KEY": CANARY_SECRET,
    "TOUCHSTONE__ALPACA_DATA__KEY_ID": CANARY_ID,
    "TOUCHSTONE__ALPACA_DATA__SECRET_KEY": CANARY_SECRET,
}


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A venue that answers and a paper home that trades there.

    Attributes:
        home: the paper home; its clock is the venue's.
        environment: what points it at the venue: addresses and keys.
        floor: the venue behind the wire.
        faults: what goes wrong.
    """

    home: Home
    environment: Mapping[str, str]
    floor: VenueFloor
    faults: FaultPlan

    @property
    def settings(self) -> Settings:
        return load_settings(self.home.settings, self.environment)

    @property
    def ledger(self) -> SqliteLedger:
        return SqliteLedger(self.home.ledger)

    @property
    def book(self) -> Book:
        return self.ledger.book() if self.home.ledger.exists() else Book()

    def assert_ledger_is_venue(self) -> None:
        """Assert that cash, positions and executions of the ledger are the engine's, whatever the wire said."""
        self.ledger.verify_chain()
        book, account = self.book, self.floor.broker.account()
        assert (book.cash_usd, dict(book.held_shares)) == (account.cash_usd, dict(account.positions_shares))
        booked = [row.event.fill for row in self.ledger.events() if isinstance(row.event, FillBooked)]
        done = self.floor.broker.fills(since=EVER)
        assert len(booked) == len(done)
        assert sum(fill.quantity_shares for fill in booked) == sum(fill.quantity_shares for fill in done)

    def assert_nothing_twice(self) -> None:
        """Assert that the venue took each order once, each one of ours, and of a cycle's entries one per symbol."""
        taken = [row.order.client_order_id for row in self.floor.rows()]
        assert len(taken) == len(set(taken))
        records = self.book.orders
        assert set(taken) <= set(records)
        entries = [record for record in records.values() if record.order.leg == "entry"]
        assert len({(record.session, record.order.symbol) for record in entries}) == len(entries)

    def assert_no_key_in(self, *places: str) -> None:
        """Assert that no file of the home holds a key, and that it has files in these folders or of these names."""
        written = [path.relative_to(self.home.root) for path in self.home.root.rglob("*") if path.is_file()]
        assert set(places) <= {part for path in written for part in path.parts}
        canaries = (CANARY_ID.encode(), CANARY_SECRET.encode())
        found = [path for path in written if any(key in (self.home.root / path).read_bytes() for key in canaries)]
        assert found == []


@contextmanager
def rehearsal(folder: Path, *, faults: FaultPlan | None = None, settings_text: str = SETTINGS) -> Iterator[Rehearsal]:
    """Serve a market and an account, and make the paper home that reads and trades there."""
    plan = faults or FaultPlan()
    market, home = Home(folder / "market").create(), Home(folder / "paper").create()
    market.settings.write_text(MARKET, encoding="utf-8")
    home.settings.write_text(settings_text, encoding="utf-8")
    app = rehearsal_app(load_settings(market.settings, {}), market, faults=plan, told_by=home.root)
    app.state.keys = {(CANARY_ID, CANARY_SECRET)}
    with served(app) as url:
        environment = {
            "TOUCHSTONE__ALPACA__TRADING_URL": url,
            "TOUCHSTONE__ALPACA__DATA_URL": url,
            **KEYS,
        }
        create_home(load_settings(home.settings, environment), home, is_time_told=True)
        yield Rehearsal(home, environment, app.state.floor, plan)


def allowed_until(told: Rehearsal, sessions: int) -> datetime:
    """Return the moment at which so many decided sessions have settled, and let the home's time go as far."""
    last = CALENDAR.offset(FIRST, sessions)
    return FileClock(told.home.clock).live_until(CALENDAR.bars_known_at(last))
