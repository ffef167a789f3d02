"""Rules about what the account can carry: its state, the day's loss, counts, weights and cash."""

from decimal import Decimal
from typing import Final

from execution.domain.quantities import floor_shares
from execution.risk.findings import Case, Finding, cut_to_weight, dollars, part_of_equity, percent, unknown, unpriced

# Of the soft loss, which is half of the hard one: the size that is left from that loss on.
_LOSS_STEPS: Final = ((Decimal(2), Decimal(0)), (Decimal("1.5"), Decimal("0.25")), (Decimal(1), Decimal("0.5")))


def trading_state(case: Case) -> Finding | None:
    """A halted account sends nothing; one that only reduces sends no entries."""
    state = case.context.trading_state
    if state == "active" or (state == "reducing" and case.order.leg != "entry"):
        return None
    allowed = "an active account" if case.order.leg == "entry" else "an active or reducing account"
    why = f": {case.context.state_reason}" if case.context.state_reason else ""
    return Finding(state, allowed, f"the account is {state}{why}")


def entries_per_day(case: Case) -> Finding | None:
    """So many entries a session and no more; exits are not counted."""
    sent, most = case.exposure.entries, case.limits.entries_per_day_max
    if sent < most:
        return None
    return Finding(f"{sent} entries already", f"at most {most} a session", "the session's entries are used up")


def messages_per_day(case: Case) -> Finding | None:
    """So many order messages an exchange day; a fault that sends on and on ends here."""
    sent, most = case.context.messages_today, case.limits.messages_per_day_max
    allowed = f"at most {most} an exchange day"
    if sent is None:
        return unknown("nobody counted the day's messages", allowed)
    total = sent + case.exposure.messages
    return None if total < most else Finding(f"{total} messages already", allowed, "the day's messages are used up")


def losses_in_a_row(case: Case) -> Finding | None:
    """So many positions closed at a loss one after the other end the day's entries."""
    losses, most = case.context.losses_in_a_row, case.limits.losses_in_a_row_max
    allowed = f"fewer than {most} in a row"
    if losses is None:
        return unknown("nobody counted the day's closed positions", allowed)
    return None if losses < most else Finding(f"{losses} losses", allowed, "too many losses in a row today")


def names(case: Case) -> Finding | None:
    """So many symbols at once and no more; one that is being sold counts until it is sold."""
    held, most = case.exposure.names, case.limits.names_max
    if case.exposure.has(case.order.symbol) or held < most:
        return None
    return Finding(f"{held} names held or ordered", f"at most {most}", "no place is free among the names")


def daily_loss(case: Case) -> Finding | None:
    """Entries shrink as the day's loss grows: half from the soft loss on, a quarter from 1.5 times, none from twice."""
    context, limits = case.context, case.limits
    if context.day_start_equity_usd <= 0:
        return unknown("no equity to count the day's loss from", "a starting equity above zero")
    soft = limits.daily_loss_soft_usd(context.day_start_equity_usd)
    loss = context.day_start_equity_usd - context.equity_usd
    for multiple, share in _LOSS_STEPS:
        if loss >= multiple * soft:
            return Finding(
                f"{dollars(loss)} lost today",
                f"less than {dollars(multiple * soft)}"
                + (f" for more than {percent(share)} of the size" if share else ""),
                "the day has lost too much",
                floor_shares(case.quantity_shares * share, decimals=case.share_decimals),
            )
    return None


def position_weight(case: Case) -> Finding | None:
    """One position stays a bounded part of equity."""
    return cut_to_weight(
        case,
        case.limits.position_max_weight,
        carried_usd=case.exposure.positions_usd.get(case.order.symbol, Decimal(0)),
        where=f"in {case.order.symbol}",
        reason="the position would be too large",
    )


def sector_weight(case: Case) -> Finding | None:
    """One sector stays a bounded part of equity; holdings whose sector is unknown count against every sector."""
    cap, signal = case.limits.sector_max_weight, case.signal
    if cap == 1:
        return None
    if signal is None or not signal.sector:
        return unknown(f"no sector of {case.order.symbol}", part_of_equity(case, cap))
    return cut_to_weight(
        case,
        cap,
        carried_usd=case.exposure.sector_usd(signal.sector),
        where=f"in {signal.sector}",
        reason="the sector would be too large",
    )


def gross(case: Case) -> Finding | None:
    """All positions together stay within equity: nothing is borrowed."""
    cap = case.limits.gross_max_weight
    return unpriced(case, cap) or cut_to_weight(
        case,
        cap,
        carried_usd=case.exposure.gross_usd,
        where="in positions",
        reason="all positions together would be too large",
    )


def net(case: Case) -> Finding | None:
    """Long less short stays within equity, whoever holds the shorts."""
    cap = case.limits.net_max_weight
    return unpriced(case, cap) or cut_to_weight(
        case,
        cap,
        carried_usd=case.exposure.net_usd,
        where="long less short",
        reason="long positions less short ones would be too large",
    )


def cash(case: Case) -> Finding | None:
    """Entries are paid from settled cash, fees included, and leave the reserve; an open sale pays for nothing.

    Source:
        Settlement one business day after the trade: SEC Rule 15c6-1(a), in force since 28 May 2024.
    """
    reserve = case.limits.cash_min_weight * case.context.equity_usd
    unsettled = case.context.unsettled_usd
    allowed = f"{dollars(case.exposure.cash_usd)} in cash less a reserve of {dollars(reserve)}"
    if unsettled is None:
        return unknown("nobody told which sales have settled", allowed)
    with_fees = 1 + case.limits.fee_allowance_bps / 10_000
    fits = case.affordable_shares((case.exposure.cash_usd - reserve - unsettled) / with_fees)
    if fits >= case.quantity_shares:
        return None
    if unsettled:
        allowed += f" and {dollars(unsettled)} not settled"
    needed = f"{dollars(case.quantity_shares * case.price_usd * with_fees)} needed, fees included"
    return Finding(needed, allowed, "there is not enough cash", fits)
