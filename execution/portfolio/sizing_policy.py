"""How scores become positions: every number of sizing, entering, holding and leaving in one validated value."""

import math
from decimal import Decimal
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from execution.domain.quantities import SHARE_DECIMALS_MAX
from execution.portfolio.capital_ramp import CapitalRamp

ProtectiveStop = Literal["stop", "trailing_stop", "bracket"]
Spread = Literal["own_risk", "risk_parity"]
LADDER_SECONDS_MAX: Final = 600
"""Latest second of the submit window at which an entry may come to its last limit."""


class SizingPolicy(BaseModel):
    """The policy of one strategy. Weights are fractions of equity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_names: int = Field(default=20, ge=1, le=500, description="Most symbols held at once.")
    entry_top_fraction: Decimal = Field(
        default=Decimal("0.20"), gt=0, le=1, description="Best part of the scored symbols that may be bought."
    )
    hold_top_fraction: Decimal = Field(
        default=Decimal("0.40"),
        gt=0,
        le=1,
        description="Best part of the scored symbols in which a holding may stay until its horizon is over.",
    )
    horizon_sessions: int = Field(
        default=5,
        ge=1,
        le=260,
        description="Sessions after which a holding is sold unless it is still among those that may be bought.",
    )
    round_trip_cost_bps: Decimal = Field(
        default=Decimal(20),
        ge=0,
        le=2_100,
        description="Basis points that an expected return must exceed: at least what costs say of a round trip, "
        "impact and commissions aside; 0 asks for no more than a gain. Unknown expected returns pass.",
    )
    risk_per_trade_fraction: Decimal = Field(
        default=Decimal("0.01"),
        gt=0,
        le=Decimal("0.02"),
        description="Part of equity lost when a position falls from its entry to its stop.",
    )
    spread: Spread = Field(
        default="own_risk",
        description="What entries get of the room: each by its own risk, or together by hierarchical risk parity.",
    )
    kelly_multiple: Decimal = Field(
        default=Decimal("0.25"),
        ge=0,
        le=Decimal("0.25"),
        description="Part of the Kelly bet a position may be, from the calibrated probability; 0 switches it off.",
    )
    kelly_payoff_ratio: Decimal = Field(
        default=Decimal(1),
        gt=0,
        le=10,
        description="Gain of a winning position over the loss of one that falls to its stop, for the Kelly bet.",
    )
    share_decimals: int = Field(
        default=0,
        ge=0,
        le=SHARE_DECIMALS_MAX,
        description="Digits after the point of an entry's shares, as far as the venue takes parts of one; 0 is whole.",
    )
    stop_atr_multiple: Decimal = Field(
        default=Decimal("1.5"), gt=0, le=10, description="Average true ranges between the entry and its stop."
    )
    protective_stop: ProtectiveStop = Field(
        default="stop",
        description="Stop behind a position: plain, trailing by the entry's distance, or with the entry in a bracket.",
    )
    take_profit_multiple: Decimal = Field(
        default=Decimal(3),
        gt=0,
        le=20,
        description="How far above its entry's limit a bracket takes profit, in distances from the entry to its stop.",
    )
    position_max_weight: Decimal = Field(
        default=Decimal("0.10"), gt=0, le=1, description="Largest position as a fraction of equity."
    )
    position_min_weight: Decimal = Field(
        default=Decimal("0.005"), ge=0, le=1, description="Smallest entry worth making as a fraction of equity."
    )
    volatility_target_daily: Decimal = Field(
        default=Decimal("0.02"),
        gt=0,
        le=1,
        description="Standard deviation of one-session returns above which a position shrinks in proportion.",
    )
    cash_buffer_weight: Decimal = Field(
        default=Decimal("0.03"), ge=0, lt=1, description="Cash that sizing leaves, as a fraction of equity."
    )
    no_trade_band_weight: Decimal = Field(
        default=Decimal("0.02"),
        ge=0,
        le=1,
        description="Smallest reduction of a kept holding worth making, as a fraction of equity; full exits ignore it.",
    )
    entry_collar_bps: Decimal = Field(
        default=Decimal(150),
        gt=0,
        le=5_000,
        description="How far above the close an entry's limit lies, in basis points.",
    )
    exit_collar_bps: Decimal = Field(
        default=Decimal(450),
        gt=0,
        le=5_000,
        description="How far below the close an exit's limit lies, in basis points.",
    )
    entry_rungs: int = Field(
        default=1,
        ge=1,
        le=10,
        description="Limits an entry tries one after the other, from the close up to its own; 1 sends its own at once.",
    )
    entry_rung_seconds: int = Field(
        default=60, ge=5, le=300, description="How long an entry tries one of several limits before the next one."
    )
    heat_bull_calm: Decimal = Field(
        default=Decimal(1), ge=0, le=1, description="Part of equity at work in this regime."
    )
    heat_bull_volatile: Decimal = Field(
        default=Decimal("0.75"), ge=0, le=1, description="Part of equity at work in this regime."
    )
    heat_bear_calm: Decimal = Field(
        default=Decimal("0.5"), ge=0, le=1, description="Part of equity at work in this regime."
    )
    heat_bear_volatile: Decimal = Field(
        default=Decimal("0.25"), ge=0, le=1, description="Part of equity at work in this regime."
    )
    heat_unknown: Decimal = Field(
        default=Decimal("0.5"), ge=0, le=1, description="Part of equity at work while the regime is unknown."
    )
    vix_cautious_points: Decimal = Field(
        default=Decimal(25), gt=0, le=200, description="Volatility index from which less equity is put to work."
    )
    heat_vix_cautious: Decimal = Field(
        default=Decimal("0.75"), ge=0, le=1, description="Most equity at work from the cautious level on."
    )
    vix_alarmed_points: Decimal = Field(
        default=Decimal(35), gt=0, le=200, description="Volatility index from which much less equity is put to work."
    )
    heat_vix_alarmed: Decimal = Field(
        default=Decimal("0.5"), ge=0, le=1, description="Most equity at work from the alarmed level on."
    )
    capital_ramp: CapitalRamp = Field(
        default=CapitalRamp(), description="Stages by which sizes grow while nothing objects; off without stages."
    )

    drawdown_cautious_fraction: Decimal = Field(
        default=Decimal("0.02"), gt=0, le=1, description="Loss from the highest equity from which less is put to work."
    )
    heat_drawdown_cautious: Decimal = Field(
        default=Decimal("0.75"), ge=0, le=1, description="Most equity at work from the cautious drawdown on."
    )
    drawdown_alarmed_fraction: Decimal = Field(
        default=Decimal("0.035"),
        gt=0,
        le=1,
        description="Loss from the highest equity from which much less is put to work.",
    )
    heat_drawdown_alarmed: Decimal = Field(
        default=Decimal("0.5"), ge=0, le=1, description="Most equity at work from the alarmed drawdown on."
    )

    @model_validator(mode="after")
    def _fit_each_other(self) -> Self:
        pairs = (
            ("entry_top_fraction", "hold_top_fraction"),
            ("position_min_weight", "position_max_weight"),
            ("vix_cautious_points", "vix_alarmed_points"),
            ("heat_vix_alarmed", "heat_vix_cautious"),
            ("drawdown_cautious_fraction", "drawdown_alarmed_fraction"),
            ("heat_drawdown_alarmed", "heat_drawdown_cautious"),
        )
        for smaller, larger in pairs:
            if getattr(self, smaller) > getattr(self, larger):
                raise ValueError(
                    f"{smaller} {getattr(self, smaller)} is above {larger} {getattr(self, larger)}: lower the first"
                )
        if self.entry_rungs > 1 and self.protective_stop == "bracket":
            raise ValueError(
                f"entry_rungs {self.entry_rungs} with protective_stop bracket: its exits would end with each rung; "
                "use stop or trailing_stop, or one rung"
            )
        if (self.entry_rungs - 1) * self.entry_rung_seconds > LADDER_SECONDS_MAX:
            raise ValueError(
                f"{self.entry_rungs} entry_rungs of {self.entry_rung_seconds} entry_rung_seconds: the last one would "
                f"come after more than {LADDER_SECONDS_MAX} s, and orders go out for 14 minutes only"
            )
        return self

    def heat(self, *, regime: str | None, vix: float | None, drawdown_fraction: Decimal = Decimal(0)) -> Decimal:
        """Return the part of equity that may be at work: the least that regime, volatility and drawdown allow.

        Args:
            regime: the market's regime, None when unknown.
            vix: volatility index in points; None when unknown, which then limits nothing beyond the regime.
            drawdown_fraction: loss from the highest equity, as a fraction of it; 0 at a new high.
        """
        by_regime = {
            "bull_calm": self.heat_bull_calm,
            "bull_volatile": self.heat_bull_volatile,
            "bear_calm": self.heat_bear_calm,
            "bear_volatile": self.heat_bear_volatile,
        }
        allowed = [by_regime.get(regime or "", self.heat_unknown)]
        if vix is not None and not math.isnan(vix):
            bands = (self.vix_cautious_points, self.heat_vix_cautious, self.vix_alarmed_points, self.heat_vix_alarmed)
            allowed.append(_banded(Decimal(repr(float(vix))), *bands))
        allowed.append(
            _banded(
                drawdown_fraction,
                self.drawdown_cautious_fraction,
                self.heat_drawdown_cautious,
                self.drawdown_alarmed_fraction,
                self.heat_drawdown_alarmed,
            )
        )
        return min(allowed)


def _banded(
    level: Decimal, cautious_from: Decimal, cautious_heat: Decimal, alarmed_from: Decimal, alarmed_heat: Decimal
) -> Decimal:
    if level >= alarmed_from:
        return alarmed_heat
    return cautious_heat if level >= cautious_from else Decimal(1)
