"""What the simulated venue promises for any market and any stream of orders: nothing appears, nothing is lost."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.memory_tape import MemoryTape
from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import TapeRow
from execution.domain.orders import AccountSnapshot, BrokerFill, CorporateActionEntry, OrderRequest, OrderState
from execution.portfolio.cost_model import CostModel
from tests.builders.venue import CALENDAR, WEEK, a_bar
from tests.fakes.manual_clock import ManualClock

SYMBOLS = ("AAA", "BBB")
CASH = Decimal(20_000)
COSTS = CostModel(commission_usd_per_share=Decimal("0.0035"), sell_fee_bps=Decimal(2))
SINCE = CALENDAR.opens_at(WEEK[0]) - timedelta(days=30)
RATIOS = st.sampled_from(["1", "1", "1", "1", "2", "1.5", "0.333333", "0.1"])
BOUGHT = OrderRequest(
    client_order_id="bought",
    symbol="AAA",
    side="buy",
    leg="entry",
    quantity_shares=250,
    order_type="market",
    time_in_force="gtc",
)
Step = tuple[Literal["submit", "cancel", "wait"], Any]


@st.composite
def bars(draw: st.DrawFn, session: date, symbol: str) -> TapeRow:
    low, one, other, high = sorted(draw(st.lists(st.decimals("0.5", "60", places=2), min_size=4, max_size=4)))
    opens, closes = draw(st.permutations([one, other]))
    return a_bar(
        session,
        symbol,
        open_usd=opens,
        high_usd=high,
        low_usd=low,
        close_usd=closes,
        volume_shares=draw(st.sampled_from([0, 1_500, 9_000, 1_000_000])),
        is_halted=draw(st.integers(0, 9)) == 0,
        split_ratio=draw(RATIOS),
        dividend_usd=draw(st.sampled_from(["0", "0", "0.37", "1.005"])),
        is_last_session=draw(st.integers(0, 19)) == 0,
    )


@st.composite
def markets(draw: st.DrawFn) -> dict[date, list[TapeRow]]:
    return {session: [draw(bars(session, symbol)) for symbol in SYMBOLS if draw(st.integers(0, 9))] for session in WEEK}


@st.composite
def orders(draw: st.DrawFn, number: int) -> OrderRequest:
    kind: Any = draw(st.sampled_from(["limit", "market", "stop"]))
    side: Any = "sell" if kind == "stop" else draw(st.sampled_from(["buy", "sell"]))
    price = draw(st.decimals("1", "70", places=2))
    return OrderRequest(
        client_order_id=f"o{number}",
        symbol=draw(st.sampled_from(["AAA", *SYMBOLS])),
        side=side,
        leg="entry" if side == "buy" else "exit",
        quantity_shares=draw(st.integers(1, 200)),
        order_type=kind,
        time_in_force=draw(st.sampled_from(["day", "gtc"])),
        limit_usd=price if kind == "limit" else None,
        stop_usd=price if kind == "stop" else None,
        is_reduce_only=side == "sell",
    )


@st.composite
def streams(draw: st.DrawFn) -> list[Step]:
    # Most lives begin with something to sell: a bought position is where stops, splits and exits meet.
    steps: list[Step] = [("submit", BOUGHT)] if draw(st.integers(0, 4)) else []
    for number in range(draw(st.integers(1, 14))):
        verb: Literal["submit", "cancel", "wait"] = draw(
            st.sampled_from(["submit", "submit", "wait", "wait", "cancel"])
        )
        what = {
            "submit": orders(number),
            "cancel": st.integers(0, 13).map("o{}".format),
            "wait": st.sampled_from([timedelta(hours=3), timedelta(hours=13), timedelta(hours=30)]),
        }[verb]
        steps.append((verb, draw(what)))
    return steps


@dataclass(frozen=True)
class State:
    account: AccountSnapshot
    working: tuple[OrderState, ...]
    fills: tuple[BrokerFill, ...]
    actions: tuple[CorporateActionEntry, ...]
    orders: tuple[OrderState | None, ...]


class Life:
    """A venue lived through a stream of steps; with a folder it is reopened from its file before each of them."""

    def __init__(self, market: dict[date, list[TapeRow]], folder: Path | None = None) -> None:
        self.path: Path | Literal[":memory:"] = ":memory:" if folder is None else folder / "venue.db"
        self.tape = MemoryTape(market)
        self.clock = ManualClock(CALENDAR.opens_at(WEEK[0]) + timedelta(minutes=1))
        self.broker = self.opened()
        self.sent_at: dict[str, datetime] = {}

    def opened(self) -> SimulatedBroker:
        return SimulatedBroker(self.path, self.tape, self.clock, CALENDAR, COSTS, CASH)

    def live(self, steps: list[Step]) -> list[State]:
        told = [self.state()]
        for verb, what in steps:
            if self.path != ":memory:":
                self.broker.close()
                self.broker = self.opened()
            if verb == "submit":
                self.broker.submit(what)
                self.sent_at[what.client_order_id] = self.clock.now()
            elif verb == "cancel":
                self.broker.cancel(what)
            else:
                self.clock.move_to(min(self.clock.now() + what, CALENDAR.closes_at(WEEK[-1])))
            told.append(self.state())
        self.clock.move_to(CALENDAR.closes_at(WEEK[-1]))
        return [*told, self.state()]

    def state(self) -> State:
        broker = self.broker
        known = (broker.order(name) for name in ("bought", *(f"o{number}" for number in range(14))))
        return State(
            broker.account(),
            broker.open_orders(),
            broker.fills(since=SINCE),
            broker.corporate_actions(since=SINCE),
            tuple(known),
        )


@settings(max_examples=50, deadline=None)
@given(market=markets(), steps=streams())
def test_cash_and_positions_are_what_fills_and_actions_make_them(
    market: dict[date, list[TapeRow]], steps: list[Step]
) -> None:
    for told in Life(market).live(steps):
        cash, positions = CASH, dict.fromkeys(SYMBOLS, 0)
        for fill in told.fills:
            sign = 1 if fill.side == "buy" else -1
            positions[fill.symbol] += sign * fill.quantity_shares
            cash -= sign * fill.quantity_shares * fill.price_usd + fill.fee_usd
        for entry in told.actions:
            positions[entry.symbol] += entry.quantity_delta_shares
            cash += entry.cash_usd
        assert told.account.cash_usd == cash
        assert told.account.positions_shares == {symbol: shares for symbol, shares in positions.items() if shares}


@settings(max_examples=50, deadline=None)
@given(market=markets(), steps=streams())
def test_the_account_is_never_short_of_cash_or_shares(market: dict[date, list[TapeRow]], steps: list[Step]) -> None:
    for told in Life(market).live(steps):
        assert told.account.cash_usd >= 0
        assert all(shares > 0 for shares in told.account.positions_shares.values())
        for symbol in SYMBOLS:
            exits = [o for o in told.working if o.symbol == symbol and o.side == "sell"]
            held = told.account.positions_shares.get(symbol, 0)
            assert sum(order.quantity_shares - order.filled_shares for order in exits) <= held


@settings(max_examples=10, deadline=None)
@given(market=markets(), steps=streams())
def test_a_venue_reopened_before_every_step_tells_the_same(
    market: dict[date, list[TapeRow]], steps: list[Step]
) -> None:
    with TemporaryDirectory() as folder:
        reopened = Life(market, Path(folder))
        assert reopened.live(steps) == Life(market).live(steps)
        reopened.broker.close()


@settings(max_examples=50, deadline=None)
@given(market=markets(), steps=streams())
def test_no_session_gives_more_than_its_share(market: dict[date, list[TapeRow]], steps: list[Step]) -> None:
    fills = Life(market).live(steps)[-1].fills
    for session, rows in market.items():
        for symbol in SYMBOLS:
            ours = sum(f.quantity_shares for f in fills if f.symbol == symbol and f.filled_at.date() == session)
            volume = sum(row.volume_shares for row in rows if row.symbol == symbol and not row.is_halted)
            assert ours <= Decimal("0.05") * volume


@settings(max_examples=50, deadline=None)
@given(market=markets(), steps=streams())
def test_no_order_fills_before_it_was_sent_and_none_fills_twice(
    market: dict[date, list[TapeRow]], steps: list[Step]
) -> None:
    life = Life(market)
    last = life.live(steps)[-1]
    assert len({fill.execution_id for fill in last.fills}) == len(last.fills)
    assert all(fill.filled_at >= life.sent_at[fill.client_order_id] for fill in last.fills)


@settings(max_examples=50, deadline=None)
@given(market=markets(), steps=streams())
def test_what_was_told_once_is_told_for_ever(market: dict[date, list[TapeRow]], steps: list[Step]) -> None:
    states = Life(market).live(steps)
    for before, after in pairwise(states):
        assert after.fills[: len(before.fills)] == before.fills
        assert after.actions[: len(before.actions)] == before.actions
