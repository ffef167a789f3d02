"""May a batch be believed? Pure: the batch, the session it is for, and the calendar; nobody else is asked."""

from dataclasses import replace
from datetime import date

from execution.domain.errors import BatchRefused, CertificateRefused
from execution.domain.provenance import GateCertificate
from execution.domain.signals import Mode, SignalBatch, SymbolSignal
from execution.session.batch_faults import batch_faults, signal_faults
from execution.trading_calendar import TradingCalendar

BATCH_SCHEMA_VERSION = 1
_MOST_FAULTS_SHOWN = 5


def refuse_foreign_batch(batch: SignalBatch, *, session: date, strategy: str) -> None:
    """Do nothing when a batch is of this version, session and strategy.

    Raises:
        BatchRefused: it is of another, so planning it was a mistake of the caller's.
    """
    for name, found, expected in (
        ("schema version", batch.schema_version, BATCH_SCHEMA_VERSION),
        ("session", batch.session, session),
        ("strategy", batch.strategy, strategy),
    ):
        if found != expected:
            raise BatchRefused(
                f"batch {batch.hash} has {name} {found}, expected {expected}; plan the batch that was published for it"
            )


def refuse_malformed_batch(batch: SignalBatch) -> None:
    """Do nothing when a batch is whole: every number finite, every symbol once, every hash a hash.

    Raises:
        BatchRefused: it is not, so this program did not write it.
    """
    faults = batch_faults(batch)
    if faults:
        shown = "; ".join(faults[:_MOST_FAULTS_SHOWN])
        raise BatchRefused(
            f"a batch of {batch.session} is malformed in {len(faults)} places: {shown}; publish it again"
        )


def refuse_unproven_batch(batch: SignalBatch, *, mode: Mode, calendar: TradingCalendar) -> None:
    """Do nothing when the batch carries green proof of exactly the data it was made from.

    Raises:
        CertificateRefused: the certificate is red, judges other data, or mode or cut-off are not this desk's.
    """
    certificate = batch.certificate
    if not certificate.is_green:
        raise CertificateRefused(f"the batch's certificate is not green: {failing_checks(certificate)}")
    if batch.is_synthetic and batch.mode == "live":
        raise CertificateRefused("the batch is made of a simulated market: no money is traded on it")
    if batch.mode == "simulated" and not batch.is_synthetic:
        raise CertificateRefused("the batch is of a simulated market and does not say so: publish it again")
    expected_as_of = calendar.as_of(batch.session)
    for name, found, expected in (
        ("mode", batch.mode, mode),
        ("cut-off", batch.as_of, expected_as_of),
        ("certificate's session", certificate.session, batch.session),
        ("certificate's cut-off", certificate.as_of, expected_as_of),
        ("certificate's snapshot", certificate.snapshot_hash, batch.snapshot_hash),
        ("certificate's features", certificate.features_hash, batch.features_hash),
    ):
        if found != expected:
            raise CertificateRefused(f"the batch's {name} is {found}, expected {expected}")


def believed_signals(batch: SignalBatch) -> tuple[SymbolSignal, ...]:
    """Return the batch's signals, without the scores of symbols its certificate leaves out or never judged.

    A symbol whose numbers no market can show has none of them left, for nobody knows which one is wrong.
    """
    excluded = dict(batch.certificate.excluded)
    judged = set(batch.certificate.symbols)
    faults = signal_faults(batch.signals, batch.as_of)
    believed = []
    for index, signal in enumerate(batch.signals):
        if index in faults:
            believed.append(_without_numbers(signal, f"its numbers cannot be true: {'; '.join(faults[index])}"))
        elif signal.symbol in excluded:
            believed.append(_without_score(signal, f"left out by the gate: {excluded[signal.symbol]}"))
        elif signal.score is not None and signal.symbol not in judged:
            believed.append(_without_score(signal, "the gate certificate did not judge it"))
        else:
            believed.append(signal)
    return tuple(believed)


def failing_checks(certificate: GateCertificate) -> str:
    """Return the failing checks of a certificate for a person, each with what was found and demanded."""
    if not certificate.checks:
        return "no check ran"
    failures = [
        f"{check.subject} {check.name}: {check.value}, demanded {check.threshold}"
        + (f" ({check.reason})" if check.reason else "")
        for check in certificate.failures
    ]
    return "; ".join(failures) or f"it stopped at stage {certificate.stage}"


def _without_numbers(signal: SymbolSignal, reason: str) -> SymbolSignal:
    return replace(
        _without_score(signal, reason),
        contributions={},
        close_usd=None,
        atr14_usd=None,
        adv20_shares=None,
        volatility_20d=None,
        dollar_volume_20d_usd=None,
        next_event_at=None,
        is_event_calendar_known=False,
        returns_60d=(),
    )


def _without_score(signal: SymbolSignal, reason: str) -> SymbolSignal:
    return replace(signal, score=None, expected_return_bps=None, probability_up=None, missing_reason=reason)
