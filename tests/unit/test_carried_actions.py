"""A split or dividend acts on its ex-session's bar, else on the next: no holder loses one to a day without trades."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.carried_actions import BarActions, carried_to_bars
from tests.builders.raw_rows import action, sessions

FIRST, SECOND, THIRD, FOURTH, FIFTH = DAYS = sessions(5, first=date(2024, 3, 4))


def test_an_action_acts_on_the_bar_of_its_ex_session() -> None:
    found = carried_to_bars([action("A", SECOND, "split", "2"), action("A", THIRD, "dividend", "0.25")], DAYS)
    assert found == {SECOND: BarActions(split_ratio=Decimal(2)), THIRD: BarActions(dividend_usd=Decimal("0.25"))}


def test_an_action_without_a_bar_is_carried_to_the_next_one() -> None:
    found = carried_to_bars([action("A", SECOND, "split", "2")], [FIRST, FOURTH])
    assert found == {FOURTH: BarActions(split_ratio=Decimal(2))}


def test_splits_that_meet_on_a_bar_multiply_and_dividends_add() -> None:
    met = [
        action("A", SECOND, "dividend", "0.10"),
        action("A", THIRD, "dividend", "0.20"),
        action("A", THIRD, "split", "2"),
        action("A", FOURTH, "split", "3"),
    ]
    found = carried_to_bars(met, [FIRST, FOURTH])
    assert found == {FOURTH: BarActions(split_ratio=Decimal(6), dividend_usd=Decimal("0.30"))}


def test_a_dividend_after_a_split_on_the_way_is_paid_on_the_shares_the_split_left() -> None:
    met = [action("A", SECOND, "split", "2"), action("A", THIRD, "dividend", "0.50")]
    found = carried_to_bars(met, [FIRST, FOURTH])
    assert found == {FOURTH: BarActions(split_ratio=Decimal(2), dividend_usd=Decimal("1.00"))}


def test_what_went_ex_before_the_first_bar_or_waits_for_a_bar_acts_on_none() -> None:
    met = [action("A", FIRST, "split", "2"), action("A", FIFTH, "dividend", "1")]
    assert carried_to_bars(met, [SECOND, THIRD]) == {}


@settings(deadline=None, max_examples=100)
@given(
    told=st.lists(
        st.tuples(st.sampled_from(DAYS[1:]), st.sampled_from(["split", "dividend"]), st.integers(1, 4)),
        unique_by=lambda one: one[:2],
    ),
    gaps=st.sets(st.sampled_from(DAYS[1:-1])),
)
def test_a_holder_ends_with_the_shares_and_cash_of_one_whose_every_session_has_a_bar(
    told: list[tuple[date, str, int]], gaps: set[date]
) -> None:
    actions = [action("A", day, kind, str(value)) for day, kind, value in told]

    def ends_with(bars: Sequence[date]) -> tuple[Decimal, Decimal]:
        shares, cash = Decimal(100), Decimal(0)
        for acting in map(carried_to_bars(actions, bars).get, bars):
            if acting is not None:
                cash += shares * acting.dividend_usd
                shares *= acting.split_ratio
        return shares, cash

    assert ends_with([day for day in DAYS if day not in gaps]) == ends_with(DAYS)
