"""The face of learning in a real Dagster run: keys, partitions, resources, proof and what a person sees."""

import shutil
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from assets import keys
from assets.identity import RunIdentity
from assets.ml import defs
from assets.ml.afterwards import defs as after
from assets.ml.model_registry import ModelRegistry
from assets.ml.policy import DriftPolicy, LearningPolicy, PromotionPolicy, SearchPolicy, SearchRange
from assets.ml.score_store import ScoreStore
from assets.ml.tuning import defs as tuning
from assets.partitions import SESSIONS
from assets.raw_store import RawStore
from assets.snapshots import DataSnapshot, SnapshotStore
from assets.warehouse import POOL, Warehouse
from execution.domain.errors import CertificateRefused, CorruptArtifact, DataError, SettingsRefused
from execution.signal_batch_store import SignalBatchStore
from tests.unit.ml.marts_builder import CALENDAR, IDENTITY, Market, a_certificate, a_market, a_policy

TRAINING = [defs.training_set, defs.model]
SCORING = [defs.scores, defs.signal_batch]
_OF_LEARNING = ("warehouse", "batches", "snapshots", "models", "clock", "learning_policy", "identity", "artifacts_root")
NOTHING = dict.fromkeys((*_OF_LEARNING, "raw_store", "desk_rules", "universe_policy", "stored_settings"), object())


@dataclass
class StoppedClock:
    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def monotonic_seconds(self) -> float:
        return 0.0


@dataclass
class Home:
    """One home with a pinned snapshot and, when a test says so, its certificate."""

    root: Path
    market: Market
    instance: dg.DagsterInstance
    identity: RunIdentity = IDENTITY
    now_after: timedelta = timedelta(0)
    policy: LearningPolicy = field(default_factory=a_policy)
    batches: SignalBatchStore = field(init=False)
    models: ModelRegistry = field(init=False)
    warehouse: Warehouse = field(init=False)

    def __post_init__(self) -> None:
        self.warehouse = self.market.write(self.root / "warehouse.duckdb")
        self.batches = SignalBatchStore(self.root / "artifacts")
        self.models = ModelRegistry(self.root / "artifacts")
        self.snapshot = DataSnapshot(session=self.session, as_of=CALENDAR.as_of(self.session), parts=())
        SnapshotStore(self.root / "snapshots").pin(self.snapshot)

    @property
    def session(self):
        return self.market.sessions[-1]

    def certify(self, **changes: Any) -> None:
        self.batches.publish_certificate(
            a_certificate(self.warehouse, self.session, snapshot_hash=self.snapshot.hash, **changes)
        )

    def resources(self) -> dict[str, Any]:
        return {
            "warehouse": self.warehouse,
            "batches": self.batches,
            "snapshots": SnapshotStore(self.root / "snapshots"),
            "models": self.models,
            "clock": StoppedClock(CALENDAR.as_of(self.session) + self.now_after),
            "learning_policy": self.policy,
            "raw_store": RawStore(self.root / "raw"),
            "identity": self.identity,
            "artifacts_root": self.root / "artifacts",
        }

    def run(self, assets: list[dg.AssetsDefinition], **options: Any) -> dg.ExecuteInProcessResult:
        partition = self.session.isoformat() if any(asset in SCORING for asset in assets) else None
        given = {"partition_key": partition, "resources": self.resources(), "instance": self.instance}
        return dg.materialize(assets, **given, **options)


def seen(result: dg.ExecuteInProcessResult, key: keys.Key) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node("__".join(key))
    return {name: value.value for name, value in event.metadata.items()}


