"""The registry of the feature library: which sets there are, and which of them are switched on.

A set is one file in `assets/features/library` that binds `SET`; nothing else has to be edited.
"""

import hashlib
import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from assets.feature_catalogue import NAMES, Feature
from assets.features import library
from assets.features.feature_set import FeatureSet, Singles
from execution.domain.errors import DataError, SettingsRefused

if TYPE_CHECKING:
    from assets.features.price_history import PriceHistory

LIBRARY_FEATURES: Final = "library_features"


@dataclass(frozen=True, slots=True)
class FeatureLibrary:
    """The sets that are switched on, in order of their names; none is a library too."""

    sets: tuple[FeatureSet, ...] = ()

    @property
    def features(self) -> tuple[Feature, ...]:
        """Every feature of every set, in column order."""
        return tuple(feature for one in self.sets for feature in one.features)

    @property
    def schema(self) -> pa.Schema:
        """Columns of the library's rows: session, symbol, then the features, single precision."""
        return pa.schema(
            [
                pa.field("session", pa.date32(), nullable=False),
                pa.field("symbol", pa.string(), nullable=False),
                *(pa.field(feature.name, pa.float32()) for feature in self.features),
            ]
        )

    @property
    def fingerprint(self) -> str:
        """Names and versions in one short hash: a new version of one feature computes every session again."""
        told = "\n".join(f"{feature.name} {feature.version}" for feature in self.features)
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    @property
    def parts_kind(self) -> str:
        """The kind its feature parts are stored under: another library never reads them."""
        return f"{LIBRARY_FEATURES}_{self.fingerprint}"

    def compute(self, history: "PriceHistory", first: int) -> Singles:
        """Return all features of the rows from `first` on: shape (features, n - first).

        Raises:
            DataError: a set returned another shape than it said.
        """
        blocks = [np.empty((0, history.close.size - first), dtype=np.float32)]
        for one in self.sets:
            values = one.compute(history, first)
            expected = (len(one.features), history.close.size - first)
            if values.shape != expected:
                raise DataError(f"feature set {one.name} returned shape {values.shape}, expected {expected}")
            blocks.append(values.astype(np.float32, copy=False))
        return np.concatenate(blocks)


def switched_on(names: Sequence[str]) -> FeatureLibrary:
    """Return the library of some sets.

    Raises:
        SettingsRefused: there is no set of that name.
    """
    known = {one.name: one for one in every_set()}
    unknown = sorted(set(names) - known.keys())
    if unknown:
        raise SettingsRefused(
            f"features.sets names {', '.join(unknown)}, expected some of {', '.join(known)}: "
            "put a file that binds SET into assets/features/library, or correct the name"
        )
    return FeatureLibrary(tuple(known[name] for name in sorted(set(names))))


@cache
def every_set() -> tuple[FeatureSet, ...]:
    """Return every set of the library, by name, found once per process.

    Raises:
        DataError: a file binds no set, or two features share a name.
    """
    found: list[FeatureSet] = []
    for module in pkgutil.iter_modules(library.__path__):
        bound = getattr(importlib.import_module(f"{library.__name__}.{module.name}"), "SET", None)
        if not isinstance(bound, FeatureSet):
            raise DataError(f"assets/features/library/{module.name}.py binds no SET: expected a FeatureSet")
        found.append(bound)
    names = [feature.name for one in found for feature in one.features]
    twice = sorted({name for name in names if names.count(name) > 1 or name in NAMES})
    strange = sorted({f.name for one in found for f in one.features if not f.name.startswith(f"{one.name}_")})
    if twice or strange:
        raise DataError(
            f"library features named twice: {twice}; not begun with their set's name: {strange}: give each its own name"
        )
    return tuple(sorted(found, key=lambda one: one.name))
