"""A look back at the shipped settings: a month of each champion is enough when months are read together."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from assets.ml.afterwards.looking_back import decided_by_models, look_back
from assets.ml.afterwards.pages import drift_table
from assets.ml.model_registry import ModelRegistry
from assets.ml.policy import LearningPolicy
from assets.ml.train import train
from assets.ml.training_sets import TrainingSetStore
from execution.domain.errors import CorruptArtifact
from execution.signal_batch_store import SignalBatchStore
from tests.builders.batches import a_batch, a_signal
from tests.unit.ml.marts_builder import CALENDAR, CONSTANT, NOISE, RULE, SIGNAL, a_market, a_policy, a_training_set
from tests.unit.reporting.sample_days import why_row, write_export

MARKET = a_market(symbols=12, sessions=80, signal=0.5)
POLICY = LearningPolicy()
NOW = CALENDAR.as_of(MARKET.sessions[-1])
MONTH = 20
TAUGHT_AT = CALENDAR.as_of(MARKET.sessions[-10])
LEARNED = replace(
    a_training_set(signal=0.2),
    feature_names=(SIGNAL, NOISE, RULE, CONSTANT, "return_1d", "return_20d"),
    cut_off=TAUGHT_AT.date(),
)


@cache
def a_champion():
    return train(LEARNED, policy=a_policy(), trained_as_of=TAUGHT_AT, code_hash="code", is_synthetic=True)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    return MARKET.write(tmp_path_factory.mktemp("looking_back") / "warehouse.duckdb")


class Home:
    """A registry with one champion, batches, and the training set the champion learned from."""

    def __init__(self, root, warehouse):
        self.root, self.warehouse = root, warehouse
        self.models, self.batches = ModelRegistry(root), SignalBatchStore(root / "batches")
        self.sets = TrainingSetStore(root / "training_sets")
        self.sets.publish(LEARNED)
        self.champion = self.models.publish(a_champion())
        self.models.promote(self.champion, reason="first", at=TAUGHT_AT)

    def decided(self, first, last, *, sign, model_hash="of month {month}"):
        """Publish a batch a session and return their hashes."""
        hashes = []
        for place in range(first, last):
            signals = [
                a_signal(symbol, score=sign * float(MARKET.features[SIGNAL][place, column]))
                for column, symbol in enumerate(MARKET.symbols)
            ]
            told = model_hash and model_hash.format(month=(place - first) // MONTH)
            batch = a_batch(signals, session=MARKET.sessions[place])
            hashes.append(self.batches.publish(replace(batch, model_hash=told)))
        return hashes

    def planned(self, batch_hashes):
        """Export a ledger in which each batch was decided from."""
        of_a_name_left_out = {"outcome": "none", "stage": "score", "reason": "below the best"}
        rows = [
            why_row("AAA", session=self.batches.load(digest).session, batch_hash=digest, **of_a_name_left_out)
            for digest in batch_hashes
        ]
        write_export(self.root, {"orders": [], "fills": [], "positions": [], "equity": [], "decisions": rows})

    def looked_back(self, *, now=NOW):
        return look_back(
            warehouse=self.warehouse,
            batches=self.batches,
            models=self.models,
            training_sets=self.sets,
            artifacts_root=self.root,
            policy=POLICY,
            calendar=CALENDAR,
            now=now,
        )


@pytest.fixture
def home(tmp_path, warehouse):
    return Home(tmp_path, warehouse)


def test_live_ranking_below_chance_demotes_though_no_champion_decided_for_longer_than_a_month(home):
    home.decided(5, 65, sign=-1.0)
    found = home.looked_back()
    assert found.demoted == home.champion
    assert any("live rank IC over 60 sessions" in reason for reason in found.drift.reasons)


def test_live_ranking_that_is_right_or_too_short_or_a_rules_demotes_nobody(home):
    home.decided(5, 25, sign=-1.0, model_hash=None)
    home.decided(25, 64, sign=-1.0)
    assert not any("live rank IC" in reason for reason in home.looked_back().drift.reasons)


def test_what_was_published_again_before_the_plan_replaces_what_nobody_decided_from(home):
    home.decided(5, 65, sign=1.0)
    home.decided(5, 65, sign=-1.0, model_hash="another")
    found = home.looked_back()
    assert found.live.ranking.rank_ic.value < 0
    assert found.demoted == home.champion


def test_what_was_published_again_after_the_plan_changes_no_judgement_of_what_was_decided(home):
    planned = home.decided(5, 65, sign=-1.0)
    home.decided(5, 65, sign=1.0, model_hash="another")
    home.planned(planned)
    found = home.looked_back()
    assert found.live.ranking.rank_ic.value < 0
    assert found.demoted == home.champion


def test_drift_is_told_from_the_rows_a_champion_learned_from_whatever_was_made_for_their_cut_off_since(home):
    whole = home.looked_back()
    home.models.promote(home.champion, reason="by hand", at=TAUGHT_AT)
    home.sets.refuse(LEARNED.cut_off, "found too few sessions")
    refused = home.looked_back()
    home.models.promote(home.champion, reason="by hand", at=TAUGHT_AT)
    home.sets.publish(replace(LEARNED, feature_names=tuple(f"other_{name}" for name in LEARNED.feature_names)))
    assert whole.drift == refused.drift == home.looked_back().drift
    assert whole.unknown is None
    assert "| scores |" in drift_table(whole)


def test_where_the_rows_are_gone_live_ranking_still_demotes_and_the_page_says_what_is_missing(home):
    home.decided(5, 65, sign=-1.0)
    for file in (home.root / "training_sets").glob("*.parquet"):
        file.unlink()
    found = home.looked_back()
    assert found.demoted == home.champion
    assert [reason.partition(" is ")[0] for reason in found.drift.reasons] == ["live rank IC over 60 sessions"]
    assert f"found no training set {LEARNED.hash[:12]}" in drift_table(found)
    assert "restore it from a backup, or train a new model" in drift_table(found)


def test_a_training_set_from_before_they_were_named_by_hash_is_found_by_its_cut_off(home):
    (home.root / "training_sets" / f"{LEARNED.hash}.json").unlink()
    assert home.sets.of(LEARNED.hash).hash == LEARNED.hash


def test_a_changed_byte_of_what_a_champion_learned_from_is_no_missing_file(home):
    (file,) = (home.root / "training_sets").glob("*.parquet")
    file.write_bytes(b"changed")
    with pytest.raises(CorruptArtifact):
        home.looked_back()


def test_what_a_champion_was_demoted_for_is_not_held_against_the_next_one(home):
    home.decided(5, 65, sign=-1.0)
    demoted_at = CALENDAR.as_of(MARKET.sessions[60])
    home.models.demote(home.champion, reason="live rank IC", at=demoted_at)
    published = [home.batches.load(home.batches.published(day)[0]) for day in home.batches.sessions()]
    later = decided_by_models(published, home.models.history(), now=NOW)
    assert [batch.session for batch in later] == list(MARKET.sessions[61:65])
    assert len(decided_by_models(published, home.models.history(), now=demoted_at - timedelta(days=1))) == 60
