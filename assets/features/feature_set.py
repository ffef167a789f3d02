"""What a file of the feature library binds: features that are switched on together, and how they are computed.

A set is computed from one unbroken adjusted history at a time and looks back only: a row's value may depend on rows
before it, never on how many rows there are or where the asking began.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from assets.feature_catalogue import Feature

if TYPE_CHECKING:
    from assets.features.price_history import PriceHistory

Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Features that are switched on together.

    Attributes:
        name: as settings name it; every feature's name begins with it and an underscore.
        features: in the order of the rows of what `compute` returns.
        compute: from a history of n sessions and the first row wanted to shape (features, n - first), float32; NaN or
            infinite where there is no value.
    """

    name: str
    features: tuple[Feature, ...]
    compute: "Callable[[PriceHistory, int], Singles]"
