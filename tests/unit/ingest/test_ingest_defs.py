"""The face of ingest: it materializes what it was asked for, and says what it took in."""

from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow.compute as pc

from assets import keys
from assets.ingest.defs import DEFINITIONS, raw_tables, snapshot
from assets.ingest.files_settings import FilesSourceSettings
from assets.ingest.files_source import FilesSource
from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import MarketSources, files_sources, simulated_sources
from assets.raw_store import RawStore
from assets.schemas import ALL, CORPORATE_ACTIONS, DAILY_BARS
from assets.snapshots import SnapshotStore
from execution.brokers.tape import Tape
from execution.clock import MovedClock
from execution.trading_calendar import TradingCalendar

SESSION = date(2022, 2, 15)


CALENDAR = TradingCalendar.shipped()


def simulated() -> MarketSources:
    market = SimulatedMarket(
        SimulatedMarketSettings(symbols=5, first_session=date(2022, 1, 3), last_session=date(2022, 3, 1))
    )
    return simulated_sources(market)


def run(
    home: Path,
    selection: list[dg.AssetKey] | None = None,
    *,
    session: date = SESSION,
    sources: MarketSources | None = None,
    now: datetime | None = None,
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [raw_tables, snapshot],
        partition_key=session.isoformat(),
        selection=selection,
        resources={
            "sources": sources or simulated(),
            "raw_store": RawStore(home / "raw"),
            "snapshots": SnapshotStore(home / "snapshots"),
            "clock": MovedClock(now or CALENDAR.as_of(session)),
            "tape_root": home / "tape",
        },
        raise_on_error=now is None,
    )


def refusal_of(result: dg.ExecuteInProcessResult, step: str) -> str:
    """Return what the page shows of a refused step; a refusal shows no other error behind it."""
    (failed,) = [event for event in result.all_events if event.is_step_failure and event.step_key == step]
    error = failed.step_failure_data.error
    assert error is not None
    assert error.cause is None
    kind, _, told = error.message.strip().partition(": ")
    assert kind.endswith("Failure")
    return told


def test_every_raw_table_and_the_snapshot_are_materialized(tmp_path: Path) -> None:
    result = run(tmp_path)
    told = {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}
    assert told == {key[-1] for key in (*keys.RAW_TABLES, keys.RAW_SNAPSHOT)}
    assert SnapshotStore(tmp_path / "snapshots").pinned(SESSION).hashes("daily_bars")
    assert Tape(tmp_path / "tape").has(date(2022, 2, 16))


def test_the_snapshot_tells_rows_range_and_hash(tmp_path: Path) -> None:
    run(tmp_path)
    told = run(tmp_path, [dg.AssetKey(keys.RAW_SNAPSHOT)]).asset_materializations_for_node("raw__snapshot")[0].metadata
    store, pinned = RawStore(tmp_path / "raw"), SnapshotStore(tmp_path / "snapshots").pinned(SESSION)
    parts = [part for table in ALL for part in store.parts(table)]
    assert told["rows"].value == sum(part.rows for part in parts) > 0
    assert told["known_from"].value == min(part.min_known_at for part in parts).isoformat()
    assert told["known_to"].value <= told["as_of"].value == CALENDAR.as_of(SESSION).isoformat()
    assert told["snapshot_hash"].value == pinned.hash


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


def told_of(result: dg.ExecuteInProcessResult, key: keys.Key) -> dict[str, object]:
    """Return what the page shows of one raw table."""
    (event,) = (one for one in result.get_asset_materialization_events() if one.asset_key == dg.AssetKey(key))
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_a_materialization_that_adds_nothing_still_says_what_is_stored_of_its_session(tmp_path: Path) -> None:
    run(tmp_path, session=CALENDAR.previous(SESSION))
    taken_in = told_of(run(tmp_path), keys.RAW_DAILY_BARS)
    again = told_of(run(tmp_path), keys.RAW_DAILY_BARS)
    assert (taken_in["rows"], taken_in["session_rows"]) == (5, 5)
    assert (again["rows"], again["session_rows"]) == (0, 5)


