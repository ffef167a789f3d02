{# Symbols whose number of pinned figures differs from the number their stored rows were made from: new filings, and
   rows that an older pin leaves out. #}
{% macro symbols_with_new_figures() -%}
    select pinned.symbol, pinned.figures_read
    from (
        select symbol, count(*) as figures_read
        from {{ ref('stg_raw__filings') }}
        where part in ({{ pinned_parts('filings') }})
        group by symbol
    ) as pinned
    {% if is_incremental() -%}
        left join (
            select symbol, max(figures_read) as figures_read from {{ this }} group by symbol
        ) as stored on pinned.symbol = stored.symbol
        where stored.figures_read is distinct from pinned.figures_read
    {%- endif %}
{%- endmacro %}

{% macro clear_symbols_with_new_figures() -%}
    {% if is_incremental() -%}
        delete from {{ this }}
        where symbol not in (
            select symbol from (
                select staged.symbol, count(*) as figures_read
                from {{ ref('stg_raw__filings') }} as staged
                where staged.part in ({{ pinned_parts('filings') }})
                group by staged.symbol
            ) as pinned
            where (pinned.symbol, pinned.figures_read) in (select (symbol, max(figures_read)) from {{ this }} group by symbol)
        )
    {%- else -%}
        select 1
    {%- endif %}
{%- endmacro %}
