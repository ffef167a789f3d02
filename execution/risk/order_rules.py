"""Rules about the order itself and the basket it came in: shape, size, price, and the orders already working."""

from decimal import Decimal

from execution.domain.canonical import canonical_text
from execution.domain.quantities import is_on_tick
from execution.risk.findings import Case, Finding, dollars, unknown

_BPS = Decimal(10_000)


def order_shape(case: Case) -> Finding | None:
    """Shares above zero, prices on a tick, a buy for an entry and a sell for anything else."""
    order = case.order
    faults = []
    if order.quantity_shares <= 0:
        faults.append(f"{order.quantity_shares} shares")
    if order.side != ("buy" if order.leg == "entry" else "sell"):
        faults.append(f"{order.side} for leg {order.leg}")
    if order.limit_usd is not None and (order.limit_usd <= 0 or not is_on_tick(order.limit_usd)):
        faults.append(f"limit {canonical_text(order.limit_usd)} USD off the tick")
    if order.reference_price_usd <= 0:
        faults.append(f"reference price {order.reference_price_usd} USD")
    if not faults:
        return None
    return Finding(
        ", ".join(faults),
        "shares above zero, prices above zero on a tick, entries buy and exits sell",
        "the order is malformed: sizing has a fault, look at the plan before trading on",
    )


def basket_notional(case: Case) -> Finding | None:
    """All entries of the cycle together stay under the hard cap, or none of them goes."""
    cap = case.limits.basket_notional_max_usd
    if case.exposure.basket_usd <= cap:
        return None
    return Finding(
        dollars(case.exposure.basket_usd),
        f"at most {dollars(cap)}",
        "the cycle's entries together are above the hard cap: a unit is wrong somewhere, so none of them goes",
    )


def order_notional(case: Case) -> Finding | None:
    """One entry as proposed stays under the hard cap; it is never cut to fit, for a fault may have made it."""
    notional = case.order.quantity_shares * case.price_usd
    cap = case.limits.order_notional_max_usd
    if notional <= cap:
        return None
    return Finding(dollars(notional), f"at most {dollars(cap)}", "the order's value is above the hard cap")


def order_quantity(case: Case) -> Finding | None:
    """One entry as proposed stays under a hard number of shares; it is never cut to fit."""
    shares, cap = case.order.quantity_shares, case.limits.order_quantity_max_shares
    if shares <= cap:
        return None
    return Finding(f"{shares} shares", f"at most {cap} shares", "the order's quantity is above the hard cap")


def price_collar(case: Case) -> Finding | None:
    """The limit price stays near the close of the decision session, and near the quote where one is known.

    An exit without a limit passes: a position must be closable at any price. An entry without one does not.
    """
    order, collar = case.order, case.limits.price_collar_bps
    allowed = f"within {collar} bps"
    if order.limit_usd is None:
        return None if order.leg != "entry" else Finding("no limit price", allowed, "an entry needs a limit price")
    close = case.context.closes_usd.get(order.symbol)
    if close is None or close <= 0:
        return unknown(f"no close of {order.symbol} on {case.context.session}", allowed)
    quote = case.context.quotes_usd.get(order.symbol)
    for name, price in (("close", close), ("quote", quote)):
        if price is None:
            continue
        distance_bps = abs(order.limit_usd - price) / price * _BPS
        if distance_bps > collar:
            return Finding(
                f"limit {canonical_text(order.limit_usd)} USD is {distance_bps.quantize(Decimal(1))} bps from the "
                f"{name} {canonical_text(price)} USD",
                allowed,
                f"the limit price lies too far from the {name}",
            )
    return None


def self_match(case: Case) -> Finding | None:
    """No order may meet an order of our own on the other side of the same symbol, a protective stop included."""
    other = "sell" if case.order.side == "buy" else "buy"
    if (case.order.symbol, other) not in case.exposure.sides:
        return None
    return Finding(
        f"a working {other} order in {case.order.symbol}",
        "no working order on the other side",
        "the order could trade with our own: cancel the other one first",
    )


def exit_size(case: Case) -> Finding | None:
    """Open exits together never sell more than is held: an exit may close a position but never turn it."""
    symbol = case.order.symbol
    held = case.context.positions_shares.get(symbol, 0)
    working = case.exposure.exits_shares.get(symbol, 0)
    left = max(0, held - working)
    if case.quantity_shares <= left:
        return None
    return Finding(
        f"{case.quantity_shares} shares",
        f"at most {left} shares: {held} held, {working} already in exits",
        "an exit may not sell more than is held",
        left,
    )
