"""Change one small thing at a time in the rooms that decide and keep, and count which changes the tests notice.

Each room is mutated in a copy of the tracked files, against the fast tests that are about it, so that neither the
checkout nor other tests are touched. The counts and the names of the survivors go to docs/proof/mutants.json; what is
said of them is in docs/proof/mutants.md. Name rooms, or single modules of them, to run only those:
`python deploy/run_mutants.py risk session/send`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from pipelines.code_hash import checkout_root, code_hash

ROOMS: Final[dict[str, tuple[str, ...]]] = {
    "domain": (
        "tests/unit/domain",
        "tests/unit/ledger",
        "tests/unit/test_canonical.py",
        "tests/unit/test_quantities.py",
    ),
    "risk": (
        "tests/unit/risk",
        "tests/unit/session/test_trading_state.py",
        "tests/unit/stopping/test_kill_switch.py",
        "tests/unit/stopping/test_reduce_only.py",
    ),
    "portfolio": ("tests/unit/portfolio", "tests/unit/session/test_exits.py"),
    "ledger": (
        "tests/unit/ledger",
        "tests/contract/ledger",
        "tests/property/test_ledger_book.py",
        "tests/property/test_ledger_postings.py",
    ),
    "session": ("tests/unit/session", "tests/unit/stopping"),
    "brokers": ("tests/unit/brokers",),
}
"""Each room of `execution` with its tests; fast ones, since they run once for each of thousands of changes."""
_LEDGER: Final = tuple(
    f"tests/unit/ledger/test_{name}.py"
    for name in ("event_codec", "folding", "hash_chain", "impossible_events", "order_record")
)
MODULES: Final[dict[str, tuple[str, ...]]] = {
    "brokers/simulated": tuple(
        f"tests/unit/brokers/test_{name}.py"
        for name in ("simulated_orders", "simulated_sessions", "order_kinds", "replacing", "stop_limits")
    ),
    "ledger/book": ("tests/unit/ledger/test_book.py", "tests/unit/ledger/test_folding.py"),
    **dict.fromkeys(("ledger/event_codec", "ledger/folding", "ledger/hash_chain", "ledger/order_record"), _LEDGER),
    **{
        f"session/{name}": (f"tests/unit/session/test_{name}.py",)
        for name in ("adjust", "bracket", "day_so_far", "ladder", "quarantine", "ramp_stage", "release", "write_off")
    },
    "session/answers": ("tests/unit/session/test_answers.py",),
    "session/approval": ("tests/unit/session/test_a_persons_word.py", "tests/unit/session/test_signed_consent.py"),
    "session/consent": ("tests/unit/session/test_signed_consent.py",),
    "session/control": ("tests/unit/stopping/test_control.py", "tests/unit/stopping/test_watchdog.py"),
    "session/decide": ("tests/unit/session/test_decide.py", "tests/unit/session/test_plan.py"),
    "session/flatten": ("tests/unit/stopping/test_flatten.py",),
    "session/monitor": tuple(f"tests/unit/session/test_{name}.py" for name in ("monitor", "monitor_pace", "watch")),
    "session/plan": ("tests/unit/session/test_plan.py",),
    "session/protect": ("tests/unit/session/test_next_stop.py", "tests/unit/session/test_protect.py"),
    "session/reconcile": ("tests/unit/session/test_what_the_venue_told.py",),
    "session/reprice": ("tests/unit/session/test_ladder.py",),
    "session/reservation": ("tests/unit/session/test_reservation.py",),
    "session/resume": ("tests/unit/stopping/test_resume.py",),
    "session/send": ("tests/unit/session/test_one_order_out.py",),
    "session/signed_word": ("tests/unit/session/test_signed_word.py",),
    "session/settle": ("tests/unit/session/test_settle.py", "tests/unit/session/test_bracket.py"),
    "session/submit": (
        "tests/unit/session/test_selling_beside_a_stop.py",
        "tests/unit/session/test_submit.py",
        "tests/unit/session/test_send.py",
    ),
    "session/trading_state": ("tests/unit/session/test_trading_state.py",),
}
"""Modules with tests of their own on values in memory: asked of those alone, a change takes a tenth of a second."""
_COPIED: Final = ("assets", "pipelines", "sensors", "execution", "examples", "tests", "pyproject.toml")
_PYTEST: Final = ("-p", "no:cacheprovider", "--hypothesis-seed=0", "-m", "not campaign", "-k", "not postgres")
# What mutmut writes for a mutant: pytest's exit code, or why there is none.
_KILLED: Final = frozenset({1, 3, 24, 36, 37, -24, 152, 255})
_UNTESTED: Final = frozenset({5, 33})


def main(places: Sequence[str]) -> int:
    """Run the rooms or modules, all rooms when none is named, write what was counted, and return 0."""
    root = checkout_root()
    target = root / "docs" / "proof" / "mutants.json"
    counted: dict[str, Any] = json.loads(target.read_bytes()) if target.exists() else {}
    for place in places or tuple(ROOMS):
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            _copy(root, Path(folder))
            _say_what_to_mutate(Path(folder), place)
            command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(len(os.sched_getaffinity(0)))]
            subprocess.run(command, cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True)  # noqa: S603 - our own command
            counted[place] = _counts(Path(folder)) | {"code_hash": code_hash(root)}
        counted[place]["seconds"] = round(time.monotonic() - started)
        target.write_text(json.dumps(counted, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        sys.stdout.write(f"\n{place}: {counted[place]['killed']} of {counted[place]['mutants']} killed\n")
    return 0


def _copy(root: Path, folder: Path) -> None:
    listed = subprocess.run(["git", "ls-files", *_COPIED], cwd=root, check=True, capture_output=True, text=True)  # noqa: S603, S607 - our own command
    for name in listed.stdout.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, folder / name)


def _say_what_to_mutate(folder: Path, place: str) -> None:
    room, _, module = place.partition("/")
    section = {
        "source_paths": ["execution"],
        "only_mutate": [f"execution/{room}/{module or '*'}.py"],
        "also_copy": ["assets", "pipelines", "sensors", "examples"],
        "pytest_add_cli_args": list(_PYTEST),
        "pytest_add_cli_args_test_selection": list(MODULES.get(place, ROOMS[room])),
    }
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in section.items()]
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.writelines(["\n[tool.mutmut]\n", *lines])


def _counts(folder: Path) -> dict[str, Any]:
    codes = dict(_exit_codes(folder))
    survived = sorted(name for name, code in codes.items() if code not in _KILLED)
    killed = len(codes) - len(survived)
    return {
        "mutants": len(codes),
        "killed": killed,
        "percent": round(100 * killed / max(1, len(codes)), 1),
        "untested": sum(code in _UNTESTED for code in codes.values()),
        "survivors": survived,
    }


def _exit_codes(folder: Path) -> Iterator[tuple[str, int | None]]:
    for path in sorted((folder / "mutants").rglob("*.meta")):
        yield from json.loads(path.read_bytes())["exit_code_by_key"].items()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
