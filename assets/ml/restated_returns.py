"""One-session returns the marts do not have as they are known at a cut-off: facts were told late, or a stock reopened.

The marts keep each return as its own session's cut-off knew it: a split told a day late leaves the price's fall in it,
a close put right the next evening the fault. And a stock that reopens after more sessions without a bar than a price is
carried over begins a new history there, without the return from the last close, which whoever held it has had all the
same. Who looks back reads the marts, and from here the returns of such symbols.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, Final

import pyarrow as pa

from assets.carried_actions import NO_ACTIONS, carried_to_bars
from assets.warehouse import Warehouse
from execution.trading_calendar import TradingCalendar

# New listings are among those without a return, and come out with the returns they have.
_CONCERNED: Final = """
with cut_offs as (select unnest($sessions::date[]) as session, unnest($cut_offs::timestamptz[]) as as_of)
select bars.symbol from staging.stg_raw__daily_bars as bars inner join cut_offs on cut_offs.session = bars.session
where bars.known_at > cut_offs.as_of and bars.known_at <= $known
union
select actions.symbol from staging.stg_raw__corporate_actions as actions
asof join cut_offs on actions.ex_session <= cut_offs.session
where actions.known_at > cut_offs.as_of and actions.known_at <= $known
union
select symbol from marts.fct_total_returns where total_return is null and session > $first and session <= $last
order by symbol
"""
_BARS: Final = """
select symbol, session, close_usd, least(open_usd, high_usd, low_usd, close_usd) > 0 as is_usable
from staging.stg_raw__daily_bars
where symbol in (select unnest($symbols)) and session <= $last and known_at <= $known
qualify row_number() over (partition by symbol, session order by known_at desc) = 1
order by symbol, session
"""
_ACTIONS: Final = """
select symbol, ex_session, action, value from staging.stg_raw__corporate_actions
where symbol in (select unnest($symbols)) and ex_session <= $last and known_at <= $known
qualify row_number() over (partition by symbol, ex_session, action order by known_at desc) = 1
"""
_LISTINGS: Final = """
select symbol, listed_session from staging.stg_raw__securities
where symbol in (select unnest($symbols)) and known_at <= $known
order by symbol, known_at
"""
# What was no stock of the market on its own evening does not become one by what was told of it later.
_LISTED: Final = """
select listed.symbol, listed.session from intermediate.int_securities__as_known as listed
inner join (select symbol, min(session) as begins from marts.fct_total_returns group by symbol) as rows
    on rows.symbol = listed.symbol and listed.session >= rows.begins
where listed.symbol in (select unnest($symbols)) and listed.session between $first and $last
"""

Row = Mapping[str, Any]


def restated_returns(
    warehouse: Warehouse, *, grid: Sequence[date], calendar: TradingCalendar, known: date | None = None
) -> dict[tuple[date, str], float]:
    """Return one-session total returns, as fractions, of symbols with facts told late or without a return of their own.

    Told are sessions with a bar on which the symbol was listed. A session whose bar cannot be used changed nothing.

    Args:
        warehouse: holds the marts, and every version of bars, splits, dividends and listings.
        grid: consecutive sessions, at least one.
        calendar: the exchange's sessions.
        known: session at whose cut-off a version must have been known; the grid's last one unless told otherwise.
    """
    with warehouse.kept_open():
        last, instant = grid[-1], calendar.as_of(known or grid[-1])
        cut_offs = [calendar.as_of(session) for session in grid]
        grid_asked = {"sessions": list(grid), "cut_offs": cut_offs, "known": instant, "first": grid[0], "last": last}
        symbols = warehouse.read(_CONCERNED, grid_asked).column("symbol").to_pylist()
        if not symbols:
            return {}
        asked = {"symbols": symbols, "known": instant}
        bars = warehouse.read(_BARS, asked | {"last": last}).to_pylist()
        actions = _by_symbol(warehouse.read(_ACTIONS, asked | {"last": last}))
        listings = _by_symbol(warehouse.read(_LISTINGS, asked))
        listed = warehouse.read(_LISTED, {"symbols": symbols, "first": grid[0], "last": last})
    places = set(zip(listed.column("session").to_pylist(), listed.column("symbol").to_pylist(), strict=True))
    return {
        (session, symbol): total_return
        for symbol, own in groupby(bars, key=itemgetter("symbol"))
        for session, total_return in _returns(list(own), actions[symbol], listings[symbol])
        if (session, symbol) in places
    }


def _by_symbol(rows: pa.Table) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows.to_pylist():
        found[row["symbol"]].append(row)
    return found


def _returns(bars: Sequence[Row], actions: Sequence[Row], listings: Sequence[Row]) -> Iterator[tuple[date, float]]:
    usable = [bar for bar in bars if bar["is_usable"]]
    acting = carried_to_bars(actions, [bar["session"] for bar in usable])
    for before, bar in pairwise(usable):
        if _begins(listings, bar["session"]) <= before["session"]:
            acts = acting.get(bar["session"], NO_ACTIONS)
            worth = bar["close_usd"] * acts.split_ratio + acts.dividend_usd
            yield bar["session"], float(worth) / float(before["close_usd"]) - 1.0
    yield from ((bar["session"], 0.0) for bar in bars if not bar["is_usable"])


def _begins(listings: Sequence[Row], session: date) -> date:
    """Return when the listing a symbol has on a session began, by what was told last; the first day where none was."""
    begun = [row["listed_session"] for row in listings if row["listed_session"] <= session]
    return begun[-1] if begun else date.min
