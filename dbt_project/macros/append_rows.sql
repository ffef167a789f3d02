{# Every model here is incremental and only ever appends, mostly a few hundred rows. dbt's own way to append writes them
   to a temporary table, reads the columns of both tables four times and inserts from the one into the other: most of a
   warm build. Here the rows are inserted as they are selected; a first build, a full refresh and whatever else is asked
   of an incremental model is still dbt's own. dbt takes a project's materialization before one of the same name. #}

{% materialization incremental, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set stored = load_cached_relation(this) -%}
    {%- if not is_incremental() or config.get('incremental_strategy') != 'append' -%}
        {{ return(dbt.materialization_incremental_duckdb()) }}
    {%- endif -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% if config.get('on_schema_change') == 'fail' %}
        {% call statement('columns') %}
            {{ refuse_other_columns(stored, sql) }}
        {% endcall %}
    {% endif %}
    {% call statement('main') %}
        insert into {{ stored }} by name (
            {{ sql }}
        )
    {% endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [stored]}) }}
{% endmaterialization %}

{# An error that names the columns a query and a table do not share, by name and type; nothing when they share all. #}
{% macro refuse_other_columns(stored, sql) %}
    select error(
        'the columns of {{ stored.identifier }} changed, build it whole with --full-refresh: '
        || string_agg(column_name || ' ' || column_type, ', ' order by column_name)
    )
    from (
        select coalesce(kept.column_name, made.column_name) as column_name,
            coalesce(kept.column_type, 'absent') || ' stored, ' || coalesce(made.column_type, 'absent') || ' selected'
                as column_type
        from (describe {{ stored }}) as kept
        full join (describe {{ sql }}) as made on kept.column_name = made.column_name
        where kept.column_type is distinct from made.column_type
    ) as different
    having count(*) > 0
{% endmacro %}
