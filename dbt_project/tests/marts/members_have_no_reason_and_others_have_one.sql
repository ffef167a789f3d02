-- Fails with every symbol of the session that is both kept and explained away, or neither.
select symbol
from {{ ref('fct_universe') }}
where
    session in (select session from {{ source('request', 'sessions') }} where is_current)
    and is_member <> (excluded_reason is null)
