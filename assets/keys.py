"""Every asset key and group name, named once. Keys are tuples of strings: stores use them without Dagster."""

from typing import Final

Key = tuple[str, ...]

INGEST: Final = "ingest"
FEATURES: Final = "features"
QUALITY: Final = "quality"
ML: Final = "ml"
TRADING: Final = "trading"
REPORTS: Final = "reports"
UPKEEP: Final = "upkeep"

RAW_DAILY_BARS: Final[Key] = ("raw", "daily_bars")
RAW_CORPORATE_ACTIONS: Final[Key] = ("raw", "corporate_actions")
RAW_SECURITIES: Final[Key] = ("raw", "securities")
RAW_MEMBERSHIP: Final[Key] = ("raw", "membership")
RAW_WATCHLISTS: Final[Key] = ("raw", "watchlists")
RAW_NEWS: Final[Key] = ("raw", "news")
RAW_FILINGS: Final[Key] = ("raw", "filings")
RAW_EVENTS: Final[Key] = ("raw", "events")
RAW_INDICES: Final[Key] = ("raw", "indices")
RAW_SNAPSHOT: Final[Key] = ("raw", "snapshot")

FEATURES_PRICE: Final[Key] = ("features", "price_features")
FEATURES_NEWS: Final[Key] = ("features", "news_sentiment")
FEATURES_MART: Final[Key] = ("features", "fct_features")
FEATURES_UNIVERSE: Final[Key] = ("features", "fct_universe")
FEATURES_MARKET_CONTEXT: Final[Key] = ("features", "fct_market_context")
FEATURES_TRADING_FACTS: Final[Key] = ("features", "fct_trading_facts")
FEATURES_TOTAL_RETURNS: Final[Key] = ("features", "fct_total_returns")
FEATURES_GATE_CERTIFICATE: Final[Key] = ("features", "gate_certificate")

ML_TRAINING_SET: Final[Key] = ("ml", "training_set")
ML_MODEL: Final[Key] = ("ml", "model")
ML_SCORES: Final[Key] = ("ml", "scores")
ML_SIGNAL_BATCH: Final[Key] = ("ml", "signal_batch")
ML_BACKTEST: Final[Key] = ("ml", "backtest")
ML_LIVE_JUDGEMENT: Final[Key] = ("ml", "live_judgement")
ML_ACCOUNT: Final[Key] = ("ml", "account_performance")
ML_HOLD_OUT: Final[Key] = ("ml", "hold_out")
ML_SEARCH: Final[Key] = ("ml", "search")

TRADING_ORDER_PLAN: Final[Key] = ("trading", "order_plan")
TRADING_ORDERS: Final[Key] = ("trading", "orders")
TRADING_EXIT_WATCH: Final[Key] = ("trading", "exit_watch")
TRADING_FILLS: Final[Key] = ("trading", "fills")
TRADING_POSITIONS: Final[Key] = ("trading", "positions")
TRADING_DECISIONS: Final[Key] = ("trading", "decisions")
TRADING_LEDGER_EXPORT: Final[Key] = ("trading", "ledger_export")

REPORTS_DAILY: Final[Key] = ("reports", "daily_report")

UPKEEP_RETENTION_PLAN: Final[Key] = ("upkeep", "retention_plan")
UPKEEP_RETENTION: Final[Key] = ("upkeep", "retention")
UPKEEP_COMPACTION: Final[Key] = ("upkeep", "compaction")
UPKEEP_BACKUP: Final[Key] = ("upkeep", "backup")
UPKEEP_RESTORE_DRILL: Final[Key] = ("upkeep", "restore_drill")
UPKEEP_HEALTH: Final[Key] = ("upkeep", "health")

RAW_TABLES: Final[tuple[Key, ...]] = (
    RAW_DAILY_BARS,
    RAW_CORPORATE_ACTIONS,
    RAW_SECURITIES,
    RAW_MEMBERSHIP,
    RAW_WATCHLISTS,
    RAW_NEWS,
    RAW_FILINGS,
    RAW_EVENTS,
    RAW_INDICES,
)
