"""One small learned market for every test that only reads it: made once, because training is the slow part."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from assets.feature_catalogue import NAMES
from assets.ml.dataset import build_training_set
from assets.ml.model_registry import ModelRegistry
from assets.ml.train import train
from assets.warehouse import Warehouse
from tests.unit.ml.marts_builder import CALENDAR, IDENTITY, Market, a_market, a_policy


@dataclass(frozen=True)
class LearnedMarket:
    market: Market
    warehouse: Warehouse
    models: ModelRegistry
    model_hash: str
    session: date


@pytest.fixture(scope="session")
def learned(tmp_path_factory) -> LearnedMarket:
    """A market whose champion was trained on all but its last session, which it may score."""
    root: Path = tmp_path_factory.mktemp("learned")
    market = a_market()
    market.is_member[-1, 4] = False
    market.has_bar[-1, 6] = False
    market.features["momentum_12_1"][-1, 8] = float("nan")
    for name in ("return_5d", "rsi_14"):
        market.features[name][-1, 9] = float("nan")
    warehouse = market.write(root / "warehouse.duckdb")
    cut_off = market.sessions[-2]
    rows = build_training_set(warehouse, cut_off=cut_off, feature_names=NAMES, policy=a_policy(), calendar=CALENDAR)
    models = ModelRegistry(root)
    model_hash = models.publish(
        train(
            rows,
            policy=a_policy(),
            trained_as_of=CALENDAR.as_of(cut_off),
            code_hash=IDENTITY.code_hash,
            is_synthetic=True,
        )
    )
    models.promote(model_hash, reason="first", at=CALENDAR.as_of(cut_off))
    return LearnedMarket(market, warehouse, models, model_hash, market.sessions[-1])
