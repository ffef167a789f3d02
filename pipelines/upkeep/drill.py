"""Start a restore drill in a process of its own: empty environment, another folder, a kernel that hides the home."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import SecretStr

from assets.maintenance.backup_policy import BackupPolicy
from assets.maintenance.restore_drill import DrillReport
from pipelines.code_hash import SOURCE_FOLDERS, checkout_root
from pipelines.home import HOME_VARIABLE, Home
from pipelines.ledger_opening import anchoring_of, has_ledger
from pipelines.settings import Settings
from pipelines.settings_loading import LIVE_VARIABLE
from pipelines.settings_sources import ENVIRONMENT_PREFIX
from pipelines.trading_adapters import is_clock_told

_DEADLINE_SECONDS: Final = 900
_KEYS_OF_NOBODY: Final = {
    f"{ENVIRONMENT_PREFIX}{section}__{name}": "opens-nothing"
    for section in ("BROKER_KEYS", "ALPACA_DATA")
    for name in ("KEY_ID", "SECRET_KEY")
}
_SYSTEM: Final = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/dev", "/proc", "/sys", "/opt")
_ANCHORS: Final = 200
"""Newest lines of each sink that are handed on: years of days between two drills."""


def run_drill(settings: Settings, home: Home, *, is_from_raw: bool = False) -> DrillReport:
    """Restore the newest backup in a fresh process and return what it found; every failure is a red report.

    Args:
        settings: name the store, and where anchors are kept.
        home: where the anchors of the living ledger are; the child is not told of it.
        is_from_raw: whether the decision is made again from its raw parts as well.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="touchstone-drill-") as folder:
        place = Path(folder) / "home"
        told = {
            "policy": _revealed(settings.backup),
            "folder": str(home.backups),
            "place": str(place),
            "anchors": _anchor_lines(settings, home),
            "is_from_raw": is_from_raw,
            "readable": [str(path) for path in _readable(settings, home, Path(folder))],
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pipelines.drill_process"],
                input=orjson.dumps(told),
                capture_output=True,
                cwd=folder,
                env=_environment(settings, place) | {"HOME": folder, "TMPDIR": folder},
                timeout=_DEADLINE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return DrillReport(passed=False, reason=f"the drill did not end within {_DEADLINE_SECONDS} s")
    seconds = round(time.monotonic() - started, 3)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return DrillReport(passed=False, reason=f"the drill's process failed: {last}", total_seconds=seconds)
    return replace(DrillReport(**orjson.loads(lines[-1])), total_seconds=seconds)


def _environment(settings: Settings, place: Path) -> dict[str, str]:
    """Return nothing of this process's own; a real mode's settings load only beside keys, and these open nothing."""
    bare = {HOME_VARIABLE: str(place), "PATH": os.defpath, "DAGSTER_DISABLE_TELEMETRY": "yes"}
    if settings.mode == "live":
        bare[LIVE_VARIABLE] = settings.account
    if is_clock_told(settings.mode):
        return bare
    # Where a rehearsal trades may stand in the environment alone; nothing is asked there.
    addresses = {"TRADING_URL": settings.alpaca.trading_url, "DATA_URL": settings.alpaca.data_url}
    named = {f"{ENVIRONMENT_PREFIX}ALPACA__{name}": str(url) for name, url in addresses.items() if url}
    return bare | _KEYS_OF_NOBODY | named


def _readable(settings: Settings, home: Home, folder: Path) -> tuple[Path, ...]:
    """Return what the child may read: program, system, its own folder and the store; nothing that holds the home."""
    program = [checkout_root() / name for name in SOURCE_FOLDERS]
    store = home.backups if settings.backup.folder is None else settings.backup.folder.expanduser().absolute()
    places = (Path(sys.prefix), Path(sys.base_prefix), *program, *map(Path, _SYSTEM), folder, store)
    root = home.root.resolve()
    return tuple(part for place in places for part in _beside(place, root))


def _beside(place: Path, home: Path) -> Iterator[Path]:
    """Yield a place, or of one that holds the home all that does not, as of `/opt` with the home below it."""
    found = place.resolve()
    if not home.is_relative_to(found):
        yield place
    elif found != home and not place.is_symlink():
        # What a link below it leads to is read from where it lies, or was never below this place.
        for child in sorted(child for child in place.iterdir() if not child.is_symlink()):
            yield from _beside(child, home)


def _revealed(policy: BackupPolicy) -> dict[str, Any]:
    """Return the policy with its secrets in clear, for the child's pipe alone."""
    plain = policy.model_dump(mode="json")
    for name in plain:
        value = getattr(policy, name)
        if isinstance(value, SecretStr):
            plain[name] = value.get_secret_value()
    return plain


def _anchor_lines(settings: Settings, home: Home) -> list[str]:
    if not has_ledger(settings, home):
        return []
    return [line for sink in anchoring_of(settings, home).sinks for line in sink.lines()[-_ANCHORS:]]
