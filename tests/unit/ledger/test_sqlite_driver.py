"""How the file is opened: never faster than safe, and never where a commit cannot be trusted."""

import gc
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from execution.domain.errors import LedgerError
from execution.ledger.network_folders import refuse_network_folder
from execution.ledger.sqlite_ledger import JournalMode, SqliteDriver, SqliteLedger, safest_journal
from tests.builders.orders import account_opened, plan_recorded


def pragma(ledger: SqliteLedger, name: str) -> object:
    with ledger.driver.reading() as connection:
        return connection.fetch(f"pragma {name}")[0][0]


@pytest.mark.parametrize(
    ("version", "mode"),
    [((3, 40, 1), "delete"), ((3, 51, 2), "delete"), ((3, 51, 3), "wal"), ((3, 52, 0), "wal"), ((4, 0, 0), "wal")],
)
def test_write_ahead_logging_waits_for_a_sqlite_without_the_reset_bug(version: tuple[int, ...], mode: str) -> None:
    assert safest_journal(version) == mode


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize(("name", "value"), [("synchronous", 3), ("foreign_keys", 1), ("busy_timeout", 10_000)])
def test_a_commit_and_the_end_of_its_journal_are_on_the_disk(
    tmp_path: Path, mode: JournalMode, name: str, value: int
) -> None:
    assert pragma(SqliteLedger(tmp_path / "ledger.db", journal_mode=mode), name) == value


def test_a_file_is_never_mapped_into_memory(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    with ledger.driver.reading() as connection:
        assert connection.fetch("pragma mmap_size") in ([], [(0,)])


def test_tables_hold_whole_numbers_and_text_alone(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "ledger.db").driver.reading() as connection:
        tables = connection.fetch("select name, sql from sqlite_schema where type = 'table'")
        kinds = {
            str(row[0])
            for table, _ in tables
            for row in connection.fetch(f"select type from pragma_table_info('{table}')")  # noqa: S608 - names of the schema
        }
    assert all(str(sql).rstrip().lower().endswith("strict") for _, sql in tables)
    assert kinds == {"INTEGER", "TEXT"}


def test_a_ledger_changes_its_journal_with_the_sqlite_that_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    SqliteLedger(path, journal_mode="wal").append(account_opened())
    gc.collect()  # The last connection closes, as at the end of a process.
    again = SqliteLedger(path, journal_mode="delete")
    assert (pragma(again, "journal_mode"), again.verify_chain().sequence) == ("delete", 1)


def test_a_journal_that_another_process_still_uses_is_not_changed_under_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    first = SqliteLedger(path, journal_mode="wal")
    first.append(account_opened())
    with pytest.raises(LedgerError, match="locked"):
        SqliteLedger(path, journal_mode="delete")
    assert first.verify_chain().sequence == 1


def test_a_file_exchanged_while_it_is_open_is_seen(tmp_path: Path) -> None:
    path, other = tmp_path / "ledger.db", SqliteLedger(tmp_path / "other.db")
    ledger = SqliteLedger(path)
    ledger.append(account_opened(), plan_recorded())
    other.append(account_opened())
    (tmp_path / "other.db").replace(path)
    ledger.append(plan_recorded(plan_hash="q" * 64))
    assert SqliteLedger(path).book().cycles == ledger.book().cycles
    assert ledger.verify_chain().sequence == 2


def test_each_thread_has_a_connection_of_its_own(tmp_path: Path) -> None:
    ledger, driver = SqliteLedger(tmp_path / "ledger.db"), SqliteDriver(tmp_path / "ledger.db")
    found = [driver._connection()]
    thread = threading.Thread(target=lambda: found.append(driver._connection()))
    thread.start()
    thread.join()
    assert found[0] is not found[1]
    assert driver._connection() is found[0]
    assert ledger.head().sequence == 0


def test_a_forked_process_opens_the_file_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = SqliteDriver(tmp_path / "ledger.db")
    SqliteLedger(tmp_path / "ledger.db")
    before = driver._connection()
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert driver._connection() is not before


MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/export /net/share nfs4 rw 0 0
//box/data /net/with\\040blank cifs rw 0 0
/dev/vdb /net/share/local xfs rw 0 0
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    table = tmp_path / "mounts"
    table.write_text(MOUNTS)
    return table


@pytest.mark.parametrize("folder", ["/net/share", "/net/share/books", "/net/with blank/books"])
def test_a_folder_of_another_machine_is_refused(mounts: Path, folder: str) -> None:
    with pytest.raises(LedgerError, match="network file system"):
        refuse_network_folder(Path(folder), mounts=mounts)


@pytest.mark.parametrize("folder", ["/", "/var", "/net", "/net/shared", "/net/share/local/books"])
def test_a_folder_of_this_machine_is_fine(mounts: Path, folder: str) -> None:
    refuse_network_folder(Path(folder), mounts=mounts)


def test_where_nobody_can_tell_nothing_is_refused(tmp_path: Path) -> None:
    refuse_network_folder(tmp_path, mounts=tmp_path / "no such table")


def test_a_locked_ledger_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    threading.Timer(0.2, lambda: other.execute("commit")).start()
    ledger.append(account_opened())
    assert ledger.head().sequence == 1
    other.close()
