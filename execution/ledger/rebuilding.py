"""Fold the tables from the events again, or say where they differ from what the events tell."""

from collections.abc import Iterator

from execution.domain.errors import ChainBroken, IllegalTransition, SameIdOtherOrder
from execution.ledger.book import Book
from execution.ledger.event_codec import decoded
from execution.ledger.folding import Folding
from execution.ledger.projections import KEYS, Change, changes, write
from execution.ledger.sql_driver import SqlConnection, Value


def rebuild(connection: SqlConnection, *, append_only: tuple[str, ...]) -> None:
    """Empty every folded table and fill it from the events again.

    Args:
        connection: a writing transaction.
        append_only: the tables that refuse changes; they do again afterwards, also where that was taken from them.
    """
    for table in append_only:
        connection.unguard(table)
    for table in reversed(list(KEYS)):
        connection.execute(f"delete from {table}")  # noqa: S608 - a name of the tables' own list
    for told in _changes(connection):
        write(connection, told)
    for table in append_only:
        connection.guard(table)


def refuse_difference(connection: SqlConnection) -> None:
    """Do nothing when every folded table says what the events say.

    Raises:
        ChainBroken: a row of a table was changed, added or taken away by hand or folded otherwise by an older program,
            or an event does not follow.
    """
    expected: dict[str, dict[tuple[Value, ...], dict[str, Value]]] = {table: {} for table in KEYS}
    for told in _changes(connection):
        for change in told:
            key = tuple(change.row[name] for name in KEYS[change.table])
            expected[change.table].setdefault(key, {}).update(change.row)
    for table, rows in expected.items():
        found = dict(_stored(connection, table, rows))
        odd = [key for key in rows.keys() | found.keys() if rows.get(key) != found.get(key)]
        if odd:
            raise ChainBroken(
                f"ledger table {table} and the events differ over {min(odd, key=repr)} and {len(odd) - 1} more: "
                "the table was changed by hand, or folded by an older program; `touchstone ledger rebuild` folds it "
                "again from the verified events"
            )


def _changes(connection: SqlConnection) -> Iterator[tuple[Change, ...]]:
    folding = Folding(Book())
    for sequence, _, _, body in connection.chain(0):
        try:
            told = changes(folding, sequence, decoded(body))
        except (IllegalTransition, SameIdOtherOrder) as error:
            raise ChainBroken(
                f"ledger chain: row {sequence} does not follow from the rows before it ({error}): it was written by "
                "another hand; restore the ledger from a verified backup"
            ) from error
        yield told


def _stored(
    connection: SqlConnection, table: str, expected: dict[tuple[Value, ...], dict[str, Value]]
) -> Iterator[tuple[tuple[Value, ...], dict[str, Value]]]:
    key = KEYS[table]
    names = tuple(next(iter(expected.values()), dict.fromkeys(key)))
    for values in connection.fetch(f"select {', '.join(names)} from {table}"):  # noqa: S608 - names of the tables' own list
        row = dict(zip(names, values, strict=True))
        yield tuple(row[name] for name in key), row
