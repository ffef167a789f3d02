"""May the account take new risk? A drawdown beyond the limit stops entries; in real modes it stops everything."""

from decimal import Decimal

from execution.domain.signals import Mode
from execution.ledger.book import Book
from execution.risk.limits import RiskLimits
from execution.risk.trading_context import TradingState


def trading_state(*, book: Book, equity_usd: Decimal, limits: RiskLimits, mode: Mode) -> TradingState:
    """Return whether the account is active, only reduces, or is halted.

    The drawdown is counted from the highest equity since the ledger opened or since the last resume. In simulated and
    files mode an account that has only reduced for the limit's sessions resumes, and counts from its equity then.

    Args:
        book: the ledger's book, for its marks.
        equity_usd: equity at the closes of the session decided on.
        limits: the drawdown and the sessions until a resume.
        mode: real modes wait for a person instead of resuming.
    """
    peak = book.opened.cash_usd if book.opened else equity_usd
    reducing_sessions = 0
    resumes = mode in ("simulated", "files")
    for equity in [mark.equity_usd for mark in sorted(book.marks, key=lambda mark: mark.marked_session)]:
        if reducing_sessions:
            reducing_sessions += 1
            if reducing_sessions > limits.drawdown_resume_sessions and resumes:
                peak, reducing_sessions = equity, 0
        elif _is_drawn_down(equity, peak, limits):
            reducing_sessions = 1
        peak = max(peak, equity)
    if not reducing_sessions and not _is_drawn_down(equity_usd, peak, limits):
        return "active"
    return "reducing" if resumes else "halted"


def _is_drawn_down(equity_usd: Decimal, peak_usd: Decimal, limits: RiskLimits) -> bool:
    return equity_usd <= peak_usd * (1 - limits.drawdown_max_fraction)
