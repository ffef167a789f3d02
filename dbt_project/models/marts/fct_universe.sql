-- One row per session and listed symbol: whether the strategy may consider it, and the first reason why not.
{{ config(pre_hook="{{ clear_current_session() }}") }}

with

sessions as (
    {{ sessions_to_build() }}
),

policy as (
    select * from {{ source('request', 'universe_policy') }}
),

listed as (
    select listed.session, listed.symbol, sessions.as_of
    from {{ ref('int_securities__as_known') }} as listed
    inner join sessions on listed.session = sessions.session
),

members as (
    select distinct sessions.session, membership.symbol
    from sessions
    inner join ({{ versions_of('membership', ['index_name', 'symbol', 'from_session']) }}) as membership
        on
            {{ in_force('membership', 'sessions.as_of') }}
            and membership.from_session <= sessions.session
            and (membership.to_session is null or membership.to_session > sessions.session)
    inner join policy on membership.index_name = policy.index_name
),

watched as (
    select distinct sessions.session, watchlists.symbol
    from sessions
    inner join ({{ versions_of('watchlists', ['watchlist', 'symbol', 'from_session']) }}) as watchlists
        on
            {{ in_force('watchlists', 'sessions.as_of') }}
            and watchlists.from_session <= sessions.session
            and (watchlists.to_session is null or watchlists.to_session > sessions.session)
    inner join policy on list_contains(policy.watchlists, watchlists.watchlist)
),

facts as (
    select * from {{ ref('fct_trading_facts') }}
    where session in (select sessions.session from sessions)
),

screened as (
    select
        listed.session,
        listed.symbol,
        facts.dollar_volume_20d_usd,
        policy.max_names,
        case
            when list_contains(policy.blacklist, listed.symbol) then 'on the blacklist'
            when policy.index_name is not null and members.symbol is null then 'not a member of ' || policy.index_name
            when len(policy.watchlists) > 0 and watched.symbol is null then 'on none of the watchlists'
            when facts.symbol is null then 'no bar on the session'
            when facts.adv20_shares is null or facts.volatility_20d is null or facts.dollar_volume_20d_usd is null
                then 'fewer than 21 sessions of history'
            when facts.adv20_shares < policy.min_adv20_shares
                then
                    'mean volume ' || facts.adv20_shares || ' shares, at least '
                    || policy.min_adv20_shares || ' wanted'
            when facts.close_usd < policy.min_close_usd
                then 'close ' || facts.close_usd || ' USD, at least ' || policy.min_close_usd || ' wanted'
            when facts.close_usd > policy.max_close_usd
                then 'close ' || facts.close_usd || ' USD, at most ' || policy.max_close_usd || ' wanted'
            when facts.volatility_20d < policy.min_daily_volatility
                then
                    'daily volatility ' || printf('%.4f', facts.volatility_20d)
                    || ', at least ' || policy.min_daily_volatility || ' wanted'
            when facts.volatility_20d > policy.max_daily_volatility
                then
                    'daily volatility ' || printf('%.4f', facts.volatility_20d)
                    || ', at most ' || policy.max_daily_volatility || ' wanted'
        end as excluded_reason
    from listed
    cross join policy
    left join members on listed.session = members.session and listed.symbol = members.symbol
    left join watched on listed.session = watched.session and listed.symbol = watched.symbol
    left join facts on listed.session = facts.session and listed.symbol = facts.symbol
),

-- Only symbols that passed compete for the places, the largest by dollar volume first.
placed as (
    select
        *,
        row_number() over (
            partition by session, excluded_reason is null order by dollar_volume_20d_usd desc nulls last, symbol
        ) as place
    from screened
),

reasoned as (
    select
        session,
        symbol,
        case
            when excluded_reason is not null then excluded_reason
            when place > max_names then 'place ' || place || ' by dollar volume, ' || max_names || ' kept'
        end as excluded_reason
    from placed
),

final as (
    select
        session,
        symbol,
        excluded_reason is null as is_member,
        excluded_reason
    from reasoned
    order by session, symbol
)

select * from final
