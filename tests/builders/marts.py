"""A warehouse with one market's marts, filled from a seed, and a recomputation that agrees with it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from assets.feature_catalogue import FEATURES, Feature
from assets.warehouse import Warehouse
from tests.builders.raw_market import RawMarket


@dataclass(frozen=True)
class BuiltMarts:
    """A warehouse on disk with the five judged marts."""

    warehouse: Warehouse

    def run(self, sql: str) -> None:
        """Change the stored marts, as a fault would."""
        with self.warehouse.connect(read_only=False) as connection:
            connection.execute(sql)

    def recompute(self, sessions: Sequence[date], symbols: Sequence[str]) -> Iterator[pa.Table]:
        """Compute rows the way they were built: from the seed alone, whatever is stored now."""
        return (feature_rows([session], sorted(symbols)) for session in sessions)


def some_marts(home: Path, market: RawMarket, *, n_sessions: int = 8) -> BuiltMarts:
    """Marts of the market's last sessions, one row per symbol that has a bar."""
    bars = market.tables["daily_bars"].select(["session", "symbol"]).to_pylist()
    sessions = market.sessions[-n_sessions:]
    present = {session: sorted(bar["symbol"] for bar in bars if bar["session"] == session) for session in sessions}
    features = pa.concat_tables([feature_rows([session], present[session]) for session in sessions if present[session]])
    listed = market.tables["securities"]
    warehouse = Warehouse(home / "warehouse.duckdb")
    home.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("create schema marts")
        connection.register("features", features)
        connection.register("listed", listed)
        connection.execute("create table marts.fct_features as select * from features")
        for sql in _OTHER_MARTS:
            connection.execute(sql)
    return BuiltMarts(warehouse)


_OTHER_MARTS = (
    """create table marts.fct_universe as
       select sessions.session, listed.symbol, true as is_member, null::varchar as excluded_reason
       from (select distinct session from marts.fct_features) as sessions cross join listed""",
    """create table marts.fct_trading_facts as
       select session, symbol, 50::decimal(18, 6) as close_usd, 1.0::double as atr14_usd, 1000::bigint as adv20_shares,
           0.02::double as volatility_20d, 1e6::double as dollar_volume_20d_usd, listed.sector, false as is_halted,
           null::timestamptz as next_event_at, true as is_event_calendar_known
       from marts.fct_features inner join listed using (symbol)""",
    """create table marts.fct_market_context as
       select distinct session, 'calm' as regime, 15.0::double as vix, 'vix' as vix_basis,
           0.001::double as market_return_1d
       from marts.fct_features""",
    "create table marts.fct_total_returns as select session, symbol, return_1d as total_return from marts.fct_features",
)


def feature_rows(sessions: Sequence[date], symbols: Sequence[str]) -> pa.Table:
    """Return feature rows that depend on session, symbol and feature name only."""
    keys = [(session, symbol) for session in sessions for symbol in symbols]
    columns = {
        "session": pa.array([session for session, _ in keys], pa.date32()),
        "symbol": pa.array([symbol for _, symbol in keys], pa.string()),
        **{
            feature.name: pa.array([_value(feature, number, session, symbol) for session, symbol in keys], pa.float64())
            for number, feature in enumerate(FEATURES)
        },
    }
    return pa.table(columns)


def _value(feature: Feature, number: int, session: date, symbol: str) -> float | None:
    if feature.family == "market":
        return session.toordinal() % 97 / 97 + number
    if feature.family in {"news", "fundamental"} and symbol[-1] not in "0123":
        return None
    # A linear congruence stands in for a generator: one value per key, without drawing the others.
    mixed = (session.toordinal() * 7_919 + int(symbol[1:]) * 104_729 + number * 1_299_709) % 1_000_003
    return float(np.float64(mixed) / 1_000_003)
