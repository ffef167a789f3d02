-- Fails with every key of the session that a mart, or a model beneath it, has more than one row of.
{% set models = [
    'fct_features', 'fct_trading_facts', 'fct_total_returns', 'fct_universe', 'int_fundamentals__as_known',
    'int_news__as_known',
] %}
with

current_session as (
    select session from {{ source('request', 'sessions') }} where is_current
),

keys as (
    {% for model in models -%}
        select '{{ model }}' as model, built.symbol
        from {{ ref(model) }} as built
        where built.session in (from current_session)
        union all
    {% endfor -%}
    {% for model in ['fct_market_context', 'int_market__as_known'] -%}
        select '{{ model }}' as model, 'market' as symbol
        from {{ ref(model) }} as built
        where built.session in (from current_session)
        {{ "union all" if not loop.last }}
    {% endfor %}
)

select model, symbol, count(*) as rows_of_key
from keys
group by model, symbol
having count(*) > 1
