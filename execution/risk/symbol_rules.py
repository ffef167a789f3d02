"""Rules about the symbol: may it be traded, is it too wild, too thin, too near its earnings, or held already."""

from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta
from decimal import Decimal

from execution.domain.quantities import floor_shares
from execution.risk.findings import Case, Finding, percent, unknown
from execution.trading_calendar import TradingCalendar


def tradable(case: Case) -> Finding | None:
    """The symbol is in the session's universe and was not halted on it."""
    signal, allowed = case.signal, "in the universe and not halted"
    if signal is None:
        return unknown(f"the batch says nothing of {case.order.symbol}", allowed)
    if not signal.is_tradable:
        return Finding("not tradable", allowed, signal.missing_reason or "the symbol is not in the session's universe")
    if signal.is_halted:
        return Finding("halted", allowed, f"trading in {signal.symbol} was halted on {case.context.session}")
    return None


def restricted(case: Case) -> Finding | None:
    """A symbol on the restricted list is not entered."""
    if case.order.symbol not in case.limits.restricted_symbols:
        return None
    return Finding("restricted", "not on the restricted list", f"{case.order.symbol} is on the restricted list")


def quarantined(case: Case) -> Finding | None:
    """A symbol somebody else traded on the account is left alone until a named person lets it go."""
    why = case.context.quarantined.get(case.order.symbol)
    if why is None:
        return None
    return Finding("quarantined", "not in quarantine", f"{case.order.symbol} is in quarantine: {why}")


def duplicate_position(case: Case) -> Finding | None:
    """One position and one working entry per symbol: an entry never adds to what is there."""
    symbol = case.order.symbol
    held = case.context.positions_shares.get(symbol, 0)
    if held:
        return Finding(f"{held} shares held", "no position", "an entry never adds to a position")
    if (symbol, "buy") in case.exposure.sides:
        return Finding("a working buy order", "no working entry", "an entry in this symbol is already on its way")
    return None


def cooldown(case: Case) -> Finding | None:
    """Some minutes pass between the newest trade in a symbol and the next entry in it."""
    last = case.context.last_trade_at.get(case.order.symbol)
    wait = timedelta(minutes=case.limits.cooldown_minutes)
    if last is None or case.context.now - last >= wait:
        return None
    return Finding(
        f"last trade at {last.isoformat()}, {int((case.context.now - last).total_seconds())} s ago",
        f"at least {case.limits.cooldown_minutes} minutes",
        "the symbol was traded a moment ago",
    )


def earnings_blackout(case: Case) -> Finding | None:
    """No entry shortly before a scheduled earnings release; a symbol no calendar covers has no known date."""
    blackout = case.limits.earnings_blackout_sessions
    if blackout == 0:
        return None
    signal, allowed = case.signal, f"more than {blackout} sessions before the next release"
    if signal is None or not signal.is_event_calendar_known:
        return unknown(f"no calendar of events covers {case.order.symbol}", allowed)
    if signal.next_event_at is None:
        return None
    calendar = case.context.calendar
    trades_on = calendar.index(calendar.next(case.context.session))
    distance = _session_index(calendar, signal.next_event_at) - trades_on
    if distance > blackout:
        return None
    return Finding(
        f"release at {signal.next_event_at.isoformat()}, {max(0, distance)} sessions after the entry",
        allowed,
        "earnings are too near",
    )


def macro_blackout(case: Case) -> Finding | None:
    """No entry shortly before a scheduled macro release; without a calendar of them no date is known."""
    blackout = case.limits.macro_blackout_sessions
    if blackout == 0:
        return None
    context = case.context
    allowed = f"at least {blackout} sessions before the next release"
    if not context.is_macro_calendar_known:
        return unknown("no calendar of macro releases", allowed)
    if context.next_macro_at is None:
        return None
    calendar = context.calendar
    # The session that ends after the release: one before its open moves that open, where the entry would fill.
    trades_on = calendar.index(calendar.next(context.session))
    distance = max(0, _next_close_index(calendar, context.next_macro_at) - trades_on)
    if distance >= blackout:
        return None
    return Finding(
        f"release at {context.next_macro_at.isoformat()}, {distance} sessions after the entry",
        allowed,
        "a macro release is too near",
    )


def average_true_range(case: Case) -> Finding | None:
    """The usual range of a session, as a fraction of the price, stays bearable."""
    cap, signal = case.limits.atr_max_fraction, case.signal
    allowed = f"at most {percent(cap)}"
    close = case.context.closes_usd.get(case.order.symbol)
    if signal is None or signal.atr14_usd is None or close is None or close <= 0:
        return unknown(f"no average true range of {case.order.symbol}", allowed)
    fraction = signal.atr14_usd / close
    if fraction <= cap:
        return None
    return Finding(percent(fraction), allowed, "the symbol moves too much in a session")


def adv_share(case: Case) -> Finding | None:
    """An entry stays a small part of the volume that is usual in the symbol."""
    cap, signal = case.limits.adv_share_max, case.signal
    allowed = f"at most {percent(cap)} of the mean volume of 20 sessions"
    if signal is None or not signal.adv20_shares or signal.adv20_shares < 0:
        return unknown(f"no mean volume of {case.order.symbol}", allowed)
    fits = floor_shares(cap * signal.adv20_shares, decimals=case.share_decimals)
    if case.quantity_shares <= fits:
        return None
    share = Decimal(case.quantity_shares) / signal.adv20_shares
    return Finding(
        f"{case.quantity_shares} shares, {percent(share)} of {signal.adv20_shares}",
        allowed,
        "the order is too large for the symbol's volume",
        fits,
    )


def _session_index(calendar: TradingCalendar, instant: datetime) -> int:
    # The session that was open or last open: a release before the open counts to the evening before, the earlier of
    # its two possible sessions, so the blackout errs on the side of not entering.
    return bisect_right(calendar.opens, instant) - 1


def _next_close_index(calendar: TradingCalendar, instant: datetime) -> int:
    return bisect_left(calendar.closes, instant)
