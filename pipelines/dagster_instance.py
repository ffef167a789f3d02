"""The Dagster instance under the home folder: its settings file, written once.

Dagster's own storage stays apart from the ledger. Nothing in it is an authority; a lost instance loses charts and run
history, never an order.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import dagster as dg
import yaml

from execution.clock import SystemClock
from execution.domain.errors import SettingsRefused
from pipelines.home import Home

POSTGRES_VARIABLE: Final = "TOUCHSTONE__ORCHESTRATOR__POSTGRES_URL"
"""Where an instance in Postgres finds its database; only its name is in a file."""
SECONDS_A_BEAT_LASTS: Final = 90.0
"""Daemons beat every thirty seconds. Dagster itself takes one for well that died half an hour ago."""
# SQLite under the instance folder is Dagster's default for everything else and needs no entry.
_SETTINGS: Final = {
    "compute_logs": {"module": "pipelines.masked_compute_logs", "class": "MaskedComputeLogs"},
    "telemetry": {"enabled": False},
    # Nobody who opens the page of a trading day is asked for an address first.
    "nux": {"enabled": False},
    "run_queue": {"dequeue_interval_seconds": 1},
    "concurrency": {"pools": {"default_limit": 1, "granularity": "run"}, "runs": {"max_concurrent_runs": 4}},
    "run_monitoring": {
        "enabled": True,
        "poll_interval_seconds": 10,
        # A cancelled run would otherwise keep its pool slot for ever.
        "free_slots_after_run_end_seconds": 30,
        # A run that lost its worker must not be resumed behind the ledger's back.
        "max_resume_run_attempts": 0,
        "max_runtime_seconds": 3600,
    },
    "retention": {"sensor": {"purge_after_days": {"skipped": 1, "started": 7, "failure": 30, "success": 30}}},
}


_IN_HOME: Final = {
    "event_log_storage": {"module": "pipelines.kept_event_log", "class": "KeptEventLog"},
    "schedule_storage": {"module": "pipelines.kept_schedules", "class": "KeptSchedules"},
}
_URL: Final = {"postgres_url": {"env": POSTGRES_VARIABLE}}
_IN_POSTGRES: Final = {
    "event_log_storage": {"module": "pipelines.masked_postgres_log", "class": "MaskedPostgresLog", "config": _URL},
    "run_storage": {"module": "dagster_postgres", "class": "PostgresRunStorage", "config": _URL},
    "schedule_storage": {"module": "dagster_postgres", "class": "PostgresScheduleStorage", "config": _URL},
}


def prepare_instance(home: Home) -> Path:
    """Write the instance's settings file unless there is one, and return the instance folder.

    A new instance is in Postgres where this process was told of a database for it. An existing file is left alone:
    `touchstone migrate` changes it.
    """
    home.create()
    if not (home.dagster / "dagster.yaml").exists():
        write_instance(home.dagster, place="postgres" if postgres_url() else "home")
    return home.dagster


def write_instance(folder: Path, *, place: Literal["home", "postgres"]) -> None:
    """Write the settings file of an instance whose history is in its own folder, or in Postgres."""
    settings = _SETTINGS | (_IN_HOME if place == "home" else _IN_POSTGRES)
    temporary = folder / "dagster.yaml.tmp"
    temporary.write_text(yaml.safe_dump(settings, sort_keys=True), encoding="utf-8")
    temporary.replace(folder / "dagster.yaml")


def is_daemon_alive(instance: dg.DagsterInstance) -> bool:
    """Return whether each daemon an instance needs is well and gave a sign of life a moment ago.

    A page that answers proves nothing.
    """
    statuses = [status for status in instance.get_daemon_statuses().values() if status.required]
    beating = daemons_beating(instance)
    return bool(statuses) and all(status.healthy and status.daemon_type in beating for status in statuses)


def daemons_beating(instance: dg.DagsterInstance) -> frozenset[str]:
    """Return the daemons whose heart beat less than a moment ago, by the machine's time."""
    earliest = SystemClock().now().timestamp() - SECONDS_A_BEAT_LASTS
    beats = instance.get_daemon_heartbeats()
    return frozenset(name for name, beat in beats.items() if beat.timestamp > earliest)


def is_in_postgres(folder: Path) -> bool:
    """Return whether an instance's settings file names Postgres.

    Raises:
        SettingsRefused: the file is no YAML mapping.
    """
    path = folder / "dagster.yaml"
    try:
        told: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = type(told).__name__
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told, found = None, " ".join(str(error).split())
    if not isinstance(told, Mapping):
        raise SettingsRefused(
            f"{path}: found {found}, expected the mapping of a Dagster instance; correct it, or move it away and let "
            "`touchstone init` write a new one"
        )
    return "run_storage" in told


def postgres_url() -> str:
    """Return the address of the database this process was told of for an instance, a secret; empty for none."""
    return os.environ.get(POSTGRES_VARIABLE, "")
