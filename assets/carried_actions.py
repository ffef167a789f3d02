"""Which bar a split or dividend acts on: that of its ex-session, else the next one its symbol has.

A session without a trade has no bar, yet shares held through it are split and paid all the same. So what went ex on it
is carried to the next bar, and several actions that meet on one bar are put into one split and one dividend.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

MAX_CARRIED_SESSIONS: Final = 5
"""Over so many sessions without a usable bar a symbol's last price is carried; after more it is no evidence."""

_SIX_PLACES: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarActions:
    """What acts on one bar of a symbol, before its open.

    Attributes:
        split_ratio: new shares per old.
        dividend_usd: dollars per share held before the open, counted before the split.
    """

    split_ratio: Decimal = Decimal(1)
    dividend_usd: Decimal = Decimal(0)

    def then_split(self, ratio: Decimal) -> "BarActions":
        """Return these and a later split."""
        return replace(self, split_ratio=(self.split_ratio * ratio).quantize(_SIX_PLACES))

    def then_dividend(self, usd_per_share: Decimal) -> "BarActions":
        """Return these and a later dividend: it is paid on the shares that splits before it have left."""
        paid_usd = (self.split_ratio * usd_per_share).quantize(_SIX_PLACES)
        return replace(self, dividend_usd=self.dividend_usd + paid_usd)


NO_ACTIONS: Final = BarActions()


def carried_to_bars(actions: Iterable[Mapping[str, Any]], bar_sessions: Sequence[date]) -> dict[date, BarActions]:
    """Return what acts on each bar of one symbol; bars on which nothing does are left out.

    What went ex before the first bar is left out, since nothing could be held by then, and so is what still waits for a
    bar. A dividend and a split of one session are the dividend per share before the split.

    Args:
        actions: the symbol's rows of `raw/corporate_actions`, one version of each.
        bar_sessions: sessions with a bar of it, ascending.
    """
    found: dict[date, BarActions] = {}
    # In the order of names, a session's dividend comes before its split.
    for action in sorted(actions, key=itemgetter("ex_session", "action")):
        ex_session = action["ex_session"]
        place = bisect_left(bar_sessions, ex_session)
        if place == len(bar_sessions) or (place == 0 and bar_sessions[0] != ex_session):
            continue
        bar_session, value = bar_sessions[place], action["value"]
        before = found.get(bar_session, NO_ACTIONS)
        found[bar_session] = before.then_split(value) if action["action"] == "split" else before.then_dividend(value)
    return found
