"""Run the long proofs whole and write what was counted to docs/proof/<date>.json.

A proof is a test marked `campaign`. The file names the code it was run on, each proof, its outcome and its seconds, so
that a claim in a document can point at the run that showed it.
"""

import json
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from pipelines.code_hash import checkout_root, code_hash, is_dirty


def main() -> int:
    """Run every proof, write the record and return pytest's exit code."""
    root = checkout_root()
    started_at = datetime.now(UTC)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # The older family: the newer one refuses what proofs record of themselves.
        report_options = (f"--junitxml={report}", "-o", "junit_family=xunit1")
        command = [sys.executable, "-m", "pytest", "-q", "-m", "campaign", *report_options, *sys.argv[1:]]
        code = subprocess.run(command, cwd=root, check=False).returncode  # noqa: S603 - our own command
        proofs = _proofs(report) if report.exists() else []
    record = {
        "started_at": started_at.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 1),
        "code_hash": code_hash(root),
        "is_dirty": is_dirty(root),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "exit_code": code,
        "counts": dict(sorted(Counter(proof["outcome"] for proof in proofs).items())),
        "proofs": proofs,
    }
    target = root / "docs" / "proof" / f"{started_at.date()}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"wrote docs/proof/{target.name}: {record['counts'] or 'no proof was collected'}\n")
    return code


def _proofs(report: Path) -> list[dict[str, Any]]:
    proofs = []
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - as above
        bad = next((child for child in case if child.tag in {"failure", "error", "skipped"}), None)
        properties = {item.get("name"): item.get("value") for item in case.iter("property")}
        proofs.append(
            {
                "proof": f"{case.get('classname')}::{case.get('name')}",
                "outcome": "passed" if bad is None else bad.tag,
                "reason": "" if bad is None else (bad.get("message") or ""),
                "seconds": round(float(case.get("time") or 0), 2),
                # What a proof counted: it calls `record_property("orders", 1200)`.
                "counted": properties,
            }
        )
    return sorted(proofs, key=lambda proof: str(proof["proof"]))


if __name__ == "__main__":
    sys.exit(main())
