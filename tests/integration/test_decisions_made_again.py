"""Sessions lived in one process, then made again from raw parts, and walked from orders to rows and back."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from dagster._serdes import deserialize_value

from assets import keys
from assets.maintenance.archive import Archive
from assets.maintenance.retention import AUDIT, FEATURES, RUNS, SCORES
from assets.maintenance.retention import NEWS as NEWS_KIND
from assets.maintenance.retention_policy import RetentionPolicy
from assets.ml.another_future import check_orders, moment_of
from assets.ml.backtest import Trial, live_through
from assets.ml.backtest_market import RecordedBatches, RetaughtModels, World, recorded_world
from assets.ml.model_registry import ModelRegistry
from assets.ml.portfolios import side_by_side
from assets.ml.scores import SessionScores, score_session
from assets.ml.train import TrainedModel
from assets.ml.trial_log import TrialLog, choices
from assets.raw_store import RawStore
from assets.schemas import NEWS
from assets.warehouse import Warehouse
from execution.artifact_files import FileArtifacts
from execution.brokers.simulated import SimulatedBroker
from execution.clock import FileClock
from execution.domain.errors import CorruptArtifact, DataError, LedgerError, SettingsRefused
from execution.domain.provenance import CheckOutcome
from execution.ledger.book import Book
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.lived_days import LivedDay
from execution.replay import Step, decision, replay_plan
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar
from pipelines.analysis import all_due_work
from pipelines.analysis import build_definitions as analysis_definitions
from pipelines.analysis_adapters import desk_rules_of, identity_of
from pipelines.cli.backtest import run_backtest, trial_of
from pipelines.cli.explain_page import explain_order, explain_row
from pipelines.cli.init import create_home
from pipelines.cli.replay_page import ReplayDiffers, replay_page
from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.jobs import JOBS
from pipelines.live_in_process import live_in_process
from pipelines.replay_analysis import replay_analysis
from pipelines.settings import Settings, load_settings
from pipelines.trading import build_definitions as trading_definitions
from pipelines.trading import run_config
from pipelines.trading_adapters import open_desk
from pipelines.upkeep.backup import make_backup
from pipelines.upkeep.drill import run_drill
from pipelines.upkeep.retention import Retention

CALENDAR = TradingCalendar.shipped()
# In the middle of a week: no training but the first one belongs to these days.
FIRST = date(2024, 1, 9)
SECOND = CALENDAR.next(FIRST)
SETTINGS = """\
mode: simulated
first_cycle_session: 2024-01-09
simulated:
  symbols: 30
  first_session: 2022-03-01
  last_session: 2024-06-28
  signal_strength: 3.0
learning:
  num_trees: 20
sizing:
  round_trip_cost_bps: 0
exits:
  - name: half
    when: [{fact: gain_fraction, at_least: -0.5}]
    sell_fraction: 0.5
"""

# What the orchestrator and the model library warn of in a long-lived process is theirs.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = tmp_path_factory.mktemp("settings") / "settings.yaml"
    path.write_text(SETTINGS, encoding="utf-8")
    return load_settings(path, {})


@pytest.fixture(scope="module")
def lived(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two decision sessions, the first traded and settled: the second was planned with positions and open stops."""
    home = Home(tmp_path_factory.mktemp("lived") / "home")
    create_home(settings, home)
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        days = live_in_process(
            definitions={
                "analysis": analysis_definitions(settings, home),
                "trading": trading_definitions(settings, home),
            },
            job_locations={row.act: row.location for row in JOBS},
            run_config=run_config,
            due=all_due_work(settings, home),
            instance=instance,
            clock=FileClock(home.clock),
            until=CALENDAR.as_of(SECOND),
            calendar=CALENDAR,
        )
        assert all(result.success for _, result in days)
    return home


@pytest.fixture(scope="module")
def book(lived: Home) -> Book:
    return SqliteLedger(lived.ledger).book()


def trading_steps(settings: Settings, home: Home, session: date, beside: Path) -> tuple[Step, ...]:
    desk = open_desk(settings, home)
    cycle = decision(desk.ledger.book(), session.isoformat())
    return replay_plan(desk, cycle, beside=FileArtifacts(beside))


