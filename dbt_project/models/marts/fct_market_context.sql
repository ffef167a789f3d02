-- One row per session: regime, volatility index, market return and the next macro release, as known at the cut-off.
{{ config(pre_hook="{{ clear_current_session() }}") }}

with

sessions as (
    {{ sessions_to_build() }}
),

market as (
    select * from {{ ref('int_market__as_known') }}
    where session in (select sessions.session from sessions)
),

releases as (
    select * from ({{ versions_of('events', ['symbol', 'kind', 'scheduled_at']) }})
    where kind = 'macro'
),

next_releases as (
    select
        sessions.session,
        min(releases.scheduled_at) filter (where releases.scheduled_at > sessions.as_of) as next_macro_at
    from sessions
    inner join releases on releases.known_at <= sessions.as_of
    group by sessions.session
),

final as (
    select
        market.session,
        market.regime,
        market.vix,
        market.vix_basis,
        market.return_1d as market_return_1d,
        next_releases.next_macro_at,
        next_releases.session is not null as is_macro_calendar_known
    from market
    inner join sessions on market.session = sessions.session
    left join next_releases on market.session = next_releases.session
    order by market.session
)

select * from final
