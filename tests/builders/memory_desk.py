"""A desk on a ledger in memory, with nothing on it that a test does not put there."""

from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from execution.clock import MovedClock
from execution.ledger.memory_ledger import MemoryLedger
from execution.portfolio.sizing_policy import SizingPolicy
from execution.risk.limits import RiskLimits
from execution.session.desk import Desk
from execution.trading_calendar import TradingCalendar
from tests.fakes.listed_prices import ListedPrices


def a_memory_desk(at: datetime, **changes: Any) -> Desk:
    """Return a desk of the account and strategy the builders of orders name; a port nobody gave fails when asked."""
    nothing = cast("Any", None)
    fields: dict[str, Any] = {
        "account": "paper",
        "strategy": "momentum",
        "mode": "simulated",
        "calendar": TradingCalendar.shipped(),
        "clock": MovedClock(at),
        "broker": nothing,
        "quotes": ListedPrices(),
        "ledger": MemoryLedger(),
        "batches": nothing,
        "artifacts": nothing,
        "kill_switch": nothing,
        "sizing": SizingPolicy(),
        "limits": RiskLimits(),
        "settings_hash": "s",
        "code_hash": "c",
        "initial_cash_usd": Decimal(100_000),
    }
    return Desk(**{**fields, **changes})
