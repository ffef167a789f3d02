-- Fails with every symbol of the session that one mart has and another has not.
with

current_session as (
    select session from {{ source('request', 'sessions') }} where is_current
),

keys as (
    select symbol, 'fct_features' as mart from {{ ref('fct_features') }} where session in (from current_session)
    union all
    select symbol, 'fct_trading_facts' as mart from {{ ref('fct_trading_facts') }} where session in (from current_session)
    union all
    select symbol, 'fct_total_returns' as mart from {{ ref('fct_total_returns') }} where session in (from current_session)
)

select symbol, count(*) as marts
from keys
group by symbol
having count(*) <> 3
