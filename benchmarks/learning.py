"""Training beside native LightGBM on the same rows, and scoring 500 symbols on one thread; run it on a quiet machine.

Ours is what a cycle runs: the model read from its text, rows with too few features left out, contributions,
standardised scores, probability and expected return. Native is `lightgbm.train` with the same parameters on the same
array. On a busy machine believe the CPU figures alone.
"""

import argparse
import time
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from measuring import Stopwatch, conditions, typical, write_result

from assets.ml.dataset import TrainingSet
from assets.ml.learner import binned, learner_params, taught
from assets.ml.model_registry import ModelRecord
from assets.ml.policy import LearningPolicy
from assets.ml.scores import _by_model
from assets.ml.train import train
from tests.builders.learning_panels import a_panel

SYMBOLS, ROUNDS = 500, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=800_000)
    parser.add_argument("--features", type=int, default=60)
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=2)
    asked = parser.parse_args()
    result = {
        "conditions": conditions(),
        "training": training(asked.rows, asked.features, asked.trees, asked.pairs),
        "scoring": scoring(asked.features),
    }
    print(result)
    print(f"wrote {write_result('learning', result).name}")


def training(count: int, features: int, trees: int, pairs: int) -> dict[str, Any]:
    random = np.random.default_rng(1)
    matrix = random.standard_normal((count, features)).astype(np.float32)
    label = (0.05 * matrix[:, 0] + random.standard_normal(count)).astype(np.float32)
    names = tuple(f"f{number}" for number in range(features))
    policy, everything = LearningPolicy(num_trees=trees), np.arange(count)
    rows = training_rows(matrix, label, names)
    ours, native, texts = [], [], set()
    for _ in range(pairs):
        watch = Stopwatch()
        made = taught(binned(rows, names, everything, policy), everything, policy)
        ours.append(watch.stop().cpu_seconds)
        texts.add(made.model_to_string())
        watch = Stopwatch()
        made = natively(matrix, label, names, policy)
        native.append(watch.stop().cpu_seconds)
        texts.add(made.model_to_string())
    return {
        "rows": count,
        "features": features,
        "trees": trees,
        "ours_cpu_seconds": ours,
        "native_cpu_seconds": native,
        "ours_over_native": typical(ours) / typical(native),
        "different_models": len(texts),
    }


def training_rows(
    matrix: npt.NDArray[np.float32], label: npt.NDArray[np.float32], names: tuple[str, ...]
) -> TrainingSet:
    """Return rows of 500 names a day; only features, labels and days are read."""
    days = np.datetime64("2000-01-03") + np.arange(len(label)) // SYMBOLS
    nothing = np.zeros(len(label))
    return TrainingSet(
        cut_off=days[-1].item(),
        horizon_sessions=5,
        feature_names=names,
        sessions=days,
        symbols=np.full(len(label), "", dtype=object),
        features=matrix,
        label=label,
        net_return=nothing,
        label_end=days + 6,
        volatility_20d=nothing,
        sectors=np.full(len(label), "", dtype=object),
        forward_returns=np.zeros((len(label), 3)),
    )


def natively(
    matrix: npt.NDArray[np.float32], label: npt.NDArray[np.float32], names: tuple[str, ...], policy: LearningPolicy
) -> lightgbm.Booster:
    params = learner_params(policy)
    data = lightgbm.Dataset(matrix, label=label, feature_name=list(names), params=params)
    return lightgbm.train(params, data, num_boost_round=policy.num_trees)


def scoring(features: int) -> dict[str, Any]:
    panel = a_panel(seed=1, symbols=200, sessions=400, signal=0.05, noise_features=features - 5)
    policy = LearningPolicy()
    made = train(panel, policy=policy, trained_as_of=datetime(2024, 1, 5, tzinfo=UTC), code_hash="", is_synthetic=True)
    record = ModelRecord(model_hash="", text=made.text, calibration=made.calibration, card=made.card)
    random = np.random.default_rng(2)
    columns = {name: random.standard_normal(SYMBOLS) for name in made.card.features}
    rows = pa.table(
        {
            "symbol": [f"S{number:03d}" for number in range(SYMBOLS)],
            "has_features": [True] * SYMBOLS,
            "fact_volatility_20d": [0.02] * SYMBOLS,
            **columns,
        }
    )
    booster = lightgbm.Booster(model_str=made.text)
    matrix = np.column_stack(list(columns.values())).astype(np.float32)
    return {
        "symbols": SYMBOLS,
        "features": len(columns),
        "trees": policy.num_trees,
        "whole_ms": _milliseconds(lambda: _by_model(rows, record, policy)),
        "predict_alone_ms": _milliseconds(lambda: booster.predict(matrix, num_threads=1)),
        "contributions_alone_ms": _milliseconds(lambda: booster.predict(matrix, num_threads=1, pred_contrib=True)),
        "reading_the_model_ms": _milliseconds(lambda: lightgbm.Booster(model_str=made.text)),
    }


def _milliseconds(act: Any) -> dict[str, float]:
    act()
    wall, cpu = [], []
    for _ in range(ROUNDS):
        began, used = time.perf_counter(), time.thread_time()
        act()
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.thread_time() - used))
    return {
        "cpu_median": round(typical(cpu), 3),
        "wall_median": round(typical(wall), 3),
        "wall_p95": round(quantiles(wall, n=20)[-1], 3),
    }


if __name__ == "__main__":
    main()
