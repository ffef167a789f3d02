"""What pre-trade checks may know: the account as the broker holds it, the batch, and the day so far.

Absent never means a default: a symbol without a close, a sector or a volume is unknown, and what is unknown blocks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from execution.domain.orders import OrderState
from execution.domain.quantities import Shares
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
        state_reason: who or what made it so, when and why; empty while active.
        equity_usd: cash and positions at the closes of S.
        day_start_equity_usd: equity the day's loss is counted from: at the close before S.
        drawdown_fraction: loss from the highest equity, as a fraction of it.
        cash_usd: cash the broker shows.
        unsettled_usd: proceeds of sales in it that settle after the session the orders trade in; None when unknown.
        positions_shares: symbol to signed whole shares, the whole account.
        closes_usd: raw close of S of every symbol that is held or ordered; absent means unknown.
        signals: the batch's signals by symbol; empty in a session without a batch.
        open_orders: every working order of the account.
        entries_today: entry orders of this cycle that were already sent.
        messages_today: order messages sent on the exchange day; None when unknown.
        losses_in_a_row: positions closed at a loss one after the other since the newest open; None when unknown.
        quarantined: symbols somebody else traded on the account, until a named person lets them go, each with why.
        next_macro_at: the next scheduled macro release known at the cut-off; None when none is known.
        is_macro_calendar_known: whether there is a calendar of macro releases; one that fell silent is none.
        last_trade_at: the newest fill in each symbol; absent means none.
        quotes_usd: last prices at the moment of sending; empty while planning.
        is_sending: the orders go out now, rather than being planned for the next session.
    """

    session: date
    now: datetime
    calendar: TradingCalendar
    trading_state: TradingState
    equity_usd: Decimal
    day_start_equity_usd: Decimal
    drawdown_fraction: Decimal
    cash_usd: Decimal
    unsettled_usd: Decimal | None
    positions_shares: Mapping[str, Shares]
    closes_usd: Mapping[str, Decimal]
    signals: Mapping[str, SymbolSignal]
    messages_today: int | None
    losses_in_a_row: int | None
    state_reason: str = ""
    open_orders: tuple[OrderState, ...] = ()
    entries_today: int = 0
    last_trade_at: Mapping[str, datetime] = field(default_factory=dict)
    quarantined: Mapping[str, str] = field(default_factory=dict)
    next_macro_at: datetime | None = None
    is_macro_calendar_known: bool = False
    quotes_usd: Mapping[str, Decimal] = field(default_factory=dict)
    is_sending: bool = False
