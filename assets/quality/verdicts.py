"""What one check says: a verdict with its evidence, and the safe way to ask for it.

A check is a pure function from evidence to verdicts. A check that crashes, or says nothing, counts as failed: what is
not known to be right is not right.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from execution.domain.provenance import CheckOutcome

EvidenceT = TypeVar("EvidenceT")
EVIDENCE_ROWS: Final = 20
"""How many offending rows a verdict shows; the count is in its value."""
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one check found.

    Attributes:
        passed: the verdict.
        value: what was measured, as text with its unit.
        threshold: what was demanded, as text with its unit.
        reason: one sentence for a person; empty when passed.
        detail: names one of several verdicts of the same check; empty when there is only one.
        offenders: rows at fault, as a person reads them, most telling first; they may be cut to the first few.
        excluded: symbols to leave out, each with its reason.
    """

    passed: bool
    value: str
    threshold: str
    reason: str = ""
    detail: str = ""
    offenders: tuple[Row, ...] = ()
    excluded: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[EvidenceT]):
    """One rule of the gate.

    Attributes:
        name: unique among the checks of both gates; lower case with underscores, as the orchestrator shows it.
        subject: the asset it judges, as a path: `raw/daily_bars`.
        promise: what holds when it passes, one sentence.
        judge: the rule.
    """

    name: str
    subject: str
    promise: str
    judge: Callable[[EvidenceT], Sequence[Verdict]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The verdicts of one check that was run."""

    name: str
    subject: str
    promise: str
    verdicts: tuple[Verdict, ...]
    has_crashed: bool = False

    @property
    def passed(self) -> bool:
        """Whether there is a verdict and every verdict passed."""
        return bool(self.verdicts) and all(verdict.passed for verdict in self.verdicts)

    @property
    def outcomes(self) -> tuple[CheckOutcome, ...]:
        """The verdicts as a certificate holds them; `check.detail` names one of several."""
        return tuple(
            CheckOutcome(
                name=f"{self.name}.{verdict.detail}" if verdict.detail else self.name,
                subject=self.subject,
                passed=verdict.passed,
                value=verdict.value,
                threshold=verdict.threshold,
                reason="" if verdict.passed else verdict.reason or "the check failed and gave no reason",
            )
            for verdict in self.verdicts
        )

    @property
    def excluded(self) -> dict[str, str]:
        """Symbols to leave out, each with the reason of the first verdict that named it."""
        found: dict[str, str] = {}
        for verdict in self.verdicts:
            for symbol, reason in (verdict.excluded or {}).items():
                found.setdefault(symbol, reason)
        return found


def run_check(check: Check[EvidenceT], evidence: EvidenceT) -> Report:
    """Return the report of one check; a crash or silence is a failed verdict, never an exception."""
    has_crashed = False
    try:
        verdicts = tuple(check.judge(evidence))
    except Exception as error:  # noqa: BLE001 - the gate's entry point: whatever a check dies of closes the gate
        verdicts, has_crashed = (_crashed(error),), True
    return Report(
        name=check.name,
        subject=check.subject,
        promise=check.promise,
        verdicts=verdicts or (_silent(),),
        has_crashed=has_crashed,
    )


def share_text(count: int, total: int) -> str:
    """Return `count of total (percent)`, the way every share is told."""
    return f"{count} of {total} ({count / total:.2%})" if total else f"{count} of {total}"


def _crashed(error: Exception) -> Verdict:
    message = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    return Verdict(passed=False, value="unknown", threshold="the check runs", reason=f"the check crashed: {message}")


def _silent() -> Verdict:
    return Verdict(passed=False, value="unknown", threshold="at least one verdict", reason="the check gave no verdict")
