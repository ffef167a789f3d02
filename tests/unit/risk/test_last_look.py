"""The last look at an entry: the newest account, the plan's own rules, and a refusal with its numbers."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.domain.orders import ProposedOrder
from execution.risk.last_look import ASKED_AGAIN, last_look
from execution.risk.limits import RiskLimits
from execution.risk.pre_trade import RULES, Blocked
from execution.risk.trading_context import TradingContext
from tests.builders.batches import SESSION
from tests.builders.sizing import CALENDAR, EQUITY, a_context, a_working, an_entry, an_exit

# An order of 5,000 USD on an account of 100,000 USD in cash.
ORDER = an_entry(100)


def looked(
    context: TradingContext, order: ProposedOrder = ORDER, sent: tuple[ProposedOrder, ...] = (), **limits: Any
) -> Blocked | None:
    return last_look(order=order, sent_entries=sent, context=context, limits=RiskLimits(**limits))


def at_send(**changes: Any) -> TradingContext:
    now = CALENDAR.submit_window(SESSION)[0]
    return replace(a_context(signals={}, is_sending=True, now=now), **changes)


def test_an_entry_the_newest_account_can_carry_goes() -> None:
    assert looked(at_send()) is None


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"now": CALENDAR.opens_at(CALENDAR.next(SESSION)) - timedelta(seconds=1)}, "market_hours"),
        ({"cash_usd": Decimal(6_999)}, "cash"),
        ({"open_orders": (a_working(symbol="BBB", quantity_shares=1_901),), "cash_usd": 2 * EQUITY}, "gross"),
        ({"positions_shares": {"BBB": 1_901}, "closes_usd": {"BBB": Decimal(50)}}, "gross"),
        ({"positions_shares": {"BBB": 1}, "closes_usd": {}}, "gross"),
        ({"positions_shares": {"AAA": 101}, "closes_usd": {"AAA": Decimal(50)}}, "position_weight"),
        ({"entries_today": 20}, "entries_per_day"),
        ({"quotes_usd": {"AAA": Decimal(25)}}, "price_collar"),
        ({"quarantined": {"AAA": "bought by hand"}}, "quarantined"),
    ],
)
def test_an_entry_the_newest_account_cannot_carry_names_the_rule(changes: dict[str, Any], rule: str) -> None:
    closes = {"AAA": Decimal(50), **changes.get("closes_usd", {})}
    blocked = looked(at_send(**{**changes, "closes_usd": closes}))
    assert blocked is not None
    assert (blocked.check, blocked.quantity_shares) == (rule, 0)
    assert blocked.found
    assert blocked.allowed


def test_a_name_too_many_is_refused() -> None:
    working = tuple(a_working(symbol=f"S{n}", quantity_shares=1) for n in range(3))
    blocked = looked(at_send(open_orders=working), names_max=3)
    assert blocked is not None
    assert blocked.check == "names"


def test_the_basket_counts_every_entry_of_the_cycle_that_was_sent() -> None:
    sent = tuple(an_entry(100, f"S{n}") for n in range(3))
    assert looked(at_send(), sent=sent, basket_notional_max_usd=Decimal(20_000)) is None
    blocked = looked(at_send(), sent=sent, basket_notional_max_usd=Decimal(19_999))
    assert blocked is not None
    assert blocked.check == "basket_notional"


def test_nothing_is_cut_to_fit() -> None:
    room = Decimal(5_000) * Decimal("1.001") + EQUITY * Decimal("0.02")
    assert looked(at_send(cash_usd=room)) is None
    assert looked(at_send(cash_usd=room - Decimal("0.01"))) is not None


def test_what_reduces_risk_always_goes() -> None:
    assert looked(at_send(cash_usd=Decimal(0), positions_shares={"AAA": 100}), an_exit(100)) is None


def test_every_rule_asked_again_is_a_rule_of_the_plan() -> None:
    assert {rule.name for rule in RULES} >= ASKED_AGAIN