def aged(lived: Home, root: Path) -> Home:
    """Return a copy of a home a year later, with news that came after its last decision and a part nobody uses."""
    home = Home(shutil.copytree(lived.root, root))
    FileClock(home.clock).advance_to(datetime(2025, 1, 10, 22, tzinfo=UTC))
    store, late = RawStore(home.raw), CALENDAR.as_of(SECOND) + timedelta(hours=1)
    rows = store.read(NEWS, as_of=late).slice(0, 5)
    ids = pa.array([f"late-{number}" for number in range(5)])
    rows = rows.set_column(0, rows.schema.field("news_id"), ids)
    known = rows.schema.get_field_index("known_at")
    rows = rows.set_column(
        known, rows.schema.field("known_at"), pa.array([late] * 5, rows.schema.field("known_at").type)
    )
    store.append(NEWS, rows, session=CALENDAR.next(SECOND), recorded_at=late)
    folder = home.features / "price_features"
    part = next(path for path in sorted(folder.glob("2*.parquet")))
    shutil.copy(part, folder / f"2023-01-03_2023-01-03_{'0' * 32}.parquet")
    return home


def test_the_oldest_kept_decision_comes_out_bit_for_bit_after_all_that_is_old_has_left(
    settings: Settings, lived: Home, book: Book, tmp_path: Path
) -> None:
    assert book.held_shares
    home = aged(lived, tmp_path / "home")
    policy = RetentionPolicy(
        replay_horizon_sessions=1, run_history_days=7, superseded_features_days=1, news_days=1, scores_days=7
    )
    keeper = Retention(settings=settings.model_copy(update={"retention": policy}), home=home)
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        plan = keeper.plan(instance)
        left = keeper.carry_out(instance, plan)
        assert instance.get_runs_count() == 0
    assert {kind: left[kind] > 0 for kind in (RUNS, FEATURES, NEWS_KIND, SCORES, AUDIT)} == dict.fromkeys(
        (RUNS, FEATURES, NEWS_KIND, SCORES, AUDIT), True
    )
    assert {session for _, session in plan.held} == {SECOND}
    # From raw parts, in a process that can read nothing but a backup of what is left.
    make_backup(settings, home)
    report = run_drill(settings, home, is_from_raw=True)
    assert (report.reason, report.decision) == ("", f"{SECOND}: {report.steps} steps, bit for bit")
    archived = Archive(home.archive)
    bodies = [
        row["body"]
        for line in archived.lines()
        if line["kind"] == RUNS
        for row in archived.read(RUNS, str(line["sha256"])).to_pylist()
    ]
    made = {key for body in bodies if (key := materialized(body)) is not None}
    assert {dg.AssetKey(list(keys.TRADING_ORDER_PLAN)), dg.AssetKey(list(keys.FEATURES_GATE_CERTIFICATE))} <= made


def materialized(body: str) -> dg.AssetKey | None:
    """Return what an archived event materialized; None when it is another event, or the run itself."""
    event = deserialize_value(body)
    is_one = isinstance(event, dg.EventLogEntry) and event.asset_materialization is not None
    return event.asset_materialization.asset_key if is_one else None


