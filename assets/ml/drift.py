"""Has the world left the one a model learned from? Effect sizes, never p-values: with enough rows every shift is real.

Source:
    Population stability index: Siddiqi (2006), Credit Risk Scorecards, 136-140: 0.25 and above is major.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from assets.ml.dataset import Floats, Singles
from assets.ml.judgement import Estimate
from assets.ml.policy import DriftPolicy

_BINS: Final = 10
_LEAST_SHARE: Final = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far features and scores moved, and whether the champion should go on.

    Attributes:
        features: stability index of each feature, newest sessions against the training rows.
        scores: that of the scores.
        moved: features at or above the bound, the largest first.
        reasons: why the champion should not go on; empty when it should.
    """

    features: Mapping[str, float]
    scores: float
    moved: tuple[str, ...]
    reasons: tuple[str, ...]


def stability_index(then: Floats | Singles, now: Floats | Singles) -> float:
    """Return the population stability index of two samples; 0 where one of them holds nothing.

    Bins hold equal counts of the first sample. A value that fills more than one of them is a bin of its own, or a flag
    that was always 0 would share its only bin with 1; so is what is missing: a source that falls silent is a shift.

    Args:
        then: the sample that was learned from; NaN is missing.
        now: the newer one.
    """
    if not len(then) or not len(now):
        return 0.0
    known = then[np.isfinite(then)]
    edges = _edges(known) if len(known) else np.zeros(0)
    first, second = (np.maximum(_shares(sample, edges), _LEAST_SHARE) for sample in (then, now))
    return float(((second - first) * np.log(second / first)).sum())


def judge_drift(
    *,
    features_then: Singles,
    features_now: Singles,
    names: tuple[str, ...],
    scores_then: Floats,
    scores_now: Floats,
    rank_ic: Estimate,
    sessions: int,
    entries_net_bps: Estimate,
    entry_sessions: int,
    policy: DriftPolicy,
) -> Drift:
    """Return what moved and the reasons against the champion.

    Args:
        features_then: (n, n_features) rows learned from.
        features_now: (m, n_features) rows of the newest sessions.
        names: the features' names.
        scores_then: the champion's scores of the former, standardised by day.
        scores_now: those of the latter.
        rank_ic: of live scores over the newest sessions that models decided, the champion and those before it.
        sessions: live sessions behind it.
        entries_net_bps: what entries of such sessions that were really bought earned over the market, before costs.
        entry_sessions: sessions with such entries whose horizon is over.
        policy: the bounds.
    """
    found = {name: stability_index(features_then[:, at], features_now[:, at]) for at, name in enumerate(names)}
    moved = tuple(sorted((name for name in found if found[name] >= policy.max_psi), key=lambda name: -found[name]))
    scores = stability_index(scores_then, scores_now)
    reasons = []
    if len(moved) > policy.max_moved_share * len(names):
        reasons.append(f"{len(moved)} of {len(names)} features moved, most of all {', '.join(moved[:3])}")
    if scores >= policy.max_psi:
        reasons.append(f"the stability index of its scores is {scores:.2f}, expected below {policy.max_psi:g}")
    if sessions >= policy.min_live_sessions and rank_ic.high < 0:
        reasons.append(
            f"live rank IC over {sessions} sessions is {rank_ic.value:+.4f} "
            f"({rank_ic.low:+.4f} to {rank_ic.high:+.4f}), expected an interval that reaches 0"
        )
    if entry_sessions >= policy.min_live_sessions and entries_net_bps.high < 0:
        reasons.append(
            f"what models bought in {entry_sessions} sessions earned {entries_net_bps.value:+.1f} bps over the market "
            f"({entries_net_bps.low:+.1f} to {entries_net_bps.high:+.1f}), expected an interval that reaches 0"
        )
    return Drift(features=found, scores=scores, moved=moved, reasons=tuple(reasons))


def _edges(known: Floats | Singles) -> Floats:
    edges, bins = np.unique(np.quantile(known.astype(np.float64), np.linspace(0, 1, _BINS + 1)), return_counts=True)
    frequent = edges[bins > 1]
    return np.union1d(np.setdiff1d(edges[1:-1], frequent), np.append(frequent, np.nextafter(frequent, np.inf)))


def _shares(sample: Floats | Singles, edges: Floats | Singles) -> Floats:
    known = sample[np.isfinite(sample)]
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    return np.append(counts, len(sample) - len(known)) / len(sample)
