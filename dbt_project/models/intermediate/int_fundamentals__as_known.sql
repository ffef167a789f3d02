-- One row per session and listed symbol: filed figures as known at the cut-off, per-share ones in its shares.
{{ config(tags=["marts"], pre_hook="{{ clear_current_session() }}") }}

with

sessions as (
    {{ sessions_to_build() }}
),

listed as (
    select listed.session, listed.symbol, sessions.as_of
    from {{ ref('int_securities__as_known') }} as listed
    inner join sessions on listed.session = sessions.session
),

-- The newest instant at or before the cut-off; figures older than 400 days say nothing of today.
figures as (
    select
        listed.session,
        listed.as_of,
        filings.*
    from listed
    asof inner join {{ ref('int_fundamentals__by_filing') }} as filings
        on listed.symbol = filings.symbol and listed.as_of >= filings.known_at
    where filings.newest_filing_at > listed.as_of - interval 400 day
),

splits as (
    {{ versions_of('corporate_actions', ['symbol', 'ex_session', 'action']) }}
),

-- A figure per share is in the shares of the day its version was told, New York time; each later split changes the
-- unit. A version told after a split is in the new shares already, whenever its period was first told.
ratios as (
    select
        figures.session,
        figures.symbol,
        {% for figure in ['shares', 'eps_newest', 'eps_year_before', 'eps_estimate', 'eps_estimate_first'] -%}
            list_aggregate(
                list(splits.value::double order by splits.ex_session) filter (
                    where splits.ex_session > (figures.{{ figure }}_told_at at time zone 'America/New_York')::date
                ),
                'product'
            ) as since_{{ figure }}_told_at{{ "," if not loop.last }}
        {% endfor %}
    from figures
    inner join splits
        on
            figures.symbol = splits.symbol
            and splits.action = 'split'
            and splits.ex_session <= figures.session
            and splits.ex_session >= figures.as_of::date - 1200
            and {{ in_force('splits', 'figures.as_of') }}
    group by figures.session, figures.symbol
),

final as (
    select
        listed.session,
        listed.symbol,
        figures.revenue_four_quarters,
        figures.net_income_four_quarters,
        figures.operating_cash_flow_four_quarters,
        figures.revenue_newest,
        figures.revenue_year_before,
        figures.net_income_newest,
        figures.net_income_year_before,
        figures.equity,
        figures.assets,
        figures.liabilities,
        figures.shares_outstanding * coalesce(ratios.since_shares_told_at, 1.0) as shares_outstanding,
        figures.eps_diluted_newest / coalesce(ratios.since_eps_newest_told_at, 1.0) as eps_newest,
        figures.eps_diluted_year_before / coalesce(ratios.since_eps_year_before_told_at, 1.0) as eps_year_before,
        figures.eps_estimate / coalesce(ratios.since_eps_estimate_told_at, 1.0) as eps_estimate,
        figures.eps_estimate_first_told
        / coalesce(ratios.since_eps_estimate_first_told_at, 1.0) as eps_estimate_first_told,
        date_diff(
            'day',
            (figures.newest_filing_at at time zone 'America/New_York')::date,
            figures.session
        ) as days_since_filing
    from listed
    left join figures on listed.session = figures.session and listed.symbol = figures.symbol
    left join ratios on listed.session = ratios.session and listed.symbol = ratios.symbol
    order by listed.session, listed.symbol
)

select * from final
