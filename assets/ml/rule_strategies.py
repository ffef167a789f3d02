"""Rules that score without learning: baselines every model is held against, and what stands in for one by settings.

A rule reads one feature. Where the feature is not known, the rule is silent.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from assets.ml.dataset import Floats, Singles
from execution.domain.errors import SettingsRefused
from execution.domain.signals import RuleName


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        name: by which settings, batches and cards call it.
        feature: the column it reads.
        sign: 1 where more is better, -1 where less is.
        description: one sentence.
    """

    name: RuleName
    feature: str
    sign: int
    description: str

    def scores(self, features: Singles, names: tuple[str, ...]) -> Floats:
        """Return (n_rows,) scores, higher is better; NaN where the rule is silent.

        Args:
            features: (n_rows, n_features).
            names: the columns' names.
        """
        if self.feature not in names:
            return np.full(len(features), np.nan)
        return self.sign * features[:, names.index(self.feature)].astype(np.float64)


MOMENTUM: Final = Rule(
    name="momentum_12_1",
    feature="momentum_12_1",
    sign=1,
    description="What rose from twelve months to one month ago goes on (Jegadeesh and Titman, 1993).",
)
RULES: Final = (
    MOMENTUM,
    Rule(
        name="reversal_5d",
        feature="return_5d",
        sign=-1,
        description="What fell within a week comes back (Lehmann, 1990).",
    ),
    Rule(
        name="range_bound",
        feature="position_in_range_20d",
        sign=-1,
        description="What lies low in its range of twenty sessions returns to the middle.",
    ),
    Rule(
        name="level_high_252d",
        feature="close_to_high_252d",
        sign=1,
        description="What is near its highest close of a year breaks out (George and Hwang, 2004).",
    ),
)


def rule_named(name: str) -> Rule:
    """Return the rule of a name.

    Raises:
        SettingsRefused: there is none.
    """
    for rule in RULES:
        if rule.name == name:
            return rule
    raise SettingsRefused(f"there is no rule {name}: expected one of {', '.join(rule.name for rule in RULES)}")
