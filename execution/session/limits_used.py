"""How much of each standing limit the account uses at its newest mark: for people to see, never to decide by.

What decides is asked again before each order, with the account as the venue tells it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from execution.domain.signals import Mode
from execution.ledger.book import Book
from execution.risk.limits import RiskLimits
from execution.session.trading_state import standing

NEAR: Final = Decimal("0.8")
"""Share of a limit from which it is called near; at 1 it is hit."""
_NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class LimitUsed:
    """One limit.

    Attributes:
        name: of the limit: `drawdown`, `daily_loss`, `gross`, `position`, `names`.
        share: what is used of it, 0 for nothing and 1 for all.
    """

    name: str
    share: Decimal

    @property
    def is_near(self) -> bool:
        """Whether a person should look before it is hit, or was hit."""
        return self.share >= NEAR


def limits_used(book: Book, limits: RiskLimits, *, mode: Mode) -> tuple[LimitUsed, ...]:
    """Return every standing limit with its used share at the newest mark, in a fixed order; none before the first."""
    if not book.marks or book.marks[-1].equity_usd <= 0:
        return ()
    newest = book.marks[-1]
    equity = newest.equity_usd
    earlier = book.marks[-2] if len(book.marks) > 1 else None
    before = newest.paid_in_usd + (earlier.equity_usd - earlier.paid_in_usd if earlier else _NOTHING)
    values = [abs(mark.shares * mark.close_usd) for mark in newest.positions]
    drawdown = standing(book=book, equity_usd=equity, limits=limits, mode=mode).drawdown_fraction
    loss = max(_NOTHING, before - equity)
    return (
        LimitUsed("drawdown", drawdown / limits.drawdown_max_fraction),
        LimitUsed("daily_loss", loss / limits.daily_loss_hard_usd(before) if before > 0 else _NOTHING),
        LimitUsed("gross", sum(values, _NOTHING) / equity / limits.gross_max_weight),
        LimitUsed("position", max(values, default=_NOTHING) / equity / limits.position_max_weight),
        LimitUsed("names", Decimal(len(values)) / limits.names_max),
    )
