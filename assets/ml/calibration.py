"""From a score to what it is worth: a probability and an expected return, fitted on scores the model had not learned.

The folds' out-of-fold scores are the later slice: each was made by a model that had not seen its day. Nothing of a
calibration is fitted on scores of training rows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from assets.ml.dataset import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a standardised score means.

    Attributes:
        score_knots: standardised scores, ascending, at which the probability is known; between them it is linear.
        probability_knots: share of names that beat the market at each knot, never falling.
        rank_ic: mean out-of-fold rank IC, floored at 0: a model that never ranked right promises nothing.
        residual_share: standard deviation of net forward returns over volatility scaled to the horizon.
        horizon_sessions: sessions the expected return covers.
    """

    score_knots: tuple[float, ...]
    probability_knots: tuple[float, ...]
    rank_ic: float
    residual_share: float
    horizon_sessions: int

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the calibration of a parsed JSON object, numbers as canonical text or as numbers."""
        return cls(
            score_knots=tuple(float(knot) for knot in value["score_knots"]),
            probability_knots=tuple(float(knot) for knot in value["probability_knots"]),
            rank_ic=float(value["rank_ic"]),
            residual_share=float(value["residual_share"]),
            horizon_sessions=int(value["horizon_sessions"]),
        )

    def probability_up(self, z: float) -> float:
        """Return the probability that a name with this standardised score beats the equal-weight market."""
        return float(np.interp(z, self.score_knots, self.probability_knots))

    def probabilities_up(self, z: Floats) -> Floats:
        """Return the same of many standardised scores."""
        return np.interp(z, self.score_knots, self.probability_knots)

    def expected_return_bps(self, z: float, *, volatility_20d: float | None) -> float | None:
        """Return the expected return over the horizon, net of the market, in basis points; None without a volatility.

        Source:
            Grinold (1994), "Alpha is volatility times IC times score", J. Portfolio Management 20(4), 9-16.
        """
        if volatility_20d is None:
            return None
        sigma = volatility_20d * math.sqrt(self.horizon_sessions) * self.residual_share
        return 10_000.0 * self.rank_ic * sigma * z


def fit_calibration(
    *,
    z: Floats,
    net_return: Floats,
    volatility_20d: Floats,
    rank_ic: float,
    horizon_sessions: int,
    bins: int,
) -> Calibration:
    """Return the calibration of out-of-fold scores.

    Scores are put into equal-count bins first, so that no knot rests on a handful of rows; the bins' hit rates are
    then made monotone.

    Args:
        z: (n,) out-of-fold scores, standardised within their day.
        net_return: (n,) forward returns net of the market.
        volatility_20d: (n,) one-session volatility at the decision; NaN where unknown.
        rank_ic: mean out-of-fold rank IC.
        horizon_sessions: sessions a return covers.
        bins: number of bins; fewer where there are fewer rows.
    """
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 - loads in training, not with the definitions

    order = np.argsort(z, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    knots = np.array([z[part].mean() for part in parts])
    shares = np.array([(net_return[part] > 0).mean() for part in parts])
    sizes = np.array([len(part) for part in parts], dtype=np.float64)
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(knots, shares, sample_weight=sizes)
    known = np.isfinite(volatility_20d) & (volatility_20d > 0)
    scale = volatility_20d[known] * math.sqrt(horizon_sessions)
    spread = float(np.sqrt(np.mean(scale**2))) if known.any() else 0.0
    residual = float(np.sqrt(np.mean(net_return[known] ** 2))) if known.any() else 0.0
    return Calibration(
        score_knots=tuple(knots.tolist()),
        probability_knots=tuple(fitted.tolist()),
        rank_ic=max(0.0, rank_ic),
        residual_share=residual / spread if spread > 0 else 1.0,
        horizon_sessions=horizon_sessions,
    )
