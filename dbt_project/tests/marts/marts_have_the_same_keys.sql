-- Fails with every symbol of the session that one mart has and another has not.
with

current_session as (
    select session from {{ source('request', 'sessions') }} where is_current
),

keys as (
    {% for mart in ['fct_features', 'fct_trading_facts', 'fct_total_returns'] -%}
        select built.symbol
        from {{ ref(mart) }} as built
        where built.session in (from current_session)
        {{ "union all" if not loop.last }}
    {% endfor %}
)

select symbol, count(*) as marts
from keys
group by symbol
having count(*) <> 3
