"""What may be said about reading from Yahoo."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class YahooSettings(BaseModel):
    """What is read from Yahoo in mode paper: a second choice, without keys and without a promise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    use: Literal["never", "prices", "stand_in"] = Field(
        default="never",
        description="`prices` reads bars, splits and dividends from Yahoo alone; `stand_in` reads splits and dividends "
        "there while Alpaca does not tell them.",
    )
    symbols: tuple[str, ...] = Field(
        default=(), description="Symbols that are read for `prices`, at least one: Yahoo lists none."
    )
    first_session: date = Field(default=date(2021, 1, 4), description="First session with bars for `prices`.")
    requests_per_minute: int = Field(default=60, ge=1, le=2_000, description="Requests sent to Yahoo at most.")
