"""What learning may do: horizon, folds, trees, ages. One frozen value; the settings tree composes it."""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from execution.domain.signals import RuleName

JUDGED_HORIZONS: Final = (1, 5, 20)
"""Sessions over which scores are judged, whatever the label's own horizon is."""


class PromotionPolicy(BaseModel):
    """What a model must show before it decides. Every condition must hold; each can be loosened on its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_deflated_sharpe: float = Field(
        default=0.95,
        ge=0.0,
        lt=1.0,
        description="Deflated Sharpe ratio of the out-of-fold spread, by every choice ever tried; 0 asks for none.",
    )
    max_overfitting_probability: float = Field(
        default=0.2,
        ge=0.0,
        le=1.0,
        description="Probability of backtest overfitting among choices and rules; 1 asks for nothing.",
    )
    max_superiority_p: float = Field(
        default=0.05,
        gt=0.0,
        le=1.0,
        description="p-value of superior ability over holding every member alike, after costs; 1 asks for nothing.",
    )
    min_luck_quantile: float = Field(
        default=0.95,
        ge=0.0,
        le=1.0,
        description="Share of random portfolios with the same turnover that must have earned less; 0 asks for none.",
    )
    must_match_rules: bool = Field(
        default=True,
        description="After costs it must not trail any rule by more than chance explains, on the days the rule spoke.",
    )
    tolerance_rank_ic: float = Field(
        default=0.01,
        ge=0.0,
        le=1.0,
        description="Rank IC by which a newer model may trail the champion and replace it.",
    )
    cost_bps: float = Field(
        default=5.0, ge=0.0, le=500.0, description="Cost of each dollar bought or sold where a model is held to rules."
    )
    combined_groups: int = Field(
        default=5,
        ge=4,
        le=12,
        description="Groups of days for combinatorial folds; 5 are 10 trainings and 4 paths, 6 are 15 and 5.",
    )


class DriftPolicy(BaseModel):
    """When a champion is demoted, so that the rule decides or nobody does. It is asked when training is due."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_sessions: int = Field(
        default=63,
        ge=5,
        le=252,
        description="Newest sessions held against the training rows, and of live ranking.",
    )
    max_psi: float = Field(
        default=0.25, gt=0.0, le=10.0, description="Population stability index from which on a distribution has moved."
    )
    max_moved_share: float = Field(
        default=0.8, ge=0.0, le=1.0, description="Share of features that may have moved before the champion is demoted."
    )
    min_live_sessions: int = Field(
        default=40,
        ge=10,
        le=504,
        description="Judged sessions of any models below which a live rank IC, or what was bought, demotes nobody.",
    )


class EnsemblePolicy(BaseModel):
    """What a model is made of beside one set of trees: each member's score is standardised within its day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seeds: int = Field(default=1, ge=1, le=20, description="Sets of trees that differ by their seed alone.")
    horizons: dict[int, Annotated[float, Field(gt=0.0, le=100.0)]] = Field(
        default={}, description="Weight of trees by the sessions their labels span; none for the label's own alone."
    )
    rules: dict[RuleName, Annotated[float, Field(gt=0.0, le=100.0)]] = Field(
        default={}, description="Weight of each rule beside the trees' own."
    )


class ForestPolicy(BaseModel):
    """A random forest that tells in the model's report which features it needs; it never scores anything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trees: int = Field(default=20, ge=0, le=2000, description="Trees of the forest; 0 leaves it out.")
    max_rows: int = Field(
        default=6_000,
        ge=400,
        le=1_000_000,
        description="Rows it learns from at most; a quarter as many are asked about.",
    )
    max_depth: int = Field(default=6, ge=1, le=40, description="Deepest branch of a tree.")
    min_rows_per_leaf: int = Field(default=50, ge=1, le=100_000, description="Fewest rows in a leaf.")


class SearchRange(BaseModel):
    """From where to where one setting is searched, both ends included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float = Field(ge=0.0, le=1e6, description="Least value tried.")
    high: float = Field(ge=0.0, le=1e6, description="Greatest value tried.")
    is_logarithmic: bool = Field(default=False, description="Draw evenly by ratio, not by difference.")

    @model_validator(mode="after")
    def _rises(self) -> "SearchRange":
        if self.low > self.high or (self.is_logarithmic and self.low <= 0):
            raise ValueError(f"from {self.low} to {self.high}: expected a low end below the high one, above 0 by ratio")
        return self


SearchedSetting = Literal[
    "num_trees",
    "num_leaves",
    "learning_rate",
    "min_rows_per_leaf",
    "feature_share_per_tree",
    "l2_penalty",
    "rank_grades",
    "early_stopping_rounds",
]


class SearchPolicy(BaseModel):
    """What a search over the learner's settings tries. It is asked for by hand; each choice counts as a trial."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_trials: int = Field(default=20, ge=1, le=50, description="Choices tried in one search.")
    space: dict[SearchedSetting, SearchRange] = Field(
        default={
            "num_trees": SearchRange(low=40, high=400, is_logarithmic=True),
            "num_leaves": SearchRange(low=3, high=31, is_logarithmic=True),
            "learning_rate": SearchRange(low=0.01, high=0.1, is_logarithmic=True),
            "min_rows_per_leaf": SearchRange(low=200, high=2000, is_logarithmic=True),
            "feature_share_per_tree": SearchRange(low=0.1, high=1.0),
            "l2_penalty": SearchRange(low=1, high=1000, is_logarithmic=True),
        },
        description="Settings of the learner that are searched, each with its ends.",
    )


