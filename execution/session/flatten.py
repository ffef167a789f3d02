"""Close every position, in a person's name: a command of its own, armed by a phrase, never part of a stop.

First nothing new may be opened any more; then the orders in the way are cancelled, each proven gone; then every
position is sold by market orders that can only reduce, through the checks and the one place that any order goes
through. Asking again goes on where it stopped. What is not ours, has no price, or is held back by a check stays, with
its stop, and is named.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from execution.domain.errors import NotArmed
from execution.domain.events import ControlChanged, Event, OrderIntended
from execution.domain.orders import OrderRequest, ProposedOrder
from execution.domain.quantities import Shares
from execution.ledger.book import Book
from execution.risk.pre_trade import Blocked, review
from execution.session.account_block import block_told
from execution.session.account_view import context_of
from execution.session.control import tighten
from execution.session.day_orders import cancel
from execution.session.desk import Desk
from execution.session.lease_of_act import BUSY, leased
from execution.session.plan import plan
from execution.session.reconcile import Reconciled, reconcile, still_known
from execution.session.reservation import view_at_send
from execution.session.send import send
from execution.session.submit import cover

FlattenStatus = Literal["flat", "working", "pending", "held_back", "refused"]


class FlattenPolicy(BaseModel):
    """What one flatten may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    notional_max_usd: Decimal = Field(
        default=Decimal(1_000_000),
        gt=0,
        le=1_000_000_000,
        description="Largest value that one flatten may sell, at last prices; above it nothing is cancelled or sold.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenReport:
    """How far the closing of all positions has come.

    Attributes:
        status: `flat` when nothing of ours is held, `working` while sales work, `pending` while an order in the way is
            not proven gone, `held_back` when only what cannot be sold is left, `refused` when nothing was done.
        reason: why it was refused; empty otherwise.
        cancelled: client order ids whose end was asked for.
        sent: client order ids that went out now.
        left: symbols still held, each with why it is not being sold; those that are being sold are not named.
    """

    status: FlattenStatus
    reason: str = ""
    cancelled: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)


def arming_phrase(desk: Desk) -> str:
    """Return what a person must type to close everything: it names the account."""
    return f"close every position of {desk.account}"


def flatten(desk: Desk, *, policy: FlattenPolicy, arm: str, actor: str, reason: str) -> FlattenReport:
    """Cancel what is in the way, sell every position of ours, and say how far it came; ask again until it is flat.

    What was not taken to be sold has a stop behind it again when this returns.

    Args:
        desk: the desk to close.
        policy: the command's own cap.
        arm: the phrase, word for word.
        actor: the person's name, not empty.
        reason: why, in the person's words, not empty.

    Raises:
        NotArmed: the phrase, the name or the reason is missing.
        Halted: the kill switch is on, the ledger halts, or a breaker does as the day's cycle is made: every stop stays,
            and `touchstone resume --reducing` comes first.
        ChainBroken: the ledger was changed by hand.
        LedgerError: cash differs from the venue's.
    """
    if arm != arming_phrase(desk) or not actor.strip() or not reason.strip():
        raise NotArmed(f'flatten wants a name, a reason and --arm "{arming_phrase(desk)}"')
    with leased(desk) as acting:
        if acting is None:
            return FlattenReport(status="refused", reason=BUSY)
        return _flattened(acting, policy, f"flatten by {actor}: {reason}", actor)


@dataclass(frozen=True, slots=True)
class _Sales:
    """What may be sold, and why the rest of the account may not."""

    orders: tuple[ProposedOrder, ...]
    left: dict[str, str]

    @property
    def worth_usd(self) -> Decimal:
        return sum((order.quantity_shares * order.reference_price_usd for order in self.orders), Decimal(0))