@pytest.fixture
def home(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        yield Home(tmp_path, a_market(symbols=12, sessions=110), instance)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """What a home of this market stores by its first training."""
    with dg.DagsterInstance.ephemeral() as instance:
        first = Home(tmp_path_factory.mktemp("learned"), a_market(symbols=12, sessions=110), instance)
        first.certify()
        first.run(TRAINING)
    return first.root / "artifacts"


@pytest.fixture
def trained(home, learned):
    """A home with a certificate and a champion."""
    shutil.copytree(learned, home.root / "artifacts", dirs_exist_ok=True)
    return home


def test_training_stores_a_champion_and_shows_its_folds(home):
    home.certify()
    result = home.run(TRAINING)
    shown = seen(result, keys.ML_MODEL)
    champion = home.models.champion()
    assert champion is not None
    assert champion.model_hash == shown["model_hash"]
    for name, suffix in (("report_hash", "html"), ("report_pdf_hash", "pdf")):
        assert (home.root / "artifacts" / "model_reports" / f"{shown[name]}.{suffix}").exists()
    assert champion.card.dataset_hash == seen(result, keys.ML_TRAINING_SET)["dataset_hash"]
    assert champion.card.trained_as_of == CALENDAR.as_of(home.session)
    assert shown["verdict"] == "promoted"
    assert "| test |" in shown["folds"]
    assert "data:image/png" in shown["rank_ic_by_fold"]


def test_training_checks_its_labels_and_tells_what_promotion_asked(home):
    home.certify()
    result = home.run(TRAINING)
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert {name: check.passed for name, check in checks.items()} == {defs.LABELS_HOLD: True, defs.PROMOTION_GATE: True}
    shown = seen(result, keys.ML_MODEL)
    assert "| deflated Sharpe ratio |" in shown["promotion_gate"]
    assert "momentum_12_1" in shown["beside_rules_and_luck"]
    assert {"deflated_sharpe", "overfitting_probability", "superiority_p"} <= shown.keys()


def test_a_refused_challenger_fails_its_check_and_stops_nothing(home):
    home.certify()
    home.policy = a_policy(promotion=PromotionPolicy(cost_bps=500.0))
    result = home.run(TRAINING)
    (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == defs.PROMOTION_GATE]
    assert result.success
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert home.models.champion() is None
    assert "expected" in seen(result, keys.ML_MODEL)["why"]


def test_labels_that_know_the_future_stop_learning(home, monkeypatch):
    home.certify()
    monkeypatch.setattr(defs, "label_differences", lambda *_, **__: 3)
    with pytest.raises(dg.DagsterError, match=defs.LABELS_HOLD):
        home.run(TRAINING)
    assert home.models.history() == ()


def test_the_look_back_on_a_home_that_has_just_begun_says_so_and_keeps_its_champion(trained):
    trained.run(SCORING)
    result = trained.run([after.live_judgement])
    shown = seen(result, keys.ML_LIVE_JUDGEMENT)
    assert shown["range"] == "no published session is over yet"
    assert shown["demoted"] == "none"
    assert "| scores |" in shown["drift"]
    assert trained.models.champion() is not None


def test_a_champion_the_world_has_left_is_demoted_and_its_check_says_why(trained):
    trained.policy = a_policy(drift=DriftPolicy(max_psi=0.0001, max_moved_share=0.0))
    result = trained.run([after.live_judgement])
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert trained.models.champion() is None
    assert trained.models.history()[-1].verdict == "demoted"
    assert "features moved" in trained.models.history()[-1].reason


def test_a_champion_whose_rows_are_gone_fails_its_check_and_stays(trained):
    for file in (trained.root / "artifacts" / "training_sets").glob("*.parquet"):
        file.unlink()
    result = trained.run([after.live_judgement])
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert "drift is unknown: found no training set" in check.description
    assert trained.models.champion() is not None


def test_the_hold_out_opens_once(trained):
    asked = {"ops": {"ml__hold_out": {"config": {"reason": "before paper"}}}}
    shown = seen(trained.run([after.hold_out], run_config=asked), keys.ML_HOLD_OUT)
    assert "before paper" in shown["result"]
    with pytest.raises(SettingsRefused, match="seen once"):
        trained.run([after.hold_out], run_config=asked)


def test_a_search_tries_its_choices_on_the_newest_training_set_and_leaves_the_champion(trained):
    trained.policy = a_policy(search=SearchPolicy(max_trials=2, space={"num_leaves": SearchRange(low=3, high=15)}))
    champion = trained.models.champion()
    shown = seen(trained.run([tuning.settings_search]), keys.ML_SEARCH)
    assert shown["choices_tried"] == shown["choices_ever_tried"] == 2
    assert "learning:\n  num_leaves:" in shown["settings"]
    assert trained.models.champion() == champion
    assert len(trained.models.history()) == 1


def test_training_twice_gives_the_same_model_and_one_promotion(home):
    home.certify()
    first, second = home.run(TRAINING), home.run(TRAINING)
    assert seen(first, keys.ML_MODEL)["model_hash"] == seen(second, keys.ML_MODEL)["model_hash"]
    assert len(home.models.history()) == 1


def test_a_proven_session_becomes_a_published_batch(trained):
    result = trained.run(SCORING)
    shown = seen(result, keys.ML_SIGNAL_BATCH)
    batch = trained.batches.load(shown["published"])
    assert trained.batches.published(trained.session) == (shown["published"],)
    assert batch.decision_source == "model"
    assert batch.snapshot_hash == trained.snapshot.hash
    assert "data:image/png" in seen(result, keys.ML_SCORES)["score_distribution"]
    assert len(seen(result, keys.ML_SCORES)["best_and_worst"].splitlines()) == 12


def test_running_again_publishes_nothing_new(trained):
    trained.run(SCORING)
    trained.now_after = timedelta(hours=3)
    trained.run(SCORING)
    assert len(trained.batches.published(trained.session)) == 1


def test_without_a_certificate_of_the_newest_session_nothing_is_learned(home):
    with pytest.raises(CertificateRefused, match="materialize features/gate_certificate"):
        home.run([defs.training_set])
    assert not (home.root / "artifacts" / "training_sets").exists()


def test_a_newest_session_that_turned_red_teaches_nothing(home):
    home.certify()
    home.certify(failed=["leakage"])
    with pytest.raises(CertificateRefused, match="leakage"):
        home.run([defs.training_set])
    assert not (home.root / "artifacts" / "training_sets").exists()


def test_without_a_certificate_scoring_alone_is_refused(home):
    with pytest.raises(CertificateRefused, match="materialize features/gate_certificate"):
        home.run([defs.scores])


def test_a_red_gate_refuses_scoring_in_a_later_run(home):
    home.certify()
    home.certify(failed=["leakage"])
    with pytest.raises(CertificateRefused, match="leakage"):
        home.run([defs.scores])
    assert home.batches.published(home.session) == ()


def test_a_gate_that_turned_red_after_scoring_refuses_the_batch(home):
    home.certify()
    home.run([defs.scores])
    home.certify(failed=["leakage"])
    with pytest.raises(CertificateRefused, match="leakage"):
        home.run([defs.signal_batch])
    assert home.batches.published(home.session) == ()


def test_without_a_champion_the_rule_decides_and_the_batch_says_so(home):
    home.certify()
    result = home.run(SCORING)
    batch = home.batches.load(seen(result, keys.ML_SIGNAL_BATCH)["published"])
    assert batch.decision_source == "momentum_12_1"
    assert batch.model_hash is None
    assert "no champion" in batch.decision_reason


def test_without_a_champion_paper_publishes_nothing_and_says_why(home):
    home.certify()
    home.identity = replace(IDENTITY, mode="paper", is_synthetic=False)
    result = home.run(SCORING)
    assert home.batches.published(home.session) == ()
    assert seen(result, keys.ML_SIGNAL_BATCH)["published"] == "nothing"
    assert "no champion" in seen(result, keys.ML_SIGNAL_BATCH)["why"]
    assert ScoreStore(home.root / "artifacts" / "scores").noted(home.session).source == "hold"
    assert "paper mode holds until a model is trained and promoted" in home.batches.held(home.session)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda folder: (folder / "model.txt").write_text("tree\nnot a model"), "a file was changed after it was"),
        (lambda folder: (folder / "card.json").write_bytes(b"not JSON"), "a file was changed after it was written"),
        (lambda folder: (folder / "model.txt").unlink(), "found no whole model"),
        (shutil.rmtree, "found no whole model"),
    ],
    ids=["another model", "a card that is none", "no model file", "no folder"],
)
def test_a_champion_that_is_not_what_it_was_is_never_parsed_and_the_session_holds(trained, monkeypatch, harm, told):
    harm(trained.root / "artifacts" / "models" / trained.models.history()[-1].model_hash)
    monkeypatch.setattr("lightgbm.Booster", lambda **_: pytest.fail("bytes nobody vouches for were parsed"))
    with pytest.raises(CorruptArtifact, match=told):
        trained.run(SCORING)
    assert trained.batches.published(trained.session) == ()
    assert trained.batches.held(trained.session).startswith("nothing was scored: found")
    assert told in trained.batches.held(trained.session)


