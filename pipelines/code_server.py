"""A code location as a server on this machine, whose runs start warm.

Dagster gives every run an interpreter of its own, and a new one spends more seconds on imports than most acts of a day
take. Here a run is a fork of a process that has imported what runs need and has done nothing else. All the rest is
Dagster's own server. It lives as long as its standard input is open, so it never outlives whoever started it.
"""

import gc
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import forkserver, resource_tracker, util
from pathlib import Path
from typing import Any, Final

# Dagster has no public way to serve a location from Python; `pyproject.toml` pins the version this is written for.
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import FuturesAwareThreadPoolExecutor
from dagster._grpc.server import DagsterApiServer, DagsterGrpcServer

from pipelines.code_hash import checkout_root, code_hash
from pipelines.starter import end_with_starter, interrupted_in_order

SECONDS_TO_STOP: Final = 20
_DAGSTERS_OWN: Final = (
    *("pipelines.code_server", "pipelines.kept_event_log", "pipelines.kept_schedules", "pipelines.masked_compute_logs"),
    *("dagster._utils.test", "dagster._core.workspace.context", "dagster._daemon"),
    *("upath", "pyarrow.dataset", "pandas"),
)
_IMPORTED_BEFORE_RUNS: Final[Mapping[str, tuple[str, ...]]] = {
    # What a session's runs import late, so that definitions load quickly. Training's own libraries wait for the week.
    "analysis": (
        *(
            "pipelines.analysis",
            *_DAGSTERS_OWN,
            "great_expectations",
            "dbt.cli.main",
            "dbt.adapters.duckdb.connections",
        ),
        *("duckdb", "lightgbm", "altair", "vl_convert", "jinja2", "assets.features.build", "assets.features.recompute"),
    ),
    "trading": ("pipelines.trading", *_DAGSTERS_OWN),
}
LOCATIONS: Final = tuple(_IMPORTED_BEFORE_RUNS)


class _WarmServer(DagsterApiServer):
    """Dagster's server, with processes for runs made by forking the warm one.

    A run writes down the hash of the code on disk. When that is no longer the code that was imported, runs get a new
    interpreter, as Dagster gives it.
    """

    def __init__(self, *, imported: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._imported = imported

    def StartRun(self, request: Any, _context: Any) -> Any:  # noqa: N802 - the name of the remote call
        """Start a run, warm if the code is still the one that was imported."""
        way = "forkserver" if code_hash(checkout_root()) == self._imported else "spawn"
        self._mp_ctx = multiprocessing.get_context(way)  # type: ignore[assignment] # typed as one of the two
        return super().StartRun(request, _context)


def serve(location: str, socket: Path) -> None:
    """Serve a location until interrupted, or standard input ends, and the runs under way are over.

    Args:
        location: `analysis` or `trading`.
        socket: where it listens, in a folder of this account alone.
    """
    # Before anything is imported for runs: what changes on disk after this is noticed.
    imported = code_hash(checkout_root())
    _fork_what_runs_are_forked_from(location)
    over, workers = threading.Event(), FuturesAwareThreadPoolExecutor()
    logger = logging.getLogger("dagster.code_server")
    server = DagsterGrpcServer(
        server_termination_event=over,
        dagster_api_servicer=_WarmServer(
            imported=imported,
            server_termination_event=over,
            logger=logger,
            server_threadpool_executor=workers,
            loadable_target_origin=LoadableTargetOrigin(
                executable_path=sys.executable, module_name=f"pipelines.{location}", working_directory=str(Path.cwd())
            ),
            # A location that does not load is told to the daemon, with its error, instead of ending this process.
            lazy_load_user_code=True,
            location_name=location,
        ),
        logger=logger,
        threadpool_executor=workers,
        socket=str(socket),
    )
    with suppress(KeyboardInterrupt), interrupted_in_order():
        # No sooner: what runs are forked from was to have no thread.
        end_with_starter()
        server.serve()  # type: ignore[no-untyped-call] # Dagster gives it no types


def _fork_what_runs_are_forked_from(location: str) -> None:
    """Start the fork server of this process as a fork of it, so that what both need is imported once.

    The library would start a new interpreter. Nothing but imports may have happened in this process yet.
    """
    names = _IMPORTED_BEFORE_RUNS[location]
    # Should it ever end by itself, the library starts another in its own way.
    multiprocessing.set_forkserver_preload(list(names))
    try:
        import_module(f"pipelines.{location}")
    except Exception:  # noqa: BLE001 - whatever it is, the server tells the daemon when it is asked for its definitions
        return
    # The one other process that the library starts by the function replaced here.
    resource_tracker.ensure_running()
    new_interpreter = util.spawnv_passfds

    def forked(path: object, args: object, passfds: Sequence[int]) -> int:
        del path, args
        return _forked(names, *passfds)

    util.spawnv_passfds = forked
    try:
        forkserver.ensure_running()
    finally:
        util.spawnv_passfds = new_interpreter


def _forked(names: Sequence[str], listener: int, alive: int) -> int:
    """Fork a process that imports modules and then forks one for each run; return its id.

    Args:
        names: the modules.
        listener: the socket it is asked at.
        alive: a pipe whose other end closes when nobody can ask any more.
    """
    child = os.fork()
    if child:
        return child
    try:
        # As a new interpreter would have them: the other end of the pipe, held here, would keep this process for ever.
        last = 2
        for kept in (*sorted((listener, alive)), os.sysconf("SC_OPEN_MAX")):
            os.closerange(last + 1, kept)
            last = kept
        # What is imported lives as long as any run: neither now nor in a run need the collector look at it.
        gc.disable()
        for name in names:
            import_module(name)
        gc.freeze()
        gc.enable()
        forkserver.main(listener, alive, [])
    except Exception:  # noqa: BLE001 - this process must end here, not go on as a second server
        traceback.print_exc()
    finally:
        os._exit(1)


@contextmanager
def running_server(location: str, socket: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server of a location as a child process until the block ends; it may not answer yet when this returns.

    Args:
        location: `analysis` or `trading`.
        socket: where it will listen; sockets have short names, at most about 100 characters.

    Yields:
        The child; `poll()` tells whether it has ended.
    """
    command = [sys.executable, "-m", "pipelines.code_server", location, str(socket)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - the command is our own
    assert child.stdin is not None  # noqa: S101 - asked for above; its type cannot say so
    try:
        yield child
    finally:
        child.stdin.close()
        try:
            child.wait(timeout=SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            # A run that goes on is a process of its own and ends by itself.
            child.kill()
            child.wait()


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
