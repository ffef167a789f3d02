"""A small warehouse with the marts learning reads, from a seed; each builder varies what a test names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from assets import schemas
from assets.feature_catalogue import NAMES
from assets.identity import RunIdentity
from assets.judged_rows import judged_features_hash, judged_rows
from assets.ml.dataset import TrainingSet, gaussian_rank
from assets.ml.policy import LearningPolicy, PromotionPolicy
from assets.warehouse import Warehouse
from execution.domain.canonical import content_hash
from execution.domain.provenance import CheckOutcome, GateCertificate
from execution.trading_calendar import TradingCalendar
from tests.builders import raw_rows

CALENDAR = TradingCalendar.shipped()
FIRST = date(2023, 1, 3)
SNAPSHOT_HASH = content_hash("snapshot")
IDENTITY = RunIdentity(
    mode="simulated",
    is_synthetic=True,
    strategy="momentum",
    account="paper-1",
    settings_hash=content_hash("settings"),
    code_hash=content_hash("code"),
)
# The planted signal, two columns of noise; the rest is never known, and one is the same on every row.
SIGNAL, NOISE, RULE, CONSTANT = "return_5d", "rsi_14", "momentum_12_1", "regime_is_bull"


# Asks for a rank IC above 0 alone: small worlds are made for other facts than whether a model may decide.
LENIENT = PromotionPolicy(
    min_deflated_sharpe=0.0,
    max_overfitting_probability=1.0,
    max_superiority_p=1.0,
    min_luck_quantile=0.0,
    must_match_rules=False,
)


def a_policy(**changes: Any) -> LearningPolicy:
    small = {
        "max_history_sessions": 400,
        "min_history_sessions": 60,
        "num_trees": 25,
        "num_leaves": 7,
        "learning_rate": 0.1,
        "min_rows_per_leaf": 20,
        "feature_share_per_tree": 1.0,
        "embargo_sessions": 2,
        "min_feature_share": 0.5,
        "promotion": LENIENT,
    }
    return LearningPolicy(**{**small, **changes})


@dataclass
class Market:
    """Rows of the marts as (n_sessions, n_symbols) arrays; a test changes what it likes before writing them."""

    sessions: tuple[date, ...]
    symbols: tuple[str, ...]
    returns: np.ndarray
    features: dict[str, np.ndarray]
    has_bar: np.ndarray
    is_member: np.ndarray

    def day(self, index: int) -> date:
        return self.sessions[index]

    def write(self, path: Path) -> Warehouse:
        path.unlink(missing_ok=True)
        stage(path, bars=())
        with duckdb.connect(str(path)) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute("create schema marts")
            for name, table in self.tables().items():
                connection.register("rows_in", table)
                connection.execute(f"create table marts.{name} as select * from rows_in")  # noqa: S608 - names are above
                connection.unregister("rows_in")
        return Warehouse(path)

    def tables(self) -> dict[str, pa.Table]:
        day, column = np.nonzero(self.has_bar)
        bar = {
            "session": pa.array([self.sessions[d] for d in day], pa.date32()),
            "symbol": pa.array([self.symbols[c] for c in column]),
        }
        listed_day, listed_column = np.nonzero(self._is_listed())
        listed = {
            "session": pa.array([self.sessions[d] for d in listed_day], pa.date32()),
            "symbol": pa.array([self.symbols[c] for c in listed_column]),
        }
        member = self.is_member[listed_day, listed_column]
        count = len(day)
        return {
            "fct_features": pa.table(bar | {name: self._feature(name, day, column) for name in NAMES}),
            "fct_universe": pa.table(
                listed
                | {
                    "is_member": pa.array(member),
                    "excluded_reason": pa.array(
                        [None if is_in else "too little volume" for is_in in member], pa.string()
                    ),
                }
            ),
            "fct_trading_facts": pa.table(
                bar
                | {
                    "close_usd": pa.array([Decimal("50.250000") + int(c) for c in column], pa.decimal128(18, 6)),
                    "atr14_usd": pa.array(np.full(count, 1.234567891)),
                    "adv20_shares": pa.array(np.full(count, 1_000_000, dtype=np.int64)),
                    "volatility_20d": pa.array(np.full(count, 0.02)),
                    "dollar_volume_20d_usd": pa.array(np.full(count, 50_250_000.126)),
                    "sector": pa.array([None if c == 0 else "Energy" for c in column], pa.string()),
                    "is_halted": pa.array(np.zeros(count, dtype=bool)),
                    "next_event_at": pa.array([None] * count, pa.timestamp("us", tz="UTC")),
                    "is_event_calendar_known": pa.array(np.ones(count, dtype=bool)),
                }
            ),
            "fct_market_context": pa.table(
                {
                    "session": pa.array(self.sessions, pa.date32()),
                    "regime": pa.array(["bull_calm"] * len(self.sessions)),
                    "vix": pa.array([18.5] * len(self.sessions)),
                    "vix_basis": pa.array(["vix_stand_in"] * len(self.sessions)),
                    "market_return_1d": pa.array([0.0] * len(self.sessions)),
                }
            ),
            "fct_total_returns": pa.table(
                bar | {"total_return": pa.array(self.returns[day, column], from_pandas=True)}
            ),
        }

    def _feature(self, name: str, day: np.ndarray, column: np.ndarray) -> pa.Array:
        if name not in self.features:
            return pa.nulls(len(day), pa.float64())
        return pa.array(self.features[name][day, column], from_pandas=True)

    def _is_listed(self) -> np.ndarray:
        """Listed from the first bar on; what leaves the exchange is told by `is_member` alone."""
        return np.maximum.accumulate(self.has_bar, axis=0)


def stage(
    path: Path,
    bars: Iterable[Mapping[str, Any]],
    actions: Iterable[Mapping[str, Any]] = (),
    securities: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Put every version of raw rows into a warehouse's file, as staging holds them; all symbols were listed on time."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("create schema if not exists staging")
        tables = {schemas.DAILY_BARS: bars, schemas.CORPORATE_ACTIONS: actions, schemas.SECURITIES: securities}
        for table, rows in tables.items():
            connection.register("rows_in", raw_rows.rows(table, rows))
            connection.execute(f"create or replace table staging.stg_raw__{table.name} as select * from rows_in")  # noqa: S608 - named above
            connection.unregister("rows_in")
        connection.execute("create schema if not exists intermediate")
        connection.execute(
            "create or replace table intermediate.int_securities__as_known as "
            "select distinct symbol, session from staging.stg_raw__daily_bars"
        )


def a_market(*, symbols: int = 24, sessions: int = 140, seed: int = 1, signal: float = 0.25) -> Market:
    """A market in which `return_5d` of a session tells of the returns from two sessions on."""
    random = np.random.default_rng(seed)
    start = CALENDAR.index(FIRST)
    shape = (sessions, symbols)
    told = np.zeros(shape)
    told[0] = random.standard_normal(symbols)
    for day in range(1, sessions):
        told[day] = 0.95 * told[day - 1] + np.sqrt(1 - 0.95**2) * random.standard_normal(symbols)
    returns = 0.02 * random.standard_normal(shape) + 0.005 * random.standard_normal((sessions, 1))
    returns[2:] += 0.02 * signal * told[:-2]
    features = {
        SIGNAL: told,
        NOISE: random.standard_normal(shape),
        RULE: random.standard_normal(shape),
        CONSTANT: np.ones(shape),
    }
    return Market(
        sessions=CALENDAR.sessions[start : start + sessions],
        symbols=tuple(f"S{number:03d}" for number in range(symbols)),
        returns=returns,
        features=features,
        has_bar=np.ones(shape, dtype=bool),
        is_member=np.ones(shape, dtype=bool),
    )


def a_training_set(*, symbols: int = 30, sessions: int = 150, seed: int = 2, signal: float = 0.0) -> TrainingSet:
    """Rows whose net returns are independent noise, but for a share told by the first feature."""
    random = np.random.default_rng(seed)
    days = np.array(CALENDAR.sessions[2000 : 2000 + sessions + 6], dtype="datetime64[D]")
    day = np.repeat(np.arange(sessions), symbols)
    features = random.standard_normal((len(day), 6)).astype(np.float32)
    net = 0.03 * (signal * features[:, 0] + random.standard_normal(len(day)))
    return TrainingSet(
        cut_off=days[-1].item(),
        horizon_sessions=5,
        feature_names=tuple(f"f{number}" for number in range(6)),
        sessions=days[day],
        symbols=np.array([f"S{number:03d}" for number in range(symbols)] * sessions, dtype=object),
        features=features,
        label=gaussian_rank(net, day).astype(np.float32),
        net_return=net,
        label_end=days[day + 6],
        volatility_20d=np.full(len(day), 0.02),
        sectors=np.array(
            [("Energy", "Utilities", "")[number % 3] for number in range(symbols)] * sessions, dtype=object
        ),
        forward_returns=np.column_stack([0.4 * net, net, 1.5 * net]),
    )


def a_certificate(
    warehouse: Warehouse, session: date, *, failed: Iterable[str] = (), snapshot_hash: str = SNAPSHOT_HASH
) -> GateCertificate:
    """A certificate of exactly the rows that are in the warehouse, red where a check is named as failed."""
    checks = [
        CheckOutcome(name="coverage", subject="features/fct_features", passed=True, value="100 %", threshold=">= 90 %")
    ]
    checks += [
        CheckOutcome(name=name, subject="features/fct_features", passed=False, value="0", threshold="1", reason="bad")
        for name in failed
    ]
    return GateCertificate(
        session=session,
        as_of=CALENDAR.as_of(session),
        stage="features",
        snapshot_hash=snapshot_hash,
        features_hash=judged_features_hash(judged_rows(warehouse, session)),
        symbols=(),
        checks=tuple(checks),
    )
