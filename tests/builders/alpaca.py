"""Alpaca's adapters on a wire to a venue on this machine's loopback."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from execution.brokers.alpaca import AlpacaBroker
from execution.brokers.alpaca_policy import AlpacaPolicy
from execution.brokers.alpaca_quotes import AlpacaQuotes
from execution.brokers.alpaca_time import AlpacaTime
from execution.brokers.alpaca_wire import AlpacaWire
from execution.ports import Clock
from execution.request_budget import RequestBudget
from execution.shared_breaker import SharedBreaker
from tests.builders.http_venue import KEY_ID, SECRET_KEY
from tests.builders.venue import CALENDAR


@dataclass(frozen=True, slots=True)
class AlpacaSide:
    """One client of the account, as one process of a home has it."""

    wire: AlpacaWire
    broker: AlpacaBroker
    quotes: AlpacaQuotes
    time: AlpacaTime


def policy(**changes: Any) -> AlpacaPolicy:
    quick: dict[str, Any] = {"requests_per_minute": 10_000, "answer_timeout_seconds": 1.0, "read_patience_seconds": 5.0}
    return AlpacaPolicy(**{**quick, **changes})


def alpaca_side(url: str, folder: Path, clock: Clock, *, secret_key: str = SECRET_KEY, **changes: Any) -> AlpacaSide:
    """Return a client whose quota and breaker live in a folder, shared with every other one of it."""
    rules = policy(**changes)
    budget = RequestBudget(
        folder / "operations.db",
        provider="alpaca",
        clock=clock,
        per_minute=rules.requests_per_minute,
        kept_for_orders=rules.kept_for_orders,
        kept_for_cancels=rules.kept_for_cancels,
    )
    breaker = SharedBreaker(
        folder / "operations.db",
        provider="alpaca",
        failures=rules.breaker_failures,
        reset_seconds=rules.breaker_reset_seconds,
    )
    wire = AlpacaWire(
        url, key_id=KEY_ID, secret_key=secret_key, policy=rules, budget=budget, breaker=breaker, clock=clock
    )
    return AlpacaSide(
        wire,
        AlpacaBroker(wire, answer_seconds=rules.connect_timeout_seconds + rules.answer_timeout_seconds),
        AlpacaQuotes(wire, clock=clock, calendar=CALENDAR, last_price_feed=rules.last_price_feed),
        AlpacaTime(wire),
    )
