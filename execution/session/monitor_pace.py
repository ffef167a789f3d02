"""How long to wait until positions are looked at again: less while the market moves. Pure."""

import math
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class MonitorPolicy(BaseModel):
    """The pace at which exit rules are asked while the market is open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pause_min_seconds: float = Field(
        default=5.0, ge=1, le=3_600, description="Pause between two looks in a wild market, in seconds."
    )
    pause_max_seconds: float = Field(
        default=60.0, ge=1, le=3_600, description="Pause between two looks in a calm market, in seconds."
    )
    calm_volatility_daily: float = Field(
        default=0.01, ge=0, le=1, description="Standard deviation of one-session returns up to which it is calm."
    )
    wild_volatility_daily: float = Field(
        default=0.03, gt=0, le=1, description="Standard deviation of one-session returns from which it is wild."
    )
    calm_vix_points: float = Field(default=15.0, ge=0, le=200, description="Volatility index up to which it is calm.")
    wild_vix_points: float = Field(default=35.0, gt=0, le=200, description="Volatility index from which it is wild.")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.pause_min_seconds > self.pause_max_seconds:
            raise ValueError(
                f"pause_min_seconds {self.pause_min_seconds} is above pause_max_seconds {self.pause_max_seconds}"
            )
        for calm, wild in (("calm_volatility_daily", "wild_volatility_daily"), ("calm_vix_points", "wild_vix_points")):
            if getattr(self, calm) >= getattr(self, wild):
                raise ValueError(f"{calm} {getattr(self, calm)} must be below {wild} {getattr(self, wild)}")
        return self


def pause_seconds(volatility_daily: float | None, vix_points: float | None, policy: MonitorPolicy) -> float:
    """Return the pause until the next look, between the policy's bounds; the wilder of the two readings decides.

    Args:
        volatility_daily: largest standard deviation of one-session returns among what is held; None when unknown.
        vix_points: volatility index in points; None when unknown.
        policy: the bounds, and what counts as calm and as wild. What is unknown counts as wild.
    """
    by_volatility = _wildness(volatility_daily, policy.calm_volatility_daily, policy.wild_volatility_daily)
    by_index = _wildness(vix_points, policy.calm_vix_points, policy.wild_vix_points)
    span = policy.pause_max_seconds - policy.pause_min_seconds
    return policy.pause_max_seconds - span * max(by_volatility, by_index)


def _wildness(level: float | None, calm: float, wild: float) -> float:
    """Return 0 for calm, 1 for wild or unknown, and the straight line in between."""
    if level is None or not math.isfinite(level):
        return 1.0
    return min(1.0, max(0.0, (level - calm) / (wild - calm)))
