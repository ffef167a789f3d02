"""Dagster face of the data gate: blocking checks on the raw snapshot, and the certificate of a session's features.

One op per gate. The checks stop the run and show their evidence; the published certificate is what everything later
believes, in any run.
"""

import warnings
from collections.abc import Iterator
from datetime import date

import dagster as dg

from assets import keys
from assets.partitions import SESSIONS, session_of
from assets.quality.feature_checks import FEATURE_CHECKS
from assets.quality.gate import LEFT_OUT, RAW_CHECKS, RAW_GATE, Judgement, judge_features, judge_raw, last_proven
from assets.quality.leakage import Recomputation
from assets.quality.policy import GatePolicy
from assets.quality.raw_evidence import RawEvidence
from assets.quality.told import certificate_table, excluded_table, markdown_table, verdict_table
from assets.quality.verdicts import Report
from assets.raw_store import RawStore
from assets.snapshots import SnapshotStore
from assets.warehouse import POOL, Warehouse
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar

_RAW_PROMISES = {check.name: check.promise for check in RAW_CHECKS} | {LEFT_OUT: "few symbols are left out for faults"}
_FEATURE_PROMISES = {RAW_GATE: "the raw rows under the features passed"} | {
    check.name: check.promise for check in FEATURE_CHECKS
}


def _specs(asset: dg.AssetKey, promises: dict[str, str]) -> list[dg.AssetCheckSpec]:
    with warnings.catch_warnings():
        # Partitions of checks are a preview in this pinned version; the integration tests of the gates pin their use.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(name, asset=asset, description=promise, blocking=True, partitions_def=SESSIONS)
            for name, promise in promises.items()
        ]


_SNAPSHOT = dg.AssetKey(keys.RAW_SNAPSHOT)
_CERTIFICATE = dg.AssetKey(keys.FEATURES_GATE_CERTIFICATE)


@dg.multi_asset_check(name="raw_gate", specs=_specs(_SNAPSHOT, _RAW_PROMISES))
def raw_gate(
    context: dg.AssetCheckExecutionContext,
    raw_store: dg.ResourceParam[RawStore],
    snapshots: dg.ResourceParam[SnapshotStore],
    batches: dg.ResourceParam[SignalBatchStore],
    gate_policy: dg.ResourceParam[GatePolicy],
) -> Iterator[dg.AssetCheckResult]:
    """Judge the raw rows of one session; a refusal is published for trading before the checks stop the run."""
    _, judgement = _judge_raw(session_of(context), raw_store, snapshots, batches, gate_policy)
    if not judgement.passed:
        batches.publish_certificate(judgement.certificate)
    for report in judgement.reports:
        yield _check_result(report, _SNAPSHOT)


@dg.multi_asset(
    name="gate_certificate",
    specs=[
        dg.AssetSpec(
            _CERTIFICATE,
            deps=[
                dg.AssetKey(key)
                for key in (
                    keys.FEATURES_MART,
                    keys.FEATURES_UNIVERSE,
                    keys.FEATURES_MARKET_CONTEXT,
                    keys.FEATURES_TRADING_FACTS,
                    keys.FEATURES_TOTAL_RETURNS,
                    keys.RAW_SNAPSHOT,
                )
            ],
            group_name=keys.QUALITY,
            description="The proof that one session's data passed every blocking check, by hash; scoring asks for it.",
        )
    ],
    check_specs=_specs(_CERTIFICATE, _FEATURE_PROMISES),
    partitions_def=SESSIONS,
    pool=POOL,
)
def gate_certificate(  # noqa: PLR0917 - Dagster hands resources over by name
    context: dg.AssetExecutionContext,
    raw_store: dg.ResourceParam[RawStore],
    snapshots: dg.ResourceParam[SnapshotStore],
    warehouse: dg.ResourceParam[Warehouse],
    batches: dg.ResourceParam[SignalBatchStore],
    gate_policy: dg.ResourceParam[GatePolicy],
    recompute_features: dg.ResourceParam[Recomputation],
) -> Iterator[dg.MaterializeResult[None]]:
    """Judge one session's features and publish the certificate, green or red, before the checks stop the run."""
    raw, raw_judgement = _judge_raw(session_of(context), raw_store, snapshots, batches, gate_policy)
    with warehouse.kept_open():
        judgement = judge_features(raw=raw, raw_judgement=raw_judgement, marts=warehouse, recompute=recompute_features)
    certificate_hash = batches.publish_certificate(judgement.certificate)
    yield dg.MaterializeResult(
        asset_key=_CERTIFICATE,
        metadata=_certificate_metadata(judgement, certificate_hash),
        check_results=[_check_result(report, _CERTIFICATE) for report in judgement.reports],
    )


def _judge_raw(
    session: date,
    raw_store: RawStore,
    snapshots: SnapshotStore,
    batches: SignalBatchStore,
    policy: GatePolicy,
) -> tuple[RawEvidence, Judgement]:
    snapshot = snapshots.pinned(session)
    proven = last_proven(
        snapshot.session, snapshots=snapshots, certificates=batches, calendar=TradingCalendar.shipped()
    )
    return judge_raw(store=raw_store, snapshot=snapshot, proven=proven, policy=policy)


def _check_result(report: Report, asset: dg.AssetKey) -> dg.AssetCheckResult:
    offenders = [row for verdict in report.verdicts for row in verdict.offenders]
    excluded = sorted(report.excluded.items())
    return dg.AssetCheckResult(
        check_name=report.name,
        asset_key=asset,
        passed=report.passed,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(outcome.reason for outcome in report.outcomes if outcome.reason) or report.promise,
        metadata={
            "subject": report.subject,
            "value": "; ".join(verdict.value for verdict in report.verdicts),
            "threshold": "; ".join(dict.fromkeys(verdict.threshold for verdict in report.verdicts)),
            "verdicts": dg.MetadataValue.md(verdict_table(report)),
            "offending_rows": dg.MetadataValue.md(markdown_table(offenders)),
            "excluded_symbols": dg.MetadataValue.md(excluded_table(excluded)),
        },
    )


def _certificate_metadata(judgement: Judgement, certificate_hash: str) -> dict[str, dg.MetadataValue]:
    certificate = judgement.certificate
    return {
        "verdict": dg.MetadataValue.text("green" if certificate.is_green else "RED"),
        "certificate_hash": dg.MetadataValue.text(certificate_hash),
        "snapshot_hash": dg.MetadataValue.text(certificate.snapshot_hash),
        "features_hash": dg.MetadataValue.text(certificate.features_hash or "unknown"),
        "as_of": dg.MetadataValue.text(certificate.as_of.isoformat()),
        "symbols": dg.MetadataValue.int(len(certificate.symbols)),
        "checks_passed": dg.MetadataValue.int(len(certificate.checks) - len(certificate.failures)),
        "checks_failed": dg.MetadataValue.int(len(certificate.failures)),
        "excluded_symbols": dg.MetadataValue.md(excluded_table(certificate.excluded)),
        "checks": dg.MetadataValue.md(certificate_table(certificate)),
    }


DEFINITIONS = dg.Definitions(assets=[gate_certificate], asset_checks=[raw_gate])
