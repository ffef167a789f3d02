"""What the venue promises of stop-limits, trailing stops, immediate and linked orders, for any market."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.tape import TapeRow
from execution.brokers.venue_order import VenueOrder
from execution.domain.order_fault import order_fault
from execution.domain.orders import BrokerFill, OrderRequest
from tests.property.test_venue import BOUGHT, SINCE, SYMBOLS, Life, State, Step, markets

KINDS = ("limit", "market", "stop", "stop_limit", "trailing_stop")
PRICES = st.decimals("1", "70", places=2)


class Watched(Life):
    """A life that also keeps what the venue could sell at each look."""

    def __init__(self, market: dict[date, list[TapeRow]]) -> None:
        self.looks: list[tuple[dict[str, int], list[VenueOrder]]] = []
        super().__init__(market)

    def state(self) -> State:
        told = super().state()
        store = self.broker._store
        self.looks.append((store.positions(), store.open_orders()))
        return told


@st.composite
def an_order(draw: st.DrawFn, name: str, **changes: Any) -> OrderRequest:
    side, kind = draw(st.sampled_from(["buy", "sell"])), draw(st.sampled_from(KINDS))
    is_trailing_bps = draw(st.booleans())
    fields: dict[str, Any] = {
        "client_order_id": name,
        "symbol": "AAA",
        "side": side,
        "leg": "entry" if side == "buy" else "exit",
        "quantity_shares": draw(st.integers(1, 200)),
        "order_type": kind,
        "time_in_force": draw(st.sampled_from(["day", "gtc", "ioc", "fok"])),
        **changes,
    }
    kind = fields["order_type"]
    lower, upper = sorted([draw(PRICES), draw(PRICES)])
    prices: dict[str, dict[str, Any]] = {
        "limit": {"limit_usd": lower},
        "stop": {"stop_usd": lower},
        "stop_limit": {
            "limit_usd": lower if fields["side"] == "sell" else upper,
            "stop_usd": upper if fields["side"] == "sell" else lower,
        },
        "trailing_stop": {"trail_bps": draw(st.decimals("50", "3000", places=0))}
        if is_trailing_bps
        else {"trail_usd": draw(st.decimals("0.10", "9", places=2))},
    }
    return OrderRequest(**fields, **prices.get(kind, {}), is_reduce_only=fields["side"] == "sell")


@st.composite
def groups(draw: st.DrawFn, name: str) -> OrderRequest:
    shared: dict[str, Any] = {
        "quantity_shares": draw(st.integers(1, 200)),
        "time_in_force": draw(st.sampled_from(["day", "gtc"])),
    }
    stop_kind = draw(st.sampled_from(["stop", "stop_limit", "trailing_stop"]))
    stop = draw(an_order(f"{name}s", side="sell", order_type=stop_kind, **shared))
    target = draw(an_order(f"{name}t", side="sell", order_type="limit", **shared))
    if draw(st.booleans()):
        return replace(target, attached=(stop,))
    return replace(draw(an_order(name, side="buy", **shared)), attached=(target, stop))


@st.composite
def streams(draw: st.DrawFn) -> list[Step]:
    steps: list[Step] = [("submit", BOUGHT)]
    for number in range(draw(st.integers(1, 10))):
        kind = draw(st.sampled_from(["order", "group", "group", "wait", "wait", "cancel"]))
        if kind == "wait":
            steps.append(
                ("wait", draw(st.sampled_from([timedelta(hours=3), timedelta(hours=13), timedelta(hours=30)])))
            )
        elif kind == "cancel":
            steps.append(("cancel", f"g{draw(st.integers(0, 9))}{draw(st.sampled_from(['', 's', 't']))}"))
        else:
            name = f"g{number}"
            order = draw(groups(name) if kind == "group" else an_order(name))
            if not order_fault(order):
                steps.append(("submit", order))
    return steps


def names_of(steps: Iterable[Step]) -> list[str]:
    orders = [what for verb, what in steps if verb == "submit"]
    return [each.client_order_id for order in orders for each in (order, *order.attached)]


def sums(fills: Iterable[BrokerFill]) -> dict[str, int]:
    filled: dict[str, int] = {}
    for fill in fills:
        filled[fill.client_order_id] = filled.get(fill.client_order_id, 0) + fill.quantity_shares
    return filled


@settings(max_examples=120, deadline=None)
@given(market=markets(), steps=streams())
def test_linked_exits_never_sell_more_than_their_group_or_what_its_entry_bought(
    market: dict[date, list[TapeRow]], steps: list[Step]
) -> None:
    unsplit = {day: [replace(row, split_ratio=Decimal(1)) for row in rows] for day, rows in market.items()}
    filled = sums(Life(unsplit).live(steps)[-1].fills)
    for order in (what for verb, what in steps if verb == "submit" and what.attached):
        exits = sum(filled.get(leg.client_order_id, 0) for leg in (order, *order.attached) if leg.side == "sell")
        bought = filled.get(order.client_order_id, 0) if order.side == "buy" else order.quantity_shares
        assert exits <= bought <= order.quantity_shares


@settings(max_examples=80, deadline=None)
@given(market=markets(), steps=streams())
def test_working_sales_never_come_to_more_than_is_held(market: dict[date, list[TapeRow]], steps: list[Step]) -> None:
    watched = Watched(market)
    assert all(told.account.cash_usd >= 0 for told in watched.live(steps))
    assert watched.looks
    for held, working in watched.looks:
        sells: dict[tuple[str, str], int] = {}
        for order in working:
            assert order.remaining_shares >= 0
            if order.side == "sell":
                key = (order.symbol, order.group_id or order.client_order_id)
                sells[key] = max(sells.get(key, 0), order.remaining_shares)
        for symbol in SYMBOLS:
            assert sum(shares for (name, _), shares in sells.items() if name == symbol) <= held.get(symbol, 0)


@settings(max_examples=25, deadline=None)
@given(market=markets(), steps=streams())
def test_a_venue_reopened_before_every_step_fills_the_same(
    market: dict[date, list[TapeRow]], steps: list[Step]
) -> None:
    with TemporaryDirectory() as folder:
        reopened, kept = Life(market, Path(folder)), Life(market)
        assert reopened.live(steps) == kept.live(steps)
        for name in names_of(steps):
            assert reopened.broker.order(name) == kept.broker.order(name)
        reopened.broker.close()


@settings(max_examples=60, deadline=None)
@given(market=markets(), steps=streams())
def test_what_may_not_wait_never_works_after_its_open(market: dict[date, list[TapeRow]], steps: list[Step]) -> None:
    life = Life(market)
    life.live(steps)
    times = {what.client_order_id: what for verb, what in steps if verb == "submit"}
    fok = {name: order for name, order in times.items() if order.time_in_force == "fok"}
    immediate = [name for name, order in times.items() if order.time_in_force in ("ioc", "fok")]
    assert not {order.client_order_id for order in life.broker.open_orders()} & set(immediate)
    is_split = {row.symbol for rows in market.values() for row in rows if row.split_ratio != 1}
    filled = sums(life.broker.fills(since=SINCE))
    for name, order in fok.items():
        if order.symbol not in is_split:
            assert filled.get(name, 0) in (0, order.quantity_shares)
