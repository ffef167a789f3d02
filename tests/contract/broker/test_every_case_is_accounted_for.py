"""The 61 conformance cases of an adapter: each is in a test's name, or stands here with the reason why it is not."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
FOLDERS = ("contract/broker", "integration/broker", "unit/ingest")
NOT_HERE = {
    44: "links of orders are not declared: their legs would have ids of the venue's own",
}
NAMES = re.compile(r"^def test_case_((?:\d+_)+)", re.MULTILINE)


def named() -> set[int]:
    files = [file for folder in FOLDERS for file in (TESTS / folder).glob("test_*.py")]
    found = [numbers for file in files for numbers in NAMES.findall(file.read_text(encoding="utf-8"))]
    return {int(number) for numbers in found for number in numbers.strip("_").split("_")}


def test_every_case_is_proven_or_its_absence_is_explained() -> None:
    assert named() | NOT_HERE.keys() == set(range(1, 62))


def test_no_case_is_both_proven_and_explained_away() -> None:
    assert named() & NOT_HERE.keys() == set()
