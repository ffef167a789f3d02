"""What each position earned, whatever became of it: sold, stopped on its first day, paid, split or delisted."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from assets.ml.afterwards.account import beside_of
from assets.ml.backtest import Lived, lived_by, summed_up
from assets.ml.lived_facts import UNKNOWN, RoundTrip, daily_returns, difference, facts_of
from assets.ml.lived_page import return_tile
from assets.ml.policy import LearningPolicy
from assets.ml.portfolios import side_by_side
from execution.backtest import backtest
from execution.brokers.tape import TapeRow
from execution.domain.events import PositionMark
from execution.domain.orders import BrokerFill, CorporateActionEntry, Side
from execution.lived_days import CASH as PAID_CASH
from execution.lived_days import LivedDay
from tests.builders import backtest_quarter as quarter
from tests.builders.trading_days import CALENDAR, CASH, FIRST, SESSIONS, TradingDays, a_day_of
from tests.unit.test_backtest import DECIDED, RULES, tape

SECOND, THIRD = SESSIONS[1:3]


def lived(folder: Path, **changed: TapeRow) -> Lived:
    """Return days that buy three names in the second session and decide nothing more."""
    batch = TradingDays(folder).a_batch(FIRST)
    signals = [replace(signal, sector=f"Sector {signal.symbol}") for signal in batch.signals]
    batch = replace(batch, signals=tuple(signals))
    days = backtest(RULES, sessions=DECIDED, batch_of={FIRST: batch}.get, tape=tape(**changed), calendar=CALENDAR)
    portfolios = side_by_side(RULES, scorer="momentum_12_1", policy=LearningPolicy())
    (desk,) = summed_up(portfolios, [(day,) for day in days])
    return desk


def trip_of(desk: Lived, symbol: str) -> RoundTrip:
    (trip,) = (trip for trip in facts_of(desk).trips if trip.symbol == symbol)
    return trip


def bought(desk: Lived, symbol: str) -> tuple[Decimal, Decimal, Decimal]:
    """Return shares, price and fee of the one purchase of a symbol."""
    (fill,) = (fill for day in desk.days for fill in day.executions if (fill.symbol, fill.side) == (symbol, "buy"))
    return Decimal(fill.quantity_shares), fill.price_usd, fill.fee_usd


def assert_shared_out(desk: Lived) -> None:
    """Every dollar of the account is a trip's, a sector's, a regime's and a feature's."""
    facts, earned = facts_of(desk), desk.days[-1].mark.equity_usd - CASH
    assert sum(trip.earned_usd for trip in facts.trips) == earned
    assert UNKNOWN not in facts.by_sector
    for parts in (facts.by_sector, facts.by_regime, facts.by_feature):
        assert sum(parts.values()) == pytest.approx(float(earned))


def test_a_delisted_holding_earned_what_was_paid_for_it_less_what_it_cost(tmp_path: Path) -> None:
    last = a_day_of("AAA", THIRD, is_last_session=True)
    desk = lived(tmp_path, last=last)
    shares, price, fee = bought(desk, "AAA")
    (delisted,) = (action for day in desk.days for action in day.actions)
    trip = trip_of(desk, "AAA")
    assert (delisted.kind, delisted.session, delisted.cash_usd > 0) == ("delisting", THIRD, True)
    assert trip.earned_usd == delisted.cash_usd - shares * price - fee
    assert (trip.ended, trip.is_open) == (THIRD, False)
    assert facts_of(desk).by_sector["Sector AAA"] == pytest.approx(float(trip.earned_usd))
    assert_shared_out(desk)


def test_a_dividend_and_a_part_of_a_share_are_earned_by_the_name_that_paid_them(tmp_path: Path) -> None:
    changed = a_day_of("AAA", THIRD, dividend_usd="0.50", split_ratio="1.5", open_usd="28", low_usd="27.50")
    desk = lived(tmp_path, changed=changed)
    assert {action.kind for day in desk.days for action in day.actions} == {"dividend", "split"}
    paid = sum(action.cash_usd for day in desk.days for action in day.actions)
    shares, price, fee = bought(desk, "AAA")
    worth = next(held.shares * held.close_usd for held in desk.days[-1].mark.positions if held.symbol == "AAA")
    assert trip_of(desk, "AAA").earned_usd == worth + paid - shares * price - fee
    assert_shared_out(desk)


def test_what_is_stopped_on_the_day_it_was_bought_is_told_by_its_sector(tmp_path: Path) -> None:
    desk = lived(tmp_path, crash=a_day_of("AAA", SECOND, low_usd="30"))
    trip = trip_of(desk, "AAA")
    assert (trip.entered, trip.ended, trip.earned_usd < 0) == (SECOND, SECOND, True)
    assert "AAA" in {row.symbol for row in desk.days[0].bought}
    assert facts_of(desk).by_sector["Sector AAA"] == pytest.approx(float(trip.earned_usd))
    assert_shared_out(desk)


@pytest.fixture(scope="module")
def quarter_days() -> tuple[LivedDay, ...]:
    return tuple(quarter.lived(quarter.DEAR))


def paying(days: tuple[LivedDay, ...], at: int, usd: int) -> tuple[LivedDay, ...]:
    """Return the days as if dollars had been paid in before a close, or with a minus taken out, and never touched."""
    amount = Decimal(usd)
    after = [
        replace(
            day, mark=replace(day.mark, cash_usd=day.mark.cash_usd + amount, equity_usd=day.mark.equity_usd + amount)
        )
        for day in days[at:]
    ]
    return (*days[:at], replace(after[0], paid_in_usd={PAID_CASH: amount}), *after[1:])


@pytest.mark.parametrize("usd", [50_000, -60_000])
def test_cash_moved_by_hand_is_neither_profit_nor_drawdown(quarter_days: tuple[LivedDay, ...], usd: int) -> None:
    at = 30
    before = lived_by("paper-1", quarter_days, initial_cash_usd=quarter.CASH)
    moved = lived_by("paper-1", paying(quarter_days, at, usd), initial_cash_usd=quarter.CASH)
    # The payment is first seen at a close, so the return of that session is what its positions earned.
    assert daily_returns(moved)[: at + 1] == pytest.approx(daily_returns(before)[: at + 1])
    # The same dollars earned are another part of what is there from then on.
    scale = [float(day.mark.equity_usd / (day.mark.equity_usd + usd)) for day in quarter_days[at:-1]]
    assert daily_returns(moved)[at + 1 :] == pytest.approx(daily_returns(before)[at + 1 :] * scale)
    assert moved.performance.max_drawdown > -0.2
    facts = facts_of(moved)
    assert facts.by_sector == pytest.approx(facts_of(before).by_sector)
    assert UNKNOWN not in facts.by_sector
    assert facts.trips == facts_of(before).trips


def test_shares_carried_over_begin_a_round_trip_at_their_cost(quarter_days: tuple[LivedDay, ...]) -> None:
    day = quarter_days[-1]
    position = replace(day.mark.positions[0], symbol="ZZZ", shares=10, close_usd=Decimal(50))
    mark = replace(day.mark, positions=(*day.mark.positions, position), equity_usd=day.mark.equity_usd + 500)
    days = (*quarter_days[:-1], replace(day, mark=mark, paid_in_usd={"ZZZ": Decimal(450)}))
    facts = facts_of(lived_by("paper-1", days, initial_cash_usd=quarter.CASH))
    (trip,) = (trip for trip in facts.trips if trip.symbol == "ZZZ")
    assert (trip.earned_usd, trip.invested_usd, trip.is_open, trip.sector) == (50, 450, True, UNKNOWN)
    assert facts.by_sector[UNKNOWN] == pytest.approx(50)


def test_shares_moved_by_hand_are_no_profit_whatever_they_were_booked_at(quarter_days: tuple[LivedDay, ...]) -> None:
    before = lived_by("paper-1", quarter_days, initial_cash_usd=quarter.CASH)
    day = quarter_days[-1]
    position = replace(day.mark.positions[0], symbol="ZZZ", shares=1000, close_usd=Decimal("50.75"))
    worth = Decimal(50_750)
    mark = replace(day.mark, positions=(*day.mark.positions, position), equity_usd=day.mark.equity_usd + worth)
    moved = replace(day, mark=mark, paid_in_usd={"ZZZ": Decimal(1000)}, shares_moved_usd={"ZZZ": worth})
    after = lived_by("paper-1", (*quarter_days[:-1], moved), initial_cash_usd=quarter.CASH)
    assert daily_returns(after) == pytest.approx(daily_returns(before))
    (trip,) = (trip for trip in facts_of(after).trips if trip.symbol == "ZZZ")
    assert trip.earned_usd == worth - 1000


def test_a_dividend_paid_after_the_sale_belongs_to_its_round_trip(quarter_days: tuple[LivedDay, ...]) -> None:
    desk = lived_by("paper-1", quarter_days, initial_cash_usd=quarter.CASH)
    trip = next(trip for trip in facts_of(desk).trips if not trip.is_open)
    later = next(
        place
        for place, day in enumerate(quarter_days)
        if day.mark.marked_session > trip.ended
        and trip.symbol not in {fill.symbol for fill in day.executions}
        and trip.symbol not in {held.symbol for held in day.mark.positions}
    )
    day = quarter_days[later]
    paid, charged = (
        CorporateActionEntry(
            entry_id=kind,
            kind=kind,
            symbol=symbol,
            session=day.mark.marked_session,
            quantity_delta_shares=0,
            cash_usd=Decimal(usd),
            ratio=None,
            booked_at=day.mark.at,
        )
        for kind, symbol, usd in (("dividend", trip.symbol, 7), ("charge", "USD", -3))
    )
    days = (*quarter_days[:later], replace(day, actions=(paid, charged)), *quarter_days[later + 1 :])
    told_again = facts_of(lived_by("paper-1", days, initial_cash_usd=quarter.CASH)).trips
    (same,) = (one for one in told_again if (one.symbol, one.entered) == (trip.symbol, trip.entered))
    assert same == replace(trip, earned_usd=trip.earned_usd + 7)
    assert "USD" not in {one.symbol for one in told_again}


def a_trade(day: LivedDay, execution_id: str, side: Side, price: int, reverses: str | None = None) -> BrokerFill:
    """Return ten shares of a name no other day knows, traded in the session of a day."""
    return BrokerFill(
        execution_id=execution_id,
        client_order_id=execution_id,
        symbol="ZZZ",
        side=side,
        quantity_shares=10,
        price_usd=Decimal(price),
        fee_usd=Decimal(0),
        filled_at=day.mark.at,
        reverses=reverses,
    )


def trading(day: LivedDay, *fills: BrokerFill, held: int, close: int = 100) -> LivedDay:
    """Return a day that traded nothing else and held so many shares of it at the close."""
    cost, close_usd = Decimal(0), Decimal(close)
    position = PositionMark(
        symbol="ZZZ",
        shares=held,
        cost_usd=cost,
        close_usd=close_usd,
        closed_session=day.mark.marked_session,
        realised_usd=cost,
    )
    mark = replace(day.mark, positions=(position,) if held else ())
    taken_back = {name for fill in fills if fill.reverses for name in (fill.execution_id, fill.reverses)}
    return replace(day, mark=mark, executions=fills, actions=(), bought=(), taken_back=frozenset(taken_back))


def trips_in(*days: LivedDay) -> list[tuple[int, int, bool]]:
    """Return what each round trip earned and invested, and whether it is open."""
    trips = facts_of(lived_by("paper-1", days, initial_cash_usd=quarter.CASH)).trips
    return [(int(trip.earned_usd), int(trip.invested_usd), trip.is_open) for trip in trips]


def test_a_purchase_that_was_taken_back_is_no_round_trip(quarter_days: tuple[LivedDay, ...]) -> None:
    one, two = quarter_days[:2]
    bought, bust = a_trade(one, "x1", "buy", 100), a_trade(two, "x2", "sell", 100, reverses="x1")
    assert trips_in(trading(one, bought, bust, held=0)) == []
    assert trips_in(trading(one, bought, held=10), trading(two, bust, held=0)) == []


def test_a_sale_that_was_taken_back_later_ends_no_round_trip(quarter_days: tuple[LivedDay, ...]) -> None:
    one, two, three = quarter_days[:3]
    bought, sold = a_trade(one, "x1", "buy", 100), a_trade(two, "x2", "sell", 110)
    bust = a_trade(three, "x3", "buy", 110, reverses="x2")
    days = trading(one, bought, held=10), trading(two, sold, held=0), trading(three, bust, held=10, close=120)
    assert trips_in(*days[:2]) == [(100, 1000, False)]
    assert trips_in(*days) == [(200, 1000, True)]


def test_fees_kept_of_what_was_taken_back_are_lost_by_the_trip_that_goes_on(
    quarter_days: tuple[LivedDay, ...],
) -> None:
    one, two, three = quarter_days[:3]
    sold = replace(a_trade(two, "x2", "sell", 110), fee_usd=Decimal(3))
    bust = replace(a_trade(three, "x3", "buy", 110, reverses="x2"), fee_usd=Decimal(-1))
    days = trading(one, a_trade(one, "x1", "buy", 100), held=10), trading(two, sold, held=0)
    assert trips_in(*days, trading(three, bust, held=10, close=120)) == [(198, 1000, True)]


def test_what_is_sold_and_bought_again_on_one_day_is_two_round_trips(quarter_days: tuple[LivedDay, ...]) -> None:
    one, two, three = quarter_days[:3]
    sold, again = a_trade(two, "x2", "sell", 120), a_trade(two, "x3", "buy", 120)
    days = (
        trading(one, a_trade(one, "x1", "buy", 100), held=10),
        trading(two, sold, again, held=10, close=120),
        trading(three, a_trade(three, "x4", "sell", 100), held=0),
    )
    assert trips_in(*days) == [(200, 1000, False), (-200, 1200, False)]


def test_a_split_leaves_shares_of_one_round_trip(quarter_days: tuple[LivedDay, ...]) -> None:
    one, two, three = quarter_days[:3]
    split = CorporateActionEntry(
        entry_id="split",
        kind="split",
        symbol="ZZZ",
        session=two.mark.marked_session,
        quantity_delta_shares=10,
        cash_usd=Decimal(0),
        ratio=Decimal(2),
        booked_at=two.mark.at,
    )
    half, rest = a_trade(two, "x2", "sell", 60), a_trade(three, "x3", "sell", 70)
    days = (
        trading(one, a_trade(one, "x1", "buy", 100), held=10),
        replace(trading(two, half, held=10, close=60), actions=(split,)),
        trading(three, rest, held=0),
    )
    assert trips_in(*days) == [(300, 1000, False)]


def growing(quarter_days: tuple[LivedDay, ...], marked: slice) -> Lived:
    """An account in cash whose equity grows by 0.04 % a session and wavers, of which some sessions were marked."""
    sessions = quarter.CALENDAR.between(date(2022, 1, 3), date(2024, 6, 3))[:241]
    days = []
    for at, (decided, traded) in enumerate(pairwise(sessions)):
        usd = quarter.CASH * Decimal("1.0004") ** (at + 1) * (Decimal("1.01") if at % 2 else 1)
        mark = replace(quarter_days[0].mark, marked_session=traded, cash_usd=usd, equity_usd=usd, positions=())
        day = replace(quarter_days[0], session=decided, mark=mark, executions=(), actions=(), bought=(), fills=0)
        days.append(replace(day, traded_usd=Decimal(1000), paid_in_usd={}))
    return lived_by("paper-1", tuple(days[marked]), initial_cash_usd=quarter.CASH)


def test_an_account_marked_every_third_session_is_told_a_year_by_the_sessions_it_spans(
    quarter_days: tuple[LivedDay, ...],
) -> None:
    every, third = growing(quarter_days, slice(0, None)), growing(quarter_days, slice(0, None, 3))
    assert (every.marks_a_year, third.marks_a_year) == (252, 252 * 80 / 238)
    assert every.performance.yearly_return is not None
    assert third.performance.yearly_return == pytest.approx(every.performance.yearly_return, abs=0.02)
    # A third of the dollars was seen to be traded.
    assert third.turnover_per_year == pytest.approx(every.turnover_per_year / 3, rel=0.02)
    assert return_tile(third, facts_of(third))[2].startswith("a year +1")
    one, other = daily_returns(third), np.zeros(80)
    told = difference(one, other, marks_a_year=third.marks_a_year)
    assert told.value == pytest.approx(one.mean() * 252 * 80 / 238)
    assert told.low < told.value < told.high
    beside = beside_of(one, {"flat": np.cumprod(1 + 0.01 * np.sin(np.arange(80)))}, marks_a_year=third.marks_a_year)
    usual = beside_of(one, {"flat": np.cumprod(1 + 0.01 * np.sin(np.arange(80)))})
    assert beside["flat"].alpha.high == pytest.approx(usual["flat"].alpha.high * 80 / 238)
    assert beside["flat"].beta == usual["flat"].beta
    assert beside["flat"].tracking_error == pytest.approx(usual["flat"].tracking_error * (80 / 238) ** 0.5)
