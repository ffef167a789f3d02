-- One row per session and listed symbol: its sector as known at the session's cut-off.
{{ config(tags=["base"], pre_hook="{{ clear_current_session() }}") }}

with

sessions as (
    {{ sessions_to_build() }}
),

securities as (
    {{ versions_of('securities', ['symbol']) }}
),

listed as (
    select
        sessions.session,
        securities.symbol,
        securities.sector
    from sessions
    inner join securities
        on
            {{ in_force('securities', 'sessions.as_of') }}
            and securities.listed_session <= sessions.session
            and (securities.delisted_session is null or securities.delisted_session >= sessions.session)
),

final as (
    select * from listed
    order by session, symbol
)

select * from final
