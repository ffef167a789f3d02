-- One row per session and listed symbol with a bar: every feature, as known at the session's cut-off.
{{
    config(
        pre_hook=[
            "{{ clear_current_session() }}",
            "{{ list_feature_parts('price_features') }}",
            "{{ list_feature_parts('library_features') }}"
        ],
        contract={'enforced': false}
    )
}}

with

sessions as (
    {{ sessions_to_build() }}
),

bars as (
    select
        bars.session,
        bars.symbol,
        bars.close_usd::double as close_usd,
        listed.sector
    from {{ ref('int_bars__as_known') }} as bars
    inner join {{ ref('int_securities__as_known') }} as listed
        on bars.session = listed.session and bars.symbol = listed.symbol
    inner join sessions on bars.session = sessions.session
),

prices as (
    {{ feature_rows('price_features') }}
),

-- Columns of the sets that settings switch on; none by default.
library as (
    {{ feature_rows('library_features') }}
),

market as (
    select * from {{ ref('int_market__as_known') }}
    where session in (select sessions.session from sessions)
),

news as (
    select * from {{ ref('int_news__as_known') }}
    where session in (select sessions.session from sessions)
),

fundamentals as (
    select * from {{ ref('int_fundamentals__as_known') }}
    where session in (select sessions.session from sessions)
),

joined as (
    select
        bars.session,
        bars.symbol,
        bars.sector,
        bars.close_usd,
        prices.dollar_volume_20d_usd,
        prices.return_1d,
        prices.return_5d,
        prices.return_10d,
        prices.return_20d,
        prices.return_60d,
        prices.return_120d,
        prices.return_252d,
        prices.momentum_6_1,
        prices.momentum_12_1,
        prices.gap_1d,
        prices.return_intraday_1d,
        prices.up_share_20d,
        prices.close_to_sma_20d,
        prices.close_to_sma_60d,
        prices.close_to_sma_200d,
        prices.position_in_range_20d,
        prices.position_in_range_60d,
        prices.close_to_high_252d,
        prices.close_to_low_252d,
        prices.trend_slope_60d,
        prices.trend_fit_60d,
        prices.volume_ratio_1_20,
        prices.volume_ratio_5_20,
        prices.volume_ratio_20_60,
        prices.volume_zscore_60d,
        prices.volume_return_correlation_20d,
        prices.illiquidity_20d,
        prices.close_to_vwap_20d,
        prices.volatility_5d,
        prices.volatility_20d,
        prices.volatility_60d,
        prices.volatility_120d,
        prices.volatility_ratio_5_60,
        prices.volatility_ratio_20_120,
        prices.downside_volatility_60d,
        prices.range_1d,
        prices.range_mean_20d,
        prices.range_volatility_20d,
        prices.skewness_60d,
        prices.kurtosis_60d,
        prices.drawdown_60d,
        prices.return_autocorrelation_60d,
        prices.beta_60d,
        prices.beta_252d,
        prices.correlation_60d,
        prices.idiosyncratic_volatility_60d,
        prices.relative_return_20d,
        prices.rsi_14,
        prices.rsi_5,
        prices.atr_14_pct,
        prices.macd_pct,
        prices.macd_signal_pct,
        prices.macd_histogram_pct,
        prices.adx_14,
        prices.plus_di_14,
        prices.minus_di_14,
        prices.close_to_ema_20,
        prices.ema_12_26_ratio,
        prices.ema_50_200_ratio,
        prices.bollinger_position_20,
        prices.close_to_previous_high,
        prices.close_to_previous_low,
        prices.close_to_pivot,
        prices.close_to_resistance_1,
        prices.close_to_support_1,
        prices.previous_close_position,
        market.return_1d as market_return_1d,
        market.return_20d as market_return_20d,
        market.volatility_20d as market_volatility_20d,
        market.trend_200d as market_trend_200d,
        market.breadth_1d as market_breadth_1d,
        market.is_bull as regime_is_bull,
        market.is_volatile as regime_is_volatile,
        market.vix as vix_level,
        market.vix_change_5d,
        news.count_1d::double as news_count_1d,
        news.count_5d::double as news_count_5d,
        news.count_20d::double as news_count_20d,
        news.sentiment_milli_1d::double / (1000 * news.weight_1d) as news_sentiment_1d,
        news.sentiment_milli_5d::double / (1000 * news.weight_5d) as news_sentiment_5d,
        news.sentiment_milli_20d::double / (1000 * news.weight_20d) as news_sentiment_20d,
        fundamentals.net_income_four_quarters,
        fundamentals.revenue_four_quarters,
        fundamentals.operating_cash_flow_four_quarters,
        fundamentals.revenue_newest,
        fundamentals.revenue_year_before,
        fundamentals.net_income_newest,
        fundamentals.net_income_year_before,
        fundamentals.equity,
        fundamentals.assets,
        fundamentals.liabilities,
        fundamentals.eps_newest,
        fundamentals.eps_year_before,
        fundamentals.eps_estimate,
        fundamentals.eps_estimate_first_told,
        fundamentals.days_since_filing::double as days_since_filing,
        fundamentals.shares_outstanding * bars.close_usd as market_value_usd
    from bars
    left join prices on bars.session = prices.session and bars.symbol = prices.symbol
    left join market on bars.session = market.session
    left join news on bars.session = news.session and bars.symbol = news.symbol
    left join fundamentals on bars.session = fundamentals.session and bars.symbol = fundamentals.symbol
),

