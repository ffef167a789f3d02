"""How Alpaca is talked to: addresses, patience, quota. An address that is not on the list is refused."""

from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from execution.domain.errors import SettingsRefused
from execution.domain.signals import Mode

_OWN: Final[dict[Mode, str]] = {"paper": "https://paper-api.alpaca.markets", "live": "https://api.alpaca.markets"}
_OWN_DATA: Final = "https://data.alpaca.markets"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class AlpacaPolicy(BaseModel):
    """Where Alpaca is, how long an answer may take, and how many requests a minute may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trading_url: str | None = Field(
        default=None, description="Address of the trading API on this machine, to rehearse; none for Alpaca's own."
    )
    data_url: str | None = Field(
        default=None, description="Address of the market data API on this machine, to rehearse; none for Alpaca's own."
    )
    last_price_feed: Literal["iex", "sip"] = Field(
        default="iex", description="Feed of last prices; `sip` needs a paid subscription. Closes are always `sip`."
    )
    connect_timeout_seconds: float = Field(
        default=3.05, gt=0, le=30, description="Longest wait for a connection, in seconds."
    )
    answer_timeout_seconds: float = Field(
        default=10.0, gt=0, le=60, description="Longest wait for an answer, its body included, in seconds."
    )
    read_attempts: int = Field(default=4, ge=1, le=10, description="How often a failed read is asked; an order is not.")
    read_patience_seconds: float = Field(
        default=30.0,
        ge=0,
        le=60,
        description="Longest time one read may wait for quota and between attempts, in seconds.",
    )
    requests_per_minute: int = Field(
        default=200, ge=10, le=10_000, description="Requests a minute that each of the two APIs takes."
    )
    kept_for_orders: int = Field(
        default=30, ge=1, le=5_000, description="Requests a minute that reads leave to orders and cancels."
    )
    kept_for_cancels: int = Field(
        default=20, ge=1, le=5_000, description="Requests a minute that reads and orders leave to cancels."
    )
    breaker_failures: int = Field(
        default=5, ge=1, le=100, description="Unanswered requests in a row after which nothing is asked for a while."
    )
    breaker_reset_seconds: float = Field(
        default=30.0, gt=0, le=600, description="Seconds after which one request tries whether Alpaca is back."
    )
    stream_silence_seconds: float = Field(
        default=300.0, gt=0, le=86_400, description="Silence after which the stream of trade updates is opened anew."
    )
    clock_apart_max_seconds: float = Field(
        default=10.0, gt=0, le=60, description="Largest difference between Alpaca's clock and ours, in seconds."
    )

    @model_validator(mode="after")
    def _leaves_something_to_read_with(self) -> Self:
        if self.kept_for_orders + self.kept_for_cancels >= self.requests_per_minute:
            raise ValueError(
                f"kept_for_orders {self.kept_for_orders} and kept_for_cancels {self.kept_for_cancels} leave nothing of "
                f"requests_per_minute {self.requests_per_minute} to reads: keep fewer"
            )
        return self

    @property
    def is_rehearsal(self) -> bool:
        """Whether orders and prices both go to a venue on this machine."""
        return self.trading_address("paper") != _OWN["paper"] and self.data_address("paper") != _OWN_DATA

    def trading_address(self, mode: Mode) -> str:
        """Return the address of the trading API of a mode.

        Raises:
            SettingsRefused: the mode has none, or settings name a place that is not on the list.
        """
        if mode not in _OWN:
            raise SettingsRefused(f"mode {mode} does not trade at Alpaca: choose paper or live")
        return _allowed("alpaca.trading_url", self.trading_url, own=_OWN[mode], may_rehearse=mode == "paper")

    def data_address(self, mode: Mode) -> str:
        """Return the address of the market data API of a mode.

        Raises:
            SettingsRefused: settings name a place that is not on the list.
        """
        return _allowed("alpaca.data_url", self.data_url, own=_OWN_DATA, may_rehearse=mode == "paper")


def _allowed(setting: str, said: str | None, *, own: str, may_rehearse: bool) -> str:
    if said is None or said.rstrip("/") == own:
        return own
    parts = urlsplit(said)
    is_plain = parts.scheme == "http" and not parts.username and parts.path in ("", "/") and not parts.query
    if may_rehearse and is_plain and parts.hostname in _LOOPBACK:
        return said.rstrip("/")
    # The address may carry a password: its host alone is told.
    raise SettingsRefused(
        f"{setting} names the host {parts.hostname!r}: expected {own}"
        + (", or http:// and a loopback address for a rehearsal" if may_rehearse else "; a live account has no other")
    )
