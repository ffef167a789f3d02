{# Rank within a group of a session, 0 lowest to 1 highest; null where the value is, or where it stands alone. Counts
   only, so the same rows give the same bits in any order. #}
{% macro session_rank(value, within='session') -%}
    case
        when {{ value }} is not null then
            (rank() over (partition by {{ within }} order by {{ value }} nulls last) - 1)::double
            / nullif(count({{ value }}) over (partition by {{ within }}) - 1, 0)
    end
{%- endmacro %}

{# A ratio that is null, never infinite, where the divisor is not positive or the result overflows. #}
{% macro ratio(numerator, divisor) -%}
    case when {{ divisor }} > 0 and isfinite({{ numerator }} / {{ divisor }}) then {{ numerator }} / {{ divisor }} end
{%- endmacro %}
