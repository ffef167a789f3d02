-- Fails with every symbol of the session that has a rank outside [0, 1].
select symbol
from {{ ref('fct_features') }}
where
    session in (select session from {{ source('request', 'sessions') }} where is_current)
    and (
        least(rank_return_20d, rank_momentum_12_1, rank_volatility_20d, sector_rank_return_20d, rank_market_value) < 0
        or greatest(rank_return_20d, rank_momentum_12_1, rank_volatility_20d, sector_rank_return_20d, rank_market_value) > 1
    )