@pytest.mark.parametrize(
    ("mode", "source"), [("simulated", "momentum_12_1"), ("paper", "hold")], ids=["the rule decides", "paper holds"]
)
@pytest.mark.parametrize(
    ("world", "told"),
    [
        ({"asked": 400}, "labelled sessions up to"),
        ({"returns": 0.0}, "found the same label on all"),
        ({"features": float("nan")}, "found no feature that varies"),
    ],
    ids=["too little history", "constant label", "NaN features"],
)
def test_what_teaches_nothing_is_refused_by_name_and_stops_nobody_else(home, world, told, mode, source):
    if "asked" in world:
        home.policy = a_policy(min_history_sessions=world["asked"])
    if "returns" in world:
        home.market.returns[:] = world["returns"]
    if "features" in world:
        for values in home.market.features.values():
            values[:] = world["features"]
    home.warehouse = home.market.write(home.root / "warehouse.duckdb")
    home.identity = replace(IDENTITY, mode=mode)
    home.certify()
    result = home.run([*TRAINING, *SCORING])
    assert result.success
    assert told in seen(result, keys.ML_MODEL)["why"]
    (entry,) = home.models.history()
    assert (entry.verdict, entry.trained_as_of) == ("refused", CALENDAR.as_of(home.session))
    note = ScoreStore(home.root / "artifacts" / "scores").noted(home.session)
    assert note.source == source
    if source == "hold":
        assert told in home.batches.held(home.session) == note.reason
    else:
        # No verdict in a batch: one that comes later would make another batch of the same decision.
        (published,) = home.batches.published(home.session)
        assert home.batches.load(published).decision_reason.startswith("there is no champion; ")


