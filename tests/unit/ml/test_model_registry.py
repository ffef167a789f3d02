from dataclasses import replace
from datetime import timedelta
from functools import cache
from hashlib import sha256

import orjson
import pytest

from assets.ml.model_registry import MODEL_FILES, Condition, ModelRegistry
from assets.ml.train import TrainedModel, train
from execution.domain.canonical import canonical_bytes, content_hash
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


def test_a_card_from_before_versions_of_features_and_what_built_them_were_told_is_read(tmp_path):
    registry = ModelRegistry(tmp_path)
    folder = tmp_path / "models" / registry.publish(a_model())
    card = orjson.loads((folder / "card.json").read_bytes())
    assert card.pop("built_by") == {}
    assert card.pop("feature_versions") == {f"f{number}": 1 for number in range(6)}
    files = {name: (folder / name).read_bytes() for name in MODEL_FILES} | {"card.json": canonical_bytes(card)}
    old = tmp_path / "models" / content_hash({name: sha256(data).hexdigest() for name, data in files.items()})
    old.mkdir()
    for name, data in files.items():
        (old / name).write_bytes(data)
    assert registry.load(old.name).card == replace(a_model().card, feature_versions=None, built_by=None)


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


def test_a_demoted_champion_decides_no_more_and_no_older_one_takes_its_place(tmp_path):
    registry = ModelRegistry(tmp_path)
    older, newer = registry.publish(a_model(code_hash="one")), registry.publish(a_model(code_hash="two"))
    for model_hash in (older, newer):
        registry.promote(model_hash, reason="better", at=AS_OF)
    registry.demote(newer, reason="the world moved", at=AS_OF + timedelta(days=10))
    assert registry.champion() is None
    # A session from before the demotion is scored again by the champion it had.
    before = registry.champion(as_of=AS_OF + timedelta(days=9))
    assert before is not None
    assert before.model_hash == newer
    registry.promote(older, reason="judged again", at=AS_OF + timedelta(days=20))
    assert registry.champion() is not None


def test_promoting_a_model_that_is_not_stored_is_refused(tmp_path):
    with pytest.raises(CorruptArtifact, match="no whole model"):
        ModelRegistry(tmp_path).promote("0" * 64, reason="none", at=AS_OF)


def test_conditions_come_back_as_they_were_recorded(tmp_path):
    registry = ModelRegistry(tmp_path)
    told = (Condition(name="deflated Sharpe ratio", found=0.1 + 0.2, asked="at least 0.95", is_met=False),)
    registry.keep(registry.publish(a_model()), reason="too little", at=AS_OF, conditions=told)
    assert registry.history()[0].conditions == told


def test_a_line_from_before_conditions_were_told_is_read(tmp_path):
    registry = ModelRegistry(tmp_path)
    model_hash = registry.publish(a_model())
    line = f'{{"at":"2024-01-05T00:00:00Z","model_hash":"{model_hash}","reason":"first",'
    line += f'"trained_as_of":"{AS_OF.isoformat()}","verdict":"promoted"}}\n'
    (tmp_path / "models" / "champion.jsonl").write_text(line)
    assert registry.history()[0].conditions == ()


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


def test_age_counts_from_the_newest_fact_by_the_clock(tmp_path):
    registry = ModelRegistry(tmp_path)
    record = registry.load(registry.publish(a_model()))
    assert record.age_days(AS_OF + timedelta(days=12, hours=12)) == 12.5