measured as (
    select
        *,
        (news_count_5d * 4.0) / nullif(news_count_20d, 0.0) as news_intensity_5_20,
        news_sentiment_5d - news_sentiment_20d as news_sentiment_change,
        {{ ratio('net_income_four_quarters', 'market_value_usd') }} as earnings_yield,
        {{ ratio('(4.0 * eps_estimate)', 'close_usd') }} as forward_earnings_yield,
        {{ ratio('equity', 'market_value_usd') }} as book_to_price,
        {{ ratio('revenue_four_quarters', 'market_value_usd') }} as sales_yield,
        {{ ratio('operating_cash_flow_four_quarters', 'market_value_usd') }} as cash_flow_yield,
        {{ ratio('net_income_four_quarters', 'equity') }} as return_on_equity,
        {{ ratio('net_income_four_quarters', 'assets') }} as return_on_assets,
        {{ ratio('net_income_four_quarters', 'revenue_four_quarters') }} as net_margin,
        {{ ratio('liabilities', 'assets') }} as leverage,
        {{ ratio('revenue_four_quarters', 'assets') }} as asset_turnover,
        {{ change('revenue_newest', 'revenue_year_before') }} as revenue_growth_yoy,
        {{ change('net_income_newest', 'net_income_year_before') }} as net_income_growth_yoy,
        {{ change('eps_newest', 'eps_year_before') }} as eps_growth_yoy,
        {{ change('eps_estimate', 'eps_estimate_first_told') }} as estimate_revision
    from joined
),

-- Ranks sort once each: narrow rows make that cheap.
compared as (
    select
        session,
        symbol,
        sector,
        return_5d,
        return_20d,
        return_60d,
        momentum_12_1,
        volatility_20d,
        volume_ratio_5_20,
        dollar_volume_20d_usd,
        rsi_14,
        beta_60d,
        earnings_yield,
        book_to_price,
        market_value_usd
    from measured
),

ranked as (
    select
        session,
        symbol,
        {{ session_rank('return_5d') }} as rank_return_5d,
        {{ session_rank('return_20d') }} as rank_return_20d,
        {{ session_rank('return_60d') }} as rank_return_60d,
        {{ session_rank('momentum_12_1') }} as rank_momentum_12_1,
        {{ session_rank('volatility_20d') }} as rank_volatility_20d,
        {{ session_rank('volume_ratio_5_20') }} as rank_volume_ratio_5_20,
        {{ session_rank('dollar_volume_20d_usd') }} as rank_dollar_volume_20d,
        {{ session_rank('rsi_14') }} as rank_rsi_14,
        {{ session_rank('beta_60d') }} as rank_beta_60d,
        {{ sector_rank('return_20d') }} as sector_rank_return_20d,
        {{ sector_rank('momentum_12_1') }} as sector_rank_momentum_12_1,
        {{ session_rank('earnings_yield') }} as rank_earnings_yield,
        {{ session_rank('book_to_price') }} as rank_book_to_price,
        {{ session_rank('market_value_usd') }} as rank_market_value
    from compared
),

