"""Teach trees: what they minimise, when they stop, what they may not do. The same rows give the same bytes.

What changes nothing is left out of the parameters: settings from before a choice existed give the same card.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from assets.ml.dataset import Days, Singles, TrainingSet
from assets.ml.policy import EnsemblePolicy, LearningPolicy
from assets.ml.walk_forward import Rows, day_slices
from execution.domain.errors import DataError, SettingsRefused

if TYPE_CHECKING:
    import lightgbm

_RANKED_TO: Final = 20
"""Best names of a day that the stopping measure of a ranker looks at: as many as are held at most."""


def learner_params(policy: LearningPolicy) -> dict[str, Any]:
    """Return LightGBM's parameters, those that make its bytes repeat among them."""
    params: dict[str, Any] = {
        "objective": policy.objective,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": policy.num_threads,
        "seed": policy.seed,
        "max_bin": policy.max_bins,
        "bin_construct_sample_cnt": policy.bin_sample_rows,
        "num_leaves": policy.num_leaves,
        "learning_rate": policy.learning_rate,
        "min_data_in_leaf": policy.min_rows_per_leaf,
        "feature_fraction": policy.feature_share_per_tree,
        "lambda_l2": policy.l2_penalty,
        "verbosity": -1,
    }
    if policy.early_stopping_rounds:
        params |= {"metric": "ndcg", "eval_at": [_RANKED_TO]} if policy.objective == "lambdarank" else {"metric": "l2"}
    return params


def told_params(policy: LearningPolicy) -> dict[str, str]:
    """Return every setting of the learner as text, for a model's card."""
    told = learner_params(policy) | {"num_trees": policy.num_trees}
    if policy.objective == "lambdarank":
        told["rank_grades"] = policy.rank_grades
    if policy.early_stopping_rounds:
        told |= {"early_stopping_rounds": policy.early_stopping_rounds, "stopping_share": policy.stopping_share}
    if policy.monotone:
        told["monotone"] = sorted(policy.monotone.items())
    if policy.interactions:
        told["interactions"] = sorted(sorted(group) for group in policy.interactions)
    if policy.ensemble != EnsemblePolicy():
        told["ensemble"] = policy.ensemble.model_dump_json()
    return {name: str(value) for name, value in told.items()}


def chosen_features(training_set: TrainingSet, names: tuple[str, ...], rows: Rows) -> Singles:
    """Return some columns of some rows in one copy: the whole set is large enough to be held once only."""
    columns = np.array([training_set.feature_names.index(name) for name in names], dtype=np.int64)
    return training_set.features[np.ix_(rows, columns)]


@dataclass(frozen=True, slots=True, eq=False)
class BinnedRows:
    """Rows in LightGBM's bins with what is to be learned of them; bins are placed by features and know no label.

    Attributes:
        training_set: where the rows are from.
        names: features that were binned.
        rows: (n,) their numbers, ascending, whole days.
        data: the bins, one entry per row.
    """

    training_set: TrainingSet
    names: tuple[str, ...]
    rows: Rows
    data: "lightgbm.Dataset"

    def of(self, chosen: Rows) -> "lightgbm.Dataset":
        """Return the bins of some of the rows, ascending."""
        places = np.searchsorted(self.rows, chosen)
        return self.data if len(chosen) == len(self.rows) else self.data.subset(places.tolist())


def binned(training_set: TrainingSet, names: tuple[str, ...], rows: Rows, policy: LearningPolicy) -> BinnedRows:
    """Return rows in bins.

    Args:
        training_set: the rows.
        names: features to learn from.
        rows: (n,) row numbers, ascending, whole days.
        policy: the learner.

    Raises:
        SettingsRefused: a constraint names what is no feature.
    """
    import lightgbm  # noqa: PLC0415 - definitions import this module; the library loads in training

    params = learner_params(policy) | _constraints(training_set, names, policy, offered=names)
    features = chosen_features(training_set, names, rows)
    label, group = training_set.label[rows], None
    if policy.objective == "lambdarank":
        label = _grades(label, policy.rank_grades)
        group = [part.stop - part.start for part in day_slices(training_set.sessions[rows])]
    data = lightgbm.Dataset(
        features, label=label, group=group, feature_name=list(names), params=params, free_raw_data=True
    )
    # Once the rows are binned nobody needs the copy they were handed over in, and training takes room of its own.
    data.construct()
    del features
    return BinnedRows(training_set, names, rows, data)


