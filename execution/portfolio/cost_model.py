"""What trading costs: slippage, or spread and impact, and fees. Sizing and the simulated venue share it."""

from decimal import ROUND_DOWN, Decimal
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from execution.domain.orders import Side
from execution.domain.quantities import CENT, Shares, tick_above_usd, tick_below_usd

_BPS = Decimal(10_000)
_COSTS = ("slippage_bps", "half_spread_bps", "impact_bps", "commission_usd_per_share", "sell_fee_bps")


class CostModel(BaseModel):
    """Costs of one fill. By default a flat slippage; with a spread and an impact given, those are modelled instead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slippage_bps: Decimal = Field(
        default=Decimal(10),
        ge=0,
        le=1_000,
        description="Price given up on a fill, in basis points, while spread and impact are not modelled.",
    )
    half_spread_bps: Decimal | None = Field(
        default=None,
        ge=0,
        le=1_000,
        description="Half of the quoted spread in basis points; given with impact_bps, it replaces the flat slippage.",
    )
    impact_bps: Decimal | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="Price moved by trading a session's whole volume, in basis points; grows with the share's root.",
    )
    commission_usd_per_share: Decimal = Field(
        default=Decimal(0), ge=0, le=1, description="Commission in dollars per share; none by default."
    )
    sell_fee_bps: Decimal = Field(
        default=Decimal(0), ge=0, le=100, description="Fees on the value of a sale in basis points; none by default."
    )
    volume_share_max: Decimal = Field(
        default=Decimal("0.05"),
        gt=0,
        le=1,
        description="Largest part of a session's volume that the account's fills in one symbol may be.",
    )
    delisting_haircut_fraction: Decimal = Field(
        default=Decimal("0.30"),
        ge=0,
        le=1,
        description="Part of the last close that is lost when a held symbol is delisted.",
    )

    @model_validator(mode="after")
    def _model_both_or_neither(self) -> Self:
        if (self.half_spread_bps is None) != (self.impact_bps is None):
            raise ValueError(
                f"half_spread_bps is {self.half_spread_bps} and impact_bps is {self.impact_bps}: "
                "give both to model the costs, or neither for the flat slippage"
            )
        return self

    def times(self, multiple: Decimal) -> Self:
        """Return costs so many times as high; shares of volume and haircuts stay.

        They may lie past the bounds that settings have: those guard a person's typing, and what is told beside
        production as so many times its costs has to cost so much.
        """
        costs = {name: getattr(self, name) for name in _COSTS}
        return self.model_copy(update={name: None if cost is None else cost * multiple for name, cost in costs.items()})

    def adverse_bps(self, participation: Decimal) -> Decimal:
        """Return the price given up on a fill, in basis points.

        Args:
            participation: the fill's shares as a fraction of the session's volume, in [0, 1].

        Source:
            Impact grows with the square root of participation: Torre (1997), BARRA Market Impact Model Handbook.
        """
        if self.half_spread_bps is None or self.impact_bps is None:
            return self.slippage_bps
        return self.half_spread_bps + self.impact_bps * participation.sqrt()

    def execution_price_usd(self, *, side: Side, reference_usd: Decimal, participation: Decimal) -> Decimal:
        """Return the price of a fill: the reference made worse by the costs, rounded against us to the tick."""
        share = self.adverse_bps(participation) / _BPS
        if side == "buy":
            return tick_above_usd(reference_usd * (1 + share))
        return tick_below_usd(max(Decimal(0), reference_usd * (1 - share)))

    def fee_usd(self, *, side: Side, quantity_shares: Shares, price_usd: Decimal) -> Decimal:
        """Return the fees of one fill in whole cents, parts of a cent dropped; never more than a sale brings in."""
        fee = quantity_shares * self.commission_usd_per_share
        if side == "sell":
            value = quantity_shares * price_usd
            fee = min(value, fee + value * self.sell_fee_bps / _BPS)
        # Rounded down, so that the fees of many partial fills never exceed what was set aside for the whole order.
        return fee.quantize(CENT, rounding=ROUND_DOWN)

    def round_trip_bps(self, participation: Decimal) -> Decimal:
        """Return what buying and selling again gives up, in basis points of the value, commissions left out."""
        return 2 * self.adverse_bps(participation) + self.sell_fee_bps
