"""Does a family of features earn its place? The rank IC out of fold with it, less the rank IC without it.

Asked of the newest walk-forward fold alone, the one closest to what will be decided: a family costs one more training.
A family that adds nothing says so, and one whose source is silent adds exactly 0.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assets.feature_catalogue import FEATURES
from assets.ml.dataset import Days, Floats, TrainingSet
from assets.ml.judgement import Estimate, estimate
from assets.ml.told import with_interval
from assets.ml.walk_forward import Fold, ics_of_each_day

LIBRARY = "library"


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyWorth:
    """What a family added.

    Attributes:
        offered: its features that were offered.
        used: of those, how many were ever known and varied.
        added_rank_ic: mean daily rank IC with all families less that without this one, on the same days.
        without_rank_ic: mean daily rank IC without it.
        days: days judged; None on a card from before it was told.
    """

    offered: int
    used: int
    added_rank_ic: Estimate
    without_rank_ic: float
    days: int | None = None


def families_of(offered: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return offered features by family, in the catalogue's order; what it does not know is the library's."""
    known = {feature.name: feature.family for feature in FEATURES}
    found: dict[str, list[str]] = {}
    for name in offered:
        found.setdefault(known.get(name, LIBRARY), []).append(name)
    return {family: tuple(names) for family, names in found.items()}


def family_worth(
    training_set: TrainingSet,
    used: tuple[str, ...],
    fold: Fold,
    *,
    score: Callable[[tuple[str, ...]], Floats],
) -> dict[str, FamilyWorth]:
    """Return what each family added to a fold.

    Args:
        training_set: the rows.
        used: features that teach anything.
        fold: what is learned from and judged.
        score: returns (n_test,) scores of a learner that is offered these features alone.
    """
    sessions, net = training_set.sessions[fold.test], training_set.net_return[fold.test]
    with_all = rank_ic_of_each_day(sessions, score(used), net)
    worth = {}
    for family, offered in families_of(training_set.feature_names).items():
        rest = tuple(name for name in used if name not in offered)
        has_part = len(rest) < len(used)
        scores = score(rest) if has_part and rest else None
        without = with_all if not has_part else rank_ic_of_each_day(sessions, scores, net)
        worth[family] = FamilyWorth(
            offered=len(offered),
            used=len(used) - len(rest),
            added_rank_ic=estimate(with_all - without, block_sessions=training_set.horizon_sessions),
            without_rank_ic=float(without.mean()),
            days=len(with_all),
        )
    return worth


def family_table(worth: Mapping[str, FamilyWorth], *, block_sessions: int) -> str:
    """Return what each family added as a Markdown table; arguments as in `family_rows`."""
    lines = ["| family | features used | rank IC it adds | rank IC without it |", "|---|---|---|---|"]
    rows = family_rows(worth, block_sessions=block_sessions)
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def family_rows(worth: Mapping[str, FamilyWorth], *, block_sessions: int) -> list[tuple[str, str, str, str]]:
    """Return a line of text per family: its name, features used, what it adds with its interval, and the rest.

    Args:
        worth: by family.
        block_sessions: sessions over which neighbouring days hang together. Where the days are not told, the interval
            is as it always was.
    """
    return [
        (
            family,
            f"{one.used} of {one.offered}",
            with_interval(
                one.added_rank_ic,
                "+.4f",
                days=2 * block_sessions if one.days is None else one.days,
                block_sessions=block_sessions,
            ),
            f"{one.without_rank_ic:+.4f}",
        )
        for family, one in worth.items()
    ]


def rank_ic_of_each_day(sessions: Days, scores: Floats | None, net_return: Floats) -> Floats:
    """Return (n_days,) rank ICs of ascending days; 0 on a day that ranks nothing, or where nothing scores."""
    if scores is None:
        return np.zeros(len(np.unique(sessions)))
    _, ranked = ics_of_each_day(sessions, scores, net_return)
    return np.nan_to_num(ranked)
