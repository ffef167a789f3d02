-- Fails with every key that a base model has more than one row of: of the session, for filings of every instant.
with

current_session as (
    select session from {{ source('request', 'sessions') }} where is_current
),

keys as (
    {% for model in ['int_bars__as_known', 'int_securities__as_known'] -%}
        select '{{ model }}' as model, built.symbol, built.session::varchar as moment
        from {{ ref(model) }} as built
        where built.session in (from current_session)
        union all
    {% endfor -%}
    select 'int_fundamentals__by_filing' as model, symbol, known_at::varchar as moment
    from {{ ref('int_fundamentals__by_filing') }}
)

select model, symbol, moment, count(*) as rows_of_key
from keys
group by model, symbol, moment
having count(*) > 1
