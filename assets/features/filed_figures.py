"""Fundamental features of one session, from the raw filings its cut-off knew: what a leakage check compares with.

The marts keep what filings said at every instant and join it as of the cut-off. Here there is one instant, the tables
lie in memory, and no stored model is read. Figures are chosen one by one and added in a fixed order, as in the marts,
so honest values agree in every bit.
"""

from datetime import date, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from assets.schemas import INSTANT

FIGURE_COLUMNS: Final = ("symbol", "form", "period_end", "metric", "value", "duration_months", "known_at")

_FILING_COUNTS: Final = timedelta(days=400)
_REACH_DAYS: Final = 400 + 830
# $as_of and $session are the cut-off and its session; `figures`, `splits` and `closes` are handed in.
_SQL: Final = """
with

-- The newest instant at which a symbol had a figure younger than 830 days.
instants as (
    select symbol, max(known_at) as instant
    from (
        select symbol, known_at, max(max(period_end)) over (partition by symbol order by known_at) as newest_end
        from figures
        group by symbol, known_at
    )
    where newest_end > known_at::date - 830
    group by symbol
),

facts as (
    select
        figures.symbol,
        figures.form,
        figures.period_end,
        figures.metric,
        any_value(instants.instant) as instant,
        min(figures.known_at) as first_known_at,
        max(figures.known_at) as known_at,
        arg_min(figures.value, figures.known_at) as first_told,
        arg_max(figures.value, figures.known_at) as value,
        arg_max(figures.duration_months, figures.known_at) as months
    from figures
    inner join instants on figures.symbol = instants.symbol and figures.known_at <= instants.instant
    group by figures.symbol, figures.form, figures.period_end, figures.metric
),

reports as (
    select symbol, max(first_known_at) as newest_filing_at
    from facts
    where metric <> 'eps_estimate_next'
    group by symbol
    having max(first_known_at) > $as_of - interval 400 day
),

recent as (
    select facts.*
    from facts
    inner join reports on facts.symbol = reports.symbol
    where facts.period_end > facts.instant::date - 830
    qualify row_number() over (
        partition by facts.symbol, facts.metric, facts.months, facts.period_end
        order by facts.known_at desc, facts.form
    ) = 1
),

-- The last quarter of a year that was told as a year alone.
last_quarters as (
    select
        years.symbol,
        years.metric,
        years.period_end,
        any_value(years.value) - list_sum(list(quarters.value order by quarters.period_end)) as value,
        any_value(years.first_known_at) as first_known_at
    from recent as years
    inner join recent as quarters
        on
            years.symbol = quarters.symbol
            and years.metric = quarters.metric
            and quarters.months = 3
            and quarters.period_end between years.period_end - 300 and years.period_end - 60
    where years.months = 12 and years.metric <> 'eps_diluted'
    group by years.symbol, years.metric, years.period_end
    having count(*) = 3
),

told as (
    select symbol, metric, months, period_end, value, first_told, first_known_at from recent
    union all
    select symbol, metric, 3, period_end, value, value, first_known_at
    from last_quarters
    where not exists (
        select 1 from recent
        where
            recent.symbol = last_quarters.symbol
            and recent.metric = last_quarters.metric
            and recent.period_end = last_quarters.period_end
            and recent.months = 3
    )
),

-- Per metric the figures of each kind, the newest first.
series as (
    select
        symbol,
        metric,
        list({'ended': period_end, 'v': value, 'told': first_told, 'since': first_known_at} order by period_end desc)
            filter (where months = 3) as quarters,
        list({'ended': period_end, 'v': value, 'since': first_known_at} order by period_end desc)
            filter (where months = 12) as years,
        list({'v': value, 'since': first_known_at} order by period_end desc) filter (where months = 0) as balances
    from told
    group by symbol, metric
),

yearly as (
    select
        *,
        list_filter(quarters, lambda x: quarters[1].ended - x.ended between 350 and 380) as quarters_ago,
        list_filter(years, lambda x: years[1].ended - x.ended between 350 and 380) as years_ago,
        coalesce(years[1].ended >= coalesce(quarters[1].ended, years[1].ended), false) as is_year_newest
    from series
),

compared as (
    select
        *,
        len(coalesce(quarters_ago, [])) > 0
        and coalesce(quarters[1].ended >= years[1].ended, true) as is_quarter_comparable
    from yearly
),

figured as (
    select
        symbol,
        metric,
        quarters[1] as quarter,
        balances[1] as balance,
        case
            when is_year_newest then years[1].v
            when quarters[1].ended - quarters[4].ended between 250 and 300
                then quarters[1].v + quarters[2].v + quarters[3].v + quarters[4].v
        end as four_quarters,
        case when is_quarter_comparable then quarters[1].v when is_year_newest then years[1].v end as newest,
        case
            when is_quarter_comparable then list_max(list_transform(quarters_ago, lambda x: x.v))
            when is_year_newest then list_max(list_transform(years_ago, lambda x: x.v))
        end as year_before,
        case when is_quarter_comparable then quarters[1].since else years[1].since end as newest_at,
        case
            when is_quarter_comparable then list_max(list_transform(quarters_ago, lambda x: x.since))
            else list_max(list_transform(years_ago, lambda x: x.since))
        end as year_before_at
    from compared
),

wide as (
    select
        symbol,
        max(four_quarters) filter (where metric = 'revenue') as revenue,
        max(four_quarters) filter (where metric = 'net_income') as income,
        max(four_quarters) filter (where metric = 'operating_cash_flow') as cash_flow,
        max(newest) filter (where metric = 'revenue') as revenue_newest,
        max(year_before) filter (where metric = 'revenue') as revenue_before,
        max(newest) filter (where metric = 'net_income') as income_newest,
        max(year_before) filter (where metric = 'net_income') as income_before,
        max(newest) filter (where metric = 'eps_diluted') as eps_newest,
        max(newest_at) filter (where metric = 'eps_diluted') as eps_newest_at,
        max(year_before) filter (where metric = 'eps_diluted') as eps_before,
        max(year_before_at) filter (where metric = 'eps_diluted') as eps_before_at,
        max(balance.v) filter (where metric = 'equity') as equity,
        max(balance.v) filter (where metric = 'assets') as assets,
        max(balance.v) filter (where metric = 'liabilities') as liabilities,
        max(balance.v) filter (where metric = 'shares_outstanding') as shares,
        max(balance.since) filter (where metric = 'shares_outstanding') as shares_at,
        max(quarter.v) filter (where metric = 'eps_estimate_next') as estimate,
        max(quarter.told) filter (where metric = 'eps_estimate_next') as estimate_first,
        max(quarter.since) filter (where metric = 'eps_estimate_next') as estimate_at
    from figured
    group by symbol
),

since as (
    select symbol, list({'ex': ex_session, 'ratio': ratio} order by ex_session) as splits from splits group by symbol
),

-- Figures per share in the shares of the session.
per_share as (
    select
        wide.* exclude (shares, eps_newest, eps_before, estimate, estimate_first),
        wide.shares * later(since.splits, wide.shares_at) as shares,
        wide.eps_newest / later(since.splits, wide.eps_newest_at) as eps_newest,
        wide.eps_before / later(since.splits, wide.eps_before_at) as eps_before,
        wide.estimate / later(since.splits, wide.estimate_at) as estimate,
        wide.estimate_first / later(since.splits, wide.estimate_at) as estimate_first,
        closes.close_usd,
        reports.newest_filing_at
    from wide
    inner join closes on wide.symbol = closes.symbol
    inner join reports on wide.symbol = reports.symbol
    left join since on wide.symbol = since.symbol
),

valued as (
    select *, shares * close_usd as market_value_usd from per_share
)

select
    symbol,
    market_value_usd,
    share_of(income, market_value_usd) as earnings_yield,
    share_of(4.0 * estimate, close_usd) as forward_earnings_yield,
    share_of(equity, market_value_usd) as book_to_price,
    share_of(revenue, market_value_usd) as sales_yield,
    share_of(cash_flow, market_value_usd) as cash_flow_yield,
    share_of(income, equity) as return_on_equity,
    share_of(income, assets) as return_on_assets,
    share_of(income, revenue) as net_margin,
    share_of(liabilities, assets) as leverage,
    share_of(revenue, assets) as asset_turnover,
    share_of(revenue_newest - revenue_before, abs(revenue_before)) as revenue_growth_yoy,
    share_of(income_newest - income_before, abs(income_before)) as net_income_growth_yoy,
    share_of(eps_newest - eps_before, abs(eps_before)) as eps_growth_yoy,
    share_of(estimate - estimate_first, abs(estimate_first)) as estimate_revision,
    ($session::date - (newest_filing_at at time zone 'America/New_York')::date)::double as days_since_filing
from valued
"""
# Null, never infinite, where the divisor is not positive or the result overflows.
_SHARE_OF: Final = """
create macro share_of(part, whole) as case when whole > 0 and isfinite(part / whole) then part / whole end
"""
# New shares per share since a day, New York time, the oldest split first.
_LATER: Final = """
create macro later(splits, told_at) as coalesce(
    list_aggregate(
        list_transform(
            list_filter(splits, lambda split: split.ex > (told_at at time zone 'America/New_York')::date),
            lambda split: split.ratio
        ),
        'product'
    ),
    1.0
)
"""


