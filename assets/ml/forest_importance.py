"""Which features a second kind of learner needs: a random forest, asked what its ranks lose without each one.

Taught on days drawn from a walk-forward fold's past, asked about days of its test that it never saw. A feature's
values are shuffled within each day, so that it keeps its distribution and knows nothing; what the mean daily rank IC
loses is its importance. Two features that say the same share theirs, and of a hundred that say nothing a few look as if
they did. It decides nothing, and stands in the model's
report.

Source:
    Breiman (2001), Random Forests, Machine Learning 45, 5-32, section 10: importance by permutation.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from assets.ml.dataset import Days, Floats, Singles, TrainingSet
from assets.ml.family_worth import rank_ic_of_each_day
from assets.ml.judgement import Estimate, estimate
from assets.ml.learner import chosen_features
from assets.ml.policy import ForestPolicy
from assets.ml.walk_forward import Fold, Rows, day_slices

_MOST_SHOWN = 20


def forest_importance(
    training_set: TrainingSet, used: tuple[str, ...], fold: Fold, *, policy: ForestPolicy, seed: int
) -> dict[str, Estimate]:
    """Return what each feature adds to the rank IC out of sample, with its 95 % interval, the most important first.

    Args:
        training_set: the rows.
        used: features that teach anything.
        fold: what is learned from and judged.
        policy: how large the forest is and how many rows it sees; no tree, no importance.
        seed: of rows, trees and permutations; the same seed, the same figures.
    """
    if not policy.trees or not used:
        return {}
    from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415 - loads in training, not with the definitions

    taught = _whole_days(training_set.sessions, fold.train, policy.max_rows)
    asked = _whole_days(training_set.sessions, fold.test, policy.max_rows // 4)
    forest = RandomForestRegressor(
        n_estimators=policy.trees,
        max_depth=policy.max_depth,
        min_samples_leaf=policy.min_rows_per_leaf,
        max_features="sqrt",
        random_state=seed,
        n_jobs=1,
    )
    forest.fit(chosen_features(training_set, used, taught), training_set.label[taught])
    features, sessions, net = (
        chosen_features(training_set, used, asked),
        training_set.sessions[asked],
        training_set.net_return[asked],
    )

    trees = [tree.tree_ for tree in forest.estimators_]
    asked_for = set(np.concatenate([tree.feature for tree in trees]).tolist())

    def ranked(table: Singles) -> Floats:
        # As the forest predicts, without its pool of workers, which takes longer than trees as small as these.
        scores = np.mean([tree.predict(table)[:, 0] for tree in trees], axis=0)
        return rank_ic_of_each_day(sessions, scores, net)

    whole, found = ranked(features), {}
    for place, name in enumerate(used):
        if place not in asked_for:
            found[name] = Estimate(value=0.0, low=0.0, high=0.0)
            continue
        shuffled = features.copy()
        random = np.random.default_rng([seed, place])
        for rows in day_slices(sessions):
            shuffled[rows, place] = random.permutation(shuffled[rows, place])
        lost = whole - ranked(shuffled)
        found[name] = estimate(lost, block_sessions=training_set.horizon_sessions)
    return dict(sorted(found.items(), key=lambda item: (-item[1].value, item[0])))


def most_important(importances: Mapping[str, Estimate]) -> dict[str, float]:
    """Return the features at the head of the list, each with what it adds."""
    return {name: one.value for name, one in list(importances.items())[:_MOST_SHOWN]}


def importance_table(importances: Mapping[str, Estimate]) -> str:
    """Return the features at the head of the list as a Markdown table."""
    lines = ["| feature | rank IC the forest loses without it |", "|---|---|"]
    lines += [
        f"| {name} | {one.value:+.4f} ({one.low:+.4f} to {one.high:+.4f}) |"
        for name, one in list(importances.items())[:_MOST_SHOWN]
    ]
    return "\n".join(lines)


def _whole_days(sessions: Days, rows: Rows, most: int) -> Rows:
    """Return the rows of days spread evenly over those given, as many whole days as fit into so many rows."""
    parts = day_slices(sessions[rows])
    count = max(1, min(len(parts), most * len(parts) // len(rows)))
    places: Sequence[int] = np.unique(np.linspace(0, len(parts) - 1, count).round().astype(int)).tolist()
    return np.concatenate([rows[parts[place]] for place in places])
