{# dbt compares columns pairwise in templates, which for a mart of a hundred columns takes longer than the mart itself.
   The same comparisons with a look-up instead; dbt takes a project's macro before its own of the same name. #}

{% macro diff_column_data_types(source_columns, target_columns) %}
    {%- set known = {} -%}
    {%- for column in target_columns -%}
        {%- do known.update({column.name: column}) -%}
    {%- endfor -%}
    {%- set changed = [] -%}
    {%- for column in source_columns -%}
        {%- set before = known.get(column.name) -%}
        {%- if before is not none and column.expanded_data_type != before.expanded_data_type -%}
            {%- do changed.append({'column_name': before.name, 'new_type': column.expanded_data_type}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(changed) }}
{% endmacro %}

{% macro format_columns(columns) %}
    {%- set formatted = [] -%}
    {%- for column in columns -%}
        {%- do formatted.append({
            'name': column.column,
            'data_type': column.dtype,
            'formatted': column.column | lower ~ ' ' ~ column.dtype,
        }) -%}
    {%- endfor -%}
    {{ return(formatted) }}
{% endmacro %}
