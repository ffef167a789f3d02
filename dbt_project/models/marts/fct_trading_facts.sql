-- One row per session and listed symbol with a bar: what orders are sized and blocked by, in raw dollars and shares.
{# Earnings are announced every quarter, about 63 sessions; an annual report comes up to a month later than others. #}
{% set announced_within_sessions = 90 %}
{{
    config(pre_hook=["{{ clear_current_session() }}", "{{ list_feature_parts('price_features') }}"])
}}

with

sessions as (
    {{ sessions_to_build() }}
),

bars as (
    select
        bars.session,
        bars.symbol,
        bars.close_usd,
        bars.is_halted,
        listed.sector,
        sessions.as_of
    from {{ ref('int_bars__as_known') }} as bars
    inner join {{ ref('int_securities__as_known') }} as listed
        on bars.session = listed.session and bars.symbol = listed.symbol
    inner join sessions on bars.session = sessions.session
),

prices as (
    {{ feature_rows('price_features') }}
),

earnings as (
    select * from ({{ versions_of('events', ['symbol', 'kind', 'scheduled_at']) }})
    where kind = 'earnings'
),

announcements as (
    select distinct symbol, known_at from earnings
),

-- What a symbol's calendar said last; one that said nothing for longer than a quarter may have fallen silent.
calendars as (
    select bars.session, bars.symbol, announcements.known_at > earlier.as_of as is_recent
    from bars
    inner join sessions on bars.session = sessions.session
    inner join {{ source('request', 'sessions') }} as earlier
        on sessions.position - {{ announced_within_sessions }} = earlier.position
    asof inner join announcements
        on bars.symbol = announcements.symbol and bars.as_of >= announcements.known_at
),

next_events as (
    select
        bars.session,
        bars.symbol,
        min(earnings.scheduled_at) as next_event_at
    from bars
    inner join earnings
        on
            bars.symbol = earnings.symbol
            and earnings.scheduled_at > bars.as_of
            and earnings.known_at <= bars.as_of
    group by bars.session, bars.symbol
),

final as (
    select
        bars.session,
        bars.symbol,
        bars.close_usd,
        prices.atr14_usd,
        prices.adv20_shares::bigint as adv20_shares,
        prices.volatility_20d,
        prices.dollar_volume_20d_usd,
        bars.sector,
        bars.is_halted,
        next_events.next_event_at,
        next_events.next_event_at is not null or coalesce(calendars.is_recent, false) as is_event_calendar_known
    from bars
    left join prices on bars.session = prices.session and bars.symbol = prices.symbol
    left join next_events on bars.session = next_events.session and bars.symbol = next_events.symbol
    left join calendars on bars.session = calendars.session and bars.symbol = calendars.symbol
    order by bars.session, bars.symbol
)

select * from final
