"""Every edit, deletion and swap of a row is found; so is a row whose own hash was made to fit again."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from execution.domain.errors import ChainBroken
from execution.domain.events import FillBooked
from execution.ledger.hash_chain import link_hash
from execution.ledger.sqlite_ledger import SqliteLedger
from tests.builders.orders import AT, a_fill, accepted, account_opened, an_order, intended, plan_recorded, sent

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    ledger = SqliteLedger(path)
    ledger.append(account_opened(), plan_recorded())
    for symbol in SYMBOLS:
        order = an_order(symbol)
        ledger.append(intended(order), sent(order), accepted(order))
        ledger.append(FillBooked(at=AT, fill=a_fill(f"x-{symbol}", symbol)))
    return path


def _tampered(original: Path, tmp_path: Path, change: Callable[[sqlite3.Connection], object]) -> SqliteLedger:
    path = tmp_path / "tampered.db"
    shutil.copyfile(original, path)
    connection = sqlite3.connect(path, isolation_level=None)
    for (name,) in connection.execute("select name from sqlite_schema where type = 'trigger'").fetchall():
        connection.execute(f"drop trigger {name}")
    change(connection)
    connection.close()
    return SqliteLedger(path)


def _row_count(original: Path) -> int:
    return SqliteLedger(original).verify_chain().sequence


def test_the_untouched_copy_verifies(original: Path, tmp_path: Path) -> None:
    assert _tampered(original, tmp_path, lambda _: None).verify_chain() == SqliteLedger(original).verify_chain()


def test_every_single_character_edit_of_a_body_is_found(original: Path, tmp_path: Path) -> None:
    dice = random.Random(7)  # noqa: S311 - a seeded choice of edits, no secret
    for row in range(1, _row_count(original) + 1):
        for _ in range(5):

            def edit(connection: sqlite3.Connection, row: int = row) -> None:
                (body,) = connection.execute("select body from event where sequence = ?", (row,)).fetchone()
                at = dice.randrange(len(body))
                changed = body[:at] + chr((ord(body[at]) + 1) % 128) + body[at + 1 :]
                connection.execute("update event set body = ? where sequence = ?", (changed, row))

            with pytest.raises(ChainBroken):
                _tampered(original, tmp_path, edit).verify_chain()


@pytest.mark.parametrize("column", ["previous_hash", "hash"])
def test_every_edit_of_a_link_is_found(original: Path, tmp_path: Path, column: str) -> None:
    for row in range(1, _row_count(original) + 1):

        def edit(connection: sqlite3.Connection, row: int = row) -> None:
            connection.execute(f"update event set {column} = ? where sequence = ?", ("f" * 64, row))  # noqa: S608 - two names

        with pytest.raises(ChainBroken):
            _tampered(original, tmp_path, edit).verify_chain()


def test_every_deletion_but_the_last_is_found(original: Path, tmp_path: Path) -> None:
    # The last row is the truncation that only an anchor kept elsewhere can tell; its once-only table row tells here.
    for row in range(1, _row_count(original) + 1):

        def delete(connection: sqlite3.Connection, row: int = row) -> None:
            connection.execute("delete from event where sequence = ?", (row,))

        with pytest.raises(ChainBroken):
            _tampered(original, tmp_path, delete).verify_chain()


def test_every_swap_of_neighbours_is_found(original: Path, tmp_path: Path) -> None:
    for row in range(1, _row_count(original)):

        def swap(connection: sqlite3.Connection, row: int = row) -> None:
            for old, new in ((row, 1000), (row + 1, row), (1000, row + 1)):
                connection.execute("update event set sequence = ? where sequence = ?", (new, old))

        with pytest.raises(ChainBroken):
            _tampered(original, tmp_path, swap).verify_chain()


def test_a_row_hashed_again_after_an_edit_is_found(original: Path, tmp_path: Path) -> None:
    for row in range(1, _row_count(original)):

        def rehash(connection: sqlite3.Connection, row: int = row) -> None:
            previous, body = connection.execute(
                "select previous_hash, body from event where sequence = ?", (row,)
            ).fetchone()
            changed = body.replace("2024", "2025")
            connection.execute(
                "update event set body = ?, hash = ? where sequence = ?",
                (changed, link_hash(previous, changed.encode()), row),
            )

        with pytest.raises(ChainBroken):
            _tampered(original, tmp_path, rehash).verify_chain()


@pytest.mark.parametrize("table", ["cycle", "intent", "submission", "fill"])
def test_a_deleted_once_only_fact_is_found(original: Path, tmp_path: Path, table: str) -> None:
    def delete(connection: sqlite3.Connection) -> None:
        connection.execute(f"delete from {table}")  # noqa: S608 - four names

    with pytest.raises(ChainBroken, match=table):
        _tampered(original, tmp_path, delete).verify_projections()
