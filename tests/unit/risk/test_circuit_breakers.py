from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.domain.events import ControlChanged
from execution.risk.circuit_breakers import ACTOR, BreakerFacts, tripped
from execution.risk.limits import RiskLimits

NOW = datetime(2024, 3, 6, 22, 0, tzinfo=UTC)
CALM = BreakerFacts(
    now=NOW,
    control=None,
    has_person=True,
    equity_usd=Decimal(100_000),
    day_start_equity_usd=Decimal(100_000),
    drawdown_fraction=Decimal(0),
    held=("AAA", "BBB"),
)
REPEATED = tuple(NOW - timedelta(hours=hours) for hours in (3, 2, 1))
TRIPS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "daily loss": ({"equity_usd": Decimal(98_500)}, {"equity_usd": Decimal("98500.01")}, "reducing"),
    "drawdown": ({"drawdown_fraction": Decimal("0.05")}, {"drawdown_fraction": Decimal("0.0499")}, "halted"),
    "stale quotes": ({"stale": ("AAA", "BBB")}, {"stale": ("AAA",)}, "reducing"),
    "repeated cycles": ({"cycles_sent_at": REPEATED}, {"cycles_sent_at": REPEATED[:2]}, "reducing"),
}


def control(state: Any, *, minutes_ago: int = 0) -> ControlChanged:
    return ControlChanged(at=NOW - timedelta(minutes=minutes_ago), state=state, actor="ann", reason="the test says so")


@pytest.mark.parametrize("name", TRIPS)
def test_a_breaker_trips_at_its_limit(name: str) -> None:
    facts, _, state = TRIPS[name]
    [changed] = tripped(replace(CALM, **facts), RiskLimits())
    assert (changed.at, changed.state, changed.actor) == (NOW, state, ACTOR)
    assert changed.reason


@pytest.mark.parametrize("name", TRIPS)
def test_a_breaker_holds_just_short_of_its_limit(name: str) -> None:
    assert tripped(replace(CALM, **TRIPS[name][1]), RiskLimits()) == ()


@pytest.mark.parametrize("name", TRIPS)
def test_what_the_account_covers_already_is_not_recorded_again(name: str) -> None:
    facts, _, state = TRIPS[name]
    assert tripped(replace(CALM, control=control(state), **facts), RiskLimits()) == ()
    assert tripped(replace(CALM, control=control("halted"), **facts), RiskLimits()) == ()


def test_the_strictest_change_comes_first() -> None:
    facts = replace(CALM, equity_usd=Decimal(90_000), drawdown_fraction=Decimal("0.1"))
    assert [changed.state for changed in tripped(facts, RiskLimits())] == ["halted", "reducing"]
    facts = replace(CALM, drawdown_fraction=Decimal("0.1"), cycles_sent_at=REPEATED)
    assert [changed.state for changed in tripped(facts, RiskLimits())] == ["halted", "reducing"]


def test_stale_symbols_are_named() -> None:
    [changed] = tripped(replace(CALM, stale=("AAA", "BBB")), RiskLimits())
    assert changed.reason == "no price of the session for AAA, BBB of 2 symbols held"


def test_play_money_is_not_stopped_for_what_ends_by_itself() -> None:
    lost = replace(CALM, has_person=False, equity_usd=Decimal(90_000), drawdown_fraction=Decimal("0.1"))
    assert tripped(lost, RiskLimits()) == ()
    assert tripped(replace(lost, cycles_sent_at=REPEATED), RiskLimits())[0].state == "reducing"


def test_a_named_resume_enables_repeated_cycles_again() -> None:
    facts = replace(CALM, cycles_sent_at=REPEATED, control=control("active", minutes_ago=30))
    assert tripped(facts, RiskLimits()) == ()
