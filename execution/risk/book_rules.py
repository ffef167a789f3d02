"""Rules about the book as a whole: how concentrated it is, how its positions move together, what it could lose."""

from execution.risk.co_movement import historical_var95_usd
from execution.risk.exposure import LARGEST
from execution.risk.findings import Case, Finding, cut_to_weight, dollars, percent, unknown, unpriced


def concentration(case: Case) -> Finding | None:
    """The five largest positions together stay a bounded part of equity."""
    cap, symbol = case.limits.concentration_max_weight, case.order.symbol
    if unknown_total := unpriced(case, cap):
        return unknown_total
    # With the fifth of the others left out: where this one is not among the five, they alone are already counted.
    others = case.exposure.largest_others_usd(symbol)
    return cut_to_weight(
        case,
        cap,
        carried_usd=others + case.exposure.positions_usd.get(symbol, 0),
        where=f"in the {LARGEST} largest positions",
        reason="too much would lie in few positions",
    )


def correlation(case: Case) -> Finding | None:
    """Only so many positions move together, the new one included; returns nobody knows count as moving with all."""
    symbol, most = case.order.symbol, case.limits.correlated_positions_max
    allowed = f"at most {most} positions together from a correlation of {case.limits.correlation_threshold} on"
    movement = case.exposure.movement(symbol)
    if movement is None or movement.whole is None:
        return unknown(f"fewer than 60 returns of {symbol}, or none that moved", allowed)
    together = case.exposure.correlated_with(symbol, movement)
    if len(together) + 1 <= most:
        return None
    return Finding(
        f"{len(together) + 1} with {', '.join(together[:most])}{' and others' if len(together) > most else ''}",
        allowed,
        "too many positions would move together",
    )


def value_at_risk(case: Case) -> Finding | None:
    """What the book with this order would have lost in the worst twentieth of the last 60 sessions is bearable."""
    cap, equity = case.limits.var95_max_fraction, case.context.equity_usd
    allowed = f"at most {percent(cap)} of {dollars(equity)}"
    movement = case.exposure.movement(case.order.symbol)
    if movement is None or case.exposure.unmoved:
        missing = sorted(case.exposure.unmoved | ({case.order.symbol} if movement is None else set()))
        return unknown(f"no 60 returns of {', '.join(missing)}", allowed)
    amount = float(case.quantity_shares * case.price_usd)
    results = [
        result + amount * change for result, change in zip(case.exposure.results_usd, movement.returns, strict=True)
    ]
    loss = historical_var95_usd(results)
    if loss <= cap * equity:
        return None
    return Finding(dollars(loss), allowed, "the book could lose too much in one session")
