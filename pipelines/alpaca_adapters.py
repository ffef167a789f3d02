"""Settings to the two ways to Alpaca: trading and market data, each with its quota and its breaker in the home."""

from dataclasses import dataclass

from pydantic import SecretStr

from execution.brokers.alpaca import AlpacaBroker
from execution.brokers.alpaca_policy import AlpacaPolicy
from execution.brokers.alpaca_quotes import AlpacaQuotes
from execution.brokers.alpaca_time import AlpacaTime
from execution.brokers.alpaca_wire import AlpacaWire
from execution.clock import FileClock, SystemClock
from execution.domain.errors import SettingsRefused
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar
from pipelines.home import Home
from pipelines.provider_limits import breaker_of, budget_of
from pipelines.trading_settings import TradingSettings


@dataclass(frozen=True, slots=True)
class AlpacaAccount:
    """One account at Alpaca: its broker, prices for it, and what Alpaca says of the time.

    Attributes:
        trading: the way to the trading API, for questions no port asks.
    """

    broker: AlpacaBroker
    quotes: AlpacaQuotes
    time: AlpacaTime
    trading: AlpacaWire


def open_alpaca(settings: TradingSettings, home: Home, clock: Clock, calendar: TradingCalendar) -> AlpacaAccount:
    """Return the account of a mode. Nothing is asked of it yet.

    Raises:
        SettingsRefused: an address is not on the list, or a key is missing.
    """
    policy = settings.alpaca
    refuse_told_time(policy, clock)
    trading = _wire(settings, home, provider="alpaca trading", address=policy.trading_address(settings.mode))
    data = _wire(settings, home, provider="alpaca data", address=policy.data_address(settings.mode))
    answer_seconds = policy.connect_timeout_seconds + 2 * policy.answer_timeout_seconds
    return AlpacaAccount(
        broker=AlpacaBroker(trading, answer_seconds=answer_seconds),
        quotes=AlpacaQuotes(data, clock=clock, calendar=calendar, last_price_feed=policy.last_price_feed),
        time=AlpacaTime(trading),
        trading=trading,
    )


def refuse_told_time(policy: AlpacaPolicy, clock: Clock) -> None:
    """Refuse a clock that moves when told, except where both ways lead to a venue on this machine.

    Raises:
        SettingsRefused: the home's time is told and Alpaca's is not.
    """
    if isinstance(clock, FileClock) and not policy.is_rehearsal:
        raise SettingsRefused(
            "this home has a clock that moves when told, and Alpaca lives in the machine's time: name both "
            "alpaca.trading_url and alpaca.data_url of a rehearsal, or trade in a new home"
        )


def _wire(settings: TradingSettings, home: Home, *, provider: str, address: str) -> AlpacaWire:
    # A quota is counted in the minutes of the wire, also where a home's own time is told.
    policy, clock = settings.alpaca, SystemClock()
    return AlpacaWire(
        address,
        key_id=told_key(settings.broker_keys.key_id, "key_id"),
        secret_key=told_key(settings.broker_keys.secret_key, "secret_key"),
        policy=policy,
        budget=budget_of(policy, home, clock, provider=provider),
        breaker=breaker_of(policy, home, provider=provider),
        clock=clock,
    )


def told_key(key: SecretStr | None, name: str) -> str:
    """Return half of a key pair.

    Raises:
        SettingsRefused: nobody named it.
    """
    if key is None:
        raise SettingsRefused(f"broker_keys.{name} is missing: set TOUCHSTONE__BROKER_KEYS__{name.upper()}")
    return key.get_secret_value()
