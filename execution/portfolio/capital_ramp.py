"""Small first: entries get a share of their full size that grows by stages, as long as nothing objects.

What a stage asks stands here as data; at which stage an account is, its ledger says (`execution.session.ramp_stage`).
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

Share = Annotated[Decimal, Field(gt=0, le=1)]


class CapitalRamp(BaseModel):
    """Stages by which sizes grow. None, and every entry has its full size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stages: tuple[Share, ...] = Field(
        default=(), max_length=20, description="Share of an entry's full size at each stage, rising; none is no ramp."
    )
    sessions: int = Field(
        default=10, ge=1, le=260, description="Sessions in a row without an objection after which a stage may end."
    )
    max_drawdown_fraction: Decimal = Field(
        default=Decimal("0.03"),
        gt=0,
        le=1,
        description="Loss from the highest equity since a stage began, as a fraction of it, above which it falls back.",
    )
    max_cost_bps: Decimal = Field(
        default=Decimal(25),
        gt=0,
        le=1_000,
        description="What a stage's trades may cost beside the prices they were decided at, fees included.",
    )
    counts_from: date | None = Field(
        default=None,
        description="First exchange day that counts; none for all the ledger has. Another day begins anew.",
    )

    @field_validator("stages")
    @classmethod
    def _rise(cls, stages: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
        if any(later <= earlier for earlier, later in pairwise(stages)):
            told = ", ".join(str(share) for share in stages)
            raise ValueError(f"stages {told}: expected each share above the one before")
        return stages


@dataclass(frozen=True, slots=True, kw_only=True)
class RampStage:
    """Where an account stands.

    Attributes:
        number: the stage, from 1.
        stages: how many there are.
        share: of an entry's full size.
        reason: since when, why, and how many of its sessions are over.
    """

    number: int
    stages: int
    share: Decimal
    reason: str

    @property
    def told(self) -> str:
        """The cap as a why-row says it."""
        return f"stage {self.number} of {self.stages} of the capital ramp, {self.share:.2%} of full size"
