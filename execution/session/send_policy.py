"""How orders go out: what is done when nobody knows an outcome, and how long sending may take."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from execution.session.signed_word import public_key


class SendPolicy(BaseModel):
    """Settings of the wire."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unknown_outcome_policy: Literal["never", "same_id"] = Field(
        default="never",
        description="What is done with an order nobody knows the outcome of: never send it again, or send it again "
        "under the same id where the venue refuses a used id for ever.",
    )
    window_seconds: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Longest time between the row written before the wire and the wire; after a pause nothing is sent.",
    )
    poll_seconds: float = Field(
        default=5.0,
        ge=1,
        le=60,
        description="Time between two looks at working orders until their deadline, where the clock runs by itself.",
    )


class ApprovalPolicy(BaseModel):
    """Which plans wait for a person, and how long the person's word holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold_usd: Decimal | None = Field(
        default=None,
        ge=0,
        le=1_000_000_000,
        description="Value of a plan's orders at their worst prices above which it waits for a person; none for never.",
    )
    always_when_live: bool = Field(
        default=True, description="Whether every plan with an order waits for a person in mode live."
    )
    holds_minutes: int | None = Field(
        default=None,
        ge=1,
        le=4_320,
        description="Minutes after which a person's approval no longer holds; none for until the plan's deadline.",
    )
    needs_two_people: bool = Field(
        default=False,
        description="Whether a plan waits for another person than the one who let the release trade that made it.",
    )
    signers: Mapping[str, str] = Field(
        default_factory=dict,
        description="Who may let live money go: name to the public half of the key that signs that person's word, as "
        "`touchstone sign-key` prints it.",
    )
    always_signed: bool = Field(
        default=False,
        description="Whether a person's word must be signed in every mode; in mode live it always must.",
    )

    @field_validator("signers")
    @classmethod
    def _are_keys(cls, signers: Mapping[str, str]) -> Mapping[str, str]:
        for name, key in signers.items():
            if not name.strip() or "." in name:
                raise ValueError(f"signer {name!r}: expected a name without a dot, which would part two keys")
            public_key(key)
        return signers
