"""May the account take new risk? The worse of what people and breakers said and what the drawdown says."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final, NamedTuple

from execution.domain.events import PositionsMarked
from execution.domain.signals import Mode
from execution.ledger.book import Book
from execution.ledger.grown import Grown
from execution.risk.findings import percent
from execution.risk.limits import RiskLimits
from execution.risk.trading_context import TradingState

_STRICTNESS: Final[dict[TradingState, int]] = {"active": 0, "reducing": 1, "halted": 2}
_NO_LOSS: Final = Decimal(0)
_RESUMING: Final = ("simulated", "files")


class _Drawn(NamedTuple):
    """How far the marks have come down: the equity counted from, for how many sessions it only reduces, since when.

    What moves in or out without a trade moves the peak along: it is neither a gain nor a loss.
    """

    peak_usd: Decimal
    paid_in_usd: Decimal
    reducing_sessions: int
    breached_on: date | None


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
    marked_peak, paid_in, reducing_sessions, breached_on = _after_marks(book, equity_usd, limits, mode)
    peak = marked_peak + book.paid_in_usd - paid_in
    resumes = mode in _RESUMING
    drawdown = max(_NO_LOSS, (peak - equity_usd) / peak) if peak > 0 else _NO_LOSS
    if not reducing_sessions and not _is_drawn_down(equity_usd, peak, limits):
        return Standing("active", "", drawdown)
    since = f"since {breached_on}" if reducing_sessions else "now"
    reason = (
        f"the drawdown reached its limit of {percent(limits.drawdown_max_fraction)} {since}: {percent(drawdown)} below "
        f"the highest equity"
    )
    return Standing("reducing" if resumes else "halted", reason, drawdown)


def _after_marks(book: Book, equity_usd: Decimal, limits: RiskLimits, mode: Mode) -> _Drawn:
    opening = book.opened.cash_usd if book.opened else equity_usd
    first = _Drawn(opening, opening if book.opened else book.paid_in_usd, 0, None)
    step = partial(_after_mark, limits=limits, resumes=mode in _RESUMING)
    if book.control is None and isinstance(book.marks, Grown):
        # Nobody reset the count: where the marks came in their order, what they came to is gone on from.
        key = ("drawdown", limits.drawdown_max_fraction, limits.drawdown_resume_sessions, mode, first.peak_usd)
        begin: tuple[_Drawn | None, date] = (first, date.min)
        found, _ = book.marks.fold(key, begin, lambda before, mark: _in_order(before, mark, step))
        if found is not None:
            return found
    marks = sorted(book.marks, key=lambda mark: mark.marked_session)
    resumed_at = book.control.at if book.control and book.control.state == "active" else None
    # A named person let the account go on: its loss is counted from the close that person saw.
    seen = [mark for mark in marks if resumed_at is not None and mark.at <= resumed_at]
    drawn = first
    for mark in marks:
        drawn = step(drawn, mark)
        if seen and mark is seen[-1]:
            drawn = drawn._replace(peak_usd=mark.equity_usd, reducing_sessions=0)
    return drawn


def _after_mark(drawn: _Drawn, mark: PositionsMarked, *, limits: RiskLimits, resumes: bool) -> _Drawn:
    equity, paid_in, (marked_peak, before, reducing_sessions, breached_on) = mark.equity_usd, mark.paid_in_usd, drawn
    peak = marked_peak + paid_in - before
    if reducing_sessions:
        reducing_sessions += 1
        if reducing_sessions > limits.drawdown_resume_sessions and resumes:
            peak, reducing_sessions = equity, 0
    elif _is_drawn_down(equity, peak, limits):
        reducing_sessions, breached_on = 1, mark.marked_session
    return _Drawn(max(peak, equity), paid_in, reducing_sessions, breached_on)


def _in_order(
    before: tuple[_Drawn | None, date], mark: PositionsMarked, step: Callable[[_Drawn, PositionsMarked], _Drawn]
) -> tuple[_Drawn | None, date]:
    drawn, newest = before
    is_in_order = drawn is not None and mark.marked_session >= newest
    return (step(drawn, mark) if drawn is not None and is_in_order else None), mark.marked_session


def _is_drawn_down(equity_usd: Decimal, peak_usd: Decimal, limits: RiskLimits) -> bool:
    return equity_usd <= peak_usd * (1 - limits.drawdown_max_fraction)
