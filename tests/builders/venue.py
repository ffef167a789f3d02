"""A small world for the simulated venue: bars, a clock at a moment of a session, and orders."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import Tape, TapeRow, write_tape
from execution.domain.orders import OrderRequest, attached_order_id
from execution.domain.quantities import Shares
from execution.portfolio.cost_model import CostModel
from execution.trading_calendar import TradingCalendar
from tests.fakes.manual_clock import ManualClock

CALENDAR = TradingCalendar.shipped()
MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = CALENDAR.between(date(2024, 3, 4), date(2024, 3, 8))
WEEK = (MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY)
NO_COSTS = CostModel(slippage_bps=Decimal(0))
CASH = Decimal(100_000)


def usd(text: str) -> Decimal:
    return Decimal(text)


def a_bar(session: date = TUESDAY, symbol: str = "AAA", **changes: Any) -> TapeRow:
    bar = TapeRow(
        session=session,
        symbol=symbol,
        open_usd=usd("50.00"),
        high_usd=usd("52.00"),
        low_usd=usd("48.00"),
        close_usd=usd("51.00"),
        volume_shares=1_000_000,
        is_halted=False,
        split_ratio=Decimal(1),
        dividend_usd=Decimal(0),
        is_last_session=False,
    )
    given: dict[str, Any] = {
        name: usd(value) if isinstance(value, str) and name.endswith(("_usd", "_ratio")) else value
        for name, value in changes.items()
    }
    return replace(bar, **given)


def after_open(session: date) -> datetime:
    return CALENDAR.opens_at(session) + timedelta(minutes=1)


def after_close(session: date) -> datetime:
    return CALENDAR.closes_at(session) + timedelta(minutes=15)


class World:
    """A venue over one week in which every session has the bars it is given, and a plain bar of AAA where it has none.

    It begins on Monday after the close, so that Tuesday is the first session to trade in.
    """

    def __init__(
        self,
        folder: Path,
        bars: Iterable[TapeRow] = (),
        *,
        costs: CostModel = NO_COSTS,
        links_wait_for_whole: bool = False,
    ) -> None:
        self.folder = folder
        self.links_wait_for_whole = links_wait_for_whole
        self.costs = costs
        by_session = {session: [a_bar(session)] for session in WEEK}
        for bar in bars:
            by_session[bar.session] = [b for b in by_session[bar.session] if b.symbol != bar.symbol] + [bar]
        (folder / "tape").mkdir(parents=True)
        for session, rows in by_session.items():
            (folder / "tape" / f"{session}.parquet").write_bytes(_tape_bytes(session, tuple(rows)))
        self.clock = ManualClock(after_close(MONDAY))
        self.broker = self.reopened()
        self.broker.account()

    def reopened(self) -> SimulatedBroker:
        """Return a new object on the same file, as after a restart."""
        return SimulatedBroker(
            self.folder / "venue.db",
            Tape(self.folder / "tape"),
            self.clock,
            CALENDAR,
            self.costs,
            CASH,
            links_wait_for_whole=self.links_wait_for_whole,
        )

    def at_open(self, session: date) -> SimulatedBroker:
        self.clock.move_to(after_open(session))
        return self.broker

    def at_close(self, session: date) -> SimulatedBroker:
        self.clock.move_to(after_close(session))
        return self.broker

    def with_position(self, shares: int = 100, symbol: str = "AAA") -> "World":
        """Return the world on Tuesday after the open, with a position bought at that open."""
        self.at_open(TUESDAY).submit(buy(shares, symbol=symbol, client_order_id=f"bought-{symbol}"))
        return self


@cache
def _tape_bytes(session: date, rows: tuple[TapeRow, ...]) -> bytes:
    # Most worlds share most sessions; writing each of them once spares many waits for the device.
    with TemporaryDirectory() as folder:
        return write_tape(Path(folder), session, rows).read_bytes()


def _order(side: Literal["buy", "sell"], quantity: Shares, **changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_order_id": f"{side}-1",
        "symbol": "AAA",
        "side": side,
        "leg": "entry" if side == "buy" else "exit",
        "quantity_shares": quantity,
        "order_type": "limit",
        "time_in_force": "day",
        "limit_usd": usd("51.50") if side == "buy" else usd("46.00"),
        "is_reduce_only": side == "sell",
    }
    return OrderRequest(**{**fields, **changes})


def buy(quantity: Shares = 100, **changes: Any) -> OrderRequest:
    return _order("buy", quantity, **changes)


def sell(quantity: Shares = 100, **changes: Any) -> OrderRequest:
    return _order("sell", quantity, **changes)


def stop(quantity: int = 100, stop_usd: str = "49.00", **changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "client_order_id": "stop-1",
        "leg": "stop",
        "order_type": "stop",
        "time_in_force": "gtc",
        "limit_usd": None,
        "stop_usd": usd(stop_usd),
    }
    return _order("sell", quantity, **{**fields, **changes})


def bracket(quantity: int = 10, target_usd: str = "51.90", stop_usd: str = "45.00", **changes: Any) -> OrderRequest:
    """Return an entry with its take-profit and its stop, under the ids an adapter finds them by."""
    entry = buy(quantity, time_in_force="gtc", **changes)
    legs = (
        sell(quantity, leg="take_profit", time_in_force="gtc", limit_usd=usd(target_usd)),
        stop(quantity, stop_usd),
    )
    named = [replace(leg, client_order_id=attached_order_id(entry.client_order_id, leg.leg)) for leg in legs]
    return replace(entry, attached=tuple(named))
