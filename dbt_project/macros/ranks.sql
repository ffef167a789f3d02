{# Rank within a group of a session, 0 lowest to 1 highest; null where the value is, or where it stands alone. Counts
   only, so the same rows give the same bits in any order. #}
{% macro session_rank(value, within='session') -%}
    case
        when {{ value }} is not null then
            (rank() over (partition by {{ within }} order by {{ value }} nulls last) - 1)::double
            / nullif(count({{ value }}) over (partition by {{ within }}) - 1, 0)
    end
{%- endmacro %}

{# Rank among the session's symbols of the same sector; null where the sector is unknown. #}
{% macro sector_rank(value) -%}
    case when sector is not null then {{ session_rank(value, within='session, sector') }} end
{%- endmacro %}

{# A ratio that is null, never infinite, where the divisor is not positive or the result overflows. #}
{% macro ratio(numerator, divisor) -%}
    case when {{ divisor }} > 0 and isfinite({{ numerator }} / {{ divisor }}) then {{ numerator }} / {{ divisor }} end
{%- endmacro %}

{# Change from a figure before, over that figure's size; a loss that shrinks is a rise. #}
{% macro change(now, before) -%}
    {{ ratio('(' ~ now ~ ' - ' ~ before ~ ')', 'abs(' ~ before ~ ')') }}
{%- endmacro %}
