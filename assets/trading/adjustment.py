"""An adjustment as a person typed it: numbers read exactly, cash or shares of one symbol, never both."""

from execution.domain.errors import SettingsRefused
from execution.domain.events import AccountAdjusted
from execution.domain.quantities import number_of, stated_shares
from execution.session.adjust import adjust_cash, adjust_shares
from execution.session.run_session import Desk


def adjust(
    desk: Desk, *, cash_usd: str, symbol: str, shares: str, cost_usd: str, actor: str, reason: str
) -> AccountAdjusted:
    """Book cash, or where a symbol is named its shares.

    Raises:
        LedgerError: what is told is not the whole difference between ledger and venue; see `execution.session.adjust`.
        SettingsRefused: a field is no number, or cash and shares are told at once.
    """
    cash, cost = number_of(cash_usd, named="cash_usd"), number_of(cost_usd, named="cost_usd")
    moved = number_of(shares, named="shares")
    if symbol and cash:
        raise SettingsRefused(
            f"symbol is {symbol} and cash_usd is {cash}: expected cash, or shares of a symbol, each in a run of its own"
        )
    if symbol:
        return adjust_shares(
            desk, symbol=symbol, shares=stated_shares(moved), cost_usd=cost, actor=actor, reason=reason
        )
    if moved or cost:
        raise SettingsRefused(
            f"shares is {moved} and cost_usd is {cost} without a symbol: expected the symbol of the shares, or cash "
            "alone"
        )
    return adjust_cash(desk, cash_usd=cash, actor=actor, reason=reason)
