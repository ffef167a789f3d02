-- One row per session and listed symbol with a bar: its one-session total return as known at the session's own cut-off.
{{
    config(pre_hook=["{{ clear_current_session() }}", "{{ list_feature_parts('price_features') }}"])
}}

with

sessions as (
    {{ sessions_to_build() }}
),

bars as (
    select bars.session, bars.symbol
    from {{ ref('int_bars__as_known') }} as bars
    inner join {{ ref('int_securities__as_known') }} as listed
        on bars.session = listed.session and bars.symbol = listed.symbol
    inner join sessions on bars.session = sessions.session
),

prices as (
    {{ feature_rows('price_features') }}
),

final as (
    select
        bars.session,
        bars.symbol,
        prices.total_return
    from bars
    left join prices on bars.session = prices.session and bars.symbol = prices.symbol
    order by bars.session, bars.symbol
)

select * from final
