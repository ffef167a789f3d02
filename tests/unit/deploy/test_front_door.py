import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TARGETS = (
    "demo",
    "test",
    "check",
    "ui",
    "bench",
    "campaign",
    "coverage",
    "mutants",
    "sbom",
    "audit",
    "lock",
    "manifest",
    "schema",
    "calendar",
    "clean",
)


@pytest.mark.parametrize("target", TARGETS)
def test_make_knows_the_target_and_help_explains_it(target):
    planned = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert planned.returncode == 0, planned.stderr
    helped = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert re.search(rf"^  make {target} +\w", helped.stdout, re.MULTILINE)


def test_ci_runs_the_two_commands_a_person_runs():
    script = (ROOT / ".ci" / "run").read_text()
    assert [line for line in script.splitlines() if line.startswith("make ")] == ["make check", "make test"]
    assert "run: .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


@pytest.mark.parametrize("script", [".ci/run", "deploy/make_environment.sh"])
def test_shell_scripts_are_valid_and_stop_at_the_first_error(script):
    text = (ROOT / script).read_text()
    shell = "bash" if "bash" in text.splitlines()[0] else "sh"
    assert subprocess.run([shell, "-n", ROOT / script], check=False, timeout=60).returncode == 0
    assert re.search(r"^set -eu", text, re.MULTILINE)


def test_an_environment_without_python_is_refused_with_the_remedy(tmp_path):
    for tool in ("sh", "dirname"):
        found = subprocess.run(["which", tool], capture_output=True, text=True, check=True, timeout=60).stdout.strip()
        (tmp_path / tool).symlink_to(found)
    done = subprocess.run(
        [tmp_path / "sh", ROOT / "deploy" / "make_environment.sh", "run"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Python 3.11 was not found. Install it, or name it: make PYTHON=" in done.stderr
