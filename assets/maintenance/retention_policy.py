"""How long what nobody decides on stays in the home before it is archived."""

from pydantic import BaseModel, ConfigDict, Field


class RetentionPolicy(BaseModel):
    """How long things stay in the home before they are archived, and which decisions stay repeatable meanwhile."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    is_scheduled: bool = Field(
        default=True, description="Whether each night archives and prunes what its plan names, unasked."
    )
    replay_horizon_sessions: int = Field(
        default=756, ge=1, le=5040, description="Newest decision sessions whose rows must stay, so that they replay."
    )
    run_history_days: int = Field(
        default=90, ge=7, le=3650, description="Age, in days, at which runs and their events leave the instance."
    )
    superseded_features_days: int = Field(
        default=30, ge=1, le=3650, description="Age, in days, at which feature parts no session uses leave the home."
    )
    news_days: int = Field(
        default=30, ge=1, le=3650, description="Age, in days, at which news leave, once no decision stands on them."
    )
    scores_days: int = Field(
        default=365, ge=7, le=3650, description="Age, in days, at which scores leave, once no decision stands on them."
    )
    logs_days: int = Field(
        default=90, ge=1, le=3650, description="Age, in days of the machine, at which log files leave the home."
    )
    audit_days: int = Field(
        default=365,
        ge=1,
        le=3650,
        description="Age, in days, at which rows of the ledger are archived as well; the ledger keeps them for ever.",
    )
