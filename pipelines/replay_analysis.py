"""The data half of a past decision, made again: the same jobs on the same pinned parts, in an empty home beside.

Nothing of the warehouse or of the stored features is read, so what comes out equal was not copied. What is taken from
the old home is what a decision starts from: raw parts, the pinned list, and the champion of that moment.
"""

from dataclasses import replace
from pathlib import Path

import dagster as dg

from assets import keys
from assets.ml.model_registry import CHAMPION_RECORD, MODELS, ModelRegistry
from assets.ml.rules import speaks_of
from assets.raw_store import RawStore
from assets.snapshots import SnapshotStore
from execution.clock import FileClock
from execution.domain.errors import TouchstoneError
from execution.domain.provenance import GateCertificate
from execution.domain.signals import SignalBatch
from execution.replay import Step
from execution.signal_batch_store import SignalBatchStore
from pipelines.analysis import build_definitions
from pipelines.certificate_difference import certificate_difference
from pipelines.code_hash import checkout_root, code_hash
from pipelines.home import Home
from pipelines.settings import Settings


class ReplayFailed(TouchstoneError):
    """The data half could not be made again; the message says at which step."""


def replay_analysis(settings: Settings, home: Home, batch: SignalBatch, *, beside: Path) -> tuple[Step, ...]:
    """Make a batch again from its raw parts and return each hash on the way beside the recorded one.

    The batch carries the hashes of code and settings. They have steps of their own, so the second batch is compared
    under the recorded ones: a changed comment is no other decision.

    Args:
        settings: the tree of the home; another tree than the batch's is told by the step `settings`.
        home: where the decision was made; only read.
        batch: the batch that was decided on.
        beside: an empty folder on a disk with room for a warehouse.

    Raises:
        CorruptArtifact: a raw part or the model does not have the hash it is named by.
        DataError: the session has no pinned snapshot.
        ReplayFailed: a step failed where it once succeeded.
    """
    snapshot = SnapshotStore(home.snapshots).pinned(batch.session)
    RawStore(home.raw).verify(snapshot)
    second = _second_home(home, batch, Home(beside))
    circumstances = (
        Step("code", batch.code_hash, code_hash(checkout_root())),
        Step("settings", batch.settings_hash, settings.settings_hash),
    )
    _run(settings, second, batch)
    store = SignalBatchStore(second.artifacts)
    certificates, published = store.certificates(batch.session), store.published(batch.session)
    certificate = certificates[-1] if certificates else None
    made = _under(batch, store.load(published[-1])) if published else None
    return (
        *circumstances,
        Step("raw parts", batch.snapshot_hash, snapshot.hash),
        Step("features", batch.features_hash, certificate.features_hash if certificate else None),
        _certificate_step(batch.certificate, certificate),
        Step("model", batch.model_hash, made.model_hash if made else None),
        Step("batch", batch.hash, made.hash if made else None),
    )


def _certificate_step(then: GateCertificate, now: GateCertificate | None) -> Step:
    if now is None:
        return Step("certificate", then.hash, None)
    return Step("certificate", then.hash, now.hash, certificate_difference(then, now))


def _under(recorded: SignalBatch, made: SignalBatch) -> SignalBatch:
    return replace(made, code_hash=recorded.code_hash, settings_hash=recorded.settings_hash)


def _second_home(home: Home, batch: SignalBatch, second: Home) -> Home:
    """Return a home that knows what the decision started from, and nothing that it made.

    Pins and certificates of earlier sessions belong to it: the raw gate judges what is new since the last proven one.
    """
    second.create()
    second.raw.rmdir()
    second.raw.symlink_to(home.raw, target_is_directory=True)
    for pin in sorted(home.snapshots.glob("*-*-*.json")):
        if pin.stem <= batch.session.isoformat():
            (second.snapshots / pin.name).write_bytes(pin.read_bytes())
    _publish_earlier(SignalBatchStore(home.artifacts), SignalBatchStore(second.artifacts), batch)
    FileClock(second.clock).initialise(batch.as_of)
    models, second_models = home.artifacts / MODELS, second.artifacts / MODELS
    second_models.mkdir()
    for folder in sorted(path for path in models.glob("*") if path.is_dir()):
        (second_models / folder.name).symlink_to(folder, target_is_directory=True)
    (second_models / CHAMPION_RECORD).write_bytes(_record_then(home.artifacts, batch))
    return second


def _publish_earlier(then: SignalBatchStore, second: SignalBatchStore, batch: SignalBatch) -> None:
    for session in then.sessions():
        if session < batch.session:
            for certificate in then.certificates(session):
                second.publish_certificate(certificate)


def _record_then(artifacts: Path, batch: SignalBatch) -> bytes:
    """Return the champion's record as it was at the decision: up to the promotion of the champion of that moment.

    A rule decides beside a champion too, one that has grown too old or was taught otherwise: its reason names it.
    """
    history = ModelRegistry(artifacts).history()
    promoted = [
        number
        for number, entry in enumerate(history, start=1)
        if entry.verdict == "promoted"
        and (entry.model_hash == batch.model_hash or speaks_of(batch.decision_reason, entry.model_hash))
    ]
    if not promoted:
        return b""
    return b"".join((artifacts / MODELS / CHAMPION_RECORD).read_bytes().splitlines(keepends=True)[: promoted[-1]])


def _run(settings: Settings, second: Home, batch: SignalBatch) -> None:
    definitions = build_definitions(settings, second)
    chosen = dg.AssetSelection.groups(keys.FEATURES, keys.QUALITY) | dg.AssetSelection.assets(
        dg.AssetKey(keys.ML_SCORES), dg.AssetKey(keys.ML_SIGNAL_BATCH)
    )
    selected = sorted(chosen.resolve(definitions.resolve_asset_graph()))
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            partition_key=batch.session.isoformat(),
            asset_selection=selected,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    failed = [str(event.step_key) for event in result.all_events if event.is_step_failure]
    if failed:
        raise ReplayFailed(f"the data half of {batch.session} failed at {', '.join(failed)}, where it once succeeded")