def _flattened(desk: Desk, policy: FlattenPolicy, why: str, actor: str) -> FlattenReport:
    desk.ledger.verify_chain()
    desk.refuse_when_halted()
    session = _session_traded_now(desk)
    if session is None:
        return FlattenReport(status="refused", reason="the market is closed: positions are closed in market hours only")
    reconciled = reconcile(desk)
    reconciled.refuse_differences()
    block = block_told(desk, session, reconciled)
    if block:
        return FlattenReport(status="refused", reason=block)
    sales = _sales(desk, reconciled, session, why)
    if sales.worth_usd > policy.notional_max_usd:
        reason = f"{sales.worth_usd:f} USD would be sold, one flatten may sell {policy.notional_max_usd:f} USD"
        return FlattenReport(status="refused", reason=f"{reason}: raise flatten.notional_max_usd", left=sales.left)
    tighten(desk.ledger, ControlChanged(at=desk.clock.now(), state="reducing", actor=actor, reason=why))
    if desk.cycle_id(session) not in reconciled.book.cycles:
        # An order belongs to a cycle; a day without a plan gets the one that only manages what is held.
        plan(desk, session=session, batch_hash=None)
        # Its breakers may halt; no stop is ended for a sale that would not go out.
        desk.refuse_when_halted()
    cancelled = _cleared(desk, reconciled.book, {order.symbol for order in sales.orders}, why)
    sent = _sold(desk, session, sales.orders)
    # The shares of a sale that the venue refused stand behind a stop again until somebody asks once more.
    reconciled = reconcile(desk)
    cover(desk, session, reconciled)
    return _report(still_known(desk, reconciled), sales, cancelled, sent)


def _session_traded_now(desk: Desk) -> date | None:
    """Return the decision session whose orders trade in the session that runs; None while the market is closed."""
    decided = desk.calendar.last_closed(desk.clock.now())
    if decided is None or desk.clock.now() < desk.calendar.opens_at(desk.calendar.next(decided)):
        return None
    return decided


def _sales(desk: Desk, reconciled: Reconciled, session: date, why: str) -> _Sales:
    """Return a sale of every position that passes the checks, as they would be with the orders in the way gone."""
    proposed, left = [], {}
    for symbol, shares in sorted(reconciled.account.positions_shares.items()):
        last_usd = desk.quotes.last_usd(symbol)
        hindrance = _hindrance(reconciled, symbol, shares, last_usd)
        if hindrance or last_usd is None:
            left[symbol] = hindrance
            continue
        unsold = shares - _being_flattened(reconciled.book, symbol)
        if unsold > 0:
            proposed.append(_sale(symbol, unsold, last_usd, why))
    context = replace(
        context_of(desk, reconciled, session=session, signals={}),
        # A person closes the account: a state that a rule has set holds for programs.
        trading_state="reducing",
        open_orders=(),
        # Sent now: the exchange must be open, not the plan's window.
        is_sending=True,
    )
    verdicts = review(orders=proposed, context=context, limits=desk.limits)
    left |= {v.order.symbol: f"{v.check}: {v.reason}" for v in verdicts if isinstance(v, Blocked)}
    passed = [replace(verdict.order, quantity_shares=verdict.quantity_shares) for verdict in verdicts]
    return _Sales(tuple(order for order in passed if order.quantity_shares), left)


def _hindrance(reconciled: Reconciled, symbol: str, shares: Shares, last_usd: Decimal | None) -> str:
    quarantined = reconciled.book.quarantined.get(symbol)
    if quarantined is not None:
        return f"in quarantine: {quarantined.reason}; lift it by name first"
    if symbol in reconciled.apart_shares:
        return "ledger and venue differ in it"
    if shares < 0:
        return f"short {-shares} shares, which are not ours: close them at the venue"
    return "" if last_usd is not None else "no price: it is halted or delisted"


def _sale(symbol: str, shares: Shares, last_usd: Decimal, why: str) -> ProposedOrder:
    return ProposedOrder(
        symbol=symbol,
        side="sell",
        leg="exit",
        quantity_shares=shares,
        reference_price_usd=last_usd,
        limit_usd=None,
        stop_usd=None,
        reason=why,
    )


