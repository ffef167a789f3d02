"""When the exchange is open: regular hours, holidays and early closes, from the shipped table of sessions alone."""

from bisect import bisect_right
from datetime import datetime
from typing import Literal

from execution.risk.findings import Case, Finding, unknown
from execution.trading_calendar import NotASession, TradingCalendar

MarketPhase = Literal["open", "closed", "unknown"]


def market_phase(calendar: TradingCalendar, instant: datetime) -> MarketPhase:
    """Return whether regular trading runs at an instant: from the open on, up to and without the close.

    An instant outside the table is unknown: nobody can say that it is no holiday.
    """
    index = bisect_right(calendar.opens, instant) - 1
    if index < 0 or instant >= calendar.closes[-1]:
        return "unknown"
    return "open" if instant < calendar.closes[index] else "closed"


def market_hours(case: Case) -> Finding | None:
    """An order is planned while the window of its session may still come, and sent only in regular hours."""
    context = case.context
    try:
        opens_at, ends_at = context.calendar.submit_window(context.session)
    except NotASession:
        return unknown(f"the calendar has no session after {context.session}", "a session of the calendar")
    if context.is_sending:
        phase = market_phase(context.calendar, context.now)
        allowed = "an open exchange"
        if phase == "unknown":
            return unknown(f"the calendar does not cover {context.now.isoformat()}", allowed)
        return None if phase == "open" else Finding("the exchange is closed", allowed, "outside regular trading hours")
    if context.now < ends_at:
        return None
    return Finding(
        f"{context.now.isoformat()}",
        f"before {ends_at.isoformat()}, the end of the window that opens at {opens_at.isoformat()}",
        "the session's window is over",
    )
