"""One-session returns the marts do not have as they are known at a cut-off: facts were told late, or a stock reopened.

The marts keep each return as its own session's cut-off knew it: a split told a day late leaves the price's fall in it,
a close put right the next evening the fault. And a stock that reopens after more sessions without a bar than a price is
carried over begins a new history there, without the return from the last close, which whoever held it has had all the
same. Who looks back reads the marts, and from here the returns of such symbols.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, Final

from assets.carried_actions import NO_ACTIONS, carried_to_bars
from assets.warehouse import Warehouse
from execution.trading_calendar import TradingCalendar

_LATE: Final = """
with cut_offs as (select unnest($sessions::date[]) as session, unnest($cut_offs::timestamptz[]) as as_of)
select bars.symbol from staging.stg_raw__daily_bars as bars inner join cut_offs on cut_offs.session = bars.session
where bars.known_at > cut_offs.as_of and bars.known_at <= $known
union
select actions.symbol from staging.stg_raw__corporate_actions as actions
inner join cut_offs on cut_offs.session = actions.ex_session
where actions.known_at > cut_offs.as_of and actions.known_at <= $known
"""
# New listings are among them, and come out with the returns they have.
_REOPENED: Final = """
select distinct symbol from marts.fct_total_returns
where total_return is null and session > $first and session <= $last
"""
_BARS: Final = """
select symbol, session, close_usd from (
    select * from staging.stg_raw__daily_bars
    where list_contains($symbols, symbol) and session <= $last and known_at <= $known
    qualify row_number() over (partition by symbol, session order by known_at desc) = 1
)
where least(open_usd, high_usd, low_usd, close_usd) > 0
order by symbol, session
"""
_ACTIONS: Final = """
select symbol, ex_session, action, value from staging.stg_raw__corporate_actions
where list_contains($symbols, symbol) and ex_session <= $last and known_at <= $known
qualify row_number() over (partition by symbol, ex_session, action order by known_at desc) = 1
order by symbol
"""
_LISTINGS: Final = """
select distinct symbol, listed_session from staging.stg_raw__securities
where list_contains($symbols, symbol) and listed_session <= $last and known_at <= $known
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
    """Yield every return of symbols with facts told late or a reopening, as known at the cut-off of the last session.

    A symbol that another listing has taken since begins anew: between the two nobody held anything.

    Args:
        warehouse: holds every version of bars, splits and dividends; nothing known later is read.
        grid: consecutive sessions, at least one.
        calendar: the exchange's sessions.
    """
    with warehouse.kept_open():
        has_versions = warehouse.has_table("staging", "stg_raw__daily_bars")
        symbols = _concerned(warehouse, grid, calendar) if has_versions else []
        if not symbols:
            return
        asked = {"symbols": symbols, "last": grid[-1], "known": calendar.as_of(grid[-1])}
        bars, actions, listings = (warehouse.read(query, asked).to_pylist() for query in (_BARS, _ACTIONS, _LISTINGS))
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for action in actions:
        told[action["symbol"]].append(action)
    begins: dict[str, list[date]] = defaultdict(list)
    for listing in listings:
        begins[listing["symbol"]].append(listing["listed_session"])
    for symbol, own in groupby(bars, key=itemgetter("symbol")):
        closes = {bar["session"]: bar["close_usd"] for bar in own}
        acting = carried_to_bars(told[symbol], list(closes))
        for before, session in pairwise(closes):
            if session >= grid[0] and not any(before < begin <= session for begin in begins[symbol]):
                acts = acting.get(session, NO_ACTIONS)
                worth = closes[session] * acts.split_ratio + acts.dividend_usd
                yield RestatedReturn(session, symbol, float(worth) / float(closes[before]) - 1.0)


def _concerned(warehouse: Warehouse, grid: Sequence[date], calendar: TradingCalendar) -> list[str]:
    cut_offs = [calendar.as_of(session) for session in grid]
    late = warehouse.read(_LATE, {"sessions": list(grid), "cut_offs": cut_offs, "known": cut_offs[-1]})
    reopened = warehouse.read(_REOPENED, {"first": grid[0], "last": grid[-1]})
    return sorted({*late.column("symbol").to_pylist(), *reopened.column("symbol").to_pylist()})
