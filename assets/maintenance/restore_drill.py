"""What a restore drill found, and whether that is enough to trust the backups."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReport:
    """One drill.

    Attributes:
        passed: everything came back, fitted its anchors, and the newest decision came out bit for bit, where this
            version of the program made it.
        reason: what did not; empty when everything did.
        backup: name of the backup.
        files: in it.
        size_bytes: of them together.
        ledger_rows: rows of the restored chain.
        runs: of the restored run history, which the orchestrator opened.
        anchors_matched: anchors kept outside of the backup whose head is in the restored chain.
        restore_seconds: from the empty place to a verified home in recovery.
        total_seconds: with the process's own start and the decision made again.
        decision: which one was made again and how it came out, or why none was.
        confined: whether the kernel kept the process from reading anything of the home but its backups.
        steps: how many of its hashes were compared.
    """

    passed: bool
    reason: str
    backup: str = ""
    files: int = 0
    size_bytes: int = 0
    ledger_rows: int = 0
    runs: int = 0
    anchors_matched: int = 0
    restore_seconds: float = 0.0
    total_seconds: float = 0.0
    decision: str = ""
    confined: bool = False
    steps: int = 0

    @property
    def facts(self) -> dict[str, str | int | float | bool]:
        """Every field by its name."""
        return asdict(self)


def refusal(report: DrillReport, *, restore_seconds_max: float) -> str:
    """Return why the backups cannot be trusted; empty when they can.

    Args:
        report: of the newest drill.
        restore_seconds_max: how long a restore may take.
    """
    if not report.passed:
        return report.reason
    if report.restore_seconds > restore_seconds_max:
        return (
            f"the restore took {report.restore_seconds:.1f} s, allowed are {restore_seconds_max:.0f} s "
            "(backup.restore_seconds_max): the home grew, or the store is slow"
        )
    return ""