def taught(
    rows: BinnedRows, learn: Rows, policy: LearningPolicy, *, offered: tuple[str, ...] | None = None
) -> "lightgbm.Booster":
    """Return trees taught by some of the rows.

    With early stopping their number is found inside: trees that saw the older days are asked about the newest ones,
    and as many as did best there are then taught by all rows. Nothing outside of `learn` is ever looked at.

    Args:
        rows: binned.
        learn: (n_learn,) row numbers to learn from, ascending, all of them binned.
        policy: the learner.
        offered: the binned features that trees may ask about; all of them when None.

    Raises:
        DataError: too few days to set some aside for stopping.
    """
    import lightgbm  # noqa: PLC0415 - definitions import this module; the library loads in training

    trees = policy.num_trees
    params = learner_params(policy) | _constraints(
        rows.training_set, rows.names, policy, offered=rows.names if offered is None else offered
    )
    if policy.early_stopping_rounds:
        older, newest = stopping_rows(rows.training_set, learn, policy)
        found = lightgbm.train(
            dict(params),
            rows.of(older),
            num_boost_round=trees,
            valid_sets=[rows.of(newest)],
            callbacks=[lightgbm.early_stopping(policy.early_stopping_rounds, verbose=False)],
        )
        trees = max(1, found.best_iteration)
    return lightgbm.train(dict(params), rows.of(learn), num_boost_round=trees)


def stopping_rows(training_set: TrainingSet, learn: Rows, policy: LearningPolicy) -> tuple[Rows, Rows]:
    """Return the rows whose labels ended before the newest days of those to learn from, and the rows of these days.

    Raises:
        DataError: nothing is left to learn from.
    """
    days: Days = np.unique(training_set.sessions[learn])
    first = days[-max(1, int(len(days) * policy.stopping_share))]
    older = learn[training_set.label_end[learn] < first]
    if len(older) == 0:
        raise DataError(
            f"found no label that ended before {first}, the first day set aside for stopping early, among {len(days)} "
            "days: take in more history, or set early_stopping_rounds to 0"
        )
    return older, learn[training_set.sessions[learn] >= first]


def _grades(label: Singles, grades: int) -> Singles:
    """Return each Gaussian rank as a grade from 0, the lowest, with about as many names in each."""
    from scipy.special import ndtr  # noqa: PLC0415 - definitions import this module; it loads in training

    graded: Singles = np.minimum(np.floor(ndtr(label.astype(np.float64)) * grades), grades - 1).astype(np.float32)
    return graded


def _constraints(
    training_set: TrainingSet, names: tuple[str, ...], policy: LearningPolicy, *, offered: tuple[str, ...]
) -> dict[str, Any]:
    unknown = sorted(policy.constrained - set(training_set.feature_names))
    if unknown:
        raise SettingsRefused(
            f"learning.monotone or learning.interactions name {', '.join(unknown)}: expected features of the marts"
        )
    found: dict[str, Any] = {}
    if policy.monotone:
        found["monotone_constraints"] = [policy.monotone.get(name, 0) for name in names]
    if policy.interactions or offered != names:
        groups = [[names.index(name) for name in group if name in offered] for group in policy.interactions]
        # LightGBM never uses a feature that stands in no group: those nobody named may meet each other.
        named = {name for group in policy.interactions for name in group}
        rest = [place for place, name in enumerate(names) if name in offered and name not in named]
        found["interaction_constraints"] = [group for group in (*groups, rest) if group]
    return found
