"""The hand-over: what is read is what was published, or nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.artifact_files import write_by_hash
from execution.domain.errors import BatchRefused, CorruptArtifact
from execution.signal_batch_store import SignalBatchStore
from tests.builders.batches import SESSION, a_batch, a_certificate, a_red_certificate, a_signal, an_unscored_signal


def test_a_published_batch_is_read_back_equal(tmp_path: Path) -> None:
    batch = a_batch([a_signal("AAA"), an_unscored_signal("BBB")])
    store = SignalBatchStore(tmp_path)
    assert store.load(store.publish(batch)) == batch


@settings(deadline=None, max_examples=50)
@given(
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    feature=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_floats_survive_the_round_trip_bit_for_bit(
    score: float | None, feature: float | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    batch = a_batch([a_signal("AAA", score=score, features={"x": feature})])
    store = SignalBatchStore(tmp_path_factory.mktemp("store"))
    digest = store.publish(batch)
    assert store.load(digest).hash == digest == batch.hash


def test_one_changed_byte_is_refused(tmp_path: Path) -> None:
    store = SignalBatchStore(tmp_path)
    digest = store.publish(a_batch())
    path = next(tmp_path.glob(f"*/{digest}.json"))
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6", 1))
    with pytest.raises(CorruptArtifact, match="expected the hash it is named by"):
        store.load(digest)


def test_a_missing_batch_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CorruptArtifact, match="no file"):
        SignalBatchStore(tmp_path).load("0" * 64)


def test_an_artifact_that_is_no_batch_is_refused(tmp_path: Path) -> None:
    digest = write_by_hash(tmp_path / "signal_batches", b'{"session":"2024-03-05"}', suffix=".json")
    with pytest.raises(BatchRefused, match="no signal batch"):
        SignalBatchStore(tmp_path).load(digest)


def test_publications_keep_their_order(tmp_path: Path) -> None:
    store = SignalBatchStore(tmp_path)
    first, second = a_batch(), a_batch(vix=15.0)
    assert store.published(SESSION) == ()
    hashes = (store.publish(first), store.publish(second))
    assert store.published(SESSION) == hashes


def test_publishing_the_newest_batch_again_adds_nothing(tmp_path: Path) -> None:
    store = SignalBatchStore(tmp_path)
    assert store.publish(a_batch()) == store.publish(a_batch())
    assert len(store.published(SESSION)) == 1


def test_an_older_certificate_published_again_becomes_the_newest(tmp_path: Path) -> None:
    store = SignalBatchStore(tmp_path)
    green, red = a_certificate(), a_red_certificate()
    for certificate in (red, green, red):
        store.publish_certificate(certificate)
    assert store.certificates(SESSION) == (red, green, red)


def test_certificates_and_batches_of_other_sessions_stay_apart(tmp_path: Path) -> None:
    store = SignalBatchStore(tmp_path)
    store.publish_certificate(a_certificate())
    other = a_batch().session.replace(day=6)
    store.publish(replace(a_batch(), session=other))
    assert store.published(SESSION) == ()
    assert len(store.certificates(SESSION)) == 1
