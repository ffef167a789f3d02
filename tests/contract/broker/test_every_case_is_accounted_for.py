"""The 61 conformance cases of an adapter: each is in a test's name, and none is skipped."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
FOLDERS = ("contract/broker", "integration/broker", "unit/ingest")
NAMES = re.compile(r"^def test_case_((?:\d+_)+)", re.MULTILINE)


def named() -> set[int]:
    files = [file for folder in FOLDERS for file in (TESTS / folder).glob("test_*.py")]
    found = [numbers for file in files for numbers in NAMES.findall(file.read_text(encoding="utf-8"))]
    return {int(number) for numbers in found for number in numbers.strip("_").split("_")}


def test_every_case_is_proven() -> None:
    assert named() == set(range(1, 62))
