"""Look after open positions while the market is open: what an exit rule calls due at last prices is sold now.

It judges by the very rules the evening's plan asks and sells through the same checks and the one place that any order
goes through. It only reduces, so it needs no approval. It looks once the submit window is over, since until then the
plan's own orders work; asking again, at any pace, sends nothing twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from execution.domain.canonical import canonical_text
from execution.domain.events import Event, OrderIntended, PlanMissed
from execution.domain.orders import OrderRequest, ProposedOrder
from execution.domain.quantities import Shares, tick_above_usd
from execution.domain.signals import SignalBatch
from execution.ledger.book import Book
from execution.ledger.order_record import OrderRecord
from execution.portfolio.exit_rules import DueExit
from execution.risk.pre_trade import Blocked, review
from execution.session.account_block import block_told
from execution.session.account_view import context_of
from execution.session.agreed_time import refuse_other_time
from execution.session.basis import basis_of
from execution.session.day_orders import cancel, intended, void, working_stops
from execution.session.desk import Desk
from execution.session.holdings import PART_LEG, holdings_of
from execution.session.lease_of_act import BUSY, leased
from execution.session.proof import believed_signals
from execution.session.reconcile import Reconciled, reconcile
from execution.session.release import refuse_unreleased
from execution.session.reservation import view_at_send
from execution.session.send import send
from execution.session.submit import protect

MonitorStatus = Literal["watched", "sent", "pending", "refused", "busy"]
_LEG: Final = "monitor"
_BPS: Final = Decimal(10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorReport:
    """What one look at the open positions came to.

    Attributes:
        status: `watched` when nothing was sent, `sent` when something was, `pending` while a sale waits for the end of
            a stop, `refused` when nothing was looked at, `busy` when another process acts.
        reason: why it was refused; empty otherwise.
        sent: client order ids that went out now.
        held_back: symbols a rule calls due that are not sold, each with why.
        volatility_daily: largest standard deviation of one-session returns among what is held; None when unknown.
        vix_points: the volatility index; None when unknown.
    """

    session: date
    status: MonitorStatus
    reason: str = ""
    sent: tuple[str, ...] = ()
    held_back: Mapping[str, str] = field(default_factory=dict)
    volatility_daily: float | None = None
    vix_points: float | None = None


def monitor(desk: Desk, *, session: date) -> MonitorReport:
    """Sell what the strategy's exit rules call due at last prices; harmless to repeat.

    Args:
        desk: the desk that acts.
        session: the decision session whose orders trade in the session that runs.

    Raises:
        ChainBroken: the ledger was changed by hand.
        Fenced: another process took over.
        Halted: nothing may be sent.
        LedgerError: ledger and venue differ.
        ReleaseRefused: this program may not trade.
        TimeDisagrees: the venue's clock or calendar differs from ours.
    """
    with leased(desk) as acting:
        if acting is None:
            return MonitorReport(session=session, status="busy", reason=BUSY)
        return _looked(acting, session)


def _looked(desk: Desk, session: date) -> MonitorReport:
    desk.ledger.verify_chain()
    refusal = _refusal(desk, session)
    if refusal:
        return MonitorReport(session=session, status="refused", reason=refusal)
    desk.refuse_when_halted()
    refuse_unreleased(desk)
    refuse_other_time(desk)
    reconciled = reconcile(desk)
    reconciled.refuse_differences()
    block = block_told(desk, session, reconciled)
    if block:
        return MonitorReport(session=session, status="watched", reason=block)
    book = reconciled.book
    batch = basis_of(desk, reconciled, session, book.cycles[desk.cycle_id(session)].batch_hash).batch
    sales, held_back = _sales(desk, reconciled, session, batch)
    intents = {intent.order.client_order_id: intent for intent in (_intent(desk, session, sale) for sale in sales)}
    desk.ledger.record(lambda book: _new(book, list(intents.values())))
    waiting = intended(desk, session, _LEG)
    sent: tuple[str, ...] = ()
    if waiting:
        sent = _sold(desk, session, waiting)
        protect(desk, session, reconciled)
    return MonitorReport(
        session=session,
        status="pending" if intended(desk, session, _LEG) else "sent" if sent else "watched",
        sent=sent,
        held_back=held_back,
        volatility_daily=_volatility_daily(book, batch),
        vix_points=batch.vix if batch else None,
    )


def _refusal(desk: Desk, session: date) -> str:
    """Return why positions are not looked at now; empty when they are."""
    if not desk.exits:
        return "the strategy has no exit rules"
    cycle = desk.ledger.book().cycles.get(desk.cycle_id(session))
    if cycle is None or isinstance(cycle.plan, PlanMissed):
        return f"session {session} has no plan: its sales would belong to no cycle"
    opens, closes = desk.submit_until(session), desk.calendar.closes_at(desk.calendar.next(session))
    if not opens <= desk.clock.now() < closes:
        return f"positions of {session} are watched from {opens.isoformat()} to {closes.isoformat()}"
    return ""


def _volatility_daily(book: Book, batch: SignalBatch | None) -> float | None:
    """Return the largest volatility of what is held; None as soon as one of them is unknown."""
    known = {signal.symbol: signal.volatility_20d for signal in batch.signals} if batch else {}
    held = [known.get(symbol) for symbol in book.held_shares]
    return max((level for level in held if level is not None), default=None) if None not in held else None


def _sales(
    desk: Desk, reconciled: Reconciled, session: date, batch: SignalBatch | None
) -> tuple[list[ProposedOrder], dict[str, str]]:
    """Return the sales that are due and pass the checks, and why the others that are due are held back."""
    book = reconciled.book
    last = {symbol: desk.quotes.last_usd(symbol) for symbol in book.held_shares}
    prices = {symbol: usd for symbol, usd in last.items() if usd is not None}
    holdings = holdings_of(book, desk.calendar, session, rules=desk.exits, batch=batch, prices_usd=prices)
    proposed, held_back = [], {}
    for symbol, holding in sorted(holdings.items()):
        if holding.due is None:
            continue
        sale = _sale(desk, symbol, holding.quantity_shares, holding.due, prices.get(symbol))
        hindrance = _hindrance(desk, reconciled, session, symbol, sale)
        if sale is None or hindrance:
            held_back[symbol] = hindrance
        else:
            proposed.append(sale)
    if not proposed:
        # Most looks find nothing due, and then there is nothing to judge.
        return [], held_back
    signals = {signal.symbol: signal for signal in believed_signals(batch)} if batch else {}
    context = context_of(desk, reconciled, session=session, signals=signals, batch=batch)
    # Sent now: the exchange must be open, not the plan's window; and a collar is around the price that is sold at.
    context = replace(context, is_sending=True, closes_usd={**context.closes_usd, **prices})
    verdicts = review(orders=proposed, context=context, limits=desk.limits)
    held_back |= {v.order.symbol: f"{v.check}: {v.reason}" for v in verdicts if isinstance(v, Blocked)}
    let_through = [verdict for verdict in verdicts if verdict.quantity_shares]
    return [replace(verdict.order, quantity_shares=verdict.quantity_shares) for verdict in let_through], held_back


def _sale(desk: Desk, symbol: str, held: Shares, due: DueExit, last_usd: Decimal | None) -> ProposedOrder | None:
    if last_usd is None or last_usd <= 0:
        return None
    return ProposedOrder(
        symbol=symbol,
        side="sell",
        leg="exit",
        quantity_shares=due.sell_shares,
        reference_price_usd=last_usd,
        limit_usd=tick_above_usd(last_usd * (1 - desk.sizing.exit_collar_bps / _BPS)),
        stop_usd=None,
        reason=f"at the last price {canonical_text(last_usd)}: {due.reason}",
        part_rule=due.rule if due.sell_shares < held else "",
    )


def _hindrance(desk: Desk, reconciled: Reconciled, session: date, symbol: str, sale: ProposedOrder | None) -> str:
    """Return why a due sale is not for this act; empty when it is."""
    book = reconciled.book
    if sale is None:
        return "unknown: no last price to sell it at"
    if symbol in book.quarantined:
        return f"in quarantine: {book.quarantined[symbol].reason}"
    if symbol in reconciled.apart_shares:
        return "ledger and venue differ in it"
    if book.exposed_shares(symbol, side="sell") > book.exposed_shares(symbol, side="sell", leg="stop"):
        return "it is being sold"
    decided = book.orders.get(desk.order_id(session, symbol=symbol, side="sell", leg=_leg_name(sale)))
    # Decided once and ended without a fill: the evening's plan is a new cycle, and asks the rules again.
    return "" if decided is None or decided.state == "intended" else f"its sale of this session is {decided.state}"


def _leg_name(sale: ProposedOrder) -> str:
    return f"{PART_LEG}{sale.part_rule}" if sale.part_rule else _LEG


def _intent(desk: Desk, session: date, sale: ProposedOrder) -> OrderIntended:
    leg = _leg_name(sale)
    order = OrderRequest(
        client_order_id=desk.order_id(session, symbol=sale.symbol, side="sell", leg=leg),
        symbol=sale.symbol,
        side="sell",
        leg=_LEG,
        quantity_shares=sale.quantity_shares,
        order_type="limit",
        time_in_force="day",
        limit_usd=sale.limit_usd,
        is_reduce_only=True,
    )
    return OrderIntended(
        at=desk.clock.now(),
        cycle_id=desk.cycle_id(session),
        leg=leg,
        order=order,
        reason=sale.reason,
        reference_price_usd=sale.reference_price_usd,
    )


def _new(book: Book, intents: Sequence[OrderIntended]) -> Sequence[Event]:
    return [intent for intent in intents if intent.order.client_order_id not in book.orders]


def _sold(desk: Desk, session: date, waiting: Sequence[OrderRecord]) -> tuple[str, ...]:
    """Sell what was decided, each once its stop is proven gone: two open sales could sell a share twice."""
    book = desk.ledger.book()
    for record in waiting:
        for stop in working_stops(book, record.order.symbol):
            cancel(desk, stop, f"its position is sold by {record.order.client_order_id}")
    view, sent = view_at_send(desk, reconcile(desk), session), []
    for record in waiting:
        book, symbol = desk.ledger.book(), record.order.symbol
        if working_stops(book, symbol):
            continue
        free = book.held_shares.get(symbol, 0) - book.exposed_shares(symbol, side="sell")
        if free <= 0:
            void(desk, record, "nothing is left to sell")
            continue
        send(desk, view, record, min(record.order.quantity_shares, free))
        if desk.ledger.book().orders[record.order.client_order_id].sent_at is not None:
            sent.append(record.order.client_order_id)
    return tuple(sent)
