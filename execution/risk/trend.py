"""Does the longer span agree? An entry may have to wait until the symbol's weekly or daily trend is up.

Closes are those the batch's own returns make, so that dividends and splits do not look like falls and nothing later
than the decision session is known. A trend is up when the newest close lies above the mean of the closes before it: of
the weekly ones, five sessions apart counted back from the decision session, or of the daily ones.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import fsum

from execution.risk.findings import Case, Finding, percent, unknown

SESSIONS_A_WEEK = 5


def trend(case: Case) -> Finding | None:
    """The symbol rises over every span that the limits name."""
    for count, apart, name in (
        (case.limits.trend_weeks, SESSIONS_A_WEEK, "weekly"),
        (case.limits.trend_sessions, 1, "daily"),
    ):
        finding = _against(case, count, apart, name) if count else None
        if finding is not None:
            return finding
    return None


def _against(case: Case, count: int, apart: int, name: str) -> Finding | None:
    closes = f"{name} close" if count == 1 else f"{count} {name} closes"
    allowed = f"above the mean of the {closes} before"
    returns = case.signal.returns_60d if case.signal is not None else ()
    if len(returns) < count * apart:
        missing = f"{len(returns)} sessions of returns of {case.order.symbol}, {count * apart} are needed"
        return unknown(missing, allowed)
    excess = _excess(returns, count, apart)
    if excess > 0:
        return None
    return Finding(f"{percent(Decimal(str(round(excess, 6))))} above", allowed, f"the {name} trend is not up")


def _excess(returns: Sequence[float], count: int, apart: int) -> float:
    """Return how far the newest close lies above the mean of earlier ones, as a fraction of the mean."""
    earlier, close = [], 1.0
    for ago, change in enumerate(reversed(returns[-count * apart :]), start=1):
        # Backwards from the newest close, which is 1; a share that lost everything has no close before that.
        close = close / (1.0 + change) if change > -1.0 else 0.0
        if ago % apart == 0:
            earlier.append(close)
    mean = fsum(earlier) / count
    return 1.0 / mean - 1.0 if mean > 0 else 0.0
