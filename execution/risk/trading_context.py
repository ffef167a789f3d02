"""What pre-trade checks may know: the account as the broker holds it, the batch, and the day so far.

Absent never means a default: a symbol without a close, a sector or a volume is unknown, and what is unknown blocks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from execution.domain.orders import OrderState
from execution.domain.signals import SymbolSignal
from execution.trading_calendar import TradingCalendar

TradingState = Literal["active", "reducing", "halted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingContext:
    """One account at one moment. Positions and working orders are the broker's: foreign ones count too.

    Attributes:
        session: the decision session S; its orders trade in the session after it.
        now: the clock's instant.
        calendar: exchange sessions, to count the sessions before an event.
        trading_state: `active`, `reducing` (no entries) or `halted` (no orders at all).
        equity_usd: cash and positions at the closes of S.
        day_start_equity_usd: equity the day's loss is counted from: at the close before S.
        cash_usd: cash the broker shows; sale proceeds not yet received are not in it.
        positions_shares: symbol to signed whole shares, the whole account.
        closes_usd: raw close of S of every symbol that is held or ordered; absent means unknown.
        signals: the batch's signals by symbol; empty in a session without a batch.
        open_orders: every working order of the account.
        entries_today: entry orders of this cycle that were already sent.
        last_trade_at: the newest fill in each symbol; absent means none.
        quotes_usd: last prices at the moment of sending; empty while planning.
    """

    session: date
    now: datetime
    calendar: TradingCalendar
    trading_state: TradingState
    equity_usd: Decimal
    day_start_equity_usd: Decimal
    cash_usd: Decimal
    positions_shares: Mapping[str, int]
    closes_usd: Mapping[str, Decimal]
    signals: Mapping[str, SymbolSignal]
    open_orders: tuple[OrderState, ...] = ()
    entries_today: int = 0
    last_trade_at: Mapping[str, datetime] = field(default_factory=dict)
    quotes_usd: Mapping[str, Decimal] = field(default_factory=dict)
