"""The real Dagster daemon as a child process, and what its runs have done so far."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import dagster as dg

from pipelines.logging_setup import process_mask
from pipelines.secret_masking import SecretMask
from pipelines.starter import WITH_STARTER, interrupted_in_order

WORKSPACE: Final = Path(__file__).parent.parent / "workspace.yaml"
DAEMON: Final = (sys.executable, "-m", "pipelines.daemon", WITH_STARTER)
SECONDS_TO_STOP: Final = 20
LOG_MAX_BYTES: Final = 16 * 1024**2
"""Size at which the daemon's log is put aside and begun anew."""
_SECONDS_TO_FLUSH: Final = 2


@contextmanager
def running_daemon(*, environment: Mapping[str, str], log_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon with both code locations until the block ends, or this process is asked to end or dies.

    Args:
        environment: of the child; names the home and the Dagster instance.
        log_file: where its output goes, each line masked as this process masks its own log.

    Yields:
        The child process; `poll()` tells whether it has died.

    Raises:
        KeyboardInterrupt: Ctrl-C, a closed terminal or SIGTERM; the child was ended.
    """
    with interrupted_in_order(), _child(environment, log_file) as child:
        yield child


@contextmanager
def _child(environment: Mapping[str, str], log_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    log_file.parent.mkdir(parents=True, exist_ok=True)
    child = subprocess.Popen(  # noqa: S603 - the command is our own
        DAEMON,
        env=dict(environment),
        cwd=WORKSPACE.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert child.stdin is not None  # noqa: S101 - asked for above; its type cannot say so
    assert child.stdout is not None  # noqa: S101 - as above
    # Made here: who waits for the daemon may look into its log before the writer is under way.
    log_file.touch()
    writer = threading.Thread(target=_write_masked, args=(child.stdout, log_file), name="daemon-log", daemon=True)
    writer.start()
    try:
        yield child
    finally:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(timeout=SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdin.close()
        # What the daemon started may hold its output open for longer than it lives.
        writer.join(timeout=_SECONDS_TO_FLUSH)


def _write_masked(lines: IO[bytes], log_file: Path) -> None:
    mask = process_mask() or SecretMask(())
    log = log_file.open("ab", buffering=0)
    # Closed here, at the end of the output: that may be later than the end of the daemon.
    with lines:
        for line in lines:
            if log.tell() > LOG_MAX_BYTES:
                # A daemon that lives for months would fill the disk: what is put aside, retention takes by its age.
                log.close()
                log_file.rename(log_file.with_stem(f"{log_file.stem}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"))
                log = log_file.open("ab", buffering=0)
            log.write(mask(line.decode(errors="replace")).encode())
    log.close()


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step that ended: in which job, whether well, and how long it took."""

    job: str
    step: str
    is_success: bool
    seconds: float


class RunWatcher:
    """Reads an instance's event log and tells each finished step once."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._told: set[tuple[str, str, bool]] = set()
        self._over: set[str] = set()

    def news(self) -> list[StepDone]:
        """Return the steps that have ended since the last call, oldest run first."""
        fresh: list[StepDone] = []
        for run in reversed(self._instance.get_runs(limit=200)):
            if run.run_id in self._over:
                continue
            if run.is_finished:
                # Its status was read before its events: whatever its steps said is among them.
                self._over.add(run.run_id)
            for entry in self._instance.all_logs(
                run.run_id, of_type={dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE}
            ):
                event = entry.get_dagster_event()
                key = (run.run_id, str(event.step_key), event.is_step_success)
                if key not in self._told:
                    self._told.add(key)
                    seconds = event.step_success_data.duration_ms / 1000 if event.is_step_success else 0.0
                    fresh.append(StepDone(run.job_name, str(event.step_key), event.is_step_success, seconds))
        return fresh

    def unfinished_runs(self) -> int:
        """Return how many runs are queued or under way."""
        ended = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
        return self._instance.get_runs_count(
            dg.RunsFilter(statuses=[status for status in dg.DagsterRunStatus if status not in ended])
        )
