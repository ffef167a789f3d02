"""Run every blocking check of a session and issue the certificate that everything after the gate must show.

Unknown is red: a check that crashes, says nothing, or never ran closes the gate. The feature gate judges the raw data
again from the same snapshot, so a green certificate proves both, also in a run that began after the raw gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import chain
from typing import Protocol

from assets.quality.bar_checks import bar_checks
from assets.quality.expectations import expectation_checks
from assets.quality.feature_checks import FEATURE_CHECKS
from assets.quality.feature_evidence import FeatureEvidence
from assets.quality.freshness import FRESHNESS_CHECKS
from assets.quality.leakage import Recomputation
from assets.quality.policy import GatePolicy
from assets.quality.raw_evidence import RawEvidence, StoredRows
from assets.quality.verdicts import EVIDENCE_ROWS, Check, Report, Verdict, run_check, share_text
from assets.raw_store import RawStore
from assets.snapshots import DataSnapshot, SnapshotStore
from assets.warehouse import Warehouse
from execution.domain.errors import DataError
from execution.domain.provenance import CheckOutcome, GateCertificate, Stage
from execution.trading_calendar import TradingCalendar

_BASELINE_REACH_SESSIONS = 20

RAW_CHECKS: tuple[Check[RawEvidence], ...] = (*FRESHNESS_CHECKS, *bar_checks(), *expectation_checks())
"""The checks of the raw gate in declared order; `LEFT_OUT` follows them."""

LEFT_OUT = "symbols_left_out"
RAW_GATE = "raw_gate"


class PublishedCertificates(Protocol):
    """Where certificates are published; `execution.signal_batch_store.SignalBatchStore` is one."""

    def certificates(self, session: date) -> tuple[GateCertificate, ...]:
        """Return the certificates of a session in the order of their publication."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a gate found: the reports of its checks, and the certificate they earn."""

    reports: tuple[Report, ...]
    certificate: GateCertificate

    @property
    def passed(self) -> bool:
        """Whether there are reports and every one passed."""
        return bool(self.reports) and all(report.passed for report in self.reports)


def certify(
    *,
    session: date,
    as_of: datetime,
    stage: Stage,
    snapshot_hash: str,
    features_hash: str | None,
    symbols: Sequence[str],
    outcomes: Sequence[CheckOutcome],
    excluded: Sequence[tuple[str, str]] = (),
) -> GateCertificate:
    """Return the certificate of one judgement; red without any outcome, and without a name for what was judged."""
    checks = list(outcomes)
    if not checks:
        checks.append(_refusal("checks_ran", "at least one check", "no check ran, so nothing is proven"))
    if stage == "features" and features_hash is None:
        checks.append(_refusal("features_named", "a content hash", "the judged rows could not be read and named"))
    return GateCertificate(
        session=session,
        as_of=as_of,
        stage=stage,
        snapshot_hash=snapshot_hash,
        features_hash=features_hash,
        symbols=tuple(sorted(symbols)),
        checks=tuple(checks),
        excluded=tuple(sorted(excluded)),
    )


def last_proven(
    session: date, *, snapshots: SnapshotStore, certificates: PublishedCertificates, calendar: TradingCalendar
) -> DataSnapshot | None:
    """Return the snapshot of the newest earlier session whose certificate is green; None when none is near.

    Rows are new until a session with them has passed: a fault that closed the gate yesterday is judged again today.
    """
    position = calendar.index(session)
    for earlier in reversed(calendar.sessions[max(0, position - _BASELINE_REACH_SESSIONS) : position]):
        try:
            snapshot = snapshots.pinned(earlier)
        except DataError:
            continue
        judging = [c for c in certificates.certificates(earlier) if c.snapshot_hash == snapshot.hash]
        if judging and judging[-1].is_green:
            return snapshot
    return None


def judge_raw(
    *, store: RawStore, snapshot: DataSnapshot, proven: DataSnapshot | None, policy: GatePolicy
) -> tuple[RawEvidence, Judgement]:
    """Return what the raw gate found in one session's snapshot, and the rows it looked at.

    The certificate has stage `raw` and is therefore never green: it is for publishing a refusal.
    """
    evidence, reports = _raw_reports(store, snapshot, proven, policy)
    certificate = certify(
        session=snapshot.session,
        as_of=snapshot.as_of,
        stage="raw",
        snapshot_hash=snapshot.hash,
        features_hash=None,
        symbols=_symbols_or_none(evidence),
        outcomes=_outcomes(reports),
        excluded=_excluded(reports),
    )
    return evidence, Judgement(reports=reports, certificate=certificate)


