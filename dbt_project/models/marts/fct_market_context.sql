-- One row per session: the regime, the volatility index and the market's return, as known at the cut-off.
{{ config(pre_hook="{{ clear_current_session() }}") }}

with

sessions as (
    {{ sessions_to_build() }}
),

market as (
    select * from {{ ref('int_market__as_known') }}
    where session in (select sessions.session from sessions)
),

final as (
    select
        market.session,
        market.regime,
        market.vix,
        market.vix_basis,
        market.return_1d as market_return_1d
    from market
    inner join sessions on market.session = sessions.session
    order by market.session
)

select * from final