def filed_figures(*, figures: pa.Table, splits: pa.Table, closes: pa.Table, session: date, as_of: datetime) -> pa.Table:
    """Return what filings are worth at a session's close.

    Args:
        figures: columns `FIGURE_COLUMNS` of the raw filings, every version known at the cut-off and none known later.
        splits: symbol, ex_session and ratio as a double; the versions in force at the cut-off, up to the session.
        closes: symbol and close_usd as a double, of the symbols wanted.
        session: the session.
        as_of: its cut-off.

    Returns:
        Columns symbol, market_value_usd and the fundamental features that are no ranks; no row for symbols without a
        filing in the last 400 days.
    """
    import duckdb  # noqa: PLC0415 - definitions import this module; the library loads when a gate asks

    late = pc.greater(figures.column("known_at"), pa.scalar(as_of, INSTANT))
    if pc.any(late).as_py():
        raise ValueError(f"figures known after the cut-off {as_of.isoformat()} were handed in: read them as of it")
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("set timezone = 'UTC'")
        for name, table in (
            ("figures", _within_reach(figures, closes.column("symbol"), as_of)),
            ("splits", splits),
            ("closes", closes),
        ):
            connection.register(name, table)
        for macro in (_SHARE_OF, _LATER):
            connection.execute(macro)
        return connection.execute(_SQL, {"as_of": as_of, "session": session}).to_arrow_table()


def _within_reach(figures: pa.Table, symbols: pa.ChunkedArray, as_of: datetime) -> pa.Table:
    """Return the figures that can count: most of a long past cannot, and leaving it out halves the work.

    A filing counts for 400 days and a figure until 830 days after its period. So a figure of an older period says
    nothing more, unless it was told lately: then the symbol's whole past decides whether that was the first time.
    """
    is_old = pc.less_equal(figures.column("period_end"), as_of.date() - timedelta(days=_REACH_DAYS))
    is_late = pc.and_(is_old, pc.greater(figures.column("known_at"), pa.scalar(as_of - _FILING_COUNTS, INSTANT)))
    told_late = pc.unique(figures.filter(is_late).column("symbol"))
    is_kept = pc.or_(pc.invert(is_old), pc.is_in(figures.column("symbol"), value_set=told_late))
    is_wanted = pc.is_in(figures.column("symbol"), value_set=symbols.combine_chunks())
    return figures.filter(pc.and_(is_kept, is_wanted))
