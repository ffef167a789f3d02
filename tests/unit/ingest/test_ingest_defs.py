"""The face of ingest: it materializes what it was asked for, and says what it took in."""

from datetime import date, datetime
from pathlib import Path

import dagster as dg

from assets import keys
from assets.ingest.defs import DEFINITIONS, raw_tables, snapshot
from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import simulated_sources
from assets.raw_store import RawStore
from assets.snapshots import SnapshotStore
from execution.brokers.tape import Tape
from execution.trading_calendar import TradingCalendar

SESSION = date(2022, 2, 15)


class StoppedClock:
    def now(self) -> datetime:
        return TradingCalendar.shipped().as_of(SESSION)

    def monotonic_seconds(self) -> float:
        return 0.0


def run(home: Path, selection: list[dg.AssetKey] | None = None) -> dg.ExecuteInProcessResult:
    market = SimulatedMarket(
        SimulatedMarketSettings(symbols=5, first_session=date(2022, 1, 3), last_session=date(2022, 3, 1))
    )
    return dg.materialize(
        [raw_tables, snapshot],
        partition_key=SESSION.isoformat(),
        selection=selection,
        resources={
            "sources": simulated_sources(market),
            "raw_store": RawStore(home / "raw"),
            "snapshots": SnapshotStore(home / "snapshots"),
            "clock": StoppedClock(),
            "tape_root": home / "tape",
        },
    )


def test_every_raw_table_and_the_snapshot_are_materialized(tmp_path: Path) -> None:
    result = run(tmp_path)
    told = {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}
    assert told == {key[-1] for key in (*keys.RAW_TABLES, keys.RAW_SNAPSHOT)}
    assert SnapshotStore(tmp_path / "snapshots").pinned(SESSION).hashes("daily_bars")
    assert Tape(tmp_path / "tape").has(date(2022, 2, 16))


def test_a_subset_takes_in_only_what_it_names(tmp_path: Path) -> None:
    run(tmp_path, [dg.AssetKey(keys.RAW_NEWS)])
    assert not (tmp_path / "raw" / "daily_bars").exists()
    assert (tmp_path / "raw" / "news").exists()


def test_a_materialization_says_rows_hashes_and_that_the_market_is_made(tmp_path: Path) -> None:
    events = run(tmp_path).get_asset_materialization_events()
    bars = next(event for event in events if event.asset_key == dg.AssetKey(keys.RAW_DAILY_BARS))
    metadata = bars.materialization.metadata
    assert metadata["rows"].value > 0
    assert metadata["synthetic"].value is True
    assert len(metadata["parts"].value) == 1


def test_the_snapshot_depends_on_every_raw_table() -> None:
    key = dg.AssetKey(keys.RAW_SNAPSHOT)
    assert snapshot.asset_deps[key] == {dg.AssetKey(raw) for raw in keys.RAW_TABLES}


def test_the_face_exports_assets_and_nothing_else() -> None:
    assert list(DEFINITIONS.assets or ()) == [raw_tables, snapshot]
    assert not DEFINITIONS.resources
