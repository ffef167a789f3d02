"""What the scripts behind `make coverage` and `make mutants` count."""

import json
from pathlib import Path
from typing import Any

from deploy.run_coverage import percent_covered
from deploy.run_mutants import MODULES, ROOMS, _counts

ROOT = Path(__file__).parents[3]


def a_file(lines: int, branches: int, *, covered_lines: int, covered_branches: int) -> dict[str, Any]:
    return {
        "summary": {
            "num_statements": lines,
            "num_branches": branches,
            "covered_lines": covered_lines,
            "covered_branches": covered_branches,
        }
    }


def test_lines_and_branches_of_a_folder_are_counted_together() -> None:
    files = {
        "execution/a.py": a_file(6, 4, covered_lines=6, covered_branches=1),
        "execution/b.py": a_file(10, 0, covered_lines=8, covered_branches=0),
        "assets/c.py": a_file(20, 0, covered_lines=0, covered_branches=0),
    }
    assert percent_covered(files, "execution/") == 75.0
    assert percent_covered(files, "") == 37.5


def test_nothing_measured_is_no_coverage() -> None:
    assert percent_covered({}, "execution/") == 0.0


def test_a_change_is_noticed_when_tests_fail_or_never_end_and_survives_when_they_pass_or_there_are_none(
    tmp_path: Path,
) -> None:
    codes = {"a": 1, "b": 36, "c": 0, "d": 33, "e": None}
    (tmp_path / "mutants" / "execution").mkdir(parents=True)
    (tmp_path / "mutants" / "execution" / "x.py.meta").write_text(json.dumps({"exit_code_by_key": codes}))
    assert _counts(tmp_path) == {
        "mutants": 5,
        "killed": 2,
        "percent": 40.0,
        "untested": 1,
        "survivors": ["c", "d", "e"],
    }


def test_each_room_is_a_folder_and_its_tests_are_there() -> None:
    for room, tests in ROOMS.items():
        assert (ROOT / "execution" / room).is_dir()
        assert all((ROOT / path).exists() for path in tests)


def test_each_module_with_tests_of_its_own_is_in_a_room_and_its_tests_are_there() -> None:
    for place, tests in MODULES.items():
        assert (ROOT / "execution" / f"{place}.py").is_file()
        assert place.partition("/")[0] in ROOMS
        assert all((ROOT / path).exists() for path in tests)
