from dataclasses import replace
from datetime import timedelta

import pytest

from assets.feature_catalogue import FEATURES, NAMES
from assets.features.model_sources import note_versions
from assets.ml import scoring
from assets.ml.dataset import build_training_set
from assets.ml.model_registry import ModelRegistry
from assets.ml.score_store import ScoreStore
from assets.ml.scoring import proven, score
from assets.ml.train import TrainedModel, train
from execution.domain.errors import CertificateRefused, CorruptArtifact, DataError
from execution.signal_batch_store import SignalBatchStore
from tests.unit.ml.marts_builder import CALENDAR, IDENTITY, SNAPSHOT_HASH, a_certificate, a_market, a_policy


def asked(learned, store, *, mode="simulated", models=None, after=timedelta(0), certificate=None):
    return score(
        learned.warehouse,
        store,
        models or learned.models,
        certificate=certificate or a_certificate(learned.warehouse, learned.session),
        mode=mode,
        now=CALENDAR.as_of(learned.session) + after,
        policy=a_policy(),
        calendar=CALENDAR,
    )


@pytest.fixture
def store(tmp_path) -> ScoreStore:
    return ScoreStore(tmp_path / "scores")


@pytest.fixture
def computed(monkeypatch) -> list[str]:
    """The features hashes for which scores were really computed."""
    calls: list[str] = []
    compute = scoring.score_session

    def spy(*args, **kwargs):
        calls.append(kwargs["features_hash"])
        return compute(*args, **kwargs)

    monkeypatch.setattr(scoring, "score_session", spy)
    return calls


def test_the_same_question_asked_twice_is_computed_once(learned, store, computed):
    first, second = asked(learned, store), asked(learned, store)
    assert len(computed) == 1
    assert first == second


def test_the_stored_answer_survives_a_new_store(learned, tmp_path, computed):
    first = asked(learned, ScoreStore(tmp_path))
    assert asked(learned, ScoreStore(tmp_path)) == first
    assert len(computed) == 1


def test_other_features_are_another_question(learned, store, computed):
    certificate = a_certificate(learned.warehouse, learned.session)
    asked(learned, store, certificate=certificate)
    asked(learned, store, certificate=replace(certificate, features_hash="0" * 64))
    assert len(computed) == 2


def test_the_rule_answers_another_question_than_the_model(learned, store, tmp_path, computed):
    asked(learned, store)
    nobody = asked(learned, store, models=ModelRegistry(tmp_path / "empty"))
    assert len(computed) == 2
    assert nobody.scores.source == "momentum_12_1"


def test_a_changed_answer_is_refused_not_computed_again(learned, store, tmp_path, computed):
    made = asked(learned, store)
    path = tmp_path / "scores" / f"{made.note.scores_hash}.json"
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    with pytest.raises(CorruptArtifact):
        asked(learned, store)
    assert len(computed) == 1


def test_without_a_champion_real_money_holds_and_the_note_says_why(learned, store, tmp_path, computed):
    made = asked(learned, store, mode="live", models=ModelRegistry(tmp_path / "empty"))
    assert made.scores is None
    assert computed == []
    assert store.noted(learned.session).source == "hold"
    assert "no champion" in store.noted(learned.session).reason


def test_the_note_names_model_features_and_scores(learned, store):
    made = asked(learned, store)
    note = store.noted(learned.session)
    assert note == made.note
    assert note.model_hash == learned.model_hash
    assert store.load(note.scores_hash) == made.scores


def test_a_session_scored_again_years_later_finds_its_champion_fresh(learned, store):
    first = asked(learned, store)
    assert asked(learned, store, after=timedelta(days=900)).note == first.note


def test_a_champion_that_learned_from_later_sessions_scores_nothing(learned, store):
    earlier = learned.market.sessions[-5]
    made = score(
        learned.warehouse,
        store,
        learned.models,
        certificate=a_certificate(learned.warehouse, earlier),
        mode="simulated",
        now=CALENDAR.as_of(learned.session),
        policy=a_policy(),
        calendar=CALENDAR,
    )
    assert made.note.source == "momentum_12_1"


