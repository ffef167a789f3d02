-- One row per session and symbol: the raw bar of the session as known at its own cut-off, never revised.
{{ config(tags=["base"], pre_hook="{{ clear_current_session() }}") }}

with

sessions as (
    {{ sessions_to_build() }}
),

bars as (
    select * from {{ ref('stg_raw__daily_bars') }}
    where part in ({{ pinned_parts('daily_bars') }})
),

known as (
    select
        bars.session,
        bars.symbol,
        bars.close_usd,
        bars.volume_shares,
        bars.is_halted
    from bars
    inner join sessions on bars.session = sessions.session
    where bars.known_at <= sessions.as_of
    qualify row_number() over (partition by bars.session, bars.symbol order by bars.known_at desc) = 1
),

final as (
    select * from known
    order by session, symbol
)

select * from final