def judge_features(
    *, raw: RawEvidence, raw_judgement: Judgement, marts: Warehouse, recompute: Recomputation
) -> Judgement:
    """Return what the feature gate found; its certificate holds the verdicts on raw rows and on features."""
    evidence = FeatureEvidence(raw=raw, marts=marts, recompute=recompute)
    reports = (_raw_report(raw_judgement), *(run_check(check, evidence) for check in FEATURE_CHECKS))
    refused = raw_judgement.certificate
    hashed, symbols = _named(evidence)
    certificate = certify(
        session=raw.session,
        as_of=raw.as_of,
        stage="features",
        snapshot_hash=refused.snapshot_hash,
        features_hash=hashed,
        symbols=symbols or refused.symbols,
        outcomes=[*refused.checks, *_outcomes(reports[1:])],
        excluded=[*{**dict(_excluded(reports[1:])), **dict(refused.excluded)}.items()],
    )
    return Judgement(reports=reports, certificate=certificate)


@lru_cache(maxsize=2)
def _judged(
    store: RawStore, snapshot: DataSnapshot, proven: DataSnapshot | None, policy: GatePolicy
) -> tuple[RawEvidence, tuple[Report, ...]]:
    """Judge raw rows once per process: parts never change, so equal snapshots get equal verdicts."""
    calendar = TradingCalendar.shipped()
    evidence = RawEvidence(
        session=snapshot.session,
        as_of=snapshot.as_of,
        rows=StoredRows(store, snapshot=snapshot, previous=proven),
        policy=policy,
        calendar=calendar,
    )
    reports = tuple(run_check(check, evidence) for check in RAW_CHECKS)
    reports = (*reports, run_check(_left_out_check(reports), evidence))
    evidence.let_go()
    return evidence, reports


def _raw_reports(
    store: RawStore, snapshot: DataSnapshot, proven: DataSnapshot | None, policy: GatePolicy
) -> tuple[RawEvidence, tuple[Report, ...]]:
    evidence, reports = _judged(store, snapshot, proven, policy)
    if any(report.has_crashed for report in reports):
        # A crash may be of the moment (a full disk, a lock); the next asking deserves a fresh look.
        _judged.cache_clear()
    return evidence, reports


def _refusal(name: str, threshold: str, reason: str) -> CheckOutcome:
    return CheckOutcome(
        name=name,
        subject="features/gate_certificate",
        passed=False,
        value="unknown",
        threshold=threshold,
        reason=reason,
    )


def _left_out_check(reports: Sequence[Report]) -> Check[RawEvidence]:
    return Check(
        name=LEFT_OUT,
        subject="raw/snapshot",
        promise="few symbols are left out for faults of their rows",
        judge=lambda evidence: _judge_left_out(dict(_excluded(reports)), evidence),
    )


def _judge_left_out(excluded: dict[str, str], evidence: RawEvidence) -> tuple[Verdict, ...]:
    total, allowed = len(evidence.listed), evidence.policy.excludable(len(evidence.listed))
    passed = len(excluded) <= allowed
    return (
        Verdict(
            passed=passed,
            value=f"{share_text(len(excluded), total)} symbols left out",
            threshold=f"at most {allowed} symbols",
            reason=""
            if passed
            else f"{share_text(len(excluded), total)} symbols have rows at fault, whatever the fault",
            offenders=tuple({"symbol": name, "fault": fault} for name, fault in sorted(excluded.items()))[
                :EVIDENCE_ROWS
            ],
        ),
    )


def _raw_report(judgement: Judgement) -> Report:
    """Return the raw gate's judgement as the one check the feature gate shows."""
    failed = [report.name for report in judgement.reports if not report.passed]
    verdict = Verdict(
        passed=judgement.passed,
        value=f"{len(judgement.reports) - len(failed)} of {len(judgement.reports)} raw checks passed",
        threshold="all of them, on the snapshot the features were built from",
        reason="" if judgement.passed else f"the raw gate refuses this snapshot: {', '.join(failed) or 'no check ran'}",
    )
    return Report(
        name=RAW_GATE, subject="raw/snapshot", promise="the raw rows under the features passed", verdicts=(verdict,)
    )


def _outcomes(reports: Sequence[Report]) -> list[CheckOutcome]:
    return list(chain.from_iterable(report.outcomes for report in reports))


def _excluded(reports: Sequence[Report]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for report in reports:
        for symbol, reason in report.excluded.items():
            found.setdefault(symbol, reason)
    return sorted(found.items())


def _symbols_or_none(evidence: RawEvidence) -> tuple[str, ...]:
    try:
        return evidence.listed
    except Exception:  # noqa: BLE001 - a refusal must be published even when nobody can say for whom; its checks are red
        return ()


def _named(evidence: FeatureEvidence) -> tuple[str | None, tuple[str, ...]]:
    try:
        return evidence.features_hash, evidence.symbols
    except Exception:  # noqa: BLE001 - features that cannot be read have no name; the checks that read them are red
        return None, ()
