"""The page on degraded sources names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "docs" / "degradation.md").read_text(encoding="utf-8"))


def test_every_row_names_a_test_that_exists() -> None:
    missing = [
        f"{file}::{name}" for file, name in ROWS if f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert missing == []
    assert len(ROWS) > 25
