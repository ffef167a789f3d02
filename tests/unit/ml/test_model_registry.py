from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from assets.ml.model_registry import ModelRegistry, promotion, settle_promotion
from assets.ml.train import TrainedModel, train
from execution.domain.errors import CorruptArtifact
from tests.unit.ml.marts_builder import CALENDAR, a_policy, a_training_set

AS_OF = CALENDAR.as_of(CALENDAR.sessions[2155])


@cache
def _taught() -> TrainedModel:
    return train(
        a_training_set(signal=0.2), policy=a_policy(), trained_as_of=AS_OF, code_hash="code", is_synthetic=True
    )


def a_model(**card) -> TrainedModel:
    taught = _taught()
    return replace(taught, card=replace(taught.card, **card))


def test_a_published_model_comes_back_whole(tmp_path):
    registry = ModelRegistry(tmp_path)
    record = registry.load(registry.publish(a_model()))
    assert (record.text, record.calibration, record.card) == (a_model().text, a_model().calibration, a_model().card)


def test_publishing_again_changes_nothing(tmp_path):
    registry = ModelRegistry(tmp_path)
    first = registry.publish(a_model())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert registry.publish(a_model()) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("name", ["model.txt", "calibration.json", "card.json"])
def test_a_changed_byte_is_refused_before_it_is_parsed(tmp_path, name):
    registry = ModelRegistry(tmp_path)
    model_hash = registry.publish(a_model())
    (tmp_path / "models" / model_hash / name).write_bytes(b"\xff no text, no JSON")
    with pytest.raises(CorruptArtifact, match="changed after it was written"):
        registry.load(model_hash)


def test_a_model_without_one_of_its_files_is_refused(tmp_path):
    registry = ModelRegistry(tmp_path)
    model_hash = registry.publish(a_model())
    (tmp_path / "models" / model_hash / "card.json").unlink()
    with pytest.raises(CorruptArtifact, match="no whole model"):
        registry.load(model_hash)


def test_a_corrupt_champion_is_refused_not_replaced(tmp_path):
    registry = ModelRegistry(tmp_path)
    model_hash = registry.publish(a_model())
    registry.promote(model_hash, reason="first", at=AS_OF)
    path = tmp_path / "models" / model_hash / "model.txt"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(CorruptArtifact):
        registry.champion()


def test_without_a_promotion_there_is_no_champion(tmp_path):
    registry = ModelRegistry(tmp_path)
    registry.keep(registry.publish(a_model()), reason="worse than chance", at=AS_OF)
    assert registry.champion() is None


def test_the_model_promoted_last_is_champion(tmp_path):
    registry = ModelRegistry(tmp_path)
    for code in ("one", "two"):
        registry.promote(registry.publish(a_model(code_hash=code)), reason="better", at=AS_OF)
    champion = registry.champion()
    assert champion is not None
    assert champion.card.code_hash == "two"


def test_a_past_session_never_finds_a_champion_that_knows_its_future(tmp_path):
    registry = ModelRegistry(tmp_path)
    older = registry.publish(a_model())
    newer = registry.publish(a_model(trained_as_of=AS_OF + timedelta(days=7)))
    registry.promote(older, reason="first", at=AS_OF)
    registry.promote(newer, reason="better", at=AS_OF + timedelta(days=7))
    found = registry.champion(as_of=AS_OF + timedelta(days=3))
    assert found is not None
    assert found.model_hash == older
    assert registry.champion(as_of=AS_OF - timedelta(days=1)) is None


def test_promoting_a_model_that_is_not_stored_is_refused(tmp_path):
    with pytest.raises(CorruptArtifact, match="no whole model"):
        ModelRegistry(tmp_path).promote("0" * 64, reason="none", at=AS_OF)


def test_both_verdicts_are_recorded_with_reason_and_instant(tmp_path):
    registry = ModelRegistry(tmp_path)
    good, bad = registry.publish(a_model()), registry.publish(a_model(rank_ic=-0.01))
    for model_hash in (good, bad):
        settle_promotion(registry, model_hash, policy=a_policy(), deflated_sharpe=1.0, at=AS_OF)
    entries = registry.history()
    assert [(entry.verdict, entry.model_hash) for entry in entries] == [("promoted", good), ("kept", bad)]
    assert "expected above 0" in entries[1].reason
    assert entries[0].at == AS_OF


def test_judging_the_champion_again_adds_no_line(tmp_path):
    registry = ModelRegistry(tmp_path)
    model_hash = registry.publish(a_model())
    for _ in range(2):
        assert settle_promotion(registry, model_hash, policy=a_policy(), deflated_sharpe=1.0, at=AS_OF).is_promoted
    assert len(registry.history()) == 1


def test_a_line_cut_off_by_a_crash_counts_for_nothing(tmp_path):
    registry = ModelRegistry(tmp_path)
    first, second = registry.publish(a_model()), registry.publish(a_model(code_hash="other"))
    registry.promote(first, reason="first", at=AS_OF)
    with (tmp_path / "models" / "champion.jsonl").open("ab") as record:
        record.write(b'{"verdict":"promo')
    champion = registry.champion()
    assert champion is not None
    assert champion.model_hash == first
    registry.promote(second, reason="after the crash", at=AS_OF)
    assert [entry.model_hash for entry in registry.history()] == [first, second]


def test_an_unreadable_line_of_the_record_stops(tmp_path):
    registry = ModelRegistry(tmp_path)
    registry.promote(registry.publish(a_model()), reason="first", at=AS_OF)
    with (tmp_path / "models" / "champion.jsonl").open("ab") as record:
        record.write(b"what is this\n")
    with pytest.raises(CorruptArtifact, match=r"line 2 of champion\.jsonl"):
        registry.champion()


def judged(tmp_path, *, mine: float, champions: float | None, deflated_sharpe: float = 1.0, **asked: float):
    registry = ModelRegistry(tmp_path)
    candidate = registry.load(registry.publish(a_model(rank_ic=mine)))
    champion = None
    if champions is not None:
        champion = registry.load(registry.publish(a_model(rank_ic=champions, code_hash="champion")))
    policy = a_policy(promotion_tolerance_rank_ic=0.01, **asked)
    return promotion(candidate, champion, policy=policy, deflated_sharpe=deflated_sharpe)


def test_a_model_no_better_than_chance_is_not_promoted(tmp_path):
    assert not judged(tmp_path, mine=0.0, champions=None).is_promoted


def test_a_slightly_worse_but_newer_model_replaces_the_champion(tmp_path):
    assert judged(tmp_path, mine=0.041, champions=0.05).is_promoted


def test_a_clearly_worse_model_does_not_replace_the_champion(tmp_path):
    verdict = judged(tmp_path, mine=0.039, champions=0.05)
    assert not verdict.is_promoted
    assert "expected at least +0.0400" in verdict.reason


def test_a_model_whose_sharpe_chance_explains_is_not_promoted_where_settings_ask(tmp_path):
    verdict = judged(tmp_path, mine=0.05, champions=None, deflated_sharpe=0.9, promotion_min_deflated_sharpe=0.95)
    assert not verdict.is_promoted
    assert verdict.reason == "its deflated Sharpe ratio is 0.900, expected at least 0.950"
    assert judged(tmp_path, mine=0.05, champions=None, deflated_sharpe=0.9).is_promoted


def test_age_counts_from_the_newest_fact_by_the_clock(tmp_path):
    registry = ModelRegistry(tmp_path)
    record = registry.load(registry.publish(a_model()))
    assert record.age_days(AS_OF + timedelta(days=12, hours=12)) == 12.5
