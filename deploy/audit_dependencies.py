"""Ask a vulnerability service about every installed package, and fail unless every one of them was answered for.

`pip-audit` skips what its service does not answer for, says "no known vulnerabilities found" and ends well. So the
number of packages that were audited must be the number that are installed; what was skipped is named, and fails.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from deploy.make_sbom import locked, normalised

ROOT = Path(__file__).resolve().parent.parent
_LOCKS = ("requirements-dev.lock", "requirements-build.lock")
_OURS = "touchstone"


def installed() -> dict[str, str]:
    """Return version by name of every installed package but our own."""
    found = {normalised(one.metadata["Name"]): one.version for one in distributions()}
    return {name: version for name, version in sorted(found.items()) if name != _OURS}


def unlocked(packages: Mapping[str, str], locks: Mapping[str, str]) -> list[str]:
    """Return installed packages that no lock names at their version."""
    return [f"{name} {version}" for name, version in packages.items() if locks.get(name) != version]


def faults(report: Mapping[str, Any], packages: Mapping[str, str]) -> list[str]:
    """Return what is wrong with an audit: packages it did not answer for, and vulnerabilities it knows.

    Args:
        report: what `pip-audit --format json` wrote.
        packages: what is installed.
    """
    rows = {normalised(row["name"]): row for row in report.get("dependencies", ())}
    audited = {name for name, row in rows.items() if "skip_reason" not in row}
    missing = sorted(packages.keys() - audited)
    told = [
        f"audited {len(audited & packages.keys())} of {len(packages)} installed packages, not: {', '.join(missing)}"
    ]
    known = [
        f"{name} {row['version']}: {bad['id']}, fixed in {', '.join(bad['fix_versions']) or 'nothing'}"
        for name, row in sorted(rows.items())
        for bad in row.get("vulns", ())
    ]
    return (told if missing else []) + known


def main() -> int:
    """Audit this environment and return 0 only when every package was answered for and none is known to be bad."""
    packages = installed()
    locks = {one.name: one.version for lock in _LOCKS for one in locked((ROOT / lock).read_text(encoding="utf-8"))}
    found = [f"{one} is installed and in no lock" for one in unlocked(packages, locks)]
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", *sys.argv[1:]]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own command
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        report = {}
        found.append(f"pip-audit wrote no report: {last}")
    found += faults(report, packages)
    for fault in found:
        sys.stdout.write(f"failed   {fault}\n")
    if not found:
        sys.stdout.write(f"audited {len(packages)} of {len(packages)} installed packages; no known vulnerability\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