def _cleared(desk: Desk, book: Book, sold: set[str], why: str) -> tuple[str, ...]:
    """Ask for the end of every buy, and of every other order in a symbol that is to be sold; return their ids."""
    in_the_way = [
        record
        for record in book.orders.values()
        if record.exposed_shares > 0
        and record.order.leg != "flatten"
        and (record.order.side == "buy" or record.order.symbol in sold)
    ]
    for record in in_the_way:
        cancel(desk, record, why)
    return tuple(record.order.client_order_id for record in in_the_way)


def _sold(desk: Desk, session: date, orders: Sequence[ProposedOrder]) -> tuple[str, ...]:
    """Send what is free to be sold: a symbol whose stop is not proven gone waits for the next asking."""
    reconciled = reconcile(desk)
    reconciled.refuse_differences()
    view, sent = view_at_send(desk, reconciled, session), []
    for order in orders:
        book = desk.ledger.book()
        exposed = book.exposed_shares(order.symbol, side="sell")
        shares = min(order.quantity_shares, book.held_shares.get(order.symbol, 0) - exposed)
        if exposed > _being_flattened(book, order.symbol) or shares <= 0:
            continue
        intent = _intent(desk, book, session, replace(order, quantity_shares=shares))
        order_id = intent.order.client_order_id
        desk.ledger.record(_unless_intended(intent))
        record = desk.ledger.book().orders[order_id]
        send(desk, view, record, min(shares, record.order.quantity_shares))
        if desk.ledger.book().orders[order_id].sent_at is not None:
            sent.append(order_id)
    return tuple(sent)


def _intent(desk: Desk, book: Book, session: date, proposed: ProposedOrder) -> OrderIntended:
    """Return the next leg of a symbol's flatten; one that was decided and never sent is taken up again."""
    legs = [
        record
        for record in book.orders_of(desk.cycle_id(session))
        if record.order.symbol == proposed.symbol and record.order.leg == "flatten"
    ]
    number = len(legs) + (0 if legs and legs[-1].state == "intended" else 1)
    leg = "flatten" if number == 1 else f"flatten_{number}"
    order = OrderRequest(
        client_order_id=desk.order_id(session, symbol=proposed.symbol, side="sell", leg=leg),
        symbol=proposed.symbol,
        side="sell",
        leg="flatten",
        quantity_shares=proposed.quantity_shares,
        order_type="market",
        time_in_force="day",
        is_reduce_only=True,
    )
    return OrderIntended(
        at=desk.clock.now(),
        cycle_id=desk.cycle_id(session),
        leg=leg,
        order=order,
        reason=proposed.reason,
        reference_price_usd=proposed.reference_price_usd,
    )


def _unless_intended(intent: OrderIntended) -> Callable[[Book], Sequence[Event]]:
    return lambda book: () if intent.order.client_order_id in book.orders else (intent,)


def _being_flattened(book: Book, symbol: str) -> Shares:
    return sum(
        record.exposed_shares
        for record in book.orders.values()
        if record.order.symbol == symbol and record.order.leg == "flatten"
    )


def _report(reconciled: Reconciled, sales: _Sales, cancelled: tuple[str, ...], sent: tuple[str, ...]) -> FlattenReport:
    held = {symbol for symbol, shares in reconciled.account.positions_shares.items() if shares}
    working = {symbol for symbol in held if _being_flattened(reconciled.book, symbol)}
    waiting = {order.symbol for order in sales.orders} & held - working
    left = {symbol: why for symbol, why in sales.left.items() if symbol in held}
    left |= dict.fromkeys(sorted(waiting), "not sold yet: an order is in the way, or the venue refused; ask again")
    status: FlattenStatus = "flat"
    if left:
        status = "held_back"
    if working:
        status = "working"
    if waiting:
        status = "pending"
    return FlattenReport(status=status, cancelled=cancelled, sent=sent, left=left)
