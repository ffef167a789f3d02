"""Whatever a venue answers that cannot be true is refused by name, and nothing is sent or booked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execution.domain.errors import BrokerAnswerRefused, TouchstoneError
from execution.domain.orders import AccountSnapshot, CorporateActionEntry
from execution.session import run_session
from execution.session.answers import HIGHEST_PRICE_USD, MOST_CASH_USD, MOST_SHARES
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays
from tests.fakes.scripted_broker import ScriptedBroker

NO_NUMBER = [None, "12", b"1", 1.5, float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity")]
BAD_SHARES = st.sampled_from([*NO_NUMBER, True, Decimal("1E-10"), 10 * MOST_SHARES, -10 * MOST_SHARES])
BAD_PRICES = st.sampled_from(
    [*NO_NUMBER[1:], 100, Decimal(0), Decimal("-0.01"), Decimal(-50), HIGHEST_PRICE_USD * 10, Decimal("-Infinity")]
)
BAD_AMOUNTS = st.sampled_from([*NO_NUMBER, 100, MOST_CASH_USD * 10, -MOST_CASH_USD * 10])
BAD_SYMBOLS = st.sampled_from([None, "", " ", "aaa", "A A", "AAA\n", "../AAA", "A" * 16, 7, "ÄÄÄ"])
BAD_NAMES = st.sampled_from([None, "", " ", 7])
BAD_WORDS = st.sampled_from([None, "", "BUY", "both", "done", 7])
BAD_INSTANTS = st.sampled_from([None, "now", datetime(2024, 3, 6, 15), CALENDAR.closes_at(SESSIONS[5])])  # noqa: DTZ001 - naive on purpose

ORDER_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "client_order_id": st.sampled_from([None, "", "another-order"]),
    "broker_order_id": BAD_NAMES,
    "symbol": st.one_of(BAD_SYMBOLS, st.just("ZZZ")),
    "side": st.one_of(BAD_WORDS, st.just("sell")),
    "quantity_shares": st.one_of(BAD_SHARES, st.sampled_from([0, -1])),
    "filled_shares": st.one_of(BAD_SHARES, st.sampled_from([-1, 10_000])),
    "status": BAD_WORDS,
    "order_type": st.one_of(BAD_WORDS, st.just("stop")),
    "limit_usd": BAD_PRICES,
    "stop_usd": BAD_PRICES,
}
FILL_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "execution_id": BAD_NAMES,
    "client_order_id": BAD_NAMES,
    "symbol": st.one_of(BAD_SYMBOLS, st.just("ZZZ")),
    "side": st.one_of(BAD_WORDS, st.just("sell")),
    "quantity_shares": st.one_of(BAD_SHARES, st.sampled_from([0, -1, 100_000])),
    "price_usd": st.one_of(BAD_PRICES, st.none(), st.sampled_from([Decimal("4025.00"), Decimal("40.86")])),
    "fee_usd": st.one_of(BAD_AMOUNTS, st.just(Decimal(-1))),
    "filled_at": BAD_INSTANTS,
}
ACTION_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "entry_id": BAD_NAMES,
    "kind": BAD_WORDS,
    "symbol": BAD_SYMBOLS,
    "quantity_delta_shares": BAD_SHARES,
    "cash_usd": BAD_AMOUNTS,
    "ratio": st.sampled_from([Decimal(0), Decimal(-2), Decimal(10_001), Decimal("NaN"), 2.0, "2"]),
    "booked_at": BAD_INSTANTS,
}
ACCOUNT_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "cash_usd": st.one_of(
        BAD_AMOUNTS, st.sampled_from([Decimal(0), Decimal(-1), Decimal("99999.98"), Decimal(10_000_000)])
    ),
    "positions_shares": st.one_of(
        BAD_SYMBOLS.map(lambda symbol: {symbol: 1}), BAD_SHARES.map(lambda shares: {"AAA": shares})
    ),
}


def faults(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(sorted(fields)).flatmap(lambda name: fields[name].map(lambda value: {name: value}))


class LyingBroker(ScriptedBroker):
    """A venue whose answers a test changes on their way."""

    lies: Callable[[str, Any], Any] = staticmethod(lambda _, answer: answer)

    def order(self, client_order_id: str) -> Any:
        return self.lies("order", super().order(client_order_id))

    def open_orders(self) -> Any:
        return tuple(self.lies("order", state) for state in self._venue.open_orders())

    def fills(self, *, since: datetime) -> Any:
        return tuple(self.lies("fill", fill) for fill in super().fills(since=since))

    def corporate_actions(self, *, since: datetime) -> Any:
        return self.lies("actions", self._venue.corporate_actions(since=since))

    def account(self) -> Any:
        return self.lies("account", super().account())


@contextmanager
def a_day_with_a_working_order() -> Iterator[TradingDays]:
    """A morning after the first order was filled and its answer was lost: the look-up is all there is."""
    memory = Path("/dev/shm")  # noqa: S108 - only for speed, any folder will do
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        days = TradingDays(Path(folder), wrap_broker=LyingBroker)
        days.plan()
        days.morning(FIRST)
        broker = days.desk.broker
        assert isinstance(broker, LyingBroker)
        broker.faults["AAA", "entry"] = "lose_answer"
        yield days


def assert_refused_and_nothing_more_sent(lie: Callable[[str, Any], Any], *, after_first: bool) -> TouchstoneError:
    with a_day_with_a_working_order() as days:
        broker: Any = days.desk.broker
        if after_first:
            # The truth until the first order is out, lies from then on.
            broker.before_submit = lambda _: setattr(broker, "lies", lie)
        else:
            broker.lies = lie
        with pytest.raises(TouchstoneError) as refused:
            run_session.submit(days.desk, session=FIRST)
        stops = [order for order in broker.submitted if order.leg == "stop"]
        assert (len(broker.submitted) if not after_first else len(stops)) == 0
        days.desk.ledger.verify_chain()
        return refused.value


PROPERTY = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def changed(kind: str, changes: dict[str, Any]) -> Callable[[str, Any], Any]:
    return lambda told, answer: replace(answer, **changes) if told == kind and answer is not None else answer


@PROPERTY
@given(changes=faults(ORDER_FIELDS))
def test_an_order_that_cannot_be_true_is_refused(changes: dict[str, Any]) -> None:
    if changes == {"limit_usd": None}:
        return
    refused = assert_refused_and_nothing_more_sent(changed("order", changes), after_first=True)
    assert isinstance(refused, BrokerAnswerRefused)


@PROPERTY
@given(changes=faults(FILL_FIELDS))
def test_a_fill_that_cannot_be_true_is_refused(changes: dict[str, Any]) -> None:
    assert_refused_and_nothing_more_sent(changed("fill", changes), after_first=True)


@PROPERTY
@given(changes=faults(ACCOUNT_FIELDS))
def test_an_account_that_cannot_be_true_is_refused(changes: dict[str, Any]) -> None:
    assert_refused_and_nothing_more_sent(changed("account", changes), after_first=False)


@PROPERTY
@given(changes=faults(ACTION_FIELDS))
def test_a_corporate_action_that_cannot_be_true_is_refused(changes: dict[str, Any]) -> None:
    split = CorporateActionEntry(
        entry_id="c-1",
        kind="split",
        symbol="AAA",
        session=SESSIONS[1],
        quantity_delta_shares=0,
        cash_usd=Decimal(0),
        ratio=Decimal(2),
        booked_at=CALENDAR.opens_at(SESSIONS[1]) + timedelta(seconds=1),
    )
    entry = replace(split, **changes)
    refused = assert_refused_and_nothing_more_sent(
        lambda told, answer: (entry,) if told == "actions" else answer, after_first=False
    )
    assert isinstance(refused, BrokerAnswerRefused)


def test_an_account_with_nothing_wrong_is_believed() -> None:
    with a_day_with_a_working_order() as days:
        assert isinstance(days.desk.broker.account(), AccountSnapshot)
        assert run_session.submit(days.desk, session=FIRST).status == "submitted"
