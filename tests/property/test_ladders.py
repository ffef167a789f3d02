"""Whatever a market and a venue do: a ladder rises, is bounded, ends at its limit, and never buys too much."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.domain.quantities import is_on_tick, tick_above_usd
from execution.portfolio.sizing_policy import SizingPolicy
from execution.session.ladder import rung_limits_usd
from tests.builders.trading_days import SESSIONS, TradingDays, a_day_of
from tests.fakes.scripted_broker import ScriptedBroker

PRICES = st.decimals(min_value="0.01", max_value="5000", places=4, allow_nan=False)


@given(reference=PRICES, collar_bps=st.integers(1, 5_000), rungs=st.integers(1, 10))
def test_limits_rise_on_ticks_from_the_reference_to_the_last_limit_and_never_past_it(
    reference: Decimal, collar_bps: int, rungs: int
) -> None:
    limit = tick_above_usd(reference * (1 + Decimal(collar_bps) / 10_000))
    limits = rung_limits_usd(reference_usd=reference, limit_usd=limit, rungs=rungs)
    assert 1 <= len(limits) <= rungs
    assert limits[-1] == limit == max(limits)
    assert all(lower < higher for lower, higher in pairwise(limits))
    assert all(usd > 0 and is_on_tick(usd) for usd in limits)
    assert all(usd <= reference for usd in limits[:1] if len(limits) > 1)


@settings(max_examples=25, deadline=None)
@given(
    rungs=st.integers(2, 6),
    open_bps=st.integers(-200, 250),
    volume=st.sampled_from([0, 100, 1_000, 5_000, 20_000, 1_000_000]),
    looks=st.lists(
        st.sampled_from(["plain", "lose_answer", "lose_request", "refuse", "deaf", "mute", "late"]), max_size=4
    ),
)
def test_fills_over_all_limits_never_exceed_the_plan_and_one_works_at_a_time(
    rungs: int, open_bps: int, volume: int, looks: list[str]
) -> None:
    opens = (Decimal("40.25") * (1 + Decimal(open_bps) / 10_000)).quantize(Decimal("0.01"))
    bar = a_day_of(
        "AAA",
        SESSIONS[1],
        open_usd=opens,
        high_usd=Decimal(60),
        low_usd=opens - 1,
        close_usd=opens,
        volume_shares=volume,
    )
    sizing = SizingPolicy(entry_top_fraction=Decimal("0.17"), entry_rungs=rungs)
    with TemporaryDirectory() as folder:
        days = TradingDays(Path(folder), bars=[bar], desk_changes={"sizing": sizing}, wrap_broker=ScriptedBroker)
        wire: Any = days.desk.broker
        wire.after_submit = lambda _: at_most_one_works(days)
        days.plan()
        [planned] = {r.order.quantity_shares for r in entries(days)}
        prices = [r.order.limit_usd for r in entries(days)]
        for look in [*looks, "plain"]:
            wire.faults = {("AAA", "entry"): look} if look in ("lose_answer", "lose_request", "refuse") else {}
            wire.ignores_cancel = lambda _, is_deaf=look == "deaf": is_deaf
            wire.hides_fills = look == "mute"
            wire.hides_orders_of = "AAA" if look == "late" else ""
            days.submit()
        wire.hides_fills = False
        days.cancel_rest()
        days.settle()
        sent = [order for order in wire.submitted if order.leg == "entry"]
        bought = sum(r.filled_shares for r in entries(days))
        assert bought <= planned
        assert days.venue.account().positions_shares.get("AAA", 0) <= planned
        assert [order.limit_usd for order in sent] == prices[: len(sent)]
        assert len({order.client_order_id for order in sent}) == len(sent) <= rungs
        assert max(prices) == Decimal("40.85")


def entries(days: TradingDays) -> list[Any]:
    return [r for r in days.desk.ledger.book().orders.values() if r.order.leg == "entry"]


def at_most_one_works(days: TradingDays) -> None:
    ids = {r.order.client_order_id for r in entries(days)}
    working = [order.client_order_id for order in days.venue.open_orders() if order.client_order_id in ids]
    assert len(working) <= 1, working
