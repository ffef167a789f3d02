"""Carry a whole ledger into another database, row by row as it was hashed: a dump of Postgres, and the way back."""

from contextlib import closing

from execution.domain.errors import ChainBroken, LedgerError
from execution.ledger.hash_chain import ChainHead, verified_head
from execution.ledger.migrating import SCHEMA_VERSION, append_only, prepare
from execution.ledger.rebuilding import rebuild
from execution.ledger.sql_driver import SqlConnection, SqlDriver


def transplant(source: SqlDriver, target: SqlDriver) -> ChainHead:
    """Copy every event into an empty database, fold its tables, and return the head, which both then share.

    Args:
        source: a ledger of this program's schema; only read, as it stands at one moment.
        target: a database without a ledger, or with an empty one.

    Raises:
        ChainBroken: the source's chain does not hold; nothing was written.
        LedgerError: the target holds events already, or one of the two cannot be used.
    """
    prepare(source)
    prepare(target)
    with target.writing() as written:
        if written.fetch("select sequence from head", is_locked=True) != [(0,)]:
            raise LedgerError(f"{target.name} holds a ledger already: name an empty place")
        with source.reading() as read:
            with closing(read.chain(0)) as rows:
                for sequence, previous_hash, own, body in rows:
                    row = (sequence, previous_hash.decode(), own.decode(), body.decode())
                    written.execute("insert into event values (?, ?, ?, ?)", row)
            told = _head(read)
        with closing(written.chain(0)) as rows:
            head = verified_head(rows)
        if head != told:
            raise ChainBroken(
                f"{source.name} ends with row {head.sequence}, its head says row {told.sequence}: nothing was copied; "
                "restore it from a verified backup"
            )
        written.execute("update head set sequence = ?, hash = ?", (head.sequence, head.hash))
        rebuild(written, append_only=append_only(SCHEMA_VERSION))
    return head


def _head(connection: SqlConnection) -> ChainHead:
    ((sequence, digest),) = connection.fetch("select sequence, hash from head")
    return ChainHead(int(sequence or 0), str(digest))
