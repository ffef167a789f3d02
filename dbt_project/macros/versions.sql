{# Rows of a staging model that the pinned parts hold, with the instant each version was replaced by the next. `only` is
   a further condition on the rows of `staged`; it must keep or drop a fact's versions together. #}
{% macro versions_of(table_name, fact_key, only=none) -%}
    select
        staged.*,
        lead(staged.known_at) over (partition by {{ fact_key | join(', ') }} order by staged.known_at) as superseded_at
    from {{ ref('stg_raw__' ~ table_name) }} as staged
    where
        staged.part in ({{ pinned_parts(table_name) }})
        {% if only -%}
            and {{ only }}
        {%- endif %}
{%- endmacro %}

{% macro pinned_parts(table_name) -%}
    select pinned.part
    from {{ source('request', 'raw_parts') }} as pinned
    where pinned.table_name = '{{ table_name }}'
{%- endmacro %}

{# Whether a version was the one in force at a cut-off: known by then, and not yet replaced. #}
{% macro in_force(version, as_of) -%}
    {{ version }}.known_at <= {{ as_of }}
    and ({{ version }}.superseded_at is null or {{ version }}.superseded_at > {{ as_of }})
{%- endmacro %}
