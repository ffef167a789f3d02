"""Which of the listed symbols a strategy may consider: the screen's settings, one value for dbt and for pages."""

from decimal import Decimal
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_MAX_PRICE_USD = Decimal(1_000_000)


class UniversePolicy(BaseModel):
    """The screen of the universe. Limits are inclusive; a symbol left out gets the reason of the first it breaks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index_name: str | None = Field(
        default=None,
        max_length=64,
        description="Only members of this index, as of the session; null for every listed symbol.",
    )
    watchlists: tuple[str, ...] = Field(
        default=(),
        max_length=50,
        description="Only symbols on one of these watchlists, as of the session; empty for no such limit.",
    )
    min_adv20_shares: int = Field(
        default=100_000,
        ge=0,
        le=10_000_000_000,
        description="Smallest mean volume of the last 20 sessions, in raw shares.",
    )
    min_close_usd: Decimal = Field(
        default=Decimal(5), ge=0, le=_MAX_PRICE_USD, description="Lowest raw close of the session, in dollars."
    )
    max_close_usd: Decimal = Field(
        default=_MAX_PRICE_USD, gt=0, le=_MAX_PRICE_USD, description="Highest raw close of the session, in dollars."
    )
    min_daily_volatility: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="Smallest standard deviation of the last 20 one-session returns, as a fraction.",
    )
    max_daily_volatility: float = Field(
        default=0.10,
        gt=0.0,
        le=10.0,
        description="Largest standard deviation of the last 20 one-session returns, as a fraction.",
    )
    blacklist: tuple[str, ...] = Field(
        default=(), max_length=10_000, description="Symbols that are never considered, whatever else they pass."
    )
    max_names: int = Field(
        default=3_000,
        ge=1,
        le=20_000,
        description="Most symbols kept, the largest by 20-session dollar volume first.",
    )

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if self.min_close_usd > self.max_close_usd:
            raise ValueError(f"min_close_usd {self.min_close_usd} is above max_close_usd {self.max_close_usd}")
        if self.min_daily_volatility > self.max_daily_volatility:
            raise ValueError(
                f"min_daily_volatility {self.min_daily_volatility} is above "
                f"max_daily_volatility {self.max_daily_volatility}"
            )
        return self
