"""Partitions are exchange sessions with explicit bounds, never symbols: symbols are rows.

The bounds come from the shipped calendar table, not from today, so a key never drifts (docs/adr/0003-partitions.md).
"""

from collections.abc import Sequence
from datetime import date

import dagster as dg

from execution.trading_calendar import TradingCalendar


class StaticPartitionsDefinition(dg.StaticPartitionsDefinition):
    """Dagster's static partitions, by the same name because Dagster writes it down and compares it.

    Dagster hashes them by a text of all their keys, hundreds of times while it loads definitions. Six thousand sessions
    take one or two milliseconds each time, more than all the rest of a load. Here the text is made once.
    """

    def __init__(self, partition_keys: Sequence[str]) -> None:
        super().__init__(partition_keys)
        self._text = super().__repr__()

    def __repr__(self) -> str:
        return self._text


SESSIONS = StaticPartitionsDefinition([session.isoformat() for session in TradingCalendar.shipped().sessions])
"""One partition per exchange session of the shipped calendar, oldest first."""


def session_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> date:
    """Return the one session a run is of.

    Raises:
        Failure: the run was launched without a session, or over several at once; nothing of it is tried again.
    """
    if context.has_partition_key:
        return date.fromisoformat(context.partition_key)
    choose = "choose one under Partitions, or launch a backfill"
    if not context.has_partition_key_range:
        raise dg.Failure(f"found no partition, expected one session: {choose}", allow_retries=False)
    first, last = context.partition_key_range.start, context.partition_key_range.end
    if first != last:
        raise dg.Failure(
            f"found the partitions {first} to {last} in one run, expected one session: {choose} with a run for each",
            allow_retries=False,
        )
    return date.fromisoformat(first)
