"""A ledger somebody with full access to its file has worked on, and thousands of ways to work on it."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from execution.domain.events import Event, FillBooked, OrderEnded, SettleFinished, SubmitFinished
from execution.ledger.hash_chain import GENESIS, link_hash
from execution.ledger.projections import KEYS
from execution.ledger.sql_ledger import SqlLedger
from execution.ledger.sqlite_ledger import SqliteDriver
from tests.builders.anchoring import an_anchoring
from tests.builders.batches import SESSION
from tests.builders.orders import (
    AT,
    CYCLE,
    a_fill,
    accepted,
    account_opened,
    an_order,
    intended,
    plan_recorded,
    sent,
)

Row = tuple[int, str, str, str]
Rows = list[Row]
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")


def a_day() -> Iterator[Event]:
    yield account_opened()
    yield plan_recorded()
    orders = [an_order(symbol) for symbol in SYMBOLS]
    yield from map(intended, orders)
    for order in orders:
        yield sent(order)
        yield accepted(order)
        yield FillBooked(at=AT, fill=a_fill(f"x-{order.symbol}", order.symbol))
        yield OrderEnded(at=AT, client_order_id=order.client_order_id, status="filled", filled_shares=10, reason="")
    yield SubmitFinished(at=AT, cycle_id=CYCLE, session=SESSION)
    yield SettleFinished(at=AT, cycle_id=CYCLE, session=SESSION)


class Tampered:
    """A ledger in memory whose guards are gone; each attack begins from what was written honestly."""

    def __init__(self, folder: Path) -> None:
        self._driver = SqliteDriver(":memory:")
        self.ledger = SqlLedger(self._driver)
        self._anchoring = an_anchoring(folder)
        for number, event in enumerate(a_day()):
            self.ledger.append(event)
            if number % 7 == 0:
                self._anchoring.anchor(self.ledger, AT)
        self._anchoring.anchor(self.ledger, AT)
        self.anchors = self._anchoring.anchors
        assert self._driver._memory is not None
        self.connection: sqlite3.Connection = self._driver._memory
        self.connection.execute("pragma foreign_keys = off")
        self._honest = {table: self._rows(table) for table in ("event", "head", *KEYS)}

    @property
    def events(self) -> Rows:
        """The rows as they were honestly written."""
        return [tuple(row) for row in self._honest["event"]]

    def restore(self) -> None:
        for (name,) in self.connection.execute("select name from sqlite_schema where type = 'trigger'").fetchall():
            self.connection.execute(f"drop trigger {name}")
        for table, rows in self._honest.items():
            self._fill(table, rows)
        # What the process remembers of the ledger does not outlive the attack either.
        self.ledger = SqlLedger(self._driver)

    def replace_events(self, rows: Rows, *, with_head: bool) -> None:
        """Put other rows in place of the honest ones; let the head row say the last of them."""
        self._fill("event", rows)
        if with_head:
            last = rows[-1] if rows else (0, "", GENESIS, "")
            self.connection.execute("update head set sequence = ?, hash = ?", (last[0], last[2]))

    def is_changed(self) -> bool:
        return any(self._rows(table) != rows for table, rows in self._honest.items())

    def _rows(self, table: str) -> list[tuple[object, ...]]:
        return self.connection.execute(f"select * from {table} order by 1, 2").fetchall()  # noqa: S608 - names of the schema

    def _fill(self, table: str, rows: list[tuple[object, ...]] | Rows) -> None:
        self.connection.execute(f"delete from {table}")  # noqa: S608 - as above
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self.connection.executemany(f"insert into {table} values ({marks})", rows)  # noqa: S608 - as above


def hashed_again(rows: Rows, *, from_row: int = 0) -> Rows:
    """Return rows numbered and linked anew from a place on, as a forger would."""
    told = rows[:from_row]
    for _, _, _, body in rows[from_row:]:
        sequence, previous = len(told) + 1, told[-1][2] if told else GENESIS
        numbered = body[: body.rindex('"seq":')] + f'"seq":{sequence}}}'
        told.append((sequence, previous, link_hash(previous, numbered.encode()), numbered))
    return told


def an_edit(dice: random.Random, text: str) -> str:
    at = dice.randrange(len(text))
    return text[:at] + chr((ord(text[at]) + dice.randrange(1, 90)) % 128) + text[at + 1 :]


def _edit(tampered: Tampered, dice: random.Random) -> None:
    rows = tampered.events
    place, column = dice.randrange(len(rows)), dice.choice([1, 2, 3, 3])
    row = list(rows[place])
    row[column] = an_edit(dice, str(row[column]))
    rows[place] = tuple(row)  # type: ignore[assignment]  # one column of a row, as text
    tampered.replace_events(rows, with_head=dice.random() < 0.5)


def _edit_with_its_own_hash(tampered: Tampered, dice: random.Random) -> None:
    rows = tampered.events
    place = dice.randrange(len(rows))
    sequence, previous, _, body = rows[place]
    changed = an_edit(dice, body)
    rows[place] = (sequence, previous, link_hash(previous, changed.encode()), changed)
    tampered.replace_events(rows, with_head=True)


def _deletion(tampered: Tampered, dice: random.Random) -> None:
    rows = tampered.events
    del rows[dice.randrange(len(rows))]
    tampered.replace_events(rows, with_head=dice.random() < 0.5)


def _swap(tampered: Tampered, dice: random.Random) -> None:
    rows = tampered.events
    one, other = dice.sample(range(len(rows)), 2)
    rows[one], rows[other] = (rows[one][0], *rows[other][1:]), (rows[other][0], *rows[one][1:])
    tampered.replace_events(rows, with_head=True)


def _swap_hashed_again(tampered: Tampered, dice: random.Random) -> None:
    rows = tampered.events
    one, other = sorted(dice.sample(range(len(rows)), 2))
    rows[one], rows[other] = rows[other], rows[one]
    tampered.replace_events(hashed_again(rows, from_row=one), with_head=True)


def _truncation(tampered: Tampered, dice: random.Random) -> None:
    rows = tampered.events
    tampered.replace_events(rows[: dice.randrange(len(rows))], with_head=True)


def _truncation_with_its_tables(tampered: Tampered, dice: random.Random) -> None:
    _truncation(tampered, dice)
    tampered.ledger.rebuild_projections()


def _rehash(tampered: Tampered, dice: random.Random) -> None:
    rows = tampered.events
    place = dice.randrange(len(rows))
    sequence, previous, own, body = rows[place]
    # A change that keeps the body a body: another minute.
    rows[place] = (sequence, previous, own, body.replace(":31:", f":{dice.randrange(32, 60)}:"))
    tampered.replace_events(hashed_again(rows, from_row=place), with_head=True)


def _insertion(tampered: Tampered, dice: random.Random) -> None:
    rows = tampered.events
    place = dice.randrange(len(rows))
    rows.insert(place, rows[dice.randrange(len(rows))])
    tampered.replace_events(hashed_again(rows, from_row=place), with_head=True)


def _fork(tampered: Tampered, dice: random.Random) -> None:
    """Live on differently from some row on, for as long or longer."""
    rows = tampered.events
    place = dice.randrange(len(rows))
    longer = rows[:place] + rows[place:][::-1] + rows[: dice.randrange(5)]
    longer[place] = (*longer[place][:3], longer[place][3].replace(":31:", f":{dice.randrange(32, 60)}:"))  # type: ignore[assignment]  # a row with another body
    tampered.replace_events(hashed_again(longer, from_row=place), with_head=True)


def _head(tampered: Tampered, dice: random.Random) -> None:
    if dice.random() < 0.5:
        tampered.connection.execute("update head set sequence = sequence + ?", (dice.choice([-1, 1, 5]),))
    else:
        tampered.connection.execute("update head set hash = ?", (dice.choice(tampered.events[:-1])[2],))


def _table(tampered: Tampered, dice: random.Random) -> None:
    """Change, delete or add one row of a table that mirrors the book."""
    connection = tampered.connection
    table = dice.choice([t for t in KEYS if connection.execute(f"select count(*) from {t}").fetchone()[0]])  # noqa: S608 - names of the schema
    rowid = dice.choice(connection.execute(f"select rowid from {table}").fetchall())[0]  # noqa: S608 - as above
    names = [row[1] for row in connection.execute(f"pragma table_info({table})")]
    kind = dice.choice(["delete", "edit", "edit", "edit"])
    if kind == "delete":
        connection.execute(f"delete from {table} where rowid = ?", (rowid,))  # noqa: S608 - as above
        return
    name = dice.choice(names)
    (value,) = connection.execute(f"select {name} from {table} where rowid = ?", (rowid,)).fetchone()  # noqa: S608 - as above
    changed = value + 1000 if isinstance(value, int) else f"{value or ''}9"
    connection.execute("pragma ignore_check_constraints = on")
    connection.execute(f"update {table} set {name} = ? where rowid = ?", (changed, rowid))  # noqa: S608 - as above


Attack = Callable[[Tampered, random.Random], None]
ATTACKS: dict[str, Attack] = {
    "edit": _edit,
    "edit with its own hash": _edit_with_its_own_hash,
    "deletion": _deletion,
    "swap": _swap,
    "swap hashed again": _swap_hashed_again,
    "truncation": _truncation,
    "truncation with its tables": _truncation_with_its_tables,
    "full re-hash": _rehash,
    "insertion": _insertion,
    "fork": _fork,
    "head": _head,
    "table": _table,
}
