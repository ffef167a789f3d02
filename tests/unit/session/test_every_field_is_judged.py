"""Every field of what comes in from outside, with everything in it that is no answer: refused by name, or no order.

Fields are read from the types, so that a field nobody thought of fails here.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
import orjson
import pytest

from execution.artifact_files import write_by_hash
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import BrokerAnswerRefused, TouchstoneError
from execution.domain.orders import AccountSnapshot, BrokerFill, CorporateActionEntry, OrderState
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.session.answers import account_told, actions_told, fills_told, open_orders_told
from execution.session.proof import (
    believed_signals,
    refuse_foreign_batch,
    refuse_malformed_batch,
    refuse_unproven_batch,
)
from execution.signal_batch_store import BATCHES_FOLDER, SignalBatchStore
from execution.trading_calendar import TradingCalendar
from tests.builders.batches import SESSION, a_batch
from tests.builders.memory_desk import a_memory_desk
from tests.builders.orders import AT, a_fill, an_action, an_order

CALENDAR: Final = TradingCalendar.shipped()

# What a file may hold instead: absent, of another type, zero, negative, huge, no number, no name, no day, too early.
GARBAGE: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    1e30,
    -1e30,
    "1E+30",
    "NaN",
    "Infinity",
    "-Infinity",
    "",
    " ",
    "no such word",
    [],
    {},
    [None],
    "1970-01-01",
    "1970-01-01T00:00:00",
    "1970-01-01T00:00:00Z",
    "2999-01-01",
    "2999-01-01T00:00:00Z",
)
WORDS: Final = tuple(value for value in GARBAGE if isinstance(value, str))
# What such a field may hold and the batch still be true, each with why. Anything else is refused, or leaves the symbol
# without a score.
MAY_BE: Final[dict[str, tuple[Any, ...]]] = {
    # Words for people: any but none at all.
    "decision_reason": tuple(word for word in WORDS if word.strip()),
    "vix_basis": tuple(word for word in WORDS if word.strip()),
    "signals.sector": (None, *(word for word in WORDS if word.strip())),  # Unknown blocks, in its own rule.
    # Not known: the heat of an unknown market holds.
    "regime": (None,),
    "vix": (None,),
    "is_macro_calendar_known": (True,),
    "next_macro_at": (None,),
    # A score ranks; nothing and less are ranks like others.
    "signals.score": (0, -1, False),
    "signals.expected_return_bps": (None, 0, -1, False),
    "signals.probability_up": (None, 0, True, False),
    # What the score was made of is told to people; nothing is decided by it.
    "signals.contributions": ({},),
    "signals.features": ({},),
    "signals.features_hash": (None,),
    # Absent or nothing: sizing or a rule blocks the symbol, as the tests of absent fields hold.
    "signals.close_usd": (None,),
    "signals.atr14_usd": (None,),
    "signals.adv20_shares": (None, 0, False),
    "signals.volatility_20d": (None, 0, True, False),
    "signals.dollar_volume_20d_usd": (None, 0, False),
    "signals.is_tradable": (False, 0),
    "signals.is_halted": (True,),
    "signals.is_event_calendar_known": (False, 0),
    "signals.next_event_at": (None,),
    "signals.returns_60d": ([],),
}
JUDGED: Final[dict[str, tuple[Any, ...]]] = {
    # The words of a check are for people: its verdict is what counts.
    **dict.fromkeys(("name", "subject", "value", "threshold", "reason"), WORDS)
}


def changed(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    content: dict[str, Any] = copy.deepcopy(TRUE)
    inner: Any = content
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return content


TRUE: Final[dict[str, Any]] = orjson.loads(canonical_bytes(a_batch()))
BATCH_PLACES: Final = tuple((field.name,) for field in fields(SignalBatch))
SIGNAL_PLACES: Final = tuple(("signals", 0, field.name) for field in fields(SymbolSignal))
CERTIFICATE_PLACES: Final = tuple(("certificate", name) for name in TRUE["certificate"])
CHECK_PLACES: Final = tuple(("certificate", "checks", 0, name) for name in TRUE["certificate"]["checks"][0])


def named(place: tuple[Any, ...]) -> str:
    return ".".join(step for step in place if isinstance(step, str))


def would_trade(content: dict[str, Any]) -> bool:
    """Return whether a batch is believed with a score for its first symbol, by the very functions of the plan."""
    batch = msgspec.convert(content, SignalBatch, strict=False)
    refuse_foreign_batch(batch, session=SESSION, strategy="momentum")
    refuse_malformed_batch(batch)
    refuse_unproven_batch(batch, mode="simulated", calendar=CALENDAR)
    return any(signal.symbol == "AAA" and signal.score is not None for signal in believed_signals(batch))


def believed(place: tuple[Any, ...]) -> Iterator[Any]:
    for value in GARBAGE:
        content = changed(place, value)
        if content == TRUE:
            continue
        try:
            if would_trade(content):
                yield value
        except (TouchstoneError, msgspec.ValidationError):
            continue


def same(one: Any, other: Any) -> bool:
    # By their words: some of these cannot even be compared.
    return type(one) is type(other) and repr(one) == repr(other)


@pytest.mark.parametrize("place", [*BATCH_PLACES, *SIGNAL_PLACES, *CERTIFICATE_PLACES, *CHECK_PLACES], ids=named)
def test_a_batch_with_garbage_in_one_field_is_not_traded(place: tuple[Any, ...]) -> None:
    allowed = MAY_BE.get(named(place), JUDGED.get(str(place[-1]), ()) if place in CHECK_PLACES else ())
    taken = [value for value in believed(place) if not any(same(value, may) for may in allowed)]
    assert taken == []


def test_the_batch_itself_is_traded() -> None:
    assert would_trade(TRUE)


@pytest.mark.parametrize("value", GARBAGE, ids=repr)
@pytest.mark.parametrize("place", [("session",), ("as_of",), ("vix",), ("signals", 0, "close_usd")], ids=named)
def test_a_file_of_such_a_batch_is_refused_by_name_when_it_is_loaded_or_read_as_it_is(
    tmp_path: Any, place: tuple[Any, ...], value: Any
) -> None:
    digest = write_by_hash(tmp_path / BATCHES_FOLDER, orjson.dumps(changed(place, value)), suffix=".json")
    told: Any
    try:
        told = SignalBatchStore(tmp_path).load(digest)
    except TouchstoneError as refusal:
        told = str(refusal)
    assert isinstance(told, SignalBatch) or digest in told


# What a venue answers.

NOT_ANSWERS: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("-Infinity"),
    Decimal(0),
    Decimal(-1),
    Decimal("1E+30"),
    Decimal("1E-30"),
    "",
    " ",
    "NaN",
    "no such word",
    b"AAA",
    (),
    {},
    object(),
    datetime(1970, 1, 1),  # noqa: DTZ001 - naive on purpose
    datetime(2999, 1, 1, tzinfo=AT.tzinfo),
    AT.date().replace(year=1970),
    AT.date().replace(year=2999),
)
NAMES: Final = ("NaN", "no such word")
ORDER: Final = OrderState(
    client_order_id=an_order().client_order_id,
    broker_order_id="v-1",
    symbol="AAA",
    side="buy",
    quantity_shares=10,
    filled_shares=0,
    status="open",
    order_type="limit",
    limit_usd=Decimal("51.00"),
    stop_usd=None,
)
SPLIT: Final = an_action(kind="split", ratio=Decimal(2), cash_usd=Decimal(0))
ACCOUNT: Final = AccountSnapshot(cash_usd=Decimal(100), positions_shares={"AAA": 10})
# What a field may hold and the answer still be possible, each with why.
POSSIBLE: Final[dict[str, tuple[Any, ...]]] = {
    # The venue's own words, and ids that may be another's: whether they are ours is asked of the ledger.
    **dict.fromkeys(("client_order_id", "broker_order_id", "execution_id", "entry_id"), NAMES),
    **dict.fromkeys(("reason", "block"), ("", " ", *NAMES)),
    "filled_shares": (0, Decimal(0)),
    # A market order has neither; and no smallest price is known that every venue keeps.
    **dict.fromkeys(("limit_usd", "stop_usd"), (None, Decimal("1E-30"))),
    "reverses": (None, *NAMES),  # That it is not booked so puts its symbol in quarantine.
    "fee_usd": (Decimal(0), Decimal("1E-30")),
    "price_usd": (Decimal("1E-30"),),
    "quantity_delta_shares": (0, -1, Decimal(0), Decimal(-1)),
    "cash_usd": (Decimal(0), Decimal(-1), Decimal("1E-30")),
    "positions_shares": ({},),
}


def refused(tell: Callable[[Any], object], answer: Any) -> bool:
    try:
        tell(answer)
    except BrokerAnswerRefused:
        return True
    return False


class Teller:
    """A venue that gives one answer to whatever it is asked."""

    def __init__(self, told: Any) -> None:
        self._told = told

    def __getattr__(self, _: str) -> Callable[..., Any]:
        return lambda **_: self._told


def of_orders(answer: Any) -> object:
    return open_orders_told(a_memory_desk(AT, broker=Teller((answer,))))


def of_fills(answer: Any) -> object:
    return fills_told(a_memory_desk(AT, broker=Teller((answer,))), since=AT)


def of_actions(answer: Any) -> object:
    return actions_told(a_memory_desk(AT, broker=Teller((answer,))), since=AT)


def of_account(answer: Any) -> object:
    return account_told(a_memory_desk(AT, broker=Teller(answer)))


ANSWERS: Final[dict[type, tuple[Any, Callable[[Any], object]]]] = {
    OrderState: (ORDER, of_orders),
    BrokerFill: (a_fill(), of_fills),
    CorporateActionEntry: (SPLIT, of_actions),
    AccountSnapshot: (ACCOUNT, of_account),
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, field.name) for kind in ANSWERS for field in fields(kind)],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_an_answer_with_garbage_in_one_field_is_refused_by_name(kind: type, name: str) -> None:
    true, tell = ANSWERS[kind]
    assert not refused(tell, true)
    taken = []
    for value in NOT_ANSWERS:
        answer = copy.copy(true)
        # As an adapter that checks nothing would fill it: past what the type itself does while it is made.
        object.__setattr__(answer, name, value)
        if not any(same(value, may) for may in POSSIBLE.get(name, ())) and not refused(tell, answer):
            taken.append(value)
    assert taken == []


@pytest.mark.parametrize("what", [None, (), "", 7, {"AAA": 10}], ids=repr)
def test_an_answer_of_another_kind_is_refused_by_name(what: Any) -> None:
    for _, tell in ANSWERS.values():
        with pytest.raises(BrokerAnswerRefused, match=f"a {type(what).__name__}, expected"):
            tell(what)


@pytest.mark.parametrize("what", [None, "", 7, {"AAA": 10}], ids=repr)
def test_what_is_no_list_is_refused_by_name(what: Any) -> None:
    desk = a_memory_desk(AT, broker=Teller(what))
    for ask in (
        lambda: open_orders_told(desk),
        lambda: fills_told(desk, since=AT),
        lambda: actions_told(desk, since=AT),
    ):
        with pytest.raises(BrokerAnswerRefused, match="expected tuple or list"):
            ask()


def test_a_position_told_with_garbage_is_refused_by_name() -> None:
    for value in (None, 1.5, "12", Decimal("NaN"), 10**30, True):
        assert refused(of_account, replace(ACCOUNT, positions_shares={"AAA": value}))
    for symbol in (None, "", "aaa", 7, "A" * 16):
        assert refused(of_account, replace(ACCOUNT, positions_shares={symbol: 1}))