def test_who_told_the_rows_is_said_where_somebody_told_any(tmp_path: Path) -> None:
    first, again = (told_of(run(tmp_path), keys.RAW_DAILY_BARS) for _ in range(2))
    assert first["told_by"] == "simulated"
    assert "told_by" not in again


def test_the_history_taken_in_with_a_session_is_not_told_as_the_session_s_own(tmp_path: Path) -> None:
    told = told_of(run(tmp_path), keys.RAW_DAILY_BARS)
    assert (told["rows"], told["session_rows"]) == (5 * len(CALENDAR.between(date(2022, 1, 3), SESSION)), 5)


def files_with(folder: Path, *splits: str) -> MarketSources:
    days = CALENDAR.between(date(2022, 2, 1), date(2022, 3, 1))
    bars = [f"{symbol},{day},10,100" for day in days for symbol in ("AAA", "BBB")]
    (folder / "bars.csv").write_text("\n".join(["s,d,p,v", *bars]))
    (folder / "splits.csv").write_text("\n".join(["s,d,a,x", *splits]))
    price = dict.fromkeys(("open_usd", "high_usd", "low_usd", "close_usd"), "p")
    tables = {
        "daily_bars": [
            {"file": "bars.csv", "columns": {"symbol": "s", "session": "d", "volume_shares": "v", **price}},
        ],
        "corporate_actions": [
            {"file": "splits.csv", "columns": {"symbol": "s", "ex_session": "d", "action": "a", "value": "x"}},
        ],
    }
    return files_sources(FilesSource(FilesSourceSettings.model_validate({"folder": folder, "tables": tables})))


def test_a_split_written_down_after_its_session_was_pinned_changes_nothing_before_it_was_recorded(
    tmp_path: Path,
) -> None:
    known, missed = "AAA,2022-02-10,split,2", "BBB,2022-02-10,split,2"
    run(tmp_path, sources=files_with(tmp_path, known))
    before = RawStore(tmp_path / "raw").read(CORPORATE_ACTIONS, as_of=CALENDAR.as_of(SESSION))
    following = CALENDAR.next(SESSION)
    run(tmp_path, session=following, sources=files_with(tmp_path, known, missed))
    store = RawStore(tmp_path / "raw")
    assert store.read(CORPORATE_ACTIONS, as_of=CALENDAR.as_of(SESSION)) == before
    actions = store.read(CORPORATE_ACTIONS, as_of=CALENDAR.as_of(following)).to_pylist()
    assert {row["symbol"]: row["known_at"] for row in actions} == {
        "AAA": CALENDAR.opens_at(date(2022, 2, 10)),
        "BBB": CALENDAR.as_of(following),
    }
    bars = store.read(DAILY_BARS, as_of=CALENDAR.as_of(following))
    assert pc.max(bars.column("known_at")).as_py() == CALENDAR.bars_known_at(following)


def test_a_session_materialized_again_takes_in_nothing_it_was_not_pinned_with(tmp_path: Path) -> None:
    run(tmp_path, sources=files_with(tmp_path, "AAA,2022-02-10,split,2"))
    pinned = SnapshotStore(tmp_path / "snapshots").pinned(SESSION)
    run(tmp_path, sources=files_with(tmp_path, "AAA,2022-02-10,split,2", "BBB,2022-02-10,split,2"))
    assert SnapshotStore(tmp_path / "snapshots").pinned(SESSION) == pinned


def test_a_pin_of_an_empty_home_makes_no_history_late(tmp_path: Path) -> None:
    run(tmp_path, [dg.AssetKey(keys.RAW_SNAPSHOT)])
    run(tmp_path, sources=files_with(tmp_path, "AAA,2022-02-10,split,2"))
    (action,) = RawStore(tmp_path / "raw").read(CORPORATE_ACTIONS, as_of=CALENDAR.as_of(SESSION)).to_pylist()
    assert action["known_at"] == CALENDAR.opens_at(date(2022, 2, 10))


BEFORE_CUT_OFF = CALENDAR.as_of(SESSION) - timedelta(microseconds=1)


