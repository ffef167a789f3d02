-- Fails when the session has feature rows and not one with a measure of the kernel: a null must never mean "not run".
with

current_session as (
    select session from {{ source('request', 'sessions') }} where is_current
)

select session
from {{ ref('fct_features') }}
where session in (from current_session)
group by session
having count(range_1d) = 0
