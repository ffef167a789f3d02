{# Which sessions a model builds: the current one always, and every earlier one that has bars and is not built yet. #}

{% macro sessions_to_build() -%}
    select sessions.session, sessions.position, sessions.as_of
    from {{ source('request', 'sessions') }} as sessions
    where
        sessions.has_bars
        {% if is_incremental() -%}
            and (sessions.is_current or sessions.session not in (select distinct built.session from {{ this }} as built))
        {%- endif %}
{%- endmacro %}

{# Take the current session's rows away before they are written again, in the same transaction. #}
{% macro clear_current_session() -%}
    {% if is_incremental() -%}
        delete from {{ this }} where session in (select session from {{ source('request', 'sessions') }} where is_current)
    {%- else -%}
        select 1
    {%- endif %}
{%- endmacro %}
