"""The Dagster instance under the home folder: its settings file, written once.

Dagster's own storage stays apart from the ledger. Nothing in it is an authority; a lost instance loses charts and run
history, never an order.
"""

from pathlib import Path
from typing import Final

import yaml

from pipelines.home import Home

# SQLite under the instance folder is Dagster's default for everything else and needs no entry.
_SETTINGS: Final = {
    "event_log_storage": {"module": "pipelines.kept_event_log", "class": "KeptEventLog"},
    "compute_logs": {"module": "pipelines.masked_compute_logs", "class": "MaskedComputeLogs"},
    "telemetry": {"enabled": False},
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


def prepare_instance(home: Home) -> Path:
    """Write the instance's settings file unless there is one, and return the instance folder.

    An existing file is left alone: an operator may have pointed it at Postgres (`deploy/`).
    """
    home.create()
    target = home.dagster / "dagster.yaml"
    if not target.exists():
        temporary = target.with_suffix(".tmp")
        temporary.write_text(yaml.safe_dump(_SETTINGS, sort_keys=True), encoding="utf-8")
        temporary.replace(target)
    return home.dagster
