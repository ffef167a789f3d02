"""The ledger in a Postgres schema of its own, in a database and role apart from the orchestrator's.

Read committed with the head row locked: a decision sees everything committed before it and nobody decides beside it. A
server lost while it commits leaves the outcome unknown; the ledger then reads again behind the lock, and never assumes.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg2
from psycopg2 import extensions

from execution.domain.errors import CommitUnknown, FactExists, LedgerError
from execution.ledger.sql_driver import SqlConnection, Value
from execution.ledger.sql_ledger import SqlLedger

DEFAULT_SCHEMA: Final = "touchstone_ledger"
_SCHEMA: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_PAGE_ROWS: Final = 10_000
_SETTINGS: Final = {
    # A commit is on the disk before anyone hears of it, whatever the server's default is.
    "synchronous_commit": "on",
    # Waiting for ever is worse than failing: the session that holds the lock may be gone.
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
}
_VERSION_TABLE: Final = "ledger_schema"


class PostgresLedger(SqlLedger):
    """One account's ledger in a Postgres schema."""

    def __init__(self, dsn: str, *, schema: str = DEFAULT_SCHEMA) -> None:
        """Open a ledger; a schema that does not exist yet is made.

        Args:
            dsn: where the database is and who asks; never shown in a message.
            schema: the schema that holds this ledger and nothing else.

        Raises:
            LedgerError: the server cannot be reached, or the schema belongs to another program.
        """
        super().__init__(PostgresDriver(dsn, schema=schema))


class PostgresDriver:
    """A schema of a Postgres database; a connection lives for one transaction."""

    def __init__(self, dsn: str, *, schema: str = DEFAULT_SCHEMA) -> None:
        if not _SCHEMA.fullmatch(schema):
            raise LedgerError(f"schema {schema!r} of the ledger: expected lower-case letters, digits and underscores")
        self._dsn = dsn
        self._schema = schema
        with self._connection("read committed") as connection:
            link = _PostgresConnection(connection, schema)
            link.lock_schema()
            if not link.fetch("select 1 from pg_namespace where nspname = ?", (schema,)):
                link.execute(f"create schema {schema}")
            self._commit(connection)

    @property
    def name(self) -> str:
        """The schema."""
        return f"Postgres schema {self._schema}"

    @contextmanager
    def writing(self) -> Iterator[SqlConnection]:
        """Open a transaction; what it must not share it locks."""
        with self._connection("read committed") as connection:
            try:
                yield _PostgresConnection(connection, self._schema)
            except BaseException:
                _roll_back(connection)
                raise
            self._commit(connection)

    @contextmanager
    def reading(self) -> Iterator[SqlConnection]:
        """Open a transaction that sees one moment and may not write."""
        with self._connection("repeatable read", is_readonly=True) as connection:
            try:
                yield _PostgresConnection(connection, self._schema)
            finally:
                _roll_back(connection)

    def set_aside(self, suffix: str) -> str:
        """Give the schema another name, make an empty one under its own, and return the other name.

        Args:
            suffix: what the other name ends with; a number follows where that name is taken.
        """
        with self._connection("read committed") as connection:
            link = _PostgresConnection(connection, self._schema)
            link.lock_schema()
            taken = {str(name) for (name,) in link.fetch("select nspname::text from pg_namespace")}
            wanted = [f"{self._schema}_{suffix}", *(f"{self._schema}_{suffix}_{number}" for number in range(2, 1_000))]
            name = next(name for name in wanted if name not in taken)
            link.execute(f"alter schema {self._schema} rename to {name}")
            link.execute(f"create schema {self._schema}")
            self._commit(connection)
        return name

    def _commit(self, connection: extensions.connection) -> None:
        try:
            connection.commit()
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            raise CommitUnknown(f"{self.name} was lost while it committed; read again what was written") from error

    @contextmanager
    def _connection(self, isolation: str, *, is_readonly: bool = False) -> Iterator[extensions.connection]:
        connection = None
        try:
            options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
            connection = psycopg2.connect(
                self._dsn, connect_timeout=10, options=f"{options} -c search_path={self._schema}"
            )
            connection.set_session(isolation_level=isolation, readonly=is_readonly)
            yield connection
        except psycopg2.IntegrityError as error:
            raise FactExists(f"the ledger refused a fact that exists already: {_first_lines(error)}") from error
        except psycopg2.Error as error:
            raise LedgerError(
                f"{self.name} cannot be used as a ledger: {_first_lines(error)}; "
                "check the server, or restore it from a verified backup"
            ) from error
        finally:
            if connection is not None:
                connection.close()


