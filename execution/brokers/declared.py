"""What venues without an adapter here promise, so that the desk's rules can be held against them before one is written.

Only what their documents say is declared. A venue that takes no id of ours is sent each order at most once. One of
unknown outcome holds its symbol back for its session; what it filled all the same is nobody's order to the ledger, so
the symbol goes into quarantine until a person has looked.

Source:
    Trading 212 public API v0 (beta), orders; Interactive Brokers TWS API, order limitations, open orders, executions.
"""

from typing import Final

from execution.domain.broker_capabilities import BrokerCapabilities

TRADING_212: Final = BrokerCapabilities(
    # No field for a reference, and "not idempotent" in its own words.
    id_uniqueness="none",
    lookup_by_client_id=False,
    answer_seconds=30.0,
    # A list of open orders may be asked once in five seconds, history six times a minute.
    visibility_lag_seconds=60.0,
    # Its pages disagree on whether a live account takes more.
    order_types=frozenset({"market", "limit"}),
    times_in_force=frozenset({"day", "gtc"}),
    has_extended_hours=False,
)
INTERACTIVE_BROKERS: Final = BrokerCapabilities(
    # `orderRef` is free text: two orders may carry the same, but look-ups over open and completed orders find it.
    id_uniqueness="none",
    lookup_by_client_id=True,
    # Nothing acknowledges a submission; the first status comes when it comes.
    answer_seconds=30.0,
    visibility_lag_seconds=60.0,
    order_types=frozenset({"limit", "market", "stop", "stop_limit", "trailing_stop"}),
    times_in_force=frozenset({"day", "gtc", "ioc", "fok", "opg", "cls"}),
    has_extended_hours=True,
)
