"""What all processes of a home share about one provider: how often it may be asked, and whether it answers at all."""

from execution.brokers.alpaca_policy import AlpacaPolicy
from execution.ports import Clock
from execution.request_budget import RequestBudget
from execution.shared_breaker import SharedBreaker
from pipelines.home import Home


def budget_of(policy: AlpacaPolicy, home: Home, clock: Clock, *, provider: str) -> RequestBudget:
    """Return the quota of requests to a provider, counted over every process of a home."""
    return RequestBudget(
        home.operations,
        provider=provider,
        clock=clock,
        per_minute=policy.requests_per_minute,
        kept_for_orders=policy.kept_for_orders,
        kept_for_cancels=policy.kept_for_cancels,
    )


def breaker_of(policy: AlpacaPolicy, home: Home, *, provider: str) -> SharedBreaker:
    """Return the breaker that every process of a home asks before it asks a provider."""
    return SharedBreaker(
        home.operations,
        provider=provider,
        failures=policy.breaker_failures,
        reset_seconds=policy.breaker_reset_seconds,
    )
