"""One-session returns that facts told late have changed, as they are known at a cut-off.

The marts keep each return as its own session's cut-off knew it: a split told a day late leaves the price's fall in it,
a close put right the next evening the fault. Who looks back reads the marts, and from here the returns of symbols of
which a bar, a split or a dividend was told after its session's cut-off.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, Final

from assets.carried_actions import MAX_CARRIED_SESSIONS, NO_ACTIONS, carried_to_bars
from assets.warehouse import Warehouse
from execution.trading_calendar import TradingCalendar

# The close before the first session is no older than that, or the bar begins a new history.
_REACH: Final = timedelta(days=21)
_LATE: Final = """
with cut_offs as (select unnest($sessions::date[]) as session, unnest($cut_offs::timestamptz[]) as as_of)
select bars.symbol from staging.stg_raw__daily_bars as bars inner join cut_offs on cut_offs.session = bars.session
where bars.known_at > cut_offs.as_of and bars.known_at <= $known
union
select actions.symbol from staging.stg_raw__corporate_actions as actions
inner join cut_offs on cut_offs.session = actions.ex_session
where actions.known_at > cut_offs.as_of and actions.known_at <= $known
"""
_BARS: Final = """
select symbol, session, close_usd from (
    select * from staging.stg_raw__daily_bars
    where list_contains($symbols, symbol) and session between $first and $last and known_at <= $known
    qualify row_number() over (partition by symbol, session order by known_at desc) = 1
)
where least(open_usd, high_usd, low_usd, close_usd) > 0
order by symbol, session
"""
_ACTIONS: Final = """
select symbol, ex_session, action, value from staging.stg_raw__corporate_actions
where list_contains($symbols, symbol) and ex_session between $first and $last and known_at <= $known
qualify row_number() over (partition by symbol, ex_session, action order by known_at desc) = 1
order by symbol
"""


@dataclass(frozen=True, slots=True)
class RestatedReturn:
    """What a symbol returned on a session, splits and dividends included, as a fraction."""

    session: date
    symbol: str
    total_return: float


def restated_returns(
    warehouse: Warehouse, *, grid: Sequence[date], calendar: TradingCalendar
) -> Iterator[RestatedReturn]:
    """Yield every return of symbols with facts told late, as known at the cut-off of the grid's last session.

    Args:
        warehouse: holds every version of bars, splits and dividends; nothing known later is read.
        grid: consecutive sessions, at least one.
        calendar: the exchange's sessions.
    """
    known = calendar.as_of(grid[-1])
    with warehouse.kept_open():
        has_versions = warehouse.has_table("staging", "stg_raw__daily_bars")
        symbols = _told_late(warehouse, grid, known=known, calendar=calendar) if has_versions else []
        if not symbols:
            return
        asked = {"symbols": symbols, "first": grid[0] - _REACH, "last": grid[-1], "known": known}
        bars, actions = warehouse.read(_BARS, asked).to_pylist(), warehouse.read(_ACTIONS, asked).to_pylist()
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for action in actions:
        told[action["symbol"]].append(action)
    for symbol, own in groupby(bars, key=itemgetter("symbol")):
        closes = {bar["session"]: bar["close_usd"] for bar in own}
        acting = carried_to_bars(told[symbol], list(closes))
        for before, session in pairwise(closes):
            carried = calendar.index(session) - calendar.index(before) - 1
            if session >= grid[0] and carried <= MAX_CARRIED_SESSIONS:
                acts = acting.get(session, NO_ACTIONS)
                worth = closes[session] * acts.split_ratio + acts.dividend_usd
                yield RestatedReturn(session, symbol, float(worth) / float(closes[before]) - 1.0)


def _told_late(warehouse: Warehouse, grid: Sequence[date], *, known: datetime, calendar: TradingCalendar) -> list[str]:
    cut_offs = [calendar.as_of(session) for session in grid]
    found = warehouse.read(_LATE, {"sessions": list(grid), "cut_offs": cut_offs, "known": known})
    return sorted(found.column("symbol").to_pylist())
