-- One row per session: the market's return, trend and volatility, its regime, and the volatility index or its stand-in.
{{
    config(
        tags=["marts"],
        pre_hook=["{{ clear_current_session() }}", "{{ list_feature_parts('market_series', sessions_before=5) }}"],
    )
}}

with

sessions as (
    {{ sessions_to_build() }}
),

series as (
    select market.*, sessions.position
    from ({{ feature_rows('market_series') }}) as market
    inner join {{ source('request', 'sessions') }} as sessions on market.session = sessions.session
),

indices as (
    select versions.*, sessions.position
    from ({{ versions_of('indices', ['index_name', 'session']) }}) as versions
    inner join {{ source('request', 'sessions') }} as sessions on versions.session = sessions.session
    where versions.index_name in ('vix', 'vix_stand_in')
),

-- The newest level of the last five sessions, and the newest at least five sessions before.
levels as (
    select
        sessions.session,
        indices.index_name,
        arg_max(indices.close_level, indices.position) filter (
            where indices.position > sessions.position - 5
        ) as level_now,
        arg_max(indices.close_level, indices.position) filter (
            where indices.position <= sessions.position - 5
        ) as level_before
    from sessions
    inner join indices
        on
            indices.position between sessions.position - 9 and sessions.position
            and {{ in_force('indices', 'sessions.as_of') }}
    group by sessions.session, indices.index_name
),

-- Without an index the market's own volatility of 20 sessions stands in, in annualised points: 100 x sqrt(252).
realised as (
    select
        now.session,
        now.volatility_20d * 1587.4507866387544 as level_now,
        before.volatility_20d * 1587.4507866387544 as level_before
    from series as now
    left join series as before on now.position = before.position + 5
),

choices as (
    select session, 1 as preference, index_name as basis, level_now, level_before
    from levels
    where index_name = 'vix' and level_now is not null
    union all
    select session, 2 as preference, index_name as basis, level_now, level_before
    from levels
    where index_name = 'vix_stand_in' and level_now is not null
    union all
    select session, 3 as preference, 'realised_volatility_20d' as basis, level_now, level_before
    from realised
    where level_now is not null
),

chosen as (
    select * from choices
    qualify row_number() over (partition by session order by preference) = 1
),

final as (
    select
        sessions.session,
        series.return_1d,
        series.return_20d,
        series.volatility_20d,
        series.trend_200d,
        series.breadth_1d,
        series.is_bull,
        series.is_volatile,
        chosen.level_now as vix,
        chosen.level_now - chosen.level_before as vix_change_5d,
        chosen.basis as vix_basis,
        case
            when series.is_bull is not null and series.is_volatile is not null
                then
                    case when series.is_bull = 1 then 'bull' else 'bear' end
                    || case when series.is_volatile = 1 then '_volatile' else '_calm' end
        end as regime
    from sessions
    left join series on sessions.session = series.session
    left join chosen on sessions.session = chosen.session
    order by sessions.session
)

select * from final
