-- Fails with every symbol of the session whose return feature and label source differ: they are one number.
select features.symbol
from {{ ref('fct_features') }} as features
inner join {{ ref('fct_total_returns') }} as returns
    on features.session = returns.session and features.symbol = returns.symbol
where
    features.session in (select session from {{ source('request', 'sessions') }} where is_current)
    and features.return_1d is distinct from returns.total_return
