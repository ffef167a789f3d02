-- Fails with every version of the last week that a staging model holds twice.
{% set facts = {
    'stg_raw__corporate_actions': ['symbol', 'ex_session', 'action'],
    'stg_raw__daily_bars': ['symbol', 'session'],
    'stg_raw__filings': ['symbol', 'form', 'period_end', 'metric'],
} %}
with

recent as (
    select as_of - interval 7 day as began from {{ source('request', 'sessions') }} where is_current
)

{% for model, fact in facts.items() -%}
    select '{{ model }}' as model, concat_ws(' ', {{ fact | join(', ') }}) as fact, known_at, count(*) as rows_of_key
    from {{ ref(model) }}
    where known_at > (select began from recent)
    group by {{ fact | join(', ') }}, known_at
    having count(*) > 1
    {{ "union all" if not loop.last }}
{% endfor %}
