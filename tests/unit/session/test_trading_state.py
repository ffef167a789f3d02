"""A drawdown beyond the limit stops new risk; play money resumes by itself, real money waits for a person."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.domain.events import ControlChanged, PositionsMarked
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.risk.limits import RiskLimits
from execution.session.trading_state import Standing, standing
from tests.builders.orders import AT, CYCLE, account_opened
from tests.builders.trading_days import CALENDAR, FIRST

LIMITS = RiskLimits(drawdown_resume_sessions=3)
OPENED = account_opened()


def a_book(*equities: int) -> Book:
    marks = tuple(
        PositionsMarked(
            at=AT + timedelta(days=number),
            cycle_id=CYCLE,
            marked_session=CALENDAR.offset(FIRST, number),
            positions=(),
            cash_usd=Decimal(equity),
            equity_usd=Decimal(equity),
            realised_usd=Decimal(0),
            unrealised_usd=Decimal(equity) - OPENED.cash_usd,
        )
        for number, equity in enumerate(equities)
    )
    return replace(folded(Book(), [OPENED]), marks=marks)


def stands(book: Book, equity: int, mode: Any = "simulated") -> Standing:
    return standing(book=book, equity_usd=Decimal(equity), limits=LIMITS, mode=mode)


def state(*equities: int, mode: Any = "simulated") -> str:
    return stands(a_book(*equities), equities[-1], mode).state


def test_an_account_above_its_limit_is_active() -> None:
    assert state(100_000, 95_001) == "active"


def test_the_limit_itself_stops_new_risk() -> None:
    assert state(100_000, 95_000) == "reducing"


def test_the_loss_of_today_counts_before_it_is_marked() -> None:
    assert stands(a_book(100_000), 94_000, "files").state == "reducing"


def test_a_recovery_does_not_lift_the_stop_early() -> None:
    assert state(100_000, 94_000, 99_000) == "reducing"


def test_play_money_resumes_after_its_sessions_and_counts_from_there() -> None:
    assert state(100_000, 94_000, 94_000, 94_000) == "reducing"
    assert state(100_000, 94_000, 94_000, 94_000, 94_000) == "active"
    assert state(100_000, 94_000, 94_000, 94_000, 94_000, 90_000) == "active"
    assert state(100_000, 94_000, 94_000, 94_000, 94_000, 89_000) == "reducing"


def test_real_money_is_halted_and_does_not_resume() -> None:
    assert state(100_000, 94_000, 99_000, 99_000, 99_000, 99_000, mode="paper") == "halted"


def controlled(book: Book, control: Any, *, days: int = 0) -> Book:
    at = AT + timedelta(days=days, hours=1)
    return replace(book, control=ControlChanged(at=at, state=control, actor="ann", reason="looks odd"))


@pytest.mark.parametrize("control", ["reducing", "halted"])
def test_what_a_person_said_holds_and_names_who_when_and_why(control: str) -> None:
    found = stands(controlled(a_book(100_000), control), 100_000)
    assert found.state == control
    assert found.reason == f"set to {control} by ann at 2024-03-06T15:31:00+00:00: looks odd"


@pytest.mark.parametrize(
    ("control", "equity", "mode", "worst"),
    [
        ("active", 94_000, "simulated", "reducing"),
        ("reducing", 94_000, "paper", "halted"),
        ("halted", 94_000, "simulated", "halted"),
        ("reducing", 100_000, "simulated", "reducing"),
        ("active", 100_000, "paper", "active"),
    ],
)
def test_the_worse_of_control_and_drawdown_holds(control: str, equity: int, mode: str, worst: str) -> None:
    assert stands(controlled(a_book(100_000), control), equity, mode).state == worst


def test_a_drawdown_names_its_limit_and_its_size() -> None:
    found = stands(a_book(100_000), 94_000)
    assert found.reason == "the drawdown reached its limit of 5.00 % now: 6.00 % below the highest equity"
    assert found.drawdown_fraction == Decimal("0.06")


def test_a_named_resume_lifts_a_halt_and_counts_from_the_close_it_saw() -> None:
    resumed = controlled(a_book(100_000, 94_000), "active", days=1)
    assert stands(resumed, 94_000, "paper").state == "active"
    assert stands(resumed, 89_301, "paper").state == "active"
    assert stands(resumed, 89_300, "paper").state == "halted"


def test_a_resume_before_the_loss_lifts_nothing() -> None:
    assert stands(controlled(a_book(100_000, 94_000), "active", days=0), 94_000, "paper").state == "halted"
