{# Which immutable Parquet parts a model reads: always lists, never globs, for a session rests on its pinned parts. #}

{# Name, as a variable, the pinned parts of a raw table that this staging model has not read yet. The zero-row schema
   file is always among them, because an empty list is an error. #}
{% macro list_new_parts() -%}
    {%- set table_name = model.name | replace('stg_raw__', '') -%}
    set variable {{ table_name }}_parts = (
        select list(path order by part)
        from {{ source('request', 'raw_parts') }}
        where
            table_name = '{{ table_name }}'
            {% if is_incremental() -%}
                and part not in (select distinct part from {{ this }})
            {%- endif %}
    )
{%- endmacro %}

{# Name, as a variable, the feature parts of the sessions this model builds, and of some sessions before them. #}
{% macro list_feature_parts(kind, sessions_before=0) -%}
    set variable {{ kind }}_parts = (
        select list(distinct feature_parts.path order by feature_parts.path)
        from {{ source('request', 'feature_parts') }} as feature_parts
        where
            feature_parts.kind = '{{ kind }}'
            and (
                feature_parts.session is null
                or exists (
                    select 1
                    from ({{ sessions_to_build() }}) as sessions
                    where feature_parts.position between sessions.position - {{ sessions_before }} and sessions.position
                )
            )
    )
{%- endmacro %}

{# Rows of feature parts, each session from the part in force for it. #}
{% macro feature_rows(kind) -%}
    select rows_of_parts.* exclude (filename)
    from {{ source('features', kind) }} as rows_of_parts
    inner join {{ source('request', 'feature_parts') }} as feature_parts
        on
            feature_parts.kind = '{{ kind }}'
            and feature_parts.part = parse_filename(rows_of_parts.filename, true)
            and feature_parts.session = rows_of_parts.session
{%- endmacro %}
