"""The Kelly bet of a position with a stop: how much of equity a calibrated probability justifies, in part."""

import math
from decimal import Decimal

from execution.domain.quantities import decimal_of


def kelly_weight(
    *, probability_up: float | None, stop_fraction: Decimal, payoff_ratio: Decimal, multiple: Decimal
) -> Decimal | None:
    """Return the weight that is a part of the growth-optimal bet; None where no bet can be reckoned.

    A position that loses `stop_fraction` of its value or wins `payoff_ratio` times that is growth-optimal at
    (p - (1 - p) / payoff) / stop of equity. Estimated probabilities are too sure of themselves, so only a part of it is
    taken. Zero or less means that the bet is not worth taking.

    Args:
        probability_up: calibrated probability of winning, in [0, 1]; None, or no probability: Kelly is not used.
        stop_fraction: loss at the stop as a fraction of the position, > 0.
        payoff_ratio: gain over loss, > 0.
        multiple: part of the bet, at most a quarter; 0 switches Kelly off.

    Source:
        Kelly (1956), Bell System Technical Journal 35, 917-926; a quarter: MacLean, Ziemba and Blazenko (1992),
        Management Science 38(11), 1562-1585.
    """
    if multiple == 0 or probability_up is None or not math.isfinite(probability_up) or not 0 <= probability_up <= 1:
        return None
    probability = decimal_of(probability_up)
    edge = probability - (1 - probability) / payoff_ratio
    return multiple * edge / stop_fraction
