"""What may be said about reading from Alpaca."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class AlpacaDataSettings(BaseModel):
    """What is read from Alpaca's market data in modes paper and live."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: SecretStr | None = Field(
        default=None, min_length=8, description="Public half of a paper account's key pair, to read market data with."
    )
    secret_key: SecretStr | None = Field(default=None, min_length=8, description="Secret half of that key pair.")
    symbols: tuple[str, ...] = Field(
        default=(), description="Symbols that are read; none for every share that trades on an exchange today."
    )
    feed: Literal["sip", "iex"] = Field(
        default="sip", description="Feed of the bars; a home keeps the one it began with, for the two never mix."
    )
    first_session: date = Field(
        default=date(2021, 1, 4), ge=date(2016, 1, 4), description="First session with bars; Alpaca's begin in 2016."
    )
    concurrent_requests: int = Field(default=4, ge=1, le=16, description="Requests under way at once at most.")
    symbols_per_request: int = Field(default=100, ge=1, le=200, description="Symbols asked for in one request.")
