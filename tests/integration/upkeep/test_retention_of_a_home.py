"""Retention over a real instance and real stores: old runs, unused feature parts, and news no decision stands on."""

import hashlib
import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import time_machine

from assets.features.feature_parts import FeatureParts
from assets.maintenance.archive import Archive
from assets.maintenance.holdings import change_table
from assets.maintenance.retention import AUDIT, FEATURES, LOGS, RUNS, SCORES, RetentionPlan
from assets.ml.score_store import SCORES as SCORES_FOLDER
from assets.ml.score_store import Question, ScoreStore, ScoringNote
from assets.ml.scores import SessionScores, SymbolScore
from assets.raw_store import RawStore
from assets.schemas import NEWS
from assets.snapshots import SnapshotStore
from execution.clock import FileClock
from execution.domain.errors import DataError
from execution.ledger.hash_chain import verified_head
from execution.ledger.sqlite_ledger import SqliteLedger
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
    assert facts[RUNS] == 1
    assert instance.get_run_by_id(old) is None
    assert instance.get_run_by_id(young) is not None
    assert list((home.dagster / "history" / "runs").glob(f"{old}*")) == []
    (line,) = Archive(home.archive).lines()
    rows = pq.read_table(home.archive / RUNS / f"{line['sha256']}.parquet").to_pylist()
    assert {row["run_id"] for row in rows} == {old}
    assert any("a line of the log" in row["body"] for row in rows)


