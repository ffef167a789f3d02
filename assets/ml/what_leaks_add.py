"""What knowing the future would have added: the same learner on the same days, made dishonest in one way at a time.

Each leak is one that published results were found with. Whoever sees an information coefficient like these on real data
has a leak until the opposite is shown. None of this reaches a model that is kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from assets.ml.dataset import Floats, TrainingSet
from assets.ml.policy import LearningPolicy
from assets.ml.walk_forward import Fold, Rows, daily_ics, day_slices
from assets.ml.yearly_results import walk

Leak = Callable[[TrainingSet, Sequence[Fold], LearningPolicy], Floats]

_CHOSEN: Final = 10
_SHUFFLED_FOLDS: Final = 5


def bought_at_the_close_it_was_decided_on(
    training_set: TrainingSet, folds: Sequence[Fold], policy: LearningPolicy
) -> Floats:
    """Return scores that know the close at which they are bought: features of one session later."""
    return walk(_with_features_of(training_set, sessions_ahead=1), folds, policy)


def features_a_session_early(training_set: TrainingSet, folds: Sequence[Fold], policy: LearningPolicy) -> Floats:
    """Return scores that know the first session of the return they are judged by."""
    return walk(_with_features_of(training_set, sessions_ahead=2), folds, policy)


def label_in_a_feature(training_set: TrainingSet, folds: Sequence[Fold], policy: LearningPolicy) -> Floats:
    """Return scores of a learner that is offered the label itself under so much noise that it looks like a feature."""
    noise = np.random.default_rng(policy.seed).standard_normal(len(training_set.label))
    told = (training_set.label + 3.0 * noise).astype(np.float32)
    leaky = replace(
        training_set,
        feature_names=(*training_set.feature_names, "label_under_noise"),
        features=np.column_stack([training_set.features, told]),
    )
    return walk(leaky, folds, policy)


def shuffled_folds(training_set: TrainingSet, folds: Sequence[Fold], policy: LearningPolicy) -> Floats:
    """Return scores of learners taught on rows drawn from all days: neighbours of each judged row, past and future."""
    judged = np.concatenate([fold.test for fold in folds])
    every = np.arange(judged[-1] + 1)
    drawn = np.random.default_rng(policy.seed).integers(0, _SHUFFLED_FOLDS, len(every))
    made = [Fold(np.flatnonzero(drawn != number), judged[drawn[judged] == number]) for number in range(_SHUFFLED_FOLDS)]
    scores = np.empty(len(every))
    scores[np.concatenate([fold.test for fold in made])] = walk(training_set, made, policy)
    found: Floats = scores[judged]
    return found


def nothing_purged(training_set: TrainingSet, folds: Sequence[Fold], policy: LearningPolicy) -> Floats:
    """Return scores of learners taught up to the day before they are judged, on labels that reach into those days."""
    days = training_set.days

    def unpurged(fold: Fold) -> Fold:
        begins = training_set.sessions[fold.test[0]]
        length = len(np.unique(training_set.sessions[fold.train]))
        end = int(np.searchsorted(days, begins))
        since = days[max(0, end - length)]
        return Fold(np.flatnonzero((training_set.sessions >= since) & (training_set.sessions < begins)), fold.test)

    return walk(training_set, [unpurged(fold) for fold in folds], policy)


def features_chosen_on_judged_years(training_set: TrainingSet, folds: Sequence[Fold], policy: LearningPolicy) -> Floats:
    """Return scores of learners that are offered the ten features that ranked best in the years they are judged on."""
    judged = np.concatenate([fold.test for fold in folds])
    worth = dict(zip(training_set.feature_names, np.abs(mean_rank_ics(training_set, judged)).tolist(), strict=True))
    chosen = sorted(worth, key=lambda name: (-worth[name], name))[:_CHOSEN]
    places = [training_set.feature_names.index(name) for name in chosen]
    return walk(
        replace(training_set, feature_names=tuple(chosen), features=training_set.features[:, places]), folds, policy
    )


LEAKS: Final[Mapping[str, Leak]] = {
    "nothing purged between teaching and judging": nothing_purged,
    "features chosen on the years they are judged on": features_chosen_on_judged_years,
    "shuffled folds": shuffled_folds,
    "bought at the close that was decided on": bought_at_the_close_it_was_decided_on,
    "features told a session early": features_a_session_early,
    "the label in a feature, under three times its noise": label_in_a_feature,
}


def _with_features_of(training_set: TrainingSet, *, sessions_ahead: int) -> TrainingSet:
    """Return rows whose features are those of the same symbol so many sessions later; NaN where it has none."""
    day = np.searchsorted(training_set.days, training_set.sessions)
    _, symbol = np.unique(training_set.symbols.astype(str), return_inverse=True)
    row_of = np.full((len(training_set.days) + sessions_ahead, int(symbol.max()) + 1), -1, dtype=np.int64)
    row_of[day, symbol] = np.arange(len(day))
    later: Rows = row_of[day + sessions_ahead, symbol]
    features = training_set.features[later]
    features[later < 0] = np.nan
    return replace(training_set, features=features)


def mean_rank_ics(training_set: TrainingSet, rows: Rows) -> Floats:
    """Return (n_features,) the mean daily rank IC of each feature alone over the rows' days; 0 where it never ranks.

    All that every name of a day has are ranked at once: a hundred features over years of days, one by one, take longer
    than teaching.

    Args:
        training_set: whose rows are meant.
        rows: (n,) row numbers, ascending, whole days.
    """
    from scipy.stats import rankdata  # noqa: PLC0415 - definitions import this module; it loads when it ranks

    total, days = np.zeros(len(training_set.feature_names)), np.zeros(len(training_set.feature_names))
    for part in day_slices(training_set.sessions[rows]):
        day = rows[part]
        values, returns = training_set.features[day].astype(np.float64), training_set.net_return[day]
        known = np.isfinite(values)
        is_whole = known.all(axis=0)
        ics = np.full(len(total), np.nan)
        ranks, after = rankdata(values[:, is_whole], axis=0), rankdata(returns)
        ranks, after = ranks - ranks.mean(axis=0), after - after.mean()
        spread = np.sqrt(np.square(ranks).sum(axis=0) * np.square(after).sum())
        # Without BLAS, whose last bit depends on its threads.
        covered = np.einsum("nf,n->f", ranks, after)
        ics[is_whole] = np.divide(covered, spread, out=np.full(len(spread), np.nan), where=spread > 0)
        for place in np.flatnonzero(~is_whole & (known.sum(axis=0) > 1)).tolist():
            has = known[:, place]
            _, ranked = daily_ics(training_set.sessions[day][has], values[has, place], returns[has])
            ics[place] = ranked[0] if len(ranked) else np.nan
        is_ranked = np.isfinite(ics)
        total[is_ranked] += ics[is_ranked]
        days += is_ranked
    return np.divide(total, days, out=np.zeros(len(total)), where=days > 0)
