"""Every threshold of the data gate in one validated value; the settings tree feeds it, the rooms never see the tree."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Silence = Annotated[int, Field(ge=0, le=5_000)]


class GatePolicy(BaseModel):
    """What data must be like before anything may be scored or traded.

    A fault of a few symbols excludes those symbols; a fault of many closes the gate. Where the line runs is
    `max_excluded_share`, with `tolerated_symbols` for small universes, in which one symbol is already a large share,
    and for older bars told again, of which one may be all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_bar_share: Share = Field(
        default=0.95, description="Smallest share of the listed symbols that must have a bar of the session."
    )
    max_excluded_share: Share = Field(
        default=0.05, description="Largest share of the listed symbols that may be left out for faults of their rows."
    )
    tolerated_symbols: int = Field(
        default=1,
        ge=0,
        le=50,
        description="So many faulty symbols are left out, and so many faulty older bars taken in, at any share.",
    )
    quarantine_sessions: int = Field(
        default=5, ge=1, le=60, description="A symbol is left out while a fault is this few sessions old."
    )
    max_history_fault_share: Share = Field(
        default=0.001, description="Largest share of newly taken in older bars that may be at fault."
    )
    max_unexplained_return: float = Field(
        default=0.40,
        gt=0.0,
        le=10.0,
        description="Largest one-session return, as a fraction, without a corporate action.",
    )
    stale_repeat_sessions: int = Field(
        default=2, ge=2, le=20, description="So many identical consecutive bars that traded count as a stale feed."
    )
    max_bar_delay_minutes: int = Field(
        default=90, ge=0, le=1_440, description="A bar of the session known later than this after the close is late."
    )
    max_late_bar_share: Share = Field(default=0.05, description="Largest share of the session's bars that may be late.")
    max_unknown_symbol_share: Share = Field(
        default=0.05, description="Largest share of the session's bars whose symbol the reference data do not list."
    )
    max_reference_age_sessions: int = Field(
        default=2_520,
        ge=1,
        le=5_000,
        description="Largest age of the newest reference row in sessions; wide, as files deliver once.",
    )
    max_indices_silence_sessions: Silence | None = Field(
        default=5, description="Largest age of the newest index level in sessions; null measures without demanding."
    )
    max_news_silence_sessions: Silence | None = Field(
        default=None, description="Largest age of the newest headline in sessions; null measures without demanding."
    )
    max_filings_silence_sessions: Silence | None = Field(
        default=None, description="Largest age of the newest filing in sessions; null measures without demanding."
    )
    max_events_silence_sessions: Silence | None = Field(
        default=None,
        description=(
            "Largest age of the newest announced event in sessions; null measures without demanding. Either way a "
            "symbol whose calendar of earnings fell silent counts as not covered."
        ),
    )
    news_window_sessions: int = Field(
        default=20, ge=1, le=1_000, description="The news family is demanded when a headline is this few sessions old."
    )
    filings_window_sessions: int = Field(
        default=130, ge=1, le=1_000, description="The fundamental family is demanded when a filing is this recent."
    )
    min_symbols: int = Field(
        default=2, ge=1, le=100_000, description="Fewest symbols with features that make a cross-section to rank."
    )
    min_symbol_feature_share: Share = Field(
        default=0.70, description="Smallest share of a symbol's features that must be present for it to be scored."
    )
    max_sparse_symbol_share: Share = Field(
        default=0.25, description="Largest share of symbols left out for too few features, as new listings are."
    )
    min_cycle_feature_share: Share = Field(
        default=0.80, description="Smallest share of all features of all symbols that must be present."
    )
    min_family_feature_share: Share = Field(
        default=0.50, description="Smallest share of each price-based family of features that must be present."
    )
    max_constant_columns: int = Field(
        default=3,
        ge=0,
        le=1_000,
        description="So many features may have one value for all symbols before it is a fault.",
    )
    min_symbols_for_constancy: int = Field(
        default=20, ge=2, le=10_000, description="With fewer symbols than this a constant column proves nothing."
    )
    leakage_symbols: int = Field(
        default=20, ge=1, le=10_000, description="So many sampled symbols are recomputed on truncated data."
    )
    leakage_moments: int = Field(
        default=2, ge=1, le=5_000, description="So many sampled past sessions are recomputed on truncated data."
    )
    leakage_reach_sessions: int = Field(
        default=251, ge=1, le=5_000, description="The sampled past sessions are at most this far back."
    )

    def excludable(self, n_symbols: int) -> int:
        """Return how many of a number of symbols may be left out before the gate closes."""
        return min(n_symbols, max(self.tolerated_symbols, int(self.max_excluded_share * n_symbols)))
