"""The 61 conformance cases of an adapter: each is in a test's name, and none is skipped or left out."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
FOLDERS = ("contract/broker", "integration/broker", "unit/ingest")
ALSO_SIMULATED = {1, 2, 3, 4, 5, 6, 7, 10, 21, 27, 34, 36, 37, 44, 45, 52}
"""Cases that have a meaning at the simulated venue: those of the list, and two it has a meaning for besides."""
TEST = re.compile(r"^def test_case_((?:\d+_)+).*?\((.*?)\) -> None:", re.MULTILINE | re.DOTALL)
AT_BOTH = re.compile(r"\brig: BrokerRig|\bmake: MakeRig")
SKIPPED = re.compile(r"pytest\.(mark\.(skip|xfail)|skip|xfail)")


def cases(*, simulated_only: bool = False) -> set[int]:
    found = set()
    for file in (file for folder in FOLDERS for file in (TESTS / folder).glob("test_*.py")):
        is_simulated = file.name == "test_cases_at_the_simulated_venue.py"
        for numbers, arguments in TEST.findall(file.read_text(encoding="utf-8")):
            if not simulated_only or is_simulated or AT_BOTH.search(arguments):
                found |= {int(number) for number in numbers.strip("_").split("_")}
    return found


def test_every_case_is_proven() -> None:
    assert cases() == set(range(1, 62))


def test_cases_that_mean_something_at_the_simulated_venue_run_there_too() -> None:
    assert cases(simulated_only=True) == ALSO_SIMULATED


def test_no_case_may_be_skipped() -> None:
    # Recorded bodies lie beside the checkout, never in it; they are no case of the list.
    files = list((TESTS / "contract/broker").glob("test_cases_*.py"))
    assert [file.name for file in files if SKIPPED.search(file.read_text(encoding="utf-8"))] == []
