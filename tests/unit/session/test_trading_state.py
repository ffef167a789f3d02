"""A drawdown beyond the limit stops new risk; play money resumes by itself, real money waits for a person."""

from dataclasses import replace
from decimal import Decimal

from execution.domain.events import PositionsMarked
from execution.ledger.book import Book
from execution.risk.limits import RiskLimits
from execution.session.trading_state import trading_state
from tests.builders.orders import AT, CYCLE, account_opened
from tests.builders.trading_days import CALENDAR, FIRST

LIMITS = RiskLimits(drawdown_resume_sessions=3)


def a_book(*equities: int) -> Book:
    marks = tuple(
        PositionsMarked(
            at=AT,
            cycle_id=CYCLE,
            marked_session=CALENDAR.offset(FIRST, number),
            positions=(),
            cash_usd=Decimal(equity),
            equity_usd=Decimal(equity),
            realised_usd=Decimal(0),
            unrealised_usd=Decimal(0),
        )
        for number, equity in enumerate(equities)
    )
    return replace(Book(), opened=account_opened(), marks=marks)


def state(*equities: int, mode: str = "simulated") -> str:
    return trading_state(book=a_book(*equities), equity_usd=Decimal(equities[-1]), limits=LIMITS, mode=mode)


def test_an_account_above_its_limit_is_active() -> None:
    assert state(100_000, 95_001) == "active"


def test_the_limit_itself_stops_new_risk() -> None:
    assert state(100_000, 95_000) == "reducing"


def test_the_loss_of_today_counts_before_it_is_marked() -> None:
    assert trading_state(book=a_book(100_000), equity_usd=Decimal(94_000), limits=LIMITS, mode="files") == "reducing"


def test_a_recovery_does_not_lift_the_stop_early() -> None:
    assert state(100_000, 94_000, 99_000) == "reducing"


def test_play_money_resumes_after_its_sessions_and_counts_from_there() -> None:
    assert state(100_000, 94_000, 94_000, 94_000) == "reducing"
    assert state(100_000, 94_000, 94_000, 94_000, 94_000) == "active"
    assert state(100_000, 94_000, 94_000, 94_000, 94_000, 90_000) == "active"
    assert state(100_000, 94_000, 94_000, 94_000, 94_000, 89_000) == "reducing"


def test_real_money_is_halted_and_does_not_resume() -> None:
    assert state(100_000, 94_000, 99_000, 99_000, 99_000, 99_000, mode="paper") == "halted"
