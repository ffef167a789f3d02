"""A venue in memory answers what a venue on disk answers, to the last order, fill and cent."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.memory_tape import MemoryTape
from execution.brokers.simulated import SimulatedBroker
from execution.domain.orders import OrderRequest
from tests.builders.trading_days import CALENDAR, CASH, COSTS, SESSIONS, a_day_of
from tests.fakes.manual_clock import ManualClock

NAMES = ("AAA", "BBB")
BARS = {
    "BBB": {
        SESSIONS[2]: {"split_ratio": Decimal(2), "low_usd": Decimal(30)},
        SESSIONS[3]: {"dividend_usd": Decimal("0.37"), "volume_shares": 900},
        SESSIONS[4]: {"low_usd": Decimal(15), "is_last_session": True},
    }
}
TAPE = MemoryTape({day: [a_day_of(name, day, **BARS.get(name, {}).get(day, {})) for name in NAMES] for day in SESSIONS})


def an_order(name: str, side: str, shares: int, symbol: str = "AAA", **changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {"leg": "entry", "order_type": "market", "time_in_force": "day", "is_reduce_only": False}
    return OrderRequest(client_order_id=name, symbol=symbol, side=side, quantity_shares=shares, **{**fields, **changes})


def lived(venue: SimulatedBroker, clock: ManualClock) -> list[Any]:
    """Trade a week in every way there is, and return each answer and what the venue shows after it."""
    stop = an_order("s1", "sell", 100, leg="stop", order_type="stop", time_in_force="gtc", stop_usd=Decimal("39.00"))
    resting: dict[str, Any] = {"order_type": "limit", "limit_usd": Decimal("41.00"), "time_in_force": "gtc"}
    limit = an_order("b3", "buy", 50, "BBB", **resting)
    acts: list[Callable[[], Any]] = [
        lambda: venue.submit(an_order("b1", "buy", 100)),
        lambda: venue.submit(an_order("b2", "buy", 75, "BBB")),
        lambda: venue.submit(stop),
        lambda: venue.submit(an_order("b1", "buy", 100)),
        lambda: venue.submit(limit),
        lambda: venue.replace_order("s1", replace(stop, client_order_id="s2", stop_usd=Decimal("39.50"))),
        lambda: venue.replace_order("b3", replace(limit, client_order_id="b4", quantity_shares=10_000_000)),
        lambda: venue.cancel("b3"),
        lambda: venue.submit(an_order("x1", "sell", 60, "BBB", leg="exit")),
        lambda: venue.submit(an_order("b5", "buy", 20)),
    ]
    told: list[Any] = []
    for session in SESSIONS[1:5]:
        clock.move_to(CALENDAR.opens_at(session))
        told += [act() for act in acts[:3]]
        del acts[:3]
        told += [venue.account(), venue.open_orders(), venue.orders(), venue.working_orders()]
        told += [venue.fills(since=CALENDAR.opens_at(session)), venue.corporate_actions(since=CALENDAR.as_of(session))]
    clock.move_to(CALENDAR.as_of(SESSIONS[5]))
    began = CALENDAR.as_of(SESSIONS[0])
    told += [venue.account(), venue.orders(after=2), venue.fills(since=began), venue.corporate_actions(since=began)]
    return [*told, *(venue.fills_of(name) for name in ("b1", "b2", "s2", "none"))]


@pytest.mark.parametrize("costs", [COSTS, COSTS.times(Decimal(3))])
def test_the_same_week_in_memory_and_on_disk(tmp_path: Path, costs: Any) -> None:
    weeks = []
    for place in (":memory:", tmp_path / "venue.db"):
        clock = ManualClock(CALENDAR.as_of(SESSIONS[0]))
        venue = SimulatedBroker(place, TAPE, clock, CALENDAR, costs, CASH)  # type: ignore[arg-type]  # one of two kinds
        weeks.append(lived(venue, clock))
    assert weeks[0] == weeks[1]
    assert any(entry.kind == "split" for entry in weeks[0][-5])
