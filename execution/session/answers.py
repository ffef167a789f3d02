"""What a venue answers, believed only where it can be true: every field present, finite, in bounds, of what was asked.

A wrong answer is refused whole, before anything is booked from it: nobody knows what else in it is wrong. Whoever
called has sent nothing yet, or has written down that it does not know.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, get_args

from execution.domain.errors import BrokerAnswerRefused
from execution.domain.events import FillBooked
from execution.domain.orders import (
    SYMBOL,
    Accepted,
    AccountSnapshot,
    BrokerFill,
    CorporateActionEntry,
    OrderRequest,
    OrderState,
    OrderType,
    Refused,
    Side,
    SubmitOutcome,
    Unknown,
    WorkingStatus,
)
from execution.domain.quantities import SHARE_DECIMALS_MAX, is_share_count
from execution.session.desk import Desk

MOST_SHARES: Final = 1_000_000_000
SMALLEST_PART: Final = Decimal(1).scaleb(-SHARE_DECIMALS_MAX)
HIGHEST_PRICE_USD: Final = Decimal(10_000_000)
MOST_CASH_USD: Final = Decimal(1_000_000_000_000)
# A venue's clock may run a little before ours.
_AHEAD: Final = timedelta(minutes=5)
# A venue may book what a session brought long after it: the taxes and fees of a year.
_BOOKED_LATE: Final = timedelta(days=400)
_ACTIONS: Final = ("split", "dividend", "delisting", "charge")
_SIDES: Final = get_args(Side)
_STATUSES: Final = get_args(WorkingStatus)
_ORDER_TYPES: Final = get_args(OrderType)


def order_told(desk: Desk, order: OrderRequest) -> OrderState | None:
    """Look an order of ours up; None when the venue does not know it.

    Raises:
        BrokerAnswerRefused: the answer is of another order, or cannot be true.
    """
    state = desk.broker.order(order.client_order_id)
    if state is None:
        return None
    _refuse_other_kind("order", state, OrderState)
    _refuse("order", _order_faults(state))
    found = (state.client_order_id, state.symbol, state.side, state.order_type)
    asked = (order.client_order_id, order.symbol, order.side, order.order_type)
    if found != asked:
        raise _refusal("order", f"it is {' '.join(found)}, asked was {' '.join(asked)}")
    return state


def open_orders_told(desk: Desk, *, believed: Iterable[OrderState | None] = ()) -> tuple[OrderState, ...]:
    """Return every working order of the account.

    Args:
        desk: the desk whose venue is asked.
        believed: what was looked up a moment ago; a venue in this process may show the very same values again.

    Raises:
        BrokerAnswerRefused: one cannot be true.
    """
    states = desk.broker.open_orders()
    _refuse_no_list("open orders", states, OrderState)
    known = {state.client_order_id: state for state in believed if state is not None}
    for state in states:
        is_believed = isinstance(state.client_order_id, str) and known.get(state.client_order_id) is state
        if not is_believed:
            _refuse("open order", _order_faults(state))
    return states


def fills_told(
    desk: Desk, *, since: datetime, booked: Mapping[str, FillBooked] = MappingProxyType({})
) -> tuple[BrokerFill, ...]:
    """Return executions since an instant that are not booked.

    Args:
        desk: the desk whose venue is asked.
        since: the instant.
        booked: executions of the ledger; a venue in this process may tell the very same values again.

    Raises:
        BrokerAnswerRefused: one cannot be true.
    """
    fills = desk.broker.fills(since=since)
    _refuse_no_list("fills", fills, BrokerFill)
    latest = desk.clock.now() + _AHEAD
    news = []
    for fill in fills:
        known = booked.get(fill.execution_id) if isinstance(fill.execution_id, str) else None
        if known is None or known.fill is not fill:
            _refuse("fill", _fill_faults(fill, latest))
        if known is None:
            news.append(fill)
    return tuple(news)


def actions_told(desk: Desk, *, since: datetime) -> tuple[CorporateActionEntry, ...]:
    """Return corporate actions since an instant; raise BrokerAnswerRefused when one cannot be true."""
    entries = desk.broker.corporate_actions(since=since)
    _refuse_no_list("corporate actions", entries, CorporateActionEntry)
    latest = desk.clock.now() + _AHEAD
    for entry in entries:
        _refuse("corporate action", _action_faults(entry, latest))
    return entries


def account_told(desk: Desk) -> AccountSnapshot:
    """Return cash and positions; raise BrokerAnswerRefused when they cannot be true."""
    account = desk.broker.account()
    _refuse_other_kind("account", account, AccountSnapshot)
    _refuse_other_kind("account's positions", account.positions_shares, Mapping)
    faults = [_amount("cash_usd", account.cash_usd, -MOST_CASH_USD, MOST_CASH_USD), _words("block", account.block)]
    for symbol, shares in account.positions_shares.items():
        faults += [_symbol(symbol), _shares(f"shares of {symbol}", shares, least=-MOST_SHARES)]
    _refuse("account", faults)
    return account


def outcome_told(outcome: SubmitOutcome) -> SubmitOutcome:
    """Return what a submission came to; an answer that says nothing clear is an outcome nobody knows."""
    match outcome:
        case Accepted(broker_order_id=str(number)) if number:
            return outcome
        case Refused(reason=str()) | Unknown(reason=str()):
            return outcome
        case _:
            return Unknown(f"the venue's answer is unclear: {outcome!r}")


def refuse_worse_than_limit(fill: BrokerFill, order: OrderRequest) -> None:
    """Do nothing unless an execution is worse than the worst price its order accepted.

    Raises:
        BrokerAnswerRefused: it is: no venue may do that, so a unit or a price is wrong.
    """
    if order.limit_usd is None or fill.reverses is not None:
        return
    is_worse = fill.price_usd > order.limit_usd if fill.side == "buy" else fill.price_usd < order.limit_usd
    if is_worse:
        raise _refusal("fill", f"{fill.execution_id} is a {fill.side} at {fill.price_usd}, limit {order.limit_usd}")


def _order_faults(state: OrderState) -> Iterable[str]:
    yield _text("client_order_id", state.client_order_id)
    yield _text("broker_order_id", state.broker_order_id)
    yield _symbol(state.symbol)
    yield _one_of("side", state.side, _SIDES)
    yield _one_of("status", state.status, _STATUSES)
    yield _one_of("order_type", state.order_type, _ORDER_TYPES)
    yield _shares("quantity_shares", state.quantity_shares, least=SMALLEST_PART)
    yield _shares("filled_shares", state.filled_shares, least=0)
    yield _price("limit_usd", state.limit_usd) if state.limit_usd is not None else ""
    yield _price("stop_usd", state.stop_usd) if state.stop_usd is not None else ""
    yield _words("reason", state.reason)
    if is_share_count(state.quantity_shares) and is_share_count(state.filled_shares):
        is_over = state.filled_shares > state.quantity_shares
        yield f"filled_shares {state.filled_shares} of {state.quantity_shares}" if is_over else ""


def _fill_faults(fill: BrokerFill, latest: datetime) -> Iterable[str]:
    yield _text("execution_id", fill.execution_id)
    yield _text("client_order_id", fill.client_order_id)
    yield _symbol(fill.symbol)
    yield _one_of("side", fill.side, _SIDES)
    yield _shares("quantity_shares", fill.quantity_shares, least=SMALLEST_PART)
    yield _price("price_usd", fill.price_usd)
    fee_limit = HIGHEST_PRICE_USD
    yield _amount("fee_usd", fill.fee_usd, -fee_limit if fill.reverses else Decimal(0), fee_limit)
    yield _instant("filled_at", fill.filled_at, latest)
    yield _text("reverses", fill.reverses) if fill.reverses is not None else ""


def _action_faults(entry: CorporateActionEntry, latest: datetime) -> Iterable[str]:
    yield _text("entry_id", entry.entry_id)
    yield _one_of("kind", entry.kind, _ACTIONS)
    yield _symbol(entry.symbol)
    yield _shares("quantity_delta_shares", entry.quantity_delta_shares, least=-MOST_SHARES)
    yield _amount("cash_usd", entry.cash_usd, -MOST_CASH_USD, MOST_CASH_USD)
    yield _instant("booked_at", entry.booked_at, latest)
    yield _session("session", entry.session, entry.booked_at if isinstance(entry.booked_at, datetime) else latest)
    if entry.kind == "split" or entry.ratio is not None:
        yield _amount("ratio", entry.ratio, Decimal("0.0001"), Decimal(10_000))
    if entry.kind in ("dividend", "charge") and entry.quantity_delta_shares:
        yield f"a {entry.kind} that changes the position by {entry.quantity_delta_shares} shares"


def _text(name: str, value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() else f"{name} {value!r}, expected a name"


def _words(name: str, value: Any) -> str:
    return "" if isinstance(value, str) else f"{name} {value!r}, expected words"


def _symbol(value: Any) -> str:
    is_symbol = isinstance(value, str) and SYMBOL.fullmatch(value) is not None
    return "" if is_symbol else f"symbol {value!r}, expected an exchange symbol"


def _one_of(name: str, value: Any, allowed: Iterable[str]) -> str:
    return "" if value in allowed else f"{name} {value!r}, expected one of {', '.join(allowed)}"


def _shares(name: str, value: Any, *, least: Decimal | int) -> str:
    if is_share_count(value) and least <= value <= MOST_SHARES:
        return ""
    return f"{name} {value!r}, expected shares from {least} to {MOST_SHARES}"


def _price(name: str, value: Any) -> str:
    if isinstance(value, Decimal) and value.is_finite() and 0 < value <= HIGHEST_PRICE_USD:
        return ""
    return f"{name} {value!r}, expected dollars above 0 up to {HIGHEST_PRICE_USD}"


def _amount(name: str, value: Any, least: Decimal, most: Decimal) -> str:
    if isinstance(value, Decimal) and value.is_finite() and least <= value <= most:
        return ""
    return f"{name} {value!r}, expected an exact number from {least} to {most}"


def _instant(name: str, value: Any, latest: datetime) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None and value <= latest:
        return ""
    return f"{name} {value!r}, expected an instant with a timezone up to {latest.isoformat()}"


def _session(name: str, value: Any, booked_at: datetime) -> str:
    # An instant is a day too, and another one elsewhere.
    is_day = isinstance(value, date) and not isinstance(value, datetime)
    last = booked_at.date()
    if is_day and last - _BOOKED_LATE <= value <= last:
        return ""
    return f"{name} {value!r}, expected an exchange day from {last - _BOOKED_LATE} to {last}"


def _refuse_no_list(what: str, answer: Any, kind: type) -> None:
    _refuse_other_kind(what, answer, (tuple, list))
    if set(map(type, answer)) - {kind}:
        for each in answer:
            _refuse_other_kind(what, each, kind)


def _refuse_other_kind(what: str, answer: Any, kind: type | tuple[type, ...]) -> None:
    if not isinstance(answer, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(one.__name__ for one in kinds)
        raise _refusal(what, f"a {type(answer).__name__}, expected {expected}")


def _refuse(what: str, faults: Iterable[str]) -> None:
    found = [fault for fault in faults if fault]
    if found:
        raise _refusal(what, "; ".join(found))


def _refusal(what: str, found: str) -> BrokerAnswerRefused:
    return BrokerAnswerRefused(
        f"the venue's {what} cannot be true: {found}. Nothing is booked from it and nothing is sent; "
        "look at the account at the venue and at the adapter"
    )
