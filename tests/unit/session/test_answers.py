"""What a venue may say, to the last share, cent and instant, and what is refused by name before it is booked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.domain.errors import BrokerAnswerRefused
from execution.domain.events import FillBooked
from execution.domain.orders import Accepted, AccountSnapshot, OrderState, Refused, Unknown
from execution.session.answers import (
    account_told,
    actions_told,
    fills_told,
    open_orders_told,
    order_told,
    outcome_told,
    refuse_worse_than_limit,
)
from execution.session.desk import Desk
from tests.builders.memory_desk import a_memory_desk
from tests.builders.orders import AT, a_fill, an_action, an_order

BEGINNING = AT - timedelta(days=1)
LATEST = AT + timedelta(minutes=5)
BILLION, PART = 1_000_000_000, Decimal("0.000000001")
NO_NUMBERS = [None, "12", 1.5, True, Decimal("NaN"), Decimal("Infinity")]


class Teller:
    """A venue that says what a test wrote down, and remembers what it was asked."""

    def __init__(self, told: Any) -> None:
        self.told = told
        self.asked: list[object] = []

    def order(self, client_order_id: str) -> Any:
        self.asked.append(client_order_id)
        return self.told

    def open_orders(self) -> Any:
        return self.told

    def fills(self, *, since: datetime) -> Any:
        self.asked.append(since)
        return self.told

    def corporate_actions(self, *, since: datetime) -> Any:
        self.asked.append(since)
        return self.told

    def account(self) -> Any:
        return self.told


def a_desk(told: Any) -> Desk:
    return a_memory_desk(AT, broker=Teller(told))


def a_state(**changes: Any) -> OrderState:
    order = an_order()
    fields: dict[str, Any] = {
        "client_order_id": order.client_order_id,
        "broker_order_id": "v-1",
        "symbol": "AAA",
        "side": "buy",
        "quantity_shares": 10,
        "filled_shares": 0,
        "status": "open",
        "order_type": "limit",
        "limit_usd": Decimal("51.00"),
        "stop_usd": None,
    }
    return OrderState(**{**fields, **changes})


def an_account(cash: Any = Decimal(100), **shares: Any) -> AccountSnapshot:
    return AccountSnapshot(cash_usd=cash, positions_shares=shares)


def faults_of(tell: Callable[[], object], what: str) -> str:
    """Return what was found wrong, without the words around it."""
    with pytest.raises(BrokerAnswerRefused) as refused:
        tell()
    before, after = f"the venue's {what} cannot be true: ", ". Nothing is booked from it and nothing is sent; look at "
    told = str(refused.value)
    assert told.startswith(before)
    found, _, rest = told.removeprefix(before).partition(after)
    assert rest == "the account at the venue and at the adapter"
    return found


def expected(name: str, value: object, words: str) -> str:
    return f"{name} {value!r}, expected {words}"


def test_an_order_is_asked_for_by_its_id_and_told_as_it_is() -> None:
    desk = a_desk(a_state())
    assert order_told(desk, an_order()) == a_state()
    assert desk.broker.asked == [an_order().client_order_id]  # type: ignore[attr-defined] # of the teller
    assert order_told(a_desk(None), an_order()) is None
    assert open_orders_told(a_desk((a_state(),))) == (a_state(),)


SHARE_WORDS = f"shares from {PART} to {BILLION}"
PRICE_WORDS = "dollars above 0 up to 10000000"
WRONG_ORDERS: list[tuple[str, Any, str]] = [
    ("client_order_id", " ", "a name"),
    ("broker_order_id", None, "a name"),
    ("symbol", "aaa", "an exchange symbol"),
    ("symbol", "AAA\n", "an exchange symbol"),
    ("symbol", "A" * 16, "an exchange symbol"),
    ("symbol", 7, "an exchange symbol"),
    ("side", "both", "one of buy, sell"),
    ("status", "done", "one of open, filled, cancelled, expired, rejected"),
    ("reason", None, "words"),
    ("reason", 7, "words"),
    ("order_type", "iceberg", "one of limit, market, stop, stop_limit, trailing_stop"),
    *(("quantity_shares", value, SHARE_WORDS) for value in (*NO_NUMBERS, 0, -1, BILLION + 1)),
    *(("filled_shares", value, f"shares from 0 to {BILLION}") for value in (*NO_NUMBERS, -1, BILLION + 1)),
    *(("limit_usd", value, PRICE_WORDS) for value in (*NO_NUMBERS[1:], Decimal(0), Decimal(-1), Decimal(10_000_001))),
    *(("stop_usd", value, PRICE_WORDS) for value in (*NO_NUMBERS[1:], Decimal(0), Decimal(-1), Decimal(10_000_001))),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG_ORDERS)
def test_an_order_that_cannot_be_true_is_refused_for_that_field(name: str, value: Any, words: str) -> None:
    state = a_state(**{name: value})
    found = faults_of(lambda: open_orders_told(a_desk((a_state(), state))), "open order")
    assert expected(name, value, words) in found.split("; ")
    assert expected(name, value, words) in faults_of(lambda: order_told(a_desk(state), an_order()), "order").split("; ")


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity_shares": BILLION, "filled_shares": BILLION},
        {"quantity_shares": PART},
        {"quantity_shares": 1, "filled_shares": 1},
        {"limit_usd": Decimal("0.0001")},
        {"limit_usd": Decimal(10_000_000), "stop_usd": Decimal(10_000_000)},
        {"limit_usd": None, "stop_usd": None},
        {"symbol": "BRK.B"},
        {"symbol": "A" * 15},
    ],
)
def test_an_order_at_the_edge_of_what_is_possible_is_believed(changes: dict[str, Any]) -> None:
    assert open_orders_told(a_desk((a_state(**changes),))) == (a_state(**changes),)


def test_an_order_filled_beyond_its_size_is_refused() -> None:
    found = faults_of(lambda: open_orders_told(a_desk((a_state(filled_shares=11),))), "open order")
    assert found == "filled_shares 11 of 10"


def test_every_fault_of_an_answer_is_told() -> None:
    state = a_state(side="both", quantity_shares=0)
    found = faults_of(lambda: open_orders_told(a_desk((state,))), "open order")
    assert found == f"side 'both', expected one of buy, sell; quantity_shares 0, expected {SHARE_WORDS}"


@pytest.mark.parametrize(
    "changes", [{"client_order_id": "other"}, {"symbol": "BBB"}, {"side": "sell"}, {"order_type": "market"}]
)
def test_an_answer_about_another_order_is_refused(changes: dict[str, Any]) -> None:
    state, order = a_state(**changes), an_order()
    found = faults_of(lambda: order_told(a_desk(state), order), "order")
    told = f"{state.client_order_id} {state.symbol} {state.side} {state.order_type}"
    assert found == f"it is {told}, asked was {order.client_order_id} AAA buy limit"


MOST_USD, LEAST_FEE = 1_000_000_000_000, 10_000_000
WRONG_FILLS: list[tuple[str, Any, str]] = [
    ("execution_id", "", "a name"),
    ("client_order_id", None, "a name"),
    ("symbol", "", "an exchange symbol"),
    ("side", "hold", "one of buy, sell"),
    *(("quantity_shares", value, SHARE_WORDS) for value in (*NO_NUMBERS, 0, BILLION + 1)),
    *(("price_usd", value, PRICE_WORDS) for value in (*NO_NUMBERS, Decimal(0), Decimal(10_000_001))),
    *(
        ("fee_usd", value, "an exact number from 0 to 10000000")
        for value in (*NO_NUMBERS, 1, Decimal("-0.01"), Decimal(10_000_001))
    ),
    *(
        ("filled_at", value, f"an instant with a timezone up to {LATEST.isoformat()}")
        for value in (None, "now", AT.replace(tzinfo=None), LATEST + timedelta(microseconds=1))
    ),
    ("reverses", " ", "a name"),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG_FILLS)
def test_a_fill_that_cannot_be_true_is_refused_for_that_field(name: str, value: Any, words: str) -> None:
    told = (a_fill("x0"), replace(a_fill(), **{name: value}))
    found = faults_of(lambda: fills_told(a_desk(told), since=BEGINNING), "fill")
    assert expected(name, value, words) in found.split("; ")


@pytest.mark.parametrize(
    "changes",
    [
        {"filled_at": LATEST},
        {"fee_usd": Decimal(0)},
        {"fee_usd": Decimal(LEAST_FEE)},
        {"quantity_shares": BILLION},
        {"quantity_shares": PART},
        {"price_usd": Decimal(10_000_000)},
        {"reverses": "x0", "fee_usd": Decimal(-LEAST_FEE)},
    ],
)
def test_a_fill_at_the_edge_of_what_is_possible_is_believed(changes: dict[str, Any]) -> None:
    fill = a_fill(**changes)
    desk = a_desk((fill,))
    assert fills_told(desk, since=BEGINNING) == (fill,)
    assert desk.broker.asked == [BEGINNING]  # type: ignore[attr-defined] # of the teller


def test_a_reversal_gives_back_no_more_than_any_fee() -> None:
    fill = a_fill(reverses="x0", fee_usd=Decimal(-LEAST_FEE - 1))
    assert "fee_usd" in faults_of(lambda: fills_told(a_desk((fill,)), since=BEGINNING), "fill")


def test_a_fill_that_is_booked_is_told_no_more() -> None:
    known, new = a_fill("x0"), a_fill("x1")
    booked = {"x0": FillBooked(at=AT, fill=known)}
    assert fills_told(a_desk((replace(known), new)), since=BEGINNING, booked=booked) == (new,)


def test_a_fill_that_is_booked_as_this_very_value_was_believed_before() -> None:
    wrong = a_fill(fee_usd=Decimal(-1))
    booked = {wrong.execution_id: FillBooked(at=AT, fill=wrong)}
    assert fills_told(a_desk((wrong,)), since=BEGINNING, booked=booked) == ()
    again = replace(wrong)
    assert "fee_usd" in faults_of(lambda: fills_told(a_desk((again,)), since=BEGINNING, booked=booked), "fill")


@pytest.mark.parametrize("execution_id", [None, ["x1"]])
def test_a_fill_whose_id_is_no_text_is_refused_whatever_is_booked(execution_id: Any) -> None:
    told = (replace(a_fill(), execution_id=execution_id),)
    found = faults_of(lambda: fills_told(a_desk(told), since=BEGINNING, booked={}), "fill")
    assert found.startswith("execution_id")


def test_an_open_order_is_believed_as_the_very_value_that_was_looked_up_and_no_other() -> None:
    wrong = a_state(filled_shares=11)
    assert open_orders_told(a_desk((wrong,)), believed=(None, wrong)) == (wrong,)
    again = replace(wrong)
    assert faults_of(lambda: open_orders_told(a_desk((again,)), believed=(wrong,)), "open order")


FIRST_DAY = AT.date() - timedelta(days=400)
WRONG_ACTIONS: list[tuple[str, Any, str]] = [
    ("entry_id", "", "a name"),
    ("kind", "merger", "one of split, dividend, delisting, charge"),
    ("symbol", None, "an exchange symbol"),
    *(("quantity_delta_shares", v, f"shares from -{BILLION} to {BILLION}") for v in (*NO_NUMBERS, -BILLION - 1)),
    *(
        ("cash_usd", v, f"an exact number from -{MOST_USD} to {MOST_USD}")
        for v in (*NO_NUMBERS, Decimal(MOST_USD + 1), Decimal(-MOST_USD - 1))
    ),
    ("booked_at", LATEST + timedelta(microseconds=1), f"an instant with a timezone up to {LATEST.isoformat()}"),
    *(
        ("session", v, f"an exchange day from {FIRST_DAY} to {AT.date()}")
        for v in (None, "2024-03-05", AT, AT.date() + timedelta(days=1), FIRST_DAY - timedelta(days=1))
    ),
    *(
        ("ratio", v, "an exact number from 0.0001 to 10000")
        for v in (*NO_NUMBERS[1:], 2, Decimal(0), Decimal("0.00009"), Decimal(10_001))
    ),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG_ACTIONS)
def test_an_action_that_cannot_be_true_is_refused_for_that_field(name: str, value: Any, words: str) -> None:
    told = (an_action("c0"), replace(an_action(kind="delisting"), **{name: value}))
    found = faults_of(lambda: actions_told(a_desk(told), since=BEGINNING), "corporate action")
    assert expected(name, value, words) in found.split("; ")


def test_a_split_without_its_ratio_is_refused() -> None:
    found = faults_of(lambda: actions_told(a_desk((an_action(kind="split"),)), since=BEGINNING), "corporate action")
    assert found == "ratio None, expected an exact number from 0.0001 to 10000"


@pytest.mark.parametrize("kind", ["dividend", "charge"])
def test_what_pays_cash_changes_no_position(kind: str) -> None:
    told = (an_action(kind=kind, quantity_delta_shares=-1),)
    found = faults_of(lambda: actions_told(a_desk(told), since=BEGINNING), "corporate action")
    assert found == f"a {kind} that changes the position by -1 shares"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"kind": "charge", "cash_usd": Decimal(-MOST_USD)},
        {"kind": "split", "ratio": Decimal("0.0001"), "quantity_delta_shares": -BILLION},
        {"kind": "split", "ratio": Decimal(10_000), "quantity_delta_shares": BILLION},
        {"kind": "delisting", "quantity_delta_shares": -5, "cash_usd": Decimal(MOST_USD)},
        {"booked_at": LATEST},
    ],
)
def test_an_action_at_the_edge_of_what_is_possible_is_believed(changes: dict[str, Any]) -> None:
    desk = a_desk((an_action(**changes),))
    assert actions_told(desk, since=BEGINNING) == (an_action(**changes),)
    assert desk.broker.asked == [BEGINNING]  # type: ignore[attr-defined] # of the teller


@pytest.mark.parametrize(
    "account",
    [
        an_account(Decimal(MOST_USD)),
        an_account(Decimal(-MOST_USD), AAA=BILLION, BBB=-BILLION),
        an_account(Decimal(0)),
    ],
)
def test_an_account_at_the_edge_of_what_is_possible_is_believed(account: AccountSnapshot) -> None:
    assert account_told(a_desk(account)) is account


@pytest.mark.parametrize(
    ("account", "found"),
    [
        (an_account(100), f"cash_usd 100, expected an exact number from -{MOST_USD} to {MOST_USD}"),
        (
            an_account(Decimal(MOST_USD + 1)),
            f"cash_usd Decimal('{MOST_USD + 1}'), expected an exact number from -{MOST_USD} to {MOST_USD}",
        ),
        (an_account(AAA=1.5), f"shares of AAA 1.5, expected shares from -{BILLION} to {BILLION}"),
        (an_account(AAA=1, aaa=1), "symbol 'aaa', expected an exchange symbol"),
    ],
)
def test_an_account_that_cannot_be_true_is_refused(account: AccountSnapshot, found: str) -> None:
    assert faults_of(lambda: account_told(a_desk(account)), "account") == found


@pytest.mark.parametrize("clear", [Accepted("v-1"), Refused("no"), Refused(""), Unknown("late")])
def test_a_clear_outcome_is_believed(clear: Any) -> None:
    assert outcome_told(clear) is clear


@pytest.mark.parametrize("unclear", [None, Accepted(""), Accepted(7), Refused(None), "ok"])  # type: ignore[arg-type] # on purpose
def test_an_unclear_outcome_is_one_nobody_knows(unclear: Any) -> None:
    assert outcome_told(unclear) == Unknown(f"the venue's answer is unclear: {unclear!r}")


def test_a_fill_worse_than_its_limit_is_told_with_both_prices() -> None:
    found = faults_of(lambda: refuse_worse_than_limit(a_fill(price_usd=Decimal("51.01")), an_order()), "fill")
    assert found == "x1 is a buy at 51.01, limit 51.00"


@pytest.mark.parametrize(("side", "price"), [("buy", "51.01"), ("sell", "50.99"), ("buy", "5010.00"), ("sell", "0.51")])
def test_a_fill_worse_than_its_limit_is_refused(side: str, price: str) -> None:
    order = an_order(side=side, leg="entry" if side == "buy" else "exit")
    with pytest.raises(BrokerAnswerRefused, match=r"limit 51\.00"):
        refuse_worse_than_limit(a_fill(side=side, price_usd=Decimal(price)), order)


@pytest.mark.parametrize(("side", "price"), [("buy", "51.00"), ("buy", "0.01"), ("sell", "51.00"), ("sell", "99.00")])
def test_a_fill_at_its_limit_or_better_is_believed(side: str, price: str) -> None:
    refuse_worse_than_limit(a_fill(side=side, price_usd=Decimal(price)), an_order(side=side, leg="entry"))


def test_a_market_order_and_a_reversal_have_no_worst_price() -> None:
    dear = a_fill(price_usd=Decimal("99.00"))
    refuse_worse_than_limit(dear, an_order(order_type="market", limit_usd=None))
    refuse_worse_than_limit(replace(dear, reverses="x0"), an_order())
