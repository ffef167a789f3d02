"""What a fill on a daily bar promises for any bar and any order."""

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.brokers.fill_model import (
    Fill,
    WorkingOrder,
    available_shares,
    fill_at_open,
    fill_of_resting_limit,
    fill_of_stop,
    is_stop_reached,
)
from execution.brokers.tape import TapeRow
from execution.domain.quantities import is_on_tick
from execution.portfolio.cost_model import CostModel
from tests.builders.venue import a_bar

EXAMPLES = settings(max_examples=300, deadline=None)
COSTS = st.sampled_from(
    [
        CostModel(),
        CostModel(slippage_bps=Decimal(0)),
        CostModel(half_spread_bps=Decimal(3), impact_bps=Decimal(120)),
    ]
)
PRICES = st.decimals("0.5", "500", places=2)


@st.composite
def bars(draw: st.DrawFn) -> TapeRow:
    low, one, other, high = sorted(draw(st.lists(PRICES, min_size=4, max_size=4)))
    opens, closes = draw(st.permutations([one, other]))
    volume = draw(st.integers(0, 20_000))
    return a_bar(
        open_usd=opens,
        high_usd=high,
        low_usd=low,
        close_usd=closes,
        volume_shares=volume,
        is_halted=draw(st.integers(0, 9)) == 0,
    )


@st.composite
def orders(draw: st.DrawFn) -> WorkingOrder:
    kind: Any = draw(st.sampled_from(["limit", "market", "stop"]))
    price = draw(PRICES)
    return WorkingOrder(
        side="sell" if kind == "stop" else draw(st.sampled_from(["buy", "sell"])),
        order_type=kind,
        remaining_shares=draw(st.integers(1, 5_000)),
        limit_usd=price if kind == "limit" else None,
        stop_usd=price if kind == "stop" else None,
        is_triggered=kind == "stop" and draw(st.booleans()),
    )


def possible_fills(order: WorkingOrder, bar: TapeRow, costs: CostModel, filled: int) -> list[Fill]:
    available = available_shares(bar, filled_shares=filled, costs=costs)
    fills = [fill_at_open(order, bar, available=available, costs=costs)]
    fills.append(fill_of_resting_limit(order, bar, available=available))
    if is_stop_reached(order, bar):
        fills.append(fill_of_stop(order, bar, available=available, costs=costs))
    return [fill for fill in fills if fill is not None]


@EXAMPLES
@given(order=orders(), bar=bars(), costs=COSTS, filled=st.integers(0, 500))
def test_a_fill_never_exceeds_the_order_or_a_twentieth_of_the_volume(
    order: WorkingOrder, bar: TapeRow, costs: CostModel, filled: int
) -> None:
    for fill in possible_fills(order, bar, costs, filled):
        assert 0 < fill.quantity_shares <= order.remaining_shares
        assert fill.quantity_shares + filled <= Decimal("0.05") * bar.volume_shares


@EXAMPLES
@given(order=orders(), bar=bars(), costs=COSTS)
def test_a_fill_is_never_worse_than_its_limit_or_off_the_tick(
    order: WorkingOrder, bar: TapeRow, costs: CostModel
) -> None:
    for fill in possible_fills(order, bar, costs, 0):
        assert is_on_tick(fill.price_usd)
        if order.limit_usd is not None:
            within = fill.price_usd <= order.limit_usd if order.side == "buy" else fill.price_usd >= order.limit_usd
            assert within


@EXAMPLES
@given(order=orders(), bar=bars(), costs=COSTS)
def test_no_fill_is_better_than_any_price_of_the_bar(order: WorkingOrder, bar: TapeRow, costs: CostModel) -> None:
    for fill in possible_fills(order, bar, costs, 0):
        if order.side == "buy":
            assert fill.price_usd >= bar.low_usd
        else:
            assert fill.price_usd <= bar.high_usd


@EXAMPLES
@given(order=orders(), bar=bars(), costs=COSTS)
def test_a_stop_fills_no_higher_than_its_stop_and_no_higher_than_the_open(
    order: WorkingOrder, bar: TapeRow, costs: CostModel
) -> None:
    if order.stop_usd is None or not is_stop_reached(order, bar):
        return
    fill = fill_of_stop(order, bar, available=order.remaining_shares, costs=costs) if bar.volume_shares else None
    if fill is not None:
        assert fill.price_usd <= min(order.stop_usd, bar.open_usd)


@EXAMPLES
@given(order=orders(), bar=bars(), costs=COSTS)
def test_a_halted_bar_fills_nothing(order: WorkingOrder, bar: TapeRow, costs: CostModel) -> None:
    if bar.is_halted:
        assert possible_fills(order, bar, costs, 0) == []
