"""What the ledger costs: a commit under each journal, a morning of 500 orders, and the proof of a million rows.

    .venv/bin/python benchmarks/ledger.py [--rows 1000000] [--folder DIR]

Figures are wall seconds on the disk of the folder; CPU seconds beside them tell what the machine's other work cost.
"""

import argparse
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from execution.domain.events import (
    AccountOpened,
    AuditNoted,
    Event,
    OrderAccepted,
    OrderIntended,
    PlanRecorded,
    SubmissionStarted,
)
from execution.domain.orders import OrderRequest
from execution.ledger.anchors import AnchorFile, Anchoring, verify_ledger
from execution.ledger.event_codec import encoded
from execution.ledger.hash_chain import ChainHead, linked
from execution.ledger.sqlite_ledger import JournalMode, SqliteLedger, safest_journal

AT = datetime(2024, 3, 6, 14, 31, tzinfo=UTC)
SESSION = date(2024, 3, 5)
CYCLE = f"main:cross-section:{SESSION}"
ORDERS = 500


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the chain that is verified")
    parser.add_argument("--folder", type=Path, default=None, help="where the files go; else the temporary folder")
    arguments = parser.parse_args()
    print(f"SQLite {sqlite3.sqlite_version}: journal {safest_journal()} by the ledger's own rule")
    modes: Sequence[JournalMode] = ("delete", "wal")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for mode in modes:
            _commits(SqliteLedger(Path(folder) / f"commits-{mode}.db", journal_mode=mode), mode)
            _morning(SqliteLedger(Path(folder) / f"morning-{mode}.db", journal_mode=mode), mode)
        _proof(Path(folder), arguments.rows)
        shutil.rmtree(folder, ignore_errors=True)


def _commits(ledger: SqliteLedger, mode: str) -> None:
    """Append 300 single events, each a transaction of its own."""
    took = []
    for number in range(300):
        note = AuditNoted(at=AT, topic="bench", session=None, subject=str(number), detail="one row")
        started = time.perf_counter()
        ledger.append(note)
        took.append((time.perf_counter() - started) * 1000)
    took.sort()
    print(f"{mode:<7} commit of one event       p50 {statistics.median(took):6.2f} ms   p99 {took[-3]:6.2f} ms")


def _morning(ledger: SqliteLedger, mode: str) -> None:
    """Intend 500 orders in one transaction, then send each: one row before the wire and one after it."""
    orders = [_order(number) for number in range(ORDERS)]
    ledger.append(AccountOpened(at=AT, account="main", cash_usd=Decimal(100_000)), _plan())

    def morning() -> None:
        ledger.append(*(OrderIntended(at=AT, cycle_id=CYCLE, leg="entry", order=o, reason="bench") for o in orders))
        for order in orders:
            key = order.client_order_id
            started = SubmissionStarted(at=AT, client_order_id=key, quantity_shares=10, reserved_usd=Decimal(510))
            ledger.record(lambda book, s=started: (s,) if book.orders[s.client_order_id].state == "intended" else ())
            ledger.append(OrderAccepted(at=AT, client_order_id=key, broker_order_id=f"v-{key}"))

    _timed(f"{mode:<7} 500 intents, 1,000 commits", morning)


def _proof(folder: Path, rows: int) -> None:
    """Verify a chain of many rows, without and with anchors, in a process that knows nothing of it yet."""
    path = folder / "long.db"
    head = SqliteLedger(path).head()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma synchronous = off")
    connection.execute("begin")
    connection.executemany("insert into event values (?, ?, ?, ?)", _rows(head, rows))
    connection.execute("update head set (sequence, hash) = (select sequence, hash from event order by 1 desc limit 1)")
    connection.execute("commit")
    connection.close()
    ledger = SqliteLedger(path)
    _timed(f"verify the chain of {rows:,} rows", ledger.verify_chain)
    sinks = [AnchorFile(folder / "here"), AnchorFile(folder / "there")]
    anchoring = Anchoring(signer=Ed25519PrivateKey.generate(), sinks=sinks)
    _timed(f"fold {rows:,} rows once, as every process does", ledger.book)
    anchoring.anchor(ledger, AT)
    _timed(f"verify {rows:,} rows and their anchors", lambda: verify_ledger(ledger, anchoring.anchors))


def _rows(head: ChainHead, count: int) -> Iterator[tuple[int, str, str, str]]:
    for event in _events(count):
        row = linked(head, encoded(head.sequence + 1, event))
        head = ChainHead(row.sequence, row.hash.decode())
        yield row.sequence, row.previous_hash.decode(), row.hash.decode(), row.body.decode()


def _events(count: int) -> Iterator[Event]:
    for number in range(count):
        yield AuditNoted(
            at=AT,
            topic="manual_materialization",
            session=SESSION,
            subject=f"trading/fills {number}",
            detail="a row about as long as the ledger's usual ones, which is some three hundred bytes with its fields",
            actor="operator",
            run_id="0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
        )


def _order(number: int) -> OrderRequest:
    return OrderRequest(
        client_order_id=f"t1bench{number:05d}",
        symbol=f"S{number}",
        side="buy",
        leg="entry",
        quantity_shares=10,
        order_type="limit",
        time_in_force="day",
        limit_usd=Decimal(51),
    )


def _plan() -> PlanRecorded:
    return PlanRecorded(
        at=AT,
        cycle_id=CYCLE,
        session=SESSION,
        plan_hash="a" * 64,
        batch_hash="b" * 64,
        limits_hash="c" * 64,
        decision_source="model",
    )


def _timed(what: str, act: Callable[[], object]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    print(f"{what:<46} {time.perf_counter() - wall:7.2f} s wall {time.process_time() - cpu:7.2f} s cpu")


if __name__ == "__main__":
    main()