def test_a_snapshot_asked_for_before_its_cut_off_is_refused_in_one_sentence_and_pins_nothing(tmp_path: Path) -> None:
    result = run(tmp_path, now=BEFORE_CUT_OFF)
    assert refusal_of(result, "raw__snapshot") == (
        "the cut-off of 2022-02-15 is 2022-02-15T23:00:00+00:00 and the clock stands at "
        "2022-02-15T22:59:59.999999+00:00: a pin made earlier would miss what is still to come; wait for the cut-off, "
        "when the session's cycle pins it by itself, or name a session whose cut-off has come"
    )
    assert not list(tmp_path.glob("snapshots/*"))


def test_raw_rows_asked_for_before_their_bars_are_known_are_refused_in_one_sentence(tmp_path: Path) -> None:
    result = run(tmp_path, now=CALENDAR.closes_at(SESSION))
    assert refusal_of(result, "raw_tables") == (
        "raw/daily_bars of 2022-02-15 is taken in from 2022-02-15T21:15:00+00:00 on, when the session's bars are known"
        ", and the clock stands at 2022-02-15T21:00:00+00:00: its rows would count as whole without what is still to "
        "come; wait for that instant, when the session's own run takes it in, or name a session that has closed"
    )
    assert not list(tmp_path.rglob("*.parquet"))


def test_raw_rows_are_taken_in_from_the_instant_their_bars_are_known(tmp_path: Path) -> None:
    known_at = CALENDAR.bars_known_at(SESSION)
    assert run(tmp_path, [dg.AssetKey(key) for key in keys.RAW_TABLES], now=known_at).success
    assert RawStore(tmp_path / "raw").latest_session(DAILY_BARS) == SESSION


def test_a_pin_of_a_far_session_asked_for_by_hand_makes_nothing_later_known_late(tmp_path: Path) -> None:
    sources = files_with(tmp_path, "AAA,2022-02-10,split,2")
    run(tmp_path, sources=sources)
    following = CALENDAR.next(SESSION)
    far = run(tmp_path, [dg.AssetKey(keys.RAW_SNAPSHOT)], session=date(2029, 12, 31), now=CALENDAR.as_of(SESSION))
    assert not far.success
    run(tmp_path, session=following, sources=sources)
    bars = RawStore(tmp_path / "raw").read(DAILY_BARS, as_of=CALENDAR.as_of(following))
    assert pc.max(bars.column("known_at")).as_py() == CALENDAR.bars_known_at(following)


def test_a_home_with_a_pin_of_a_far_session_takes_in_the_next_ones_in_time(tmp_path: Path) -> None:
    sources, far = files_with(tmp_path, "AAA,2022-02-10,split,2"), date(2029, 12, 31)
    run(tmp_path, sources=sources)
    store = RawStore(tmp_path / "raw")
    SnapshotStore(tmp_path / "snapshots").pin(store.snapshot(session=far, as_of=CALENDAR.as_of(far)))
    following = CALENDAR.next(SESSION)
    missed = files_with(tmp_path, "AAA,2022-02-10,split,2", "BBB,2022-02-10,split,2")
    run(tmp_path, session=following, sources=missed)
    bars = store.read(DAILY_BARS, as_of=CALENDAR.as_of(following))
    assert pc.max(bars.column("known_at")).as_py() == CALENDAR.bars_known_at(following)
    actions = store.read(CORPORATE_ACTIONS, as_of=CALENDAR.as_of(following)).to_pylist()
    assert {row["symbol"]: row["known_at"] for row in actions}["BBB"] == CALENDAR.as_of(following)


def test_the_snapshot_depends_on_every_raw_table() -> None:
    key = dg.AssetKey(keys.RAW_SNAPSHOT)
    assert snapshot.asset_deps[key] == {dg.AssetKey(raw) for raw in keys.RAW_TABLES}


def test_the_face_exports_assets_and_nothing_else() -> None:
    assert list(DEFINITIONS.assets or ()) == [raw_tables, snapshot]
    assert not DEFINITIONS.resources
