"""Risk limits as one validated value, with the two profiles that ship: `strict` and `standard`.

Weights and fractions are of the account's equity unless a field says otherwise. Limits hold for the whole account:
positions and working orders of the broker count, ours or not.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from execution.domain.orders import SYMBOL

_PLAIN_NUMBER: Final = re.compile(r"^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$")

_YOUNGER: Final = frozenset({"trend_weeks", "trend_sessions"})


class RiskLimits(BaseModel):
    """Every limit a plan must keep. The defaults are the profile `standard`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_notional_max_usd: Decimal = Field(
        default=Decimal(15_000),
        gt=0,
        le=10_000_000,
        description="Largest value of one entry order at its limit price; an order above it is blocked, never cut.",
    )
    basket_notional_max_usd: Decimal = Field(
        default=Decimal(150_000),
        gt=0,
        le=100_000_000,
        description="Largest value of all entries of one cycle together; above it every entry of the cycle is blocked.",
    )
    order_quantity_max_shares: int = Field(
        default=10_000,
        ge=1,
        le=10_000_000,
        description="Most shares of one entry order; above it is blocked, never cut.",
    )
    adv_share_max: Decimal = Field(
        default=Decimal("0.02"),
        gt=0,
        le=Decimal("0.25"),
        description="Largest entry as a fraction of the mean volume of the last 20 sessions.",
    )
    price_collar_bps: Decimal = Field(
        default=Decimal(500),
        gt=0,
        le=5_000,
        description="Largest distance of a limit price from the session's close, and from a quote where there is one.",
    )
    position_max_weight: Decimal = Field(
        default=Decimal("0.10"), gt=0, le=1, description="Largest value of one position as a fraction of equity."
    )
    sector_max_weight: Decimal = Field(
        default=Decimal("0.30"),
        gt=0,
        le=1,
        description="Largest value of one sector as a fraction of equity; 1 switches the check off, for data without "
        "sectors.",
    )
    gross_max_weight: Decimal = Field(
        default=Decimal(1),
        gt=0,
        le=1,
        description="Largest value of all positions as a fraction of equity; no leverage.",
    )
    net_max_weight: Decimal = Field(
        default=Decimal(1),
        gt=0,
        le=1,
        description="Largest value of long less short positions as a fraction of equity.",
    )
    concentration_max_weight: Decimal = Field(
        default=Decimal("0.60"),
        gt=0,
        le=1,
        description="Largest value of the five largest positions together as a fraction of equity.",
    )
    correlated_positions_max: int = Field(
        default=3,
        ge=1,
        le=500,
        description="Most positions, the new one included, whose returns move together with the new one's.",
    )
    correlation_threshold: Decimal = Field(
        default=Decimal("0.80"),
        gt=0,
        le=1,
        description="Correlation of one-session returns from which two positions count as moving together.",
    )
    var95_max_fraction: Decimal = Field(
        default=Decimal("0.04"),
        gt=0,
        le=1,
        description="Largest one-session loss, as a fraction of equity, that the book's last 60 sessions exceeded in "
        "no more than one of twenty.",
    )
    names_max: int = Field(default=20, ge=1, le=500, description="Most symbols held at once.")
    cash_min_weight: Decimal = Field(
        default=Decimal("0.02"), ge=0, lt=1, description="Cash that entries must leave, as a fraction of equity."
    )
    fee_allowance_bps: Decimal = Field(
        default=Decimal(10),
        ge=0,
        le=1_000,
        description="Cash kept for the fees of an entry, in basis points of its value at the limit price.",
    )
    restricted_symbols: tuple[str, ...] = Field(
        default=(), max_length=5_000, description="Symbols that may not be entered, whatever is said for them."
    )
    entries_per_day_max: int = Field(default=20, ge=0, le=1_000, description="Most entry orders of one session.")
    cooldown_minutes: int = Field(
        default=5, ge=0, le=10_080, description="Minutes that pass in one symbol between a trade and the next entry."
    )
    atr_max_fraction: Decimal = Field(
        default=Decimal("0.06"),
        gt=0,
        le=1,
        description="Largest 14-session average true range as a fraction of the close that an entry may have.",
    )
    daily_loss_max_fraction: Decimal = Field(
        default=Decimal("0.05"),
        gt=0,
        le=1,
        description="Hard loss of one day as a fraction of its starting equity; the smaller of the two holds.",
    )
    daily_loss_max_usd: Decimal = Field(
        default=Decimal(1_500),
        gt=0,
        le=10_000_000,
        description="Hard loss of one day in dollars; entries shrink from half of it and end at the whole.",
    )
    losses_in_a_row_max: int = Field(
        default=4,
        ge=1,
        le=1_000,
        description="Positions closed at a loss one after the other in a session, from which on nothing is entered.",
    )
    drawdown_max_fraction: Decimal = Field(
        default=Decimal("0.05"),
        gt=0,
        le=1,
        description="Loss from the highest equity at which the account only reduces.",
    )
    drawdown_resume_sessions: int = Field(
        default=20,
        ge=1,
        le=260,
        description="Sessions of only reducing after which simulated and files modes resume by themselves.",
    )
    earnings_blackout_sessions: int = Field(
        default=3,
        ge=0,
        le=20,
        description="Sessions before a scheduled earnings release without entries; 0 switches the check off, "
        "for data that have no calendar of events.",
    )
    macro_blackout_sessions: int = Field(
        default=0,
        ge=0,
        le=5,
        description="Sessions up to a scheduled macro release without entries, the release's own counted; 0 switches "
        "the check off, for releases come about twice a month.",
    )
    trend_weeks: int = Field(
        default=0,
        ge=0,
        le=12,
        description="Weekly closes, five sessions apart, whose mean the newest close must exceed before a symbol is "
        "entered; 0 switches the check off.",
    )
    trend_sessions: int = Field(
        default=0,
        ge=0,
        le=60,
        description="Daily closes whose mean the newest close must exceed before a symbol is entered; 0 switches the "
        "check off.",
    )
    messages_per_minute_max: int = Field(
        default=120,
        ge=1,
        le=6_000,
        description="Order messages a minute: the size of a bucket that fills again at this pace.",
    )
    messages_per_day_max: int = Field(
        default=1_000, ge=1, le=1_000_000, description="Most order messages of one exchange day."
    )
    cycles_in_a_row_max: int = Field(
        default=2,
        ge=1,
        le=1_000,
        description="Most cycles that may send entries within the next field's hours; above it a named person resumes.",
    )
    cycles_in_a_row_hours: int = Field(
        default=12, ge=1, le=168, description="Hours over which cycles that sent entries are counted."
    )
    stale_quotes_max_fraction: Decimal = Field(
        default=Decimal("0.5"),
        gt=0,
        le=1,
        description="Part of the held symbols that may lack a price of the session before the account only reduces.",
    )

    @model_validator(mode="before")
    @classmethod
    def _are_plain_numbers(cls, given: Any) -> Any:
        """Refuse what two readers could read differently: 1_000, 15 %, yes. Bounds judge the rest."""
        if isinstance(given, Mapping):
            for name, value in given.items():
                is_text = isinstance(value, str) and not _PLAIN_NUMBER.match(value)
                if name != "restricted_symbols" and (is_text or isinstance(value, bool)):
                    raise ValueError(f"{name}: found {value!r}, expected a plain number in the unit its name says")
        return given

    @field_validator("restricted_symbols")
    @classmethod
    def _are_symbols(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what no symbol equals: a list that restricts nothing would be believed to restrict."""
        for symbol in given:
            if SYMBOL.fullmatch(symbol) is None:
                raise ValueError(f"{symbol!r}: expected an exchange symbol in capitals, as AAPL or BRK.B")
        return given

    @model_validator(mode="after")
    def _fit_each_other(self) -> Self:
        if self.position_max_weight > self.sector_max_weight:
            raise ValueError(
                f"position_max_weight {self.position_max_weight} is above sector_max_weight {self.sector_max_weight}: "
                "a position is part of its sector; raise the sector's limit or lower the position's"
            )
        if self.order_notional_max_usd > self.basket_notional_max_usd:
            raise ValueError(
                f"order_notional_max_usd {self.order_notional_max_usd} is above basket_notional_max_usd "
                f"{self.basket_notional_max_usd}: an order is part of its basket; raise the basket's limit"
            )
        return self

    @classmethod
    def standard(cls) -> Self:
        """Return the default profile: 20 names, average true range up to 6 % of the price."""
        return cls()

    @classmethod
    def strict(cls) -> Self:
        """Return the narrow profile: 5 names, 15 entries a day, range up to 2.5 % of the price, calm days only.

        On real prices the range alone blocks most of a nervous year: it is meant for an account that may stand still.
        """
        return cls(
            names_max=5,
            entries_per_day_max=15,
            atr_max_fraction=Decimal("0.025"),
            adv_share_max=Decimal("0.01"),
            macro_blackout_sessions=1,
            var95_max_fraction=Decimal("0.025"),
        )

    def told(self) -> dict[str, Any]:
        """Return what plans are hashed with: every limit, and of those younger than the first plans what was chosen."""
        fields = type(self).model_fields
        return {
            name: value
            for name, value in self.model_dump().items()
            if name not in _YOUNGER or value != fields[name].default
        }

    def daily_loss_hard_usd(self, day_start_equity_usd: Decimal) -> Decimal:
        """Return the loss of a day, in dollars, at which entries end."""
        return min(self.daily_loss_max_fraction * day_start_equity_usd, self.daily_loss_max_usd)

    def daily_loss_soft_usd(self, day_start_equity_usd: Decimal) -> Decimal:
        """Return the loss of a day, in dollars, from which entries shrink: half of the hard one."""
        return self.daily_loss_hard_usd(day_start_equity_usd) / 2