def test_a_run_of_its_own_asked_the_exit_rules_while_the_market_was_open(lived: Home, book: Book) -> None:
    bought = {
        record.order.symbol: record.filled_shares for record in book.orders.values() if record.order.leg == "entry"
    }
    sold = {record.order.symbol: record.filled_shares for record in book.orders.values() if record.leg == "target_half"}
    assert sold == {symbol: (shares + 1) // 2 for symbol, shares in bought.items() if shares}
    assert ("positions_watched", FIRST, "cross-section") in book.notes


def test_the_first_plan_of_an_account_comes_out_bit_for_bit(settings: Settings, lived: Home, tmp_path: Path) -> None:
    assert all(step.is_equal for step in trading_steps(settings, lived, FIRST, tmp_path))


def test_another_size_of_position_is_another_plan(settings: Settings, lived: Home, tmp_path: Path) -> None:
    smaller = settings.model_copy(update={"sizing": settings.sizing.model_copy(update={"max_names": 3})})
    differing = {step.name for step in trading_steps(smaller, lived, FIRST, tmp_path) if not step.is_equal}
    assert differing == {"plan", "why-rows"}


def test_a_replay_leaves_the_ledger_as_it_was(settings: Settings, lived: Home, tmp_path: Path) -> None:
    before = SqliteLedger(lived.ledger).verify_chain()
    trading_steps(settings, lived, SECOND, tmp_path)
    assert SqliteLedger(lived.ledger).verify_chain() == before


def test_a_changed_raw_part_is_no_part_of_a_replay(settings: Settings, lived: Home, tmp_path: Path) -> None:
    home = Home(shutil.copytree(lived.root, tmp_path / "home"))
    path = next(path for path in sorted((home.raw / "daily_bars").glob("*.parquet")) if path.name[0] != "_")
    bars = pq.read_table(path)
    dearer = pc.add(bars.column("close_usd"), Decimal("0.01")).cast(bars.schema.field("close_usd").type)
    pq.write_table(bars.set_column(bars.schema.get_field_index("close_usd"), "close_usd", dearer), path)
    with pytest.raises(CorruptArtifact, match="raw/daily_bars has other rows than its name says"):
        replay_page(settings, home, SECOND.isoformat(), tell=lambda _line: None)


def test_a_differing_step_is_named_with_the_table(
    settings: Settings, lived: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (Step("code", "a" * 64, "b" * 64), Step("features", "c" * 64, "d" * 64))
    monkeypatch.setattr("pipelines.cli.replay_page.replay_analysis", lambda *_arguments, **_named: steps)
    with pytest.raises(ReplayDiffers, match=f"decision of {SECOND} differs at code, features"):
        replay_page(settings, lived, SECOND.isoformat(), tell=lambda _line: None)


def test_a_decision_with_positions_and_stops_is_told_to_have_come_out_bit_for_bit(
    settings: Settings, lived: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (Step("features", "c" * 64, "c" * 64),)
    monkeypatch.setattr("pipelines.cli.replay_page.replay_analysis", lambda *_arguments, **_named: steps)
    page = replay_page(settings, lived, SECOND.isoformat(), tell=lambda _line: None)
    assert page.endswith(f"the decision of {SECOND} came out bit for bit")


def test_what_the_rule_decided_beside_a_champion_grown_too_old_comes_out_bit_for_bit(
    settings: Settings, lived: Home, tmp_path: Path
) -> None:
    home = Home(shutil.copytree(lived.root, tmp_path / "home"))
    store, models = SignalBatchStore(home.artifacts), ModelRegistry(home.artifacts)
    decided = store.load(store.published(FIRST)[-1])
    taught = models.load(models.history()[0].model_hash)
    then = decided.as_of - timedelta(days=60)
    card = replace(taught.card, trained_as_of=then)
    old = models.publish(TrainedModel(text=taught.text, calibration=taught.calibration, card=card))
    models.promote(old, reason="it was good then", at=then)
    # Promoted at the decision's own instant, after it: a week's last cycle decides before its training.
    models.promote(taught.model_hash, reason="it is good now", at=decided.as_of)
    against = f"champion {old[:12]}, taught up to {then.isoformat()}, is older than 30 days"
    beside_it = replace(decided, decision_reason=f"{against}; the rule decides in simulated mode")
    steps = replay_analysis(settings, home, beside_it, beside=tmp_path / "beside")
    assert [step.name for step in steps if not step.is_equal] == []


def test_a_decision_is_found_by_any_of_its_orders(book: Book) -> None:
    cycle = decision(book, FIRST.isoformat())
    order = book.orders_of(cycle.cycle_id)[0].order
    assert decision(book, order.client_order_id) == cycle
    assert decision(book, str(cycle.plan_hash)) == cycle


def test_a_name_nobody_has_is_refused(book: Book) -> None:
    with pytest.raises(LedgerError, match="0 decisions are named '2019-01-02'"):
        decision(book, "2019-01-02")


def test_an_order_is_explained_down_to_the_newest_bar_behind_it(lived: Home, book: Book) -> None:
    record = next(record for record in book.orders.values() if record.leg == "entry")
    page = explain_order(lived, book, record.order.client_order_id)
    assert f"last known: symbol={record.order.symbol} session={FIRST} open_usd=" in page
    assert "simulated/synthetic" in page


def test_a_bar_is_explained_up_to_the_orders_it_touched(lived: Home, book: Book) -> None:
    order = next(record.order for record in book.orders.values() if record.leg == "entry")
    page = explain_row(
        lived, book, table_name="daily_bars", wanted={"symbol": order.symbol, "session": FIRST.isoformat()}
    )
    assert f"[{order.client_order_id}]" in page
    assert f"behind    2 decisions, sessions {FIRST} to {SECOND}" in page


def test_a_bar_of_tomorrow_touched_no_order(lived: Home, book: Book) -> None:
    order = next(record.order for record in book.orders.values() if record.leg == "entry")
    planned_only_first = msgspec.structs.replace(
        book, cycles={key: one for key, one in book.cycles.items() if one.session == FIRST}
    )
    page = explain_row(
        lived, planned_only_first, table_name="daily_bars", wanted={"symbol": order.symbol, "session": f"{SECOND}"}
    )
    assert "no decision could see it" in page
    assert "touched   no order" in page


def world_of(home: Home, trial: Trial) -> World:
    return recorded_world(
        Warehouse(home.warehouse), RawStore(home.raw), first=trial.first, last=trial.last, calendar=CALENDAR
    )


def tried_again(settings: Settings, home: Home, trial: Trial) -> list[tuple[LivedDay, ...]]:
    trial.sessions(CALENDAR)
    return list(
        live_through(
            trial,
            world=world_of(home, trial),
            gate=SignalBatchStore(home.artifacts),
            identity=identity_of(settings),
            portfolios=side_by_side(desk_rules_of(settings), scorer=trial.scorer, policy=settings.learning),
            calendar=CALENDAR,
        )
    )


def recorded_batches(settings: Settings, home: Home, *, gate: SignalBatchStore) -> RecordedBatches:
    return RecordedBatches(
        warehouse=Warehouse(home.warehouse),
        identity=identity_of(settings),
        policy=settings.learning,
        calendar=CALENDAR,
        snapshot_hash="0" * 64,
        gate=gate,
        models=None,
        decided=frozenset({FIRST}),
    )


def test_a_backtest_hands_over_what_the_cycle_published(settings: Settings, lived: Home) -> None:
    store = SignalBatchStore(lived.artifacts)
    published = store.load(store.published(FIRST)[-1])
    recorded = recorded_batches(settings, lived, gate=store).of(FIRST)
    assert recorded is not None
    assert published.decision_source == "momentum_12_1"
    told_apart = ("decision_reason", "code_hash")
    assert replace(recorded, **{name: getattr(published, name) for name in told_apart}) == published


def test_a_backtest_holds_where_the_gate_was_red(settings: Settings, lived: Home, tmp_path: Path) -> None:
    then = SignalBatchStore(lived.artifacts).certificates(FIRST)[-1]
    second = SignalBatchStore(tmp_path)
    second.publish_certificate(then)
    failed = replace(then.checks[0], passed=False, reason="nobody believes it any more")
    second.publish_certificate(replace(then, checks=(failed, *then.checks[1:])))
    assert recorded_batches(settings, lived, gate=second).of(FIRST) is None


def test_rows_that_no_gate_judged_stand_on_being_stored(settings: Settings, lived: Home, tmp_path: Path) -> None:
    recorded = recorded_batches(settings, lived, gate=SignalBatchStore(tmp_path)).of(FIRST)
    assert recorded is not None
    assert [check.name for check in recorded.certificate.checks] == ["stored_rows"]


def test_a_backtest_by_the_rule_trades_and_says_so(settings: Settings, lived: Home) -> None:
    told: list[str] = []
    span = (CALENDAR.offset(FIRST, -40), CALENDAR.previous(FIRST))
    trial = trial_of(span, scores="momentum_12_1", every=5, retrain=63, costs="1,3")
    pages = [run_backtest(settings, lived, trial, tell=told.append) for _ in range(2)]
    assert pages[0] == pages[1]
    assert "on a simulated market" in pages[0]
    assert len(list((lived.artifacts / "backtests").glob("*.json"))) == 2
    lines = TrialLog(lived.artifacts / "models").trials()
    looks = [line.choice_hash for line in lines if line.backtest is not None]
    assert (len(set(looks)), len(looks)) == (1, 4)
    assert f"choices tried: {choices(lines, of='account')} (1 backtested, " in pages[0]


def test_a_variant_lives_beside_production_and_changes_nothing_of_it(
    settings: Settings, lived: Home, tmp_path: Path
) -> None:
    few = tmp_path / "few_names.yaml"
    few.write_text("limits: {names_max: 2}\n", encoding="utf-8")
    span = (CALENDAR.offset(FIRST, -20), CALENDAR.previous(FIRST))
    trial = trial_of(span, scores="momentum_12_1", every=5, retrain=63, costs="1", capital="1000000")
    alone = run_backtest(
        settings, lived, trial_of(span, scores="momentum_12_1", every=5, retrain=63, costs="1"), tell=len
    )
    before = choices(TrialLog(lived.artifacts / "models").trials(), of="account")
    page = run_backtest(settings, lived, trial, tell=len, beside=[str(few)])
    assert choices(TrialLog(lived.artifacts / "models").trials(), of="account") == before + 1
    rows = {line[: line.index("  ")]: line.split()[-1] for line in page.splitlines() if "  " in line}
    assert len({rows[name] for name in ("1x costs", "few_names", "1,000,000 USD")}) == 3
    assert rows["1x costs"] in alone


@pytest.mark.parametrize("named", ["nobody", "other_mode.yaml"])
def test_a_variant_of_nothing_or_of_another_world_is_refused(
    settings: Settings, lived: Home, tmp_path: Path, named: str
) -> None:
    (tmp_path / "other_mode.yaml").write_text("mode: files\n", encoding="utf-8")
    trial = trial_of((FIRST, FIRST), scores="momentum_12_1", every=5, retrain=63, costs="1")
    with pytest.raises(SettingsRefused, match=r"expected (a settings file|the same world)"):
        run_backtest(settings, lived, trial, tell=len, beside=[str(tmp_path / named)])


def test_a_universe_or_features_the_marts_were_not_built_by_are_refused_and_are_no_choice(
    settings: Settings, lived: Home, tmp_path: Path
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("universe: {max_names: 3}\nfeatures: {sets: [alpha158]}\n", encoding="utf-8")
    trial = trial_of((FIRST, FIRST), scores="momentum_12_1", every=5, retrain=63, costs="1")
    before = TrialLog(lived.artifacts / "models").trials()
    with pytest.raises(SettingsRefused, match=r"--beside .*features\.sets alpha158 .*universe\.max_names 3 where"):
        run_backtest(settings, lived, trial, tell=len, beside=[str(other)])
    production = settings.model_copy(update={"universe": settings.universe.model_copy(update={"max_names": 3})})
    with pytest.raises(SettingsRefused, match=r"universe\.max_names 3 where the stored marts were built with 3000"):
        run_backtest(production, lived, trial, tell=len)
    assert TrialLog(lived.artifacts / "models").trials() == before


def test_a_backtest_is_an_asset_with_its_table_and_its_chart(settings: Settings, lived: Home) -> None:
    config = {"first": str(CALENDAR.offset(FIRST, -10)), "last": str(CALENDAR.offset(FIRST, -2)), "every_sessions": 2}
    definitions = analysis_definitions(settings, lived)
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(keys.ML_BACKTEST)],
            run_config={"ops": {"ml__backtest": {"config": config}}},
        )
    (event,) = result.asset_materializations_for_node("ml__backtest")
    table = str(event.metadata["results"].value).splitlines()
    assert [line.split("|")[1].strip() for line in table] == ["portfolio", "---", "1x costs", "2x costs", "3x costs"]
    assert str(event.metadata["equity"].value).startswith("![equity](data:image/png;base64,")
    counted = choices(TrialLog(lived.artifacts / "models").trials(), of="account")
    assert event.metadata["choices_tried"].value == counted > 0


def judged(settings: Settings, home: Home, trial: Trial, lived_days: list[tuple[LivedDay, ...]]) -> CheckOutcome:
    portfolios = side_by_side(desk_rules_of(settings), scorer=trial.scorer, policy=settings.learning)
    return check_orders(
        trial,
        lived_days,
        world=world_of(home, trial),
        gate=SignalBatchStore(home.artifacts),
        identity=identity_of(settings),
        portfolios=portfolios,
        calendar=CALENDAR,
    )


def a_months_trial() -> Trial:
    return Trial(first=CALENDAR.offset(FIRST, -12), last=CALENDAR.offset(FIRST, -1), every_sessions=2)


def test_a_backtest_comes_out_again_in_a_world_with_another_future(settings: Settings, lived: Home) -> None:
    trial = a_months_trial()
    found = judged(settings, lived, trial, tried_again(settings, lived, trial))
    assert found.passed
    moment = moment_of(trial.decided(CALENDAR))
    assert found.value == f"0 of {len(CALENDAR.between(trial.first, moment))} sessions differ"


def test_a_score_that_reads_a_later_session_is_caught_by_another_future(
    settings: Settings, lived: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_the_next_session(warehouse: Warehouse, *, session: date, **rest: Any) -> SessionScores:
        later = CALENDAR.offset(session, 1)
        has_rows = warehouse.read("select 1 from marts.fct_features where session = ? limit 1", (later,)).num_rows
        return replace(score_session(warehouse, session=later if has_rows else session, **rest), session=session)

    monkeypatch.setattr("assets.ml.backtest_market.score_session", of_the_next_session)
    trial = a_months_trial()
    found = judged(settings, lived, trial, tried_again(settings, lived, trial))
    assert not found.passed
    assert "depends on what came later" in found.reason


def test_an_order_that_reads_a_later_price_is_caught_by_another_future(
    settings: Settings, lived: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_usd = SimulatedBroker.close_usd

    def tomorrows(self: SimulatedBroker, symbol: str, session: date) -> Decimal | None:
        following = CALENDAR.next(session)
        row = self._tape.row(following, symbol) if self._tape.has(following) else None
        return row.close_usd if row is not None else close_usd(self, symbol, session)

    monkeypatch.setattr(SimulatedBroker, "close_usd", tomorrows)
    trial = a_months_trial()
    assert not judged(settings, lived, trial, tried_again(settings, lived, trial)).passed


def test_a_model_of_a_backtest_knows_only_what_was_complete_by_then(settings: Settings, lived: Home) -> None:
    first = CALENDAR.offset(FIRST, -6)
    models = RetaughtModels(Warehouse(lived.warehouse), settings.learning, identity_of(settings), CALENDAR, 3)
    cards = [models.at(CALENDAR.offset(first, place)).card for place in range(5)]
    assert [card.trained_as_of for card in cards[::3]] == [
        CALENDAR.as_of(first),
        CALENDAR.as_of(CALENDAR.offset(first, 3)),
    ]
    assert len({card.dataset_hash for card in cards}) == 2
    assert all(card.train_last < first for card in cards[:3])


def test_a_trial_of_no_session_is_refused(settings: Settings, lived: Home) -> None:
    with pytest.raises(SettingsRefused, match="expected sessions of the exchange"):
        tried_again(settings, lived, Trial(first=SECOND, last=FIRST))


def test_rows_of_a_session_nobody_built_are_missed_by_name(settings: Settings, lived: Home) -> None:
    with pytest.raises(DataError, match=r"has no bar of"):
        tried_again(settings, lived, Trial(first=SECOND, last=CALENDAR.offset(SECOND, 3)))
