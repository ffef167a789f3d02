"""Throttles as pure folds over what the ledger says was sent: a restart reads the same facts and refills nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from execution.risk.limits import RiskLimits

_MINUTE_MICROSECONDS: Final = 60_000_000
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """A bucket that starts full and fills at an even pace; each message takes one token.

    Attributes:
        size_tokens: what it holds at most.
        refill_per_minute: tokens that come back in a minute.
    """

    size_tokens: int
    refill_per_minute: int

    def has_token(self, taken_at: Sequence[datetime], now: datetime) -> bool:
        """Return whether one more message may go.

        Levels are whole numbers of 60-millionths of a token, so no rounding lets one through. A clock that goes back
        refills nothing.

        Args:
            taken_at: when each earlier message was let through, in the order they went.
            now: the clock's instant.
        """
        full = self.size_tokens * _MINUTE_MICROSECONDS
        level, newest = full, None
        for instant in (*taken_at, now):
            if newest is not None and instant > newest:
                level = min(full, level + (instant - newest) // _MICROSECOND * self.refill_per_minute)
            newest = instant if newest is None else max(newest, instant)
            level -= _MINUTE_MICROSECONDS
        return level >= 0


def message_refusal(sent_at: Sequence[datetime], *, now: datetime, limits: RiskLimits) -> str | None:
    """Return why one more order message may not go over the wire now; None when it may.

    Args:
        sent_at: when each message of the exchange day was sent, in order, from the ledger's rows before the wire.
        now: the clock's instant.
        limits: the messages a minute and a day.

    Source:
        Throttles on messages: Commission Delegated Regulation (EU) 2017/589 (RTS 6), art. 15(1)(d).
    """
    if len(sent_at) >= limits.messages_per_day_max:
        return f"{len(sent_at)} messages were sent today, at most {limits.messages_per_day_max} may be"
    pace = limits.messages_per_minute_max
    if TokenBucket(pace, pace).has_token(sent_at, now):
        return None
    return f"{len(sent_at)} messages were sent today, the newest too fast: at most {pace} a minute"


def is_repeating(
    cycles_sent_at: Sequence[datetime], *, now: datetime, enabled_at: datetime | None, limits: RiskLimits
) -> bool:
    """Return whether the strategy was executed too often, so that a named person must let it go on.

    Args:
        cycles_sent_at: when each cycle sent its first entry.
        now: the clock's instant.
        enabled_at: when a named person last let the account go on; what was sent before does not count.
        limits: how many cycles in how many hours.

    Source:
        Repeated automated execution throttle: Commission Delegated Regulation (EU) 2017/589 (RTS 6), art. 15(3).
    """
    since = now - timedelta(hours=limits.cycles_in_a_row_hours)
    if enabled_at is not None:
        since = max(since, enabled_at)
    return sum(since < sent_at <= now for sent_at in cycles_sent_at) > limits.cycles_in_a_row_max