class _PostgresConnection:
    def __init__(self, connection: extensions.connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    def execute(self, statement: str, parameters: Sequence[Value] = ()) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(_placed(statement), tuple(parameters))

    def fetch(
        self, query: str, parameters: Sequence[Value] = (), *, is_locked: bool = False
    ) -> list[tuple[Value, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(_placed(f"{query} for update" if is_locked else query), tuple(parameters))
            return list(cursor.fetchall())

    def chain(self, after: int) -> Generator[tuple[int, bytes, bytes, bytes], None, None]:
        # A cursor of the server's: a plain one would bring the whole chain into memory first.
        with self._connection.cursor(f"chain_{after}") as cursor:
            cursor.itersize = _PAGE_ROWS
            cursor.execute(
                "select sequence, previous_hash, hash, body from event where sequence > %s order by sequence", (after,)
            )
            for sequence, previous_hash, own, body in cursor:
                yield sequence, previous_hash.encode(), own.encode(), body.encode()

    def guard(self, table: str) -> None:
        self._run(
            "create or replace function refuse_change() returns trigger language plpgsql as "
            "$$ begin raise exception 'the ledger is append-only' using errcode = 'integrity_constraint_violation'; "
            "end $$"
        )
        self._run(
            f"create trigger {table}_refuses_change before update or delete on {table} "
            "for each row execute function refuse_change()"
        )
        self._run(
            f"create trigger {table}_refuses_truncate before truncate on {table} "
            "for each statement execute function refuse_change()"
        )

    def unguard(self, table: str) -> None:
        for action in ("change", "truncate"):
            self._run(f"drop trigger if exists {table}_refuses_{action} on {table}")

    def missing_guards(self, table: str) -> tuple[str, ...]:
        # One that was disabled refuses nothing; the table is the one that `guard` would find by its name.
        found = self.fetch(
            "select tgname::text from pg_trigger where tgrelid = cast(? as regclass) and tgenabled <> 'D'", (table,)
        )
        wanted = (f"{table}_refuses_{action}" for action in ("change", "truncate"))
        return tuple(name for name in wanted if (name,) not in found)

    def run_script(self, script: str) -> None:
        # Strict tables are SQLite's; its integers have eight bytes by themselves.
        self._run(re.sub(r"\binteger\b", "bigint", script.replace(") strict;", ");")))

    def now_milliseconds(self) -> int:
        # Not now(): that is the moment the transaction began, and this one may have waited for a lock.
        (row,) = self.fetch("select (extract(epoch from clock_timestamp()) * 1000)::bigint")
        return int(row[0] or 0)

    def lock_schema(self) -> None:
        """Let nobody else make or change tables until the transaction ends; readers and writers of rows go on."""
        # Held by the transaction, so a pool between us and the server cannot lose it.
        self.fetch("select pg_advisory_xact_lock(hashtext(?))", (self._schema,))

    def schema_version(self, *, is_locked: bool = False) -> int:
        if is_locked:
            self.lock_schema()
        present = self.fetch(
            "select table_name::text from information_schema.tables where table_schema = ?", (self._schema,)
        )
        if (_VERSION_TABLE,) in present:
            return int(self.fetch(f"select version from {_VERSION_TABLE}")[0][0] or 0)  # noqa: S608 - a name of this module
        if present:
            raise LedgerError(f"schema {self._schema} holds tables that are no ledger: name another schema")
        return 0

    def set_schema_version(self, version: int) -> None:
        self._run(f"create table if not exists {_VERSION_TABLE} (version bigint not null)")
        self._run(f"delete from {_VERSION_TABLE}")  # noqa: S608 - as above
        self._run(f"insert into {_VERSION_TABLE} values ({version})")  # noqa: S608 - as above

    def _run(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            # Without parameters a per cent sign stands for itself.
            cursor.execute(statement)


def _placed(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")


def _roll_back(connection: extensions.connection) -> None:
    if not connection.closed:
        try:
            connection.rollback()
        except psycopg2.Error:
            # The server is gone and has rolled back by itself; the error that led here says more.
            return


def _first_lines(error: Any) -> str:
    return " ".join(str(error).split())[:300]
