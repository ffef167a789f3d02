"""Retention over a real instance and real stores: old runs, unused feature parts, and news no decision stands on."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.features.feature_parts import FeatureParts
from assets.maintenance.retention import FEATURES, RUNS, Archive, RetentionPlan
from assets.raw_store import RawStore
from assets.schemas import NEWS
from assets.snapshots import SnapshotStore
from execution.clock import FileClock
from execution.domain.errors import DataError
from pipelines.cli.retain import retention_page
from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.settings import Settings, load_settings
from pipelines.upkeep.retention import Retention
from tests.builders.raw_market import a_raw_market
from tests.builders.trading_days import CALENDAR, FIRST
from tests.integration.upkeep.traded_home import TradedHome

pytestmark = pytest.mark.filterwarnings("default")


@dg.op
def speak(context: dg.OpExecutionContext) -> None:
    context.log.info("a line of the log")


@dg.job
def a_job() -> None:
    speak()


@pytest.fixture
def traded(tmp_path: Path) -> TradedHome:
    return TradedHome(tmp_path / "original")


@pytest.fixture
def home(traded: TradedHome) -> Home:
    FileClock(traded.home.clock).advance_to(datetime.fromisoformat("2024-06-26T22:00:00+00:00"))
    return traded.home


@pytest.fixture
def settings(home: Home) -> Settings:
    return load_settings(home.settings, {})


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        yield instance


def a_run(instance: dg.DagsterInstance, session: str) -> str:
    result = a_job.execute_in_process(instance=instance, tags={"dagster/partition": session})
    return result.run_id


def written(home: Home, session: date, close_usd: float) -> str:
    rows = pa.table({"session": [session], "close_usd": [close_usd]})
    return FeatureParts(home.features).write("price_features", rows, [session])


def test_an_old_run_leaves_the_instance_and_its_events_are_kept(
    home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    old, young = a_run(instance, "2024-01-04"), a_run(instance, "2024-06-25")
    keeper = Retention(settings=settings, home=home)
    facts = keeper.carry_out(instance, keeper.plan(instance))
    assert facts["runs"] == 1
    assert instance.get_run_by_id(old) is None
    assert instance.get_run_by_id(young) is not None
    assert list((home.dagster / "history" / "runs").glob(f"{old}*")) == []
    (line,) = Archive(home.archive).lines()
    rows = pq.read_table(home.archive / RUNS / f"{line['sha256']}.parquet").to_pylist()
    assert {row["run_id"] for row in rows} == {old}
    assert any("a line of the log" in row["body"] for row in rows)


def test_a_feature_part_no_session_uses_leaves_and_the_one_in_force_stays(
    home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    session = date(2024, 1, 4)
    unused, used = written(home, session, 1.0), written(home, session, 2.0)
    keeper = Retention(settings=settings, home=home)
    assert keeper.carry_out(instance, keeper.plan(instance))["feature_parts"] == 1
    left = {path.stem for path in (home.features / "price_features").glob("2*.parquet")}
    assert left == {used}
    assert [line["names"] for line in Archive(home.archive).lines()] == [[f"features/price_features/{unused}.parquet"]]
    assert Archive(home.archive).lines()[0]["kind"] == FEATURES


def test_a_person_sees_a_plan_and_changes_nothing(home: Home, settings: Settings, instance: dg.DagsterInstance) -> None:
    old = a_run(instance, "2024-01-04")
    page = retention_page(settings, home, is_applied=False)
    assert "| run_history | 1 |" in page
    assert "nothing was changed" in page
    assert instance.get_run_by_id(old) is not None
    assert not home.archive.exists()


def test_what_a_person_applies_is_told(home: Home, settings: Settings, instance: dg.DagsterInstance) -> None:
    a_run(instance, "2024-01-04")
    assert "runs: 1" in retention_page(settings, home, is_applied=True)


def with_news(home: Home) -> RawStore:
    store = RawStore(home.raw)
    rows = a_raw_market(n_symbols=5, n_sessions=10).tables["news"]
    store.append(NEWS, rows, session=FIRST, recorded_at=CALENDAR.as_of(FIRST))
    return store


def test_news_no_decision_stands_on_leave_and_are_not_counted_as_lost(
    home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    store = with_news(home)
    keeper = Retention(settings=settings, home=home)
    assert keeper.carry_out(instance, keeper.plan(instance))["news_parts"] == 1
    assert store.parts(NEWS) == ()
    (line,) = Archive(home.archive).lines()
    assert pq.read_metadata(home.archive / "news" / f"{line['sha256']}.parquet").num_rows == line["rows"] == 20


def test_news_a_decision_stands_on_are_held_with_its_session_and_refused(
    traded: TradedHome, home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    store = with_news(home)
    traded.days.plan(FIRST)
    SnapshotStore(home.snapshots).pin(store.snapshot(session=FIRST, as_of=CALENDAR.as_of(FIRST)))
    keeper = Retention(settings=settings, home=home)
    plan = keeper.plan(instance)
    assert [session for _, session in plan.held] == [FIRST]
    forged = RetentionPlan(leaving=tuple(item for item, _ in plan.held), held=())
    with pytest.raises(DataError, match=f"is listed by the decision of {FIRST}"):
        keeper.carry_out(instance, forged)
    assert len(store.parts(NEWS)) == 1
