-- One row per session: regime, volatility index, market return and the next macro release, as known at the cut-off.
{# Figures that move the market come every month, decisions on rates up to eight weeks apart, about 40 sessions. #}
{% set announced_within_sessions = 45 %}
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

announcements as (
    select distinct known_at from releases
),

-- What the calendar said last; one that said nothing for longer than two months may have fallen silent.
calendars as (
    select sessions.session, announcements.known_at > earlier.as_of as is_recent
    from sessions
    inner join {{ source('request', 'sessions') }} as earlier
        on sessions.position - {{ announced_within_sessions }} = earlier.position
    asof inner join announcements on sessions.as_of >= announcements.known_at
),

next_releases as (
    select
        sessions.session,
        min(releases.scheduled_at) as next_macro_at
    from sessions
    inner join releases on releases.known_at <= sessions.as_of and releases.scheduled_at > sessions.as_of
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
        next_releases.next_macro_at is not null or coalesce(calendars.is_recent, false) as is_macro_calendar_known
    from market
    inner join sessions on market.session = sessions.session
    left join next_releases on market.session = next_releases.session
    left join calendars on market.session = calendars.session
    order by market.session
)

select * from final
