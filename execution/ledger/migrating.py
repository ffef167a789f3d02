"""Take a ledger's tables from one schema to another, in one transaction, up or down. Events are never touched.

Scripts lie in `migrations/NNNN_name.{up,down}.sql` and are written once for both databases. A script's first line names
the tables that refuse every change once its schema stands; a second one may name the kinds of events that programs of
the schema before do not know.
"""

from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from execution.domain.errors import LedgerError
from execution.ledger.rebuilding import rebuild
from execution.ledger.sql_driver import SqlConnection, SqlDriver

SCHEMA_VERSION: Final = 4
"""The schema this program reads and writes."""
_APPEND_ONLY: Final = "-- append-only: "
_EVENTS: Final = "-- events: "


@dataclass(frozen=True, slots=True)
class Migration:
    """One step between two schemas.

    Attributes:
        number: the schema it leads up to; down leads to the one before.
        name: what it does, as in its file names.
        append_only: tables that refuse every change once its schema stands.
        events: kinds of events that no program of the schema before knows.
    """

    number: int
    name: str
    up: str
    down: str
    append_only: tuple[str, ...]
    events: tuple[str, ...] = ()


def known_migrations() -> tuple[Migration, ...]:
    """Return every migration this program ships, in order, numbered from 1 without a gap."""
    folder = files("execution.ledger") / "migrations"
    ups = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".up.sql"))
    return tuple(_read(name.removesuffix(".up.sql")) for name in ups)


def prepare(driver: SqlDriver) -> None:
    """Make the tables of an empty database; refuse one that is not a ledger of this schema.

    Raises:
        LedgerError: another program's database, or a schema of another version.
    """
    with driver.reading() as connection:
        found = connection.schema_version()
    if found == 0:
        with driver.writing() as connection:
            if connection.schema_version(is_locked=True) == 0:  # Another process may have been first.
                _climb(connection, to=SCHEMA_VERSION)
        return
    if found != SCHEMA_VERSION:
        told = "run `touchstone ledger migrate`" if found < SCHEMA_VERSION else "use the version that wrote it"
        raise LedgerError(f"{driver.name} has ledger schema {found}, this program knows {SCHEMA_VERSION}: {told}")


def migrate(driver: SqlDriver, *, to: int = SCHEMA_VERSION) -> tuple[int, int]:
    """Take a ledger to a schema, in one transaction, and return the schema before and after.

    Args:
        driver: the ledger's database.
        to: from 1 to the newest schema this program knows.

    Raises:
        LedgerError: there is no ledger, or no way to that schema.
    """
    newest = known_migrations()[-1].number
    with driver.writing() as connection:
        found = connection.schema_version(is_locked=True)
        if found > newest:
            raise LedgerError(
                f"{driver.name} has ledger schema {found}, this program knows {newest}: use the version that wrote it"
            )
        if found == 0 or not 1 <= to <= newest:
            raise LedgerError(
                f"{driver.name} has ledger schema {found} and cannot be taken to {to}: "
                f"this program knows 1 to {newest}, and 0 means that there is no ledger"
            )
        if to < found:
            _descend(connection, to=to)
        elif to > found:
            _climb(connection, to=to)
    return found, to


def refuse_unreadable(driver: SqlDriver, *, to: int) -> None:
    """Do nothing unless a program of a schema could not read a ledger that is taken there.

    Raises:
        LedgerError: a row is of a kind that came later; the message names the first.
    """
    kinds = [kind for step in known_migrations() if step.number > to for kind in step.events]
    with driver.reading() as connection:
        found = [
            (sequence, kind)
            for kind in kinds
            for (sequence,) in connection.fetch(
                "select min(sequence) from event where body like ?", (f'%"kind":"{kind}"%',)
            )
            if sequence is not None
        ]
    if found:
        sequence, kind = min(found)
        raise LedgerError(
            f"row {sequence} is a {kind}, which no version of ledger schema {to} knows: it could not read this ledger. "
            "Go on with this version, or restore a backup made before that row with the old one"
        )


def append_only(version: int) -> tuple[str, ...]:
    """Return the tables that refuse every change under a schema."""
    return known_migrations()[version - 1].append_only if version else ()


def _climb(connection: SqlConnection, *, to: int) -> None:
    for step in known_migrations():
        found = connection.schema_version()
        if found < step.number <= to:
            _unguard(connection, found)
            connection.run_script(step.up)
            _stand_at(connection, step.number)
    if to == SCHEMA_VERSION:
        rebuild(connection, append_only=append_only(to))


def _descend(connection: SqlConnection, *, to: int) -> None:
    for step in reversed(known_migrations()):
        if to < step.number <= connection.schema_version():
            _unguard(connection, step.number)
            connection.run_script(step.down)
            _stand_at(connection, step.number - 1)


def _stand_at(connection: SqlConnection, version: int) -> None:
    connection.set_schema_version(version)
    for table in append_only(version):
        connection.guard(table)


def _unguard(connection: SqlConnection, version: int) -> None:
    for table in append_only(version):
        connection.unguard(table)


def _read(name: str) -> Migration:
    folder = files("execution.ledger") / "migrations"
    up = (folder / f"{name}.up.sql").read_text(encoding="utf-8")
    down = (folder / f"{name}.down.sql").read_text(encoding="utf-8")
    first, second = up.split("\n", 2)[:2]
    if not first.startswith(_APPEND_ONLY):
        raise LedgerError(f"migration {name} does not begin with {_APPEND_ONLY!r}: say which tables refuse changes")
    events = tuple(second.removeprefix(_EVENTS).split(", ")) if second.startswith(_EVENTS) else ()
    return Migration(int(name[:4]), name[5:], up, down, tuple(first.removeprefix(_APPEND_ONLY).split(", ")), events)
