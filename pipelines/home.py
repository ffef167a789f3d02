"""The home folder: every file that a running Touchstone writes lies below it, so backup, wipe and move are one folder.

This module names places and creates empty folders. What is inside a place belongs to the room that writes it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from execution.domain.errors import SettingsRefused

HOME_VARIABLE: Final = "TOUCHSTONE_HOME"
DEFAULT_HOME: Final = Path(".touchstone")
SETTINGS_VARIABLE: Final = "TOUCHSTONE_SETTINGS"
DEFAULT_SETTINGS: Final = Path("settings.yaml")
ALLOCATOR: Final = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Arrow's own allocator keeps most of what was freed, whatever it is asked (193 MB for 12 in use after a day of 500
symbols), and reads its choice when it is loaded: so a process is told before it begins."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything that runs keeps its files.

    Attributes:
        root: the home folder; made absolute, so that a process started elsewhere still finds the same files.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.expanduser().absolute())

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Return the home named by TOUCHSTONE_HOME, or `.touchstone` in the working directory."""
        named = (os.environ if environ is None else environ).get(HOME_VARIABLE, "").strip()
        return cls(Path(named) if named else DEFAULT_HOME)

    def create(self) -> Self:
        """Create the folders that do not exist yet and return the home; harmless to repeat.

        Raises:
            SettingsRefused: the place is no folder, or cannot be written.
            OSError: a folder cannot be created for another reason, as on a full disk.
        """
        if fault := self.fault():
            raise SettingsRefused(fault)
        for folder in (
            self.raw,
            self.snapshots,
            self.features,
            self.artifacts,
            self.tape,
            self.dagster,
            self.reports,
            self.logs,
        ):
            folder.mkdir(parents=True, exist_ok=True)
        return self

    def fault(self) -> str:
        """Return why this place can be no home: it is no folder, or cannot be written; empty when it can be one."""
        places = (self.root, *self.root.parents)
        place = next(path for path in places if os.path.exists(path))  # noqa: PTH110 - `Path.exists` raises below a folder that may not be entered
        remedy = f"name another place with {HOME_VARIABLE}"
        if not place.is_dir():
            at = "" if place == self.root else f": {place} is a file"
            return f"home {self.root} is no folder{at}; {remedy}"
        if not os.access(place, os.W_OK | os.X_OK):
            at = "it" if place == self.root else str(place)
            return f"home {self.root} cannot be written: make {at} writable for this user, or {remedy}"
        return ""

    def process_environment(self, settings_path: Path | None = None) -> dict[str, str]:
        """Return the environment for webserver, daemon and their workers: this process's own, bound to this home.

        Args:
            settings_path: the settings file they read; None for the one this process reads when none is named.
        """
        bound = {HOME_VARIABLE: str(self.root), "DAGSTER_HOME": str(self.dagster), "DAGSTER_DISABLE_TELEMETRY": "yes"}
        if named := settings_path or self.settings_to_read():
            # Absolute: they start in another folder.
            bound[SETTINGS_VARIABLE] = str(named.expanduser().absolute())
        return ALLOCATOR | os.environ | bound

    def settings_to_read(self, environ: Mapping[str, str] | None = None) -> Path | None:
        """Return TOUCHSTONE_SETTINGS, else the file the home keeps, else `settings.yaml` here; None for defaults alone.

        A home that keeps its settings goes on with them, wherever it is looked at from.
        """
        if named := (os.environ if environ is None else environ).get(SETTINGS_VARIABLE, "").strip():
            return Path(named).expanduser()
        return next((path for path in (self.settings, DEFAULT_SETTINGS) if path.is_file()), None)

    @property
    def settings(self) -> Path:
        """Settings file of this home alone, kept beside what was made with it; need not exist."""
        return self.root / "settings.yaml"

    @property
    def raw(self) -> Path:
        """Folder of immutable raw parts."""
        return self.root / "raw"

    @property
    def provider_pages(self) -> Path:
        """Folder of answers of data providers as they came, one folder per provider."""
        return self.root / "provider_pages"

    @property
    def snapshots(self) -> Path:
        """Folder of pinned data snapshots, one file per session."""
        return self.root / "snapshots"

    @property
    def warehouse(self) -> Path:
        """DuckDB file of the analysis half."""
        return self.root / "warehouse.duckdb"

    @property
    def features(self) -> Path:
        """Folder of immutable feature parts the kernel writes."""
        return self.root / "features"

    @property
    def artifacts(self) -> Path:
        """Folder of batches, certificates, models, plans and why-rows, named by hash."""
        return self.root / "artifacts"

    @property
    def tape(self) -> Path:
        """Folder of the simulated venue's prices, one Parquet file per session."""
        return self.root / "tape"

    @property
    def ledger(self) -> Path:
        """SQLite file of the append-only ledger."""
        return self.root / "ledger.db"

    @property
    def ledger_place(self) -> Path:
        """Note of where the ledger is; only a home whose ledger was moved has one."""
        return self.root / "ledger.place.json"

    @property
    def anchor_key(self) -> Path:
        """Private key that signs the ledger's heads; readable by its owner alone."""
        return self.root / "anchor.key"

    @property
    def anchors(self) -> Path:
        """Folder of the ledger's signed heads, where settings name no better ones."""
        return self.root / "anchors"

    @property
    def second_anchors(self) -> Path:
        """The second copy of the signed heads; on the home's own device, of which `touchstone doctor` warns."""
        return self.root / "backups" / "anchors"

    @property
    def backups(self) -> Path:
        """Folder of backups where settings name no better place; one accident takes it with the home."""
        return self.root / "backups" / "store"

    @property
    def archive(self) -> Path:
        """Folder of what retention took out of the home, as hashed Parquet; kept for ever."""
        return self.root / "archive"

    @property
    def upkeep(self) -> Path:
        """Folder of what each night's upkeep came to, one file per session."""
        return self.root / "upkeep"

    @property
    def venue(self) -> Path:
        """SQLite file of the simulated broker's own state, never the ledger's."""
        return self.root / "venue.db"

    @property
    def operations(self) -> Path:
        """SQLite file of alert outbox, breakers and rate limits."""
        return self.root / "operations.db"

    @property
    def clock(self) -> Path:
        """File that holds the time in simulated and files mode."""
        return self.root / "clock.json"

    @property
    def kill(self) -> Path:
        """Kill switch: while this file exists, nothing is sent."""
        return self.root / "KILL"

    @property
    def kill_spare(self) -> Path:
        """Empty file that takes the kill switch's name when the disk has no room for a new one."""
        return self.root / "KILL.spare"

    @property
    def halt(self) -> Path:
        """File that tells `touchstone halt` where orders are cancelled; holds no secret."""
        return self.root / "halt.json"

    @property
    def stop_requests(self) -> Path:
        """Folder of stops asked for while the ledger was away; whoever next opens it writes them down."""
        return self.root / "stop_requests"

    @property
    def heartbeat(self) -> Path:
        """File the daemon touches; the watchdog guards the daemon, and cancels when it is not touched any more."""
        return self.root / "heartbeat"

    @property
    def act_heartbeat(self) -> Path:
        """File every act touches as it begins; it is no sign of a daemon that would begin the next."""
        return self.root / "act_heartbeat"

    @property
    def dagster(self) -> Path:
        """Folder of the Dagster instance (DAGSTER_HOME)."""
        return self.root / "dagster"

    @property
    def reports(self) -> Path:
        """Folder of daily reports."""
        return self.root / "reports"

    @property
    def logs(self) -> Path:
        """Folder of structured log files."""
        return self.root / "logs"
