"""A tripped breaker is written into the ledger before the plan is decided, and holds until a named person resumes."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from execution.domain.events import PositionsMarked
from execution.risk.circuit_breakers import ACTOR
from execution.session.account_view import context_of
from execution.session.breakers import after_breakers
from execution.session.reconcile import reconcile
from tests.builders.trading_days import FIRST, SESSIONS, TradingDays

SECOND = SESSIONS[1]


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    lived = TradingDays(tmp_path)
    lived.live()
    lived.evening(SECOND)
    return lived


def marked(days: TradingDays, equity: int) -> None:
    """Let the ledger say that the account was worth more a while ago."""
    mark = PositionsMarked(
        at=days.clock.now() - timedelta(days=1),
        cycle_id=days.desk.cycle_id(FIRST),
        marked_session=FIRST,
        positions=(),
        cash_usd=Decimal(equity),
        equity_usd=Decimal(equity),
        realised_usd=Decimal(0),
        unrealised_usd=equity - days.desk.initial_cash_usd,
    )
    days.desk.ledger.record(lambda _: (mark,))


def test_a_calm_account_goes_on_as_it_was(days: TradingDays) -> None:
    reconciled = reconcile(days.desk)
    context = context_of(days.desk, reconciled, session=SECOND, signals={})
    assert after_breakers(days.desk, reconciled, context) is context
    assert days.desk.ledger.book().control is None


def test_a_drawdown_of_real_money_halts_the_account_by_name(days: TradingDays) -> None:
    marked(days, 110_000)
    desk = replace(days.desk, mode="paper")
    reconciled = reconcile(desk)
    context = after_breakers(desk, reconciled, context_of(desk, reconciled, session=SECOND, signals={}))
    control = desk.ledger.book().control
    assert control is not None
    assert (control.state, control.actor) == ("halted", ACTOR)
    assert context.trading_state == "halted"
    assert ACTOR in context.state_reason


def test_asking_again_records_nothing_more(days: TradingDays) -> None:
    marked(days, 110_000)
    desk = replace(days.desk, mode="paper")
    for _ in range(2):
        reconciled = reconcile(desk)
        after_breakers(desk, reconciled, context_of(desk, reconciled, session=SECOND, signals={}))
        head = desk.ledger.verify_chain()
    reconciled = reconcile(desk)
    after_breakers(desk, reconciled, context_of(desk, reconciled, session=SECOND, signals={}))
    assert desk.ledger.verify_chain() == head


def test_play_money_is_left_to_the_rules_that_end_by_themselves(days: TradingDays) -> None:
    marked(days, 110_000)
    reconciled = reconcile(days.desk)
    context = after_breakers(days.desk, reconciled, context_of(days.desk, reconciled, session=SECOND, signals={}))
    assert days.desk.ledger.book().control is None
    assert context.trading_state == "reducing"