final as (
    select
        measured.session,
        measured.symbol,
        measured.return_1d,
        measured.return_5d,
        measured.return_10d,
        measured.return_20d,
        measured.return_60d,
        measured.return_120d,
        measured.return_252d,
        measured.momentum_6_1,
        measured.momentum_12_1,
        measured.gap_1d,
        measured.return_intraday_1d,
        measured.up_share_20d,
        measured.close_to_sma_20d,
        measured.close_to_sma_60d,
        measured.close_to_sma_200d,
        measured.position_in_range_20d,
        measured.position_in_range_60d,
        measured.close_to_high_252d,
        measured.close_to_low_252d,
        measured.trend_slope_60d,
        measured.trend_fit_60d,
        measured.volume_ratio_1_20,
        measured.volume_ratio_5_20,
        measured.volume_ratio_20_60,
        measured.volume_zscore_60d,
        measured.volume_return_correlation_20d,
        measured.illiquidity_20d,
        measured.close_to_vwap_20d,
        measured.volatility_5d,
        measured.volatility_20d,
        measured.volatility_60d,
        measured.volatility_120d,
        measured.volatility_ratio_5_60,
        measured.volatility_ratio_20_120,
        measured.downside_volatility_60d,
        measured.range_1d,
        measured.range_mean_20d,
        measured.range_volatility_20d,
        measured.skewness_60d,
        measured.kurtosis_60d,
        measured.drawdown_60d,
        measured.return_autocorrelation_60d,
        measured.beta_60d,
        measured.beta_252d,
        measured.correlation_60d,
        measured.idiosyncratic_volatility_60d,
        measured.relative_return_20d,
        measured.rsi_14,
        measured.rsi_5,
        measured.atr_14_pct,
        measured.macd_pct,
        measured.macd_signal_pct,
        measured.macd_histogram_pct,
        measured.adx_14,
        measured.plus_di_14,
        measured.minus_di_14,
        measured.close_to_ema_20,
        measured.ema_12_26_ratio,
        measured.ema_50_200_ratio,
        measured.bollinger_position_20,
        measured.close_to_previous_high,
        measured.close_to_previous_low,
        measured.close_to_pivot,
        measured.close_to_resistance_1,
        measured.close_to_support_1,
        measured.previous_close_position,
        ranked.rank_return_5d,
        ranked.rank_return_20d,
        ranked.rank_return_60d,
        ranked.rank_momentum_12_1,
        ranked.rank_volatility_20d,
        ranked.rank_volume_ratio_5_20,
        ranked.rank_dollar_volume_20d,
        ranked.rank_rsi_14,
        ranked.rank_beta_60d,
        ranked.sector_rank_return_20d,
        ranked.sector_rank_momentum_12_1,
        measured.market_return_1d,
        measured.market_return_20d,
        measured.market_volatility_20d,
        measured.market_trend_200d,
        measured.market_breadth_1d,
        measured.regime_is_bull,
        measured.regime_is_volatile,
        measured.vix_level,
        measured.vix_change_5d,
        measured.news_count_1d,
        measured.news_count_5d,
        measured.news_count_20d,
        measured.news_intensity_5_20,
        measured.news_sentiment_1d,
        measured.news_sentiment_5d,
        measured.news_sentiment_20d,
        measured.news_sentiment_change,
        measured.earnings_yield,
        measured.forward_earnings_yield,
        measured.book_to_price,
        measured.sales_yield,
        measured.cash_flow_yield,
        ranked.rank_earnings_yield,
        ranked.rank_book_to_price,
        ranked.rank_market_value,
        measured.return_on_equity,
        measured.return_on_assets,
        measured.net_margin,
        measured.leverage,
        measured.asset_turnover,
        measured.revenue_growth_yoy,
        measured.net_income_growth_yoy,
        measured.eps_growth_yoy,
        measured.estimate_revision,
        measured.days_since_filing,
        library.* exclude (session, symbol)
    from measured
    inner join ranked on measured.session = ranked.session and measured.symbol = ranked.symbol
    left join library on measured.session = library.session and measured.symbol = library.symbol
    order by measured.session, measured.symbol
)

select * from final