def test_a_refused_training_leaves_the_champion_where_it_is(trained):
    champion = trained.models.champion()
    trained.policy = a_policy(min_history_sessions=400)
    result = trained.run([*TRAINING, *SCORING])
    failed = {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    assert failed == {defs.LABELS_HOLD, defs.PROMOTION_GATE}
    assert trained.models.champion() == champion
    assert seen(result, keys.ML_SCORES)["decision"] == "model"


def test_a_model_that_reads_a_feature_the_marts_lost_holds_the_session(trained):
    with duckdb.connect(str(trained.root / "warehouse.duckdb")) as connection:
        connection.execute("alter table marts.fct_features drop column return_5d")
    trained.certify()
    with pytest.raises(DataError, match="found no feature column return_5d"):
        trained.run(SCORING)
    assert "found no feature column return_5d" in trained.batches.held(trained.session)


def test_scores_and_batch_are_partitioned_and_training_is_not():
    assert all(asset.partitions_def == SESSIONS for asset in SCORING)
    assert all(asset.partitions_def is None for asset in TRAINING)


def test_what_opens_the_warehouse_declares_its_pool():
    assert all(asset.op.pool == POOL for asset in [*TRAINING, *SCORING])


def test_lineage_reaches_from_the_gate_to_the_batch():
    graph = dg.Definitions(assets=defs.DEFINITIONS.assets, resources=NOTHING).resolve_asset_graph()
    above = graph.get(dg.AssetKey(list(keys.ML_SIGNAL_BATCH))).parent_keys
    assert above == {dg.AssetKey(list(keys.ML_SCORES))}
    above = graph.get(dg.AssetKey(list(keys.ML_SCORES))).parent_keys
    assert {dg.AssetKey(list(key)) for key in (keys.FEATURES_GATE_CERTIFICATE, keys.ML_MODEL)} <= above
