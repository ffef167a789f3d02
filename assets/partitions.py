"""Partitions are exchange sessions with explicit bounds, never symbols: symbols are rows.

The bounds come from the shipped calendar table, not from today, so a key never drifts (docs/adr/0003-partitions.md).
"""

import dagster as dg

from execution.trading_calendar import TradingCalendar

SESSIONS = dg.StaticPartitionsDefinition([session.isoformat() for session in TradingCalendar.shipped().sessions])
"""One partition per exchange session of the shipped calendar, oldest first."""
