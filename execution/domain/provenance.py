"""What a decision rests on: the gate certificate, and the rule by which trading believes it.

The certificate is the only authority on whether data passed (docs/adr/0002-gate-certificate.md). The orchestrator's own
check records show the same facts to people; nothing that trades asks them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from execution.domain.canonical import content_hash

Stage = Literal["raw", "features"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """One check's verdict with the evidence for it.

    Attributes:
        name: the check, unique within a certificate, as the orchestrator's UI shows it.
        subject: the asset it judged, as a path: `raw/daily_bars`.
        passed: the verdict.
        value: what was measured, as text with its unit.
        threshold: what was demanded, as text with its unit.
        reason: one sentence for a person; empty when the check passed.
    """

    name: str
    subject: str
    passed: bool
    value: str
    threshold: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCertificate:
    """Every blocking check of one feature snapshot, with its verdict.

    Attributes:
        session: the exchange day whose data were judged.
        as_of: the cut-off: no row known later was used.
        stage: `raw` when the raw gate already refused (features were then never built), else `features`.
        snapshot_hash: hash of the sorted list of raw parts the features were built from.
        features_hash: hash of the feature rows judged; None at stage `raw`.
        symbols: every symbol of the session's universe, sorted, so that a refusal can be told for each.
        checks: verdicts in the order they were declared.
        excluded: symbols whose own rows are at fault, each with its reason, sorted: the rest of the session passed
            without them, and they may not be scored or entered.
    """

    session: date
    as_of: datetime
    stage: Stage
    snapshot_hash: str
    features_hash: str | None
    symbols: tuple[str, ...]
    checks: tuple[CheckOutcome, ...]
    excluded: tuple[tuple[str, str], ...] = ()

    @property
    def is_green(self) -> bool:
        """Whether features were judged, at least one check ran, and every check passed."""
        return are_green(self.stage, self.checks)

    @property
    def failures(self) -> tuple[CheckOutcome, ...]:
        """The checks that failed, in declared order."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def hash(self) -> str:
        """Content hash of the certificate."""
        return content_hash(self)


def are_green(stage: Stage, checks: Sequence[CheckOutcome]) -> bool:
    """Return whether verdicts let a session be traded: features were judged, a check ran, and every one passed."""
    return stage == "features" and bool(checks) and all(check.passed for check in checks)
