-- Fails with every symbol of the session that has a rank outside [0, 1].
{% set ranks = [
    'rank_return_20d', 'rank_momentum_12_1', 'rank_volatility_20d', 'rank_market_value', 'sector_rank_return_20d',
] %}
select symbol
from {{ ref('fct_features') }}
where
    session in (select session from {{ source('request', 'sessions') }} where is_current)
    and (least({{ ranks | join(', ') }}) < 0 or greatest({{ ranks | join(', ') }}) > 1)
