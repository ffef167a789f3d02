"""A drawdown beyond the limit stops new risk; play money resumes by itself, real money waits for a person."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.domain.events import ControlChanged, PositionsMarked
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.ledger.grown import Grown
from execution.risk.limits import RiskLimits
from execution.session.trading_state import Standing, standing
from tests.builders.orders import AT, CYCLE, account_opened
from tests.builders.trading_days import CALENDAR, FIRST

LIMITS = RiskLimits(drawdown_resume_sessions=3)
OPENED = account_opened()


def a_mark(number: int, equity: int, *, paid_in: Decimal = OPENED.cash_usd) -> PositionsMarked:
    return PositionsMarked(
        at=AT + timedelta(days=number),
        cycle_id=CYCLE,
        marked_session=CALENDAR.offset(FIRST, number),
        positions=(),
        cash_usd=Decimal(equity),
        equity_usd=Decimal(equity),
        realised_usd=Decimal(0),
        unrealised_usd=Decimal(equity) - paid_in,
    )


def a_book(*equities: int, kept: Callable[[Sequence[PositionsMarked]], Any] = Grown) -> Book:
    """Return a book of daily marks, kept as the ledger keeps them unless a test says otherwise."""
    marks = [a_mark(number, equity) for number, equity in enumerate(equities)]
    return msgspec.structs.replace(folded(Book(), [OPENED]), marks=kept(marks))


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
    return msgspec.structs.replace(book, control=ControlChanged(at=at, state=control, actor="ann", reason="looks odd"))


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


def test_an_account_that_goes_on_says_nothing() -> None:
    found = stands(a_book(100_000), 98_000)
    assert (found.state, found.reason, found.drawdown_fraction) == ("active", "", Decimal("0.02"))


def test_an_account_at_its_height_has_lost_nothing() -> None:
    assert stands(a_book(100_000, 120_000), 121_000).drawdown_fraction == 0


def test_a_loss_is_counted_from_the_opening_cash_before_the_first_mark() -> None:
    assert stands(a_book(), 95_001).state == "active"
    found = stands(a_book(), 95_000)
    assert (found.state, found.drawdown_fraction) == ("reducing", Decimal("0.05"))


def test_an_account_nobody_opened_is_counted_from_what_it_is_worth() -> None:
    empty = stands(Book(), 50_000)
    assert (empty.state, empty.drawdown_fraction) == ("active", 0)


@pytest.mark.parametrize("equity", [0, -5_000])
def test_an_account_that_never_held_anything_has_no_part_to_lose(equity: int) -> None:
    # Nothing can be said of a fraction of nothing, and an account of nothing takes no new risk.
    found = stands(Book(), equity)
    assert (found.state, found.drawdown_fraction) == ("reducing", 0)


def test_a_drawdown_of_an_earlier_session_names_that_session() -> None:
    found = stands(a_book(100_000, 94_000, 96_000), 96_000)
    assert found.reason == (
        f"the drawdown reached its limit of 5.00 % since {CALENDAR.offset(FIRST, 1)}: 4.00 % below the highest equity"
    )


def test_a_second_drawdown_names_its_own_session() -> None:
    found = stands(a_book(100_000, 94_000, 94_000, 94_000, 94_000, 89_000, 89_000), 89_000)
    assert f"since {CALENDAR.offset(FIRST, 5)}" in found.reason


def test_a_halt_and_a_drawdown_are_both_told() -> None:
    found = stands(controlled(a_book(100_000), "halted"), 94_000)
    assert found.reason == (
        "set to halted by ann at 2024-03-06T15:31:00+00:00: looks odd; "
        "the drawdown reached its limit of 5.00 % now: 6.00 % below the highest equity"
    )
    assert found.drawdown_fraction == Decimal("0.06")


def test_a_mark_told_late_counts_on_its_own_session() -> None:
    # The loss of the second session came last: the third had recovered from it already, and stays reducing.
    marks = Grown([a_mark(0, 100_000), a_mark(2, 99_000), a_mark(1, 94_000)])
    assert stands(msgspec.structs.replace(a_book(), marks=marks), 99_000).state == "reducing"
    assert f"since {CALENDAR.offset(FIRST, 1)}" in stands(msgspec.structs.replace(a_book(), marks=marks), 99_000).reason


def test_what_one_mode_and_one_limit_came_to_is_not_taken_for_another() -> None:
    book = a_book(100_000, 94_000, 94_000, 94_000, 94_000)
    assert stands(book, 94_000).state == "active"
    assert stands(book, 94_000, "paper").state == "halted"
    tight = LIMITS.model_copy(update={"drawdown_max_fraction": Decimal("0.01"), "drawdown_resume_sessions": 9})
    assert standing(book=book, equity_usd=Decimal(94_000), limits=tight, mode="simulated").state == "reducing"
    assert stands(book, 94_000).state == "active"
    twice = Decimal(200_000)
    marks = Grown([a_mark(number, 94_000, paid_in=twice) for number in range(5)])
    richer = msgspec.structs.replace(folded(Book(), [replace(OPENED, cash_usd=twice)]), marks=marks)
    assert stands(richer, 94_000).state == "active"
    assert stands(richer, 94_000, "paper").drawdown_fraction == Decimal("0.53")


@settings(max_examples=60, deadline=None)
@given(
    days=st.lists(
        st.tuples(st.integers(0, 12), st.integers(80_000, 120_000), st.sampled_from([100_000, 90_000])), max_size=14
    ),
    mode=st.sampled_from(["simulated", "paper"]),
)
def test_a_count_that_is_gone_on_from_is_the_count_from_the_start(days: list[tuple[int, int, int]], mode: str) -> None:
    grown = Grown[PositionsMarked]()
    for number, equity, paid_in in days:
        grown = grown.followed_by(a_mark(number, equity, paid_in=Decimal(paid_in)))
        book = msgspec.structs.replace(a_book(), marks=grown)
        plain = msgspec.structs.replace(book, marks=tuple(grown))
        assert stands(book, equity, mode) == stands(plain, equity, mode)
