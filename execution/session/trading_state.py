"""May the account take new risk? The worse of what people and breakers said and what the drawdown says."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from execution.domain.signals import Mode
from execution.ledger.book import Book
from execution.risk.findings import percent
from execution.risk.limits import RiskLimits
from execution.risk.trading_context import TradingState

_STRICTNESS: Final[dict[TradingState, int]] = {"active": 0, "reducing": 1, "halted": 2}
_NO_LOSS: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """What may be sent, and why.

    Attributes:
        state: active, reducing or halted.
        reason: who or what said so, when and why; empty while active.
        drawdown_fraction: loss from the highest equity counted, as a fraction of it, never below zero.
    """

    state: TradingState
    reason: str
    drawdown_fraction: Decimal


def standing(*, book: Book, equity_usd: Decimal, limits: RiskLimits, mode: Mode) -> Standing:
    """Return the worse of the newest change of control and the drawdown rule.

    The drawdown is counted from the highest equity since the ledger opened or since the last resume. In simulated and
    files mode an account that has only reduced for the limit's sessions resumes, and counts from its equity then; in
    paper and live mode it is halted until a named person resumes it, and counts from the close before that.

    Args:
        book: the ledger's book, for its marks and its control.
        equity_usd: equity at the closes of the session decided on.
        limits: the drawdown and the sessions until a resume.
        mode: real modes wait for a person instead of resuming.
    """
    by_drawdown = _by_drawdown(book=book, equity_usd=equity_usd, limits=limits, mode=mode)
    control = book.control
    if control is None or _STRICTNESS[control.state] < max(1, _STRICTNESS[by_drawdown.state]):
        return by_drawdown
    told = f"set to {control.state} by {control.actor} at {control.at.isoformat()}: {control.reason}"
    reason = f"{told}; {by_drawdown.reason}" if by_drawdown.reason else told
    return Standing(control.state, reason, by_drawdown.drawdown_fraction)


def _by_drawdown(*, book: Book, equity_usd: Decimal, limits: RiskLimits, mode: Mode) -> Standing:
    peak = book.opened.cash_usd if book.opened else equity_usd
    reducing_sessions, breached_on = 0, None
    resumes = mode in ("simulated", "files")
    resumed_at = book.control.at if book.control and book.control.state == "active" else None
    marks = sorted(book.marks, key=lambda mark: mark.marked_session)
    # A named person let the account go on: its loss is counted from the close that person saw.
    seen = [mark for mark in marks if resumed_at is not None and mark.at <= resumed_at]
    for mark in marks:
        equity = mark.equity_usd
        if reducing_sessions:
            reducing_sessions += 1
            if reducing_sessions > limits.drawdown_resume_sessions and resumes:
                peak, reducing_sessions = equity, 0
        elif _is_drawn_down(equity, peak, limits):
            reducing_sessions, breached_on = 1, mark.marked_session
        peak = max(peak, equity)
        if seen and mark is seen[-1]:
            peak, reducing_sessions = equity, 0
    drawdown = max(_NO_LOSS, (peak - equity_usd) / peak) if peak > 0 else _NO_LOSS
    if not reducing_sessions and not _is_drawn_down(equity_usd, peak, limits):
        return Standing("active", "", drawdown)
    since = f"since {breached_on}" if reducing_sessions else "now"
    reason = (
        f"the drawdown reached its limit of {percent(limits.drawdown_max_fraction)} {since}: {percent(drawdown)} below "
        f"the highest equity"
    )
    return Standing("reducing" if resumes else "halted", reason, drawdown)


def _is_drawn_down(equity_usd: Decimal, peak_usd: Decimal, limits: RiskLimits) -> bool:
    return equity_usd <= peak_usd * (1 - limits.drawdown_max_fraction)