class LearningPolicy(BaseModel):
    """How a model is taught, judged, promoted and retired. Counts of sessions are exchange days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizon_sessions: int = Field(default=5, ge=1, le=63, description="Sessions a position is meant to be held.")
    max_history_sessions: int = Field(
        default=756, ge=64, le=5040, description="Newest sessions a model may learn from; older ones are left out."
    )
    min_history_sessions: int = Field(
        default=252, ge=40, le=5040, description="Labelled sessions below which no model is trained."
    )
    min_names_per_session: int = Field(
        default=5, ge=2, le=1000, description="Labelled names below which a session teaches nothing and is left out."
    )
    sealed_share: float = Field(
        default=0.2,
        ge=0.0,
        le=0.5,
        description="Newest share of sessions that no fold, calibration or promotion may look at.",
    )
    folds: int = Field(default=3, ge=2, le=40, description="Walk-forward folds, each tested on sessions after its own.")
    first_train_share: float = Field(
        default=0.5, ge=0.2, le=0.9, description="Share of the unsealed sessions the first fold learns from."
    )
    embargo_sessions: int = Field(
        default=5, ge=0, le=63, description="Sessions left out between training and test beyond the labels' own length."
    )
    objective: Literal["regression", "lambdarank"] = Field(
        default="regression",
        description="What trees minimise: squared error of Gaussian ranks, or the order within a day in grades.",
    )
    rank_grades: int = Field(default=5, ge=2, le=31, description="Grades of a day's names that lambdarank tells apart.")
    num_trees: int = Field(default=120, ge=1, le=5000, description="Boosted trees; the most where they stop early.")
    early_stopping_rounds: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Trees without gain on the newest days of their own training after which it stops; 0 never stops.",
    )
    stopping_share: float = Field(
        default=0.2, gt=0.0, le=0.5, description="Newest share of its own training days that tells a fold when to stop."
    )
    monotone: dict[str, Literal[-1, 1]] = Field(
        default={}, description="Features whose rise may only raise (1) or only lower (-1) a score."
    )
    interactions: tuple[tuple[str, ...], ...] = Field(
        default=(),
        description="Groups of features that may meet in a branch; those in no group may meet each other. None: all.",
    )
    num_leaves: int = Field(
        default=7, ge=2, le=1024, description="Most leaves of one tree; few, because daily returns are mostly noise."
    )
    learning_rate: float = Field(default=0.03, gt=0.0, le=1.0, description="Shrinkage of each tree.")
    min_rows_per_leaf: int = Field(default=500, ge=1, le=100_000, description="Fewest training rows in a leaf.")
    feature_share_per_tree: float = Field(
        default=0.3, gt=0.0, le=1.0, description="Share of features drawn, by seed, for each tree."
    )
    l2_penalty: float = Field(default=100.0, ge=0.0, le=1e6, description="L2 penalty on leaf values.")
    max_bins: int = Field(default=63, ge=15, le=255, description="Histogram bins of one feature.")
    bin_sample_rows: int = Field(
        default=50_000, ge=1000, le=10_000_000, description="Rows drawn, by seed, to place the histogram bins."
    )
    num_threads: int = Field(default=1, ge=1, le=64, description="Training threads; part of what makes bytes repeat.")
    seed: int = Field(default=7, ge=0, le=2**31 - 1, description="Seed of every draw in training.")
    calibration_bins: int = Field(
        default=20, ge=2, le=200, description="Equal-count bins of out-of-fold scores the probability is fitted on."
    )
    min_feature_share: float = Field(
        default=0.5, ge=0.0, le=1.0, description="Share of the model's features a name needs to be scored."
    )
    max_model_age_days: int = Field(
        default=30, ge=1, le=366, description="Days after the end of its training data at which a model is stale."
    )
    fallback_rule: RuleName = Field(
        default="momentum_12_1",
        description="The rule that decides where there is no champion, in modes simulated and files.",
    )
    promotion: PromotionPolicy = Field(
        default=PromotionPolicy(),
        description="What a model must show before it decides; the shipped figures are strict.",
    )
    ensemble: EnsemblePolicy = Field(
        default=EnsemblePolicy(), description="Members of a model: seeds, horizons and rules, with their weights."
    )
    search: SearchPolicy = Field(default=SearchPolicy(), description="What a search over the learner's settings tries.")
    forest: ForestPolicy = Field(
        default=ForestPolicy(), description="A second learner, asked only which features it needs."
    )
    drift: DriftPolicy = Field(
        default=DriftPolicy(), description="When the world has left the one a model learned from."
    )

    @property
    def constrained(self) -> frozenset[str]:
        """Names of the features that `monotone` or `interactions` say something of."""
        return frozenset((*self.monotone, *(name for group in self.interactions for name in group)))

    @model_validator(mode="after")
    def _teaches_judged_horizons(self) -> Self:
        own = self.horizon_sessions
        wrong = sorted(
            span for span in self.ensemble.horizons if span != own and (span not in JUDGED_HORIZONS or span > own)
        )
        if wrong:
            raise ValueError(
                f"ensemble.horizons names {', '.join(map(str, wrong))}: expected some of {JUDGED_HORIZONS} up to "
                f"the label's own {own}, since folds are purged for that one"
            )
        return self

    @model_validator(mode="after")
    def _reads_the_history_it_demands(self) -> Self:
        if self.min_history_sessions > self.max_history_sessions:
            raise ValueError(
                f"min_history_sessions {self.min_history_sessions} is above max_history_sessions "
                f"{self.max_history_sessions}: no model would ever be trained; lower the first or raise the second"
            )
        return self
