"""Run the long proofs and write what was counted to docs/proof/<date>.json, each as it ends.

A proof is a test marked `campaign`. The file names, for each proof, the code it was run on, its outcome, its seconds
and what it counted, so that a claim in a document can point at the run that showed it. Proofs take hours: a campaign
that was ended has its proofs so far, and one that was run in parts (paths and options after the command, as for pytest)
has those of every part; a proof that was run again replaces its former entry.
"""

import fcntl
import json
import platform
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from pipelines.code_hash import checkout_root, code_hash, is_dirty

PROOFS: Final = checkout_root() / "docs" / "proof"


class CampaignRecord:
    """A pytest plugin: writes each proof that ended into the record of its day.

    Args:
        target: the record; parts of a campaign that run side by side share it.
        code: what the proofs were run on: `code_hash` and `is_dirty`.
    """

    def __init__(self, target: Path, code: dict[str, Any]) -> None:
        self._target, self._code = target, code
        self._seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of a proof: the call decides, and a fixture that failed or skipped."""
        name = report.nodeid
        self._seconds[name] = self._seconds.get(name, 0.0) + report.duration
        if report.when != "call" and report.passed:
            return
        self._write(
            {
                "proof": name,
                "outcome": report.outcome,
                "reason": "" if report.passed else _reason(report),
                "seconds": round(self._seconds[name], 2),
                # What a proof counted: it calls `record_property("orders", 1200)`.
                "counted": {key: str(value) for key, value in report.user_properties},
                "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
                **self._code,
            }
        )

    def _write(self, entry: dict[str, Any]) -> None:
        self._target.parent.mkdir(parents=True, exist_ok=True)
        with (self._target.parent / ".campaign.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = json.loads(self._target.read_text(encoding="utf-8"))["proofs"] if self._target.exists() else []
            entries = {one["proof"]: one for one in [*known, entry]}
            record = {
                "python": platform.python_version(),
                "machine": platform.machine(),
                "counts": dict(sorted(Counter(one["outcome"] for one in entries.values()).items())),
                "proofs": [entries[name] for name in sorted(entries)],
            }
            written = self._target.with_suffix(".json.new")
            written.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            written.replace(self._target)


def _reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):  # a skip: file, line, reason
        return report.longrepr[2]
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash is not None else report.longrepr)


def main() -> int:
    """Run every proof, or those named, and return pytest's exit code."""
    root = checkout_root()
    record = PROOFS / f"{datetime.now(UTC).date()}.json"
    code = {"code_hash": code_hash(root), "is_dirty": is_dirty(root)}
    chosen = ["-q", "-m", "campaign", f"--rootdir={root}", *sys.argv[1:]]
    ended: int = pytest.main(chosen, plugins=[CampaignRecord(record, code)])
    sys.stdout.write(f"see docs/proof/{record.name}\n" if record.exists() else "no proof was collected\n")
    return int(ended)


if __name__ == "__main__":
    sys.exit(main())
