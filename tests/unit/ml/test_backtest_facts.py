"""What each position earned, whatever became of it: sold, stopped on its first day, paid, split or delisted."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from assets.ml.backtest import Lived, summed_up
from assets.ml.backtest_facts import UNKNOWN, RoundTrip, facts_of
from assets.ml.policy import LearningPolicy
from assets.ml.portfolios import side_by_side
from execution.backtest import backtest
from execution.brokers.tape import TapeRow
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