def test_a_session_that_was_never_scored_says_what_to_materialize(store, learned):
    with pytest.raises(DataError, match="materialize ml/scores"):
        store.noted(learned.session)


def test_proof_is_asked_of_the_rows_that_are_there_now(tmp_path):
    market = a_market(symbols=4, sessions=10)
    session = market.sessions[-1]
    batches = SignalBatchStore(tmp_path)
    warehouse = market.write(tmp_path / "warehouse.duckdb")
    batches.publish_certificate(a_certificate(warehouse, session))
    assert proven(warehouse, batches, session=session, snapshot_hash=SNAPSHOT_HASH).is_green
    market.features["rsi_14"][-1, 0] += 1e-12
    market.write(tmp_path / "warehouse.duckdb")
    with pytest.raises(CertificateRefused):
        proven(warehouse, batches, session=session, snapshot_hash=SNAPSHOT_HASH)


def test_a_red_certificate_after_a_green_one_refuses(tmp_path):
    market = a_market(symbols=4, sessions=10)
    session = market.sessions[-1]
    batches = SignalBatchStore(tmp_path)
    warehouse = market.write(tmp_path / "warehouse.duckdb")
    batches.publish_certificate(a_certificate(warehouse, session))
    batches.publish_certificate(a_certificate(warehouse, session, failed=["leakage"]))
    with pytest.raises(CertificateRefused, match="leakage"):
        proven(warehouse, batches, session=session, snapshot_hash=SNAPSHOT_HASH)


def test_a_champion_taught_on_another_version_scores_nothing_until_one_is_taught_again(learned, store, tmp_path):
    warehouse, models = learned.market.write(tmp_path / "warehouse.duckdb"), ModelRegistry(tmp_path)
    here = replace(learned, warehouse=warehouse, models=models)

    def promote(made):
        models.promote(models.publish(made), reason="best", at=CALENDAR.as_of(learned.market.sessions[-2]))

    old = learned.models.load(learned.model_hash)
    promote(TrainedModel(text=old.text, calibration=old.calibration, card=old.card))
    assert asked(here, store).note.source == "model"
    note_versions(warehouse, [replace(one, version=2) if one.name == "rsi_14" else one for one in FEATURES])
    assert asked(here, store).scores.source == "momentum_12_1"
    assert "was taught on other versions of rsi_14 (version 1, now 2)" in store.noted(learned.session).reason
    promote(learned_again(warehouse, learned.market.sessions[-2]))
    assert asked(here, store).note.source == "model"


def test_a_champion_taught_on_headlines_scored_by_another_scores_nothing(learned, store, tmp_path):
    warehouse, models = learned.market.write(tmp_path / "warehouse.duckdb"), ModelRegistry(tmp_path)
    old = learned.models.load(learned.model_hash)
    features = (*old.card.features[1:], "news_sentiment_5d")
    card = replace(old.card, features=features, built_by={"features.labelled_sentences_file": "word list"})
    made = TrainedModel(text=old.text, calibration=old.calibration, card=card)
    models.promote(models.publish(made), reason="best", at=CALENDAR.as_of(learned.market.sessions[-2]))
    with warehouse.connect(read_only=False) as connection:
        connection.execute("create schema request")
        connection.execute(
            "create table request.feature_settings as "
            "select 'features.labelled_sentences_file' as setting, 'own sentences' as value"
        )
    assert asked(replace(learned, warehouse=warehouse, models=models), store).scores.source == "momentum_12_1"
    assert "labelled_sentences_file word list, now own sentences" in store.noted(learned.session).reason


def learned_again(warehouse, cut_off):
    rows = build_training_set(warehouse, cut_off=cut_off, feature_names=NAMES, policy=a_policy(), calendar=CALENDAR)
    code = IDENTITY.code_hash
    made = train(rows, policy=a_policy(), trained_as_of=CALENDAR.as_of(cut_off), code_hash=code, is_synthetic=True)
    assert made.card.feature_versions == {name: 2 if name == "rsi_14" else 1 for name in NAMES}
    return made