def test_a_run_of_no_session_leaves_by_the_work_it_did_or_by_its_age(
    home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    tags = {"touchstone/work": "train:2024-01-05"}
    learned = a_job.execute_in_process(instance=instance, tags=tags).run_id
    by_hand = a_job.execute_in_process(instance=instance).run_id
    keeper = Retention(settings=settings, home=home)
    assert [item.name for item in keeper.plan(instance).leaving] == [learned]
    with time_machine.travel(datetime.now(UTC) + timedelta(days=91)):
        assert {item.name for item in keeper.plan(instance).leaving} >= {learned, by_hand}


def test_a_run_of_an_old_session_is_as_old_as_the_home_was_when_it_ran(
    home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    cycle = a_job.execute_in_process(instance=instance, tags={"touchstone/work": "cycle:2024-01-04"}).run_id
    then = a_run(instance, "2020-12-31")
    a_run(instance, "2024-06-25")
    a_run(instance, "2020-12-31")
    leaving = Retention(settings=settings, home=home).plan(instance).leaving
    assert {item.name for item in leaving} == {cycle, then}


def test_a_run_by_hand_before_a_homes_first_cycle_is_no_older_than_the_cycle(
    home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    a_run(instance, "2020-12-31")
    a_job.execute_in_process(instance=instance, tags={"touchstone/work": "first_cycle:2024-06-24"})
    assert Retention(settings=settings, home=home).plan(instance).leaving == ()


def test_a_run_of_a_session_to_come_makes_no_other_younger(
    home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    ahead, old = a_run(instance, "2024-06-27"), a_run(instance, "2024-01-04")
    assert ahead != old
    assert [item.name for item in Retention(settings=settings, home=home).plan(instance).leaving] == [old]


def test_where_time_is_the_machines_a_run_leaves_by_its_own_age_whatever_its_session(tmp_path: Path) -> None:
    traded = TradedHome(tmp_path / "paper", mode="paper")
    keeper = Retention(settings=traded.settings, home=traded.home)
    with dg.DagsterInstance.from_config(str(prepare_instance(traded.home))) as instance:
        run = a_run(instance, "2020-12-31")
        assert keeper.plan(instance).leaving == ()
        with time_machine.travel(datetime.now(UTC) + timedelta(days=91)):
            assert [item.name for item in keeper.plan(instance).leaving] == [run]


def test_a_feature_part_no_session_uses_leaves_and_the_one_in_force_stays(
    home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    session = date(2024, 1, 4)
    unused, used = written(home, session, 1.0), written(home, session, 2.0)
    keeper = Retention(settings=settings, home=home)
    assert keeper.carry_out(instance, keeper.plan(instance))[FEATURES] == 1
    left = {path.stem for path in (home.features / "price_features").glob("2*.parquet")}
    assert left == {used}
    assert [line["names"] for line in Archive(home.archive).lines()] == [[f"features/price_features/{unused}.parquet"]]
    assert Archive(home.archive).lines()[0]["kind"] == FEATURES


def test_a_feature_part_that_a_rebuild_brought_back_after_the_plan_stays(
    home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    session = date(2024, 1, 4)
    returning = written(home, session, 1.0)
    written(home, session, 2.0)
    keeper = Retention(settings=settings, home=home)
    plan = keeper.plan(instance)
    assert written(home, session, 1.0) == returning
    keeper.carry_out(instance, plan)
    assert (home.features / "price_features" / f"{returning}.parquet").exists()


def test_a_person_sees_a_plan_and_changes_nothing(home: Home, settings: Settings, instance: dg.DagsterInstance) -> None:
    old = a_run(instance, "2024-01-04")
    page = retention_page(settings, home, is_applied=False)
    assert "| run_history | 1 |" in page
    assert "nothing was changed" in page
    assert instance.get_run_by_id(old) is not None
    assert not home.archive.exists()


def test_what_a_person_applies_is_told(home: Home, settings: Settings, instance: dg.DagsterInstance) -> None:
    a_run(instance, "2024-01-04")
    assert "run history: 1" in retention_page(settings, home, is_applied=True)


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
    assert keeper.carry_out(instance, keeper.plan(instance))["news"] == 1
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


def test_news_of_a_cycle_that_is_not_planned_yet_are_held(
    home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    store = with_news(home)
    SnapshotStore(home.snapshots).pin(store.snapshot(session=FIRST, as_of=CALENDAR.as_of(FIRST)))
    plan = Retention(settings=settings, home=home).plan(instance)
    assert [session for _, session in plan.held] == [FIRST]
    assert plan.leaving == ()


def scored(home: Home, session: date) -> str:
    """Score a session as a cycle does, and return the hash of its scores."""
    store = ScoreStore(home.artifacts / SCORES_FOLDER)
    question = Question(
        features_hash=session.isoformat(), source="momentum_12_1", model_hash=None, min_feature_share=0.5
    )
    scores = SessionScores(
        session=session,
        source="momentum_12_1",
        model_hash=None,
        features_hash=session.isoformat(),
        base_value=0.0,
        scores=(SymbolScore(symbol="AAA", score=0.5, contributions={}),),
    )
    digest, _ = store.answer(question, lambda: scores)
    store.note(
        ScoringNote(
            session=session,
            source="momentum_12_1",
            reason="",
            features_hash=session.isoformat(),
            model_hash=None,
            scores_hash=digest,
        )
    )
    return digest


def with_scores_days(settings: Settings, days: int) -> Settings:
    return settings.model_copy(update={"retention": settings.retention.model_copy(update={"scores_days": days})})


def test_scores_no_decision_stands_on_leave_and_can_be_computed_again(
    traded: TradedHome, home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    unused, used = scored(home, CALENDAR.previous(FIRST)), scored(home, FIRST)
    traded.days.plan(FIRST)
    SnapshotStore(home.snapshots).pin(RawStore(home.raw).snapshot(session=FIRST, as_of=CALENDAR.as_of(FIRST)))
    keeper = Retention(settings=with_scores_days(settings, 30), home=home)
    assert keeper.carry_out(instance, keeper.plan(instance))[SCORES] == 1
    folder = home.artifacts / SCORES_FOLDER
    assert {path.stem for path in folder.glob("*.json")} == {used}
    (line,) = Archive(home.archive).lines()
    (row,) = Archive(home.archive).read(SCORES, str(line["sha256"])).to_pylist()
    assert row["name"] == f"artifacts/scores/{unused}.json"
    assert hashlib.sha256(row["body"]).hexdigest() == unused
    assert scored(home, CALENDAR.previous(FIRST)) == unused


def test_logs_leave_by_the_machines_days_and_every_byte_is_kept(
    home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    old, young = home.logs / "touchstone-2026-01-02.jsonl", home.logs / "touchstone-2026-06-02.jsonl"
    old.write_text('{"event": "plan_made"}\n', encoding="utf-8")
    young.write_text("{}\n", encoding="utf-8")
    ninety_one_days_ago = time.time() - 91 * 24 * 3600
    os.utime(old, (ninety_one_days_ago, ninety_one_days_ago))
    keeper = Retention(settings=settings, home=home)
    assert keeper.carry_out(instance, keeper.plan(instance))[LOGS] == 1
    assert (old.exists(), young.exists()) == (False, True)
    (line,) = Archive(home.archive).lines()
    assert Archive(home.archive).read(LOGS, str(line["sha256"])).to_pylist() == [
        {"name": f"logs/{old.name}", "body": b'{"event": "plan_made"}\n'}
    ]


def test_old_rows_of_the_ledger_are_archived_once_and_stay_where_they_are(
    traded: TradedHome, home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    traded.days.live(FIRST)
    head = SqliteLedger(home.ledger).verify_chain()
    FileClock(home.clock).advance_to(datetime.fromisoformat("2025-06-26T22:00:00+00:00"))
    keeper = Retention(settings=settings, home=home)
    assert keeper.carry_out(instance, keeper.plan(instance))[AUDIT] == 1
    assert SqliteLedger(home.ledger).verify_chain() == head
    (line,) = [line for line in Archive(home.archive).lines() if line["kind"] == AUDIT]
    rows = Archive(home.archive).read(AUDIT, str(line["sha256"])).to_pylist()
    columns = ("sequence", "previous_hash", "hash", "body")
    as_stored = [(row[columns[0]], *(row[name].encode() for name in columns[1:])) for row in rows]
    assert verified_head(as_stored) == head
    assert keeper.carry_out(instance, keeper.plan(instance))[AUDIT] == 0


def test_a_table_says_what_each_table_held_before_and_after(
    home: Home, settings: Settings, instance: dg.DagsterInstance
) -> None:
    with_news(home)
    keeper = Retention(settings=settings, home=home)
    before = keeper.holdings(instance)
    keeper.carry_out(instance, keeper.plan(instance))
    after = keeper.holdings(instance)
    assert (before["raw/news"].rows, after["raw/news"].rows, after["archive"].rows) == (20, 0, 20)
    assert before["raw/news"].size_bytes > after["raw/news"].size_bytes
    assert "| raw/news | 20 | 0 |" in change_table(before, after)
