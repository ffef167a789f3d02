"""Whole histories as they traded and the same ones split-adjusted: only these are refused, and for that reason."""

import os
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from assets.ingest.files_source import FilesSource
from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import MarketSources, files_sources, simulated_sources
from assets.quality.bar_checks import bar_checks
from assets.quality.verdicts import Report, run_check
from assets.schemas import CORPORATE_ACTIONS, DAILY_BARS, SECURITIES
from pipelines.settings import load_settings
from tests.builders.quality import raw_evidence
from tests.builders.raw_market import CALENDAR, RawMarket

CHECKOUT = Path(__file__).parents[3]
DATA = Path(os.environ.get("REAL_DATA_FOLDER", CHECKOUT.parent / "shared" / "data"))
PRICES = ("open_usd", "high_usd", "low_usd", "close_usd")
(EXPLAINED_JUMPS,) = (check for check in bar_checks() if check.name == "explained_jumps")


def simulated() -> MarketSources:
    settings = SimulatedMarketSettings(
        symbols=150, first_session=date(2021, 1, 4), last_session=date(2023, 12, 29), seed=3
    )
    return simulated_sources(SimulatedMarket(settings))


def real() -> MarketSources:
    mapping = load_settings(CHECKOUT / "examples" / "real-data.yaml", {}).files
    assert mapping is not None
    return files_sources(FilesSource(mapping.model_copy(update={"folder": DATA})))


HISTORIES = {"simulated": (simulated, date(2023, 12, 29)), "real": (real, date(2016, 6, 30))}


@pytest.fixture(
    params=[
        "simulated",
        pytest.param(
            "real",
            marks=[
                pytest.mark.real_data,
                pytest.mark.skipif(
                    not DATA.is_dir(), reason=f"no real data at {DATA}: set REAL_DATA_FOLDER to their folder"
                ),
            ],
        ),
    ]
)
def history(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@cache
def as_traded(name: str) -> RawMarket:
    source, last = HISTORIES[name]
    sources, end = source(), CALENDAR.as_of(last)
    tables = {
        table.name: sources.rows(table, after=None, upto=end) for table in (DAILY_BARS, CORPORATE_ACTIONS, SECURITIES)
    }
    return RawMarket(sessions=(), tables=tables)


def split_adjusted(market: RawMarket) -> RawMarket:
    """The market with each price divided by every split after it, as many vendors deliver prices."""
    bars, actions = market.tables["daily_bars"], market.tables["corporate_actions"].to_pandas()
    splits = actions[actions["action"] == "split"]
    frame = pd.DataFrame({"symbol": bars.column("symbol").to_pandas(), "session": bars.column("session").to_pandas()})
    divisor = np.ones(len(frame))
    for split in splits.itertuples():
        is_before = (frame["symbol"] == split.symbol) & (frame["session"] < split.ex_session)
        divisor[is_before.to_numpy()] *= float(split.value)
    for name in PRICES:
        place = bars.schema.get_field_index(name)
        # At least the smallest price there is: many splits leave little of an early one.
        prices = np.maximum(np.round(bars.column(name).cast(pa.float64()).to_numpy() / divisor, 6), 1e-6)
        bars = bars.set_column(place, bars.schema.field(place), pa.array(prices).cast(bars.schema.field(place).type))
    return market.with_table(DAILY_BARS, bars)


def report(name: str, market: RawMarket) -> Report:
    _, last = HISTORIES[name]
    return run_check(EXPLAINED_JUMPS, raw_evidence(market, session=last, is_first_session=True))


def test_a_history_as_it_traded_is_not_taken_for_adjusted(history: str) -> None:
    (jumps,) = report(history, as_traded(history)).outcomes
    assert jumps.passed


def test_a_history_adjusted_beside_its_splits_is_refused_although_its_jumps_are_few(history: str) -> None:
    jumps, splits = report(history, split_adjusted(as_traded(history))).outcomes
    assert jumps.passed
    assert not splits.passed
    assert "prices look split-adjusted already" in splits.reason
