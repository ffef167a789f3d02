"""`touchstone doctor`: is this machine, this home and this tree fit to trade? Looks at everything, changes nothing."""

import importlib.metadata
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from execution.domain.errors import TouchstoneError
from pipelines.cli.finding import Finding
from pipelines.code_hash import checkout_root, code_hash, is_dirty
from pipelines.home import Home

if TYPE_CHECKING:
    from pipelines.settings import Settings

_DISK_FREE_MIN_BYTES: Final = 2 * 1024**3
_PACKAGES: Final = ("dagster", "dagster-webserver", "dbt-core", "dbt-duckdb", "duckdb", "lightgbm", "numba", "ta-lib")


def examine(home: Home, settings_path: Path | None, environ: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Yield one finding after the other, cheap ones first; a failure of one does not hide the next.

    Args:
        home: the home to look at; it need not exist.
        settings_path: the settings file; None for the usual one.
        environ: the environment; None for the process's own.
    """
    from pipelines.cli.doctor_of_access import (  # noqa: PLC0415 - imports the data rooms; the first looks need none
        keys,
        listener,
        permissions,
        requests,
        signers,
        unknown_blocks,
    )
    from pipelines.settings import load_settings  # noqa: PLC0415 - as above

    looks: list[tuple[str, Callable[[], Finding]]] = [
        ("python", _python),
        ("packages", lambda: _packages(checkout_root() / "requirements.lock")),
        ("code", _code),
        ("settings", lambda: _settings(settings_path, environ)),
        ("home", lambda: _home(home)),
        ("disk", lambda: _disk(home)),
        ("dbt manifest", lambda: _manifest(checkout_root())),
        ("clock", lambda: _clock(home)),
        ("kill switch", lambda: _kill_switch(home)),
        ("ledger", lambda: _ledger(home, settings_path, environ)),
        ("permissions", lambda: permissions(home)),
        ("keys", lambda: keys(load_settings(settings_path, environ))),
        ("limits", lambda: unknown_blocks(load_settings(settings_path, environ))),
        ("signers", lambda: signers(load_settings(settings_path, environ))),
        ("rate limits", lambda: requests(load_settings(settings_path, environ), home)),
        ("trade updates", lambda: listener(load_settings(settings_path, environ), home)),
        ("broker", lambda: _broker(home, settings_path, environ)),
        ("data", lambda: _data(home, load_settings(settings_path, environ))),
    ]
    for subject, look in looks:
        try:
            yield look()
        except (TouchstoneError, OSError) as error:
            yield Finding(subject, "failed", str(error))


def _python() -> Finding:
    found = platform.python_version()
    if found.startswith("3.11."):
        return Finding("python", "ok", found)
    return Finding("python", "failed", f"found {found}, expected 3.11; make the environment again with `make demo`")


def _packages(lock: Path) -> Finding:
    pinned = dict(
        line.split(" ", 1)[0].split("==", 1)
        for line in lock.read_text(encoding="utf-8").splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    )
    wrong = []
    for name in _PACKAGES:
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found = "nothing"
        if found != pinned.get(name):
            wrong.append(f"{name} {found} instead of {pinned.get(name)}")
    if wrong:
        return Finding("packages", "failed", f"{', '.join(wrong)}; run `make demo`, which installs the lock")
    return Finding("packages", "ok", f"{len(_PACKAGES)} looked at, all as locked")


def _code() -> Finding:
    root = checkout_root()
    digest, dirty = code_hash(root), is_dirty(root)
    if dirty is None:
        return Finding("code", "warning", f"{digest[:12]}; no git history here, so nobody can say what was changed")
    if dirty:
        return Finding(
            "code", "warning", f"{digest[:12]}, changed since its commit: may trade in simulated and files only"
        )
    return Finding("code", "ok", f"{digest[:12]}, as committed")


def _settings(path: Path | None, environ: Mapping[str, str] | None) -> Finding:
    from pipelines.settings import load_settings  # noqa: PLC0415 - imports the data rooms; the other looks need none

    settings = load_settings(path, environ)
    files = ", ".join(file.name for file in settings.files_read) or "defaults"
    return Finding("settings", "ok", f"mode {settings.mode}, from {files}, hash {settings.settings_hash[:12]}")


def _home(home: Home) -> Finding:
    if not home.root.exists():
        return Finding("home", "warning", f"{home.root} does not exist yet; `touchstone init` makes it")
    with tempfile.TemporaryFile(dir=home.root) as probe:
        probe.write(b"probe")
        os.fsync(probe.fileno())
    return Finding("home", "ok", f"{home.root} can be written")


def _disk(home: Home) -> Finding:
    place = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    detail = f"{free / 1024**3:.1f} GiB free"
    if free < _DISK_FREE_MIN_BYTES:
        return Finding(
            "disk", "failed", f"{detail}, expected at least {_DISK_FREE_MIN_BYTES // 1024**3}; free some first"
        )
    return Finding("disk", "ok", detail)


def _manifest(root: Path) -> Finding:
    project = root / "dbt_project"
    manifest = project / "target" / "manifest.json"
    if not manifest.exists():
        return Finding("dbt manifest", "failed", "there is none, so the definitions cannot load; run `make manifest`")
    models = [path for path in project.rglob("*") if path.is_file() and not {"target", "logs"} & set(path.parts)]
    if any(path.stat().st_mtime > manifest.stat().st_mtime for path in models):
        return Finding("dbt manifest", "failed", "the models are newer than it; run `make manifest`")
    return Finding("dbt manifest", "ok", "newer than every model")


def _clock(home: Home) -> Finding:
    from execution.clock import FileClock  # noqa: PLC0415 - as above

    if not home.clock.exists():
        return Finding("clock", "ok", "the machine's own, or not set yet")
    return Finding("clock", "ok", f"stands at {FileClock(home.clock).now().isoformat()}")


def _kill_switch(home: Home) -> Finding:
    from execution.risk.kill_switch import KillSwitch  # noqa: PLC0415 - as above

    if told := KillSwitch(home.kill).told():
        return Finding("kill switch", "failed", f"engaged {told}: nothing is sent while {home.kill.name} is there")
    return Finding("kill switch", "ok", "released")


def _ledger(home: Home, path: Path | None, environ: Mapping[str, str] | None) -> Finding:
    from execution.ledger.anchors import verify_ledger  # noqa: PLC0415 - as above
    from pipelines.cli.ledger_care import ONE_DEVICE, unguarded  # noqa: PLC0415 - as above
    from pipelines.ledger_opening import anchoring_of, has_ledger, is_one_device, open_ledger  # noqa: PLC0415 - as above
    from pipelines.trading_settings import load_trading_settings  # noqa: PLC0415 - as above

    settings = load_trading_settings(path, environ)
    if not has_ledger(settings, home):
        return Finding("ledger", "ok", "none yet")
    ledger = open_ledger(settings, home)
    found = verify_ledger(ledger, anchoring_of(settings, home).anchors)
    detail = f"{found.head.sequence} rows, chain holds, head {found.head.hash[:12]}"
    if missing := ledger.missing_guards():
        return Finding("ledger", "warning", f"{detail}; {unguarded(missing)}")
    if found.newest is None:
        return Finding("ledger", "ok", f"{detail}; not anchored yet")
    detail += f", anchored up to row {found.newest.sequence}"
    if found.behind:
        return Finding("ledger", "warning", f"{detail}; {', '.join(found.behind)} lacks the newest anchor")
    if is_one_device(settings, home):
        return Finding("ledger", "warning", f"{detail}; {ONE_DEVICE}")
    return Finding("ledger", "ok", detail)


def _broker(home: Home, path: Path | None, environ: Mapping[str, str] | None) -> Finding:
    from execution.trading_calendar import TradingCalendar  # noqa: PLC0415 - as above
    from pipelines.trading_adapters import clock_of, is_clock_told  # noqa: PLC0415 - as above
    from pipelines.trading_settings import load_trading_settings  # noqa: PLC0415 - as above

    settings = load_trading_settings(path, environ)
    if is_clock_told(settings.mode):
        return Finding("broker", "ok", "the simulated venue in the home")
    from pipelines.alpaca_adapters import open_alpaca  # noqa: PLC0415 - loads a client the simulation has no use for
    from pipelines.cli.paper_smoke import looks  # noqa: PLC0415 - as above

    clock, calendar = clock_of(settings.mode, home), TradingCalendar.shipped()
    found = list(looks(open_alpaca(settings, home, clock, calendar), settings, clock, calendar))
    for verdict in ("failed", "warning"):
        told = [f"{finding.subject}: {finding.detail}" for finding in found if finding.verdict == verdict]
        if told:
            return Finding("broker", verdict, "; ".join(told))
    return Finding("broker", "ok", f"{settings.mode} account at Alpaca answers, clock and calendar agree")


def _data(home: Home, settings: "Settings") -> Finding:
    """Read the user's files whole; of every market that is there before it is traded, say from when it is decided."""
    from assets.ingest.files_source import FilesSource  # noqa: PLC0415 - as above
    from pipelines.analysis_adapters import first_cycle_session, sources_of  # noqa: PLC0415 - as above
    from pipelines.trading_adapters import is_clock_told  # noqa: PLC0415 - as above

    if not is_clock_told(settings.mode):
        return Finding("data", "ok", f"mode {settings.mode} reads them as they come")
    sources = sources_of(settings, home)
    told = "a made market"
    if isinstance(sources.prices, FilesSource):
        (bars, *others) = sources.prices.check().items()
        told = ", ".join([f"{bars[1]} rows of {bars[0]}", *(f"{rows} of {table}" for table, rows in others)])
    return Finding("data", "ok", f"{told}; decides from {first_cycle_session(settings, sources)}")
