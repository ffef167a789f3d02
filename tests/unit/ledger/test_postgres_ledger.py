"""What Postgres alone can do to a ledger: lose a commit's answer, race two writers, leave gaps in its counters."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from execution.domain.errors import CommitUnknown, LedgerError
from execution.domain.events import AuditNoted, Event
from execution.ledger.book import Book
from execution.ledger.postgres_ledger import PostgresDriver, PostgresLedger
from tests.builders.orders import AT, account_opened, plan_recorded
from tests.builders.postgres import a_schema, postgres_dsn


@pytest.fixture
def schema() -> str:
    return a_schema()


@pytest.fixture
def ledger(schema: str) -> PostgresLedger:
    opened = PostgresLedger(postgres_dsn(), schema=schema)
    opened.append(account_opened())
    return opened


def a_note(number: int) -> AuditNoted:
    return AuditNoted(at=AT, topic="count", session=None, subject=str(number), detail="")


def lose_commits(monkeypatch: pytest.MonkeyPatch, *, is_written: bool) -> None:
    """Let the answer of the next commit be lost, after the server did it or before."""

    def lose(driver: PostgresDriver, connection: psycopg2.extensions.connection) -> None:
        monkeypatch.undo()
        if is_written:
            connection.commit()
        connection.close()
        raise CommitUnknown("the server was lost while it committed")

    monkeypatch.setattr(PostgresDriver, "_commit", lose)


def test_a_commit_whose_answer_was_lost_is_found_written(
    ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_commits(monkeypatch, is_written=True)
    assert ledger.record(lambda _: [plan_recorded()]) == (plan_recorded(),)
    assert (ledger.verify_chain().sequence, len(ledger.book().cycles)) == (2, 1)


def test_a_commit_that_never_was_is_found_missing_and_may_be_tried_again(
    ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_commits(monkeypatch, is_written=False)
    with pytest.raises(LedgerError, match="nothing was written; try again"):
        ledger.append(plan_recorded())
    ledger.append(plan_recorded())
    assert ledger.verify_chain().sequence == 2


def test_a_lost_commit_of_nothing_is_nothing(ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_commits(monkeypatch, is_written=False)
    assert ledger.record(lambda _: ()) == ()


def test_a_session_killed_in_the_middle_leaves_nothing(ledger: PostgresLedger, schema: str) -> None:
    def killed(book: Book) -> Sequence[Event]:
        connection = psycopg2.connect(postgres_dsn())
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where state = 'idle in transaction' and query like '%from head for update%'"
            )
        connection.close()
        return [plan_recorded()]

    with pytest.raises(LedgerError):
        ledger.record(killed)
    assert PostgresLedger(postgres_dsn(), schema=schema).verify_chain().sequence == 1
    ledger.append(plan_recorded())
    assert ledger.verify_chain().sequence == 2


def test_writers_at_the_same_moment_make_one_chain_without_a_gap(ledger: PostgresLedger, schema: str) -> None:
    def write(worker: int) -> None:
        own = PostgresLedger(postgres_dsn(), schema=schema)
        for number in range(10):
            own.append(a_note(100 * worker + number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert ledger.verify_chain().sequence == 41
    assert len(ledger.book().notes) == 40


def test_first_openers_at_the_same_moment_make_one_set_of_tables(schema: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        heads = list(pool.map(lambda _: PostgresLedger(postgres_dsn(), schema=schema).head().sequence, range(4)))
    assert heads == [0, 0, 0, 0]


def test_a_rolled_back_append_uses_up_no_number(ledger: PostgresLedger) -> None:
    with pytest.raises(LedgerError):
        ledger.append(plan_recorded(), plan_recorded())
    ledger.append(plan_recorded())
    assert [recorded.sequence for recorded in ledger.events()] == [1, 2]


def test_a_table_cannot_even_be_emptied_at_once(ledger: PostgresLedger, schema: str) -> None:
    with (
        pytest.raises(LedgerError, match="append-only"),
        PostgresDriver(postgres_dsn(), schema=schema).writing() as connection,
    ):
        connection.execute("truncate event cascade")
    assert ledger.verify_chain().sequence == 1


def test_a_trigger_that_was_dropped_or_disabled_is_missed_until_a_rebuild(ledger: PostgresLedger, schema: str) -> None:
    assert ledger.missing_guards() == ()
    with PostgresDriver(postgres_dsn(), schema=schema).writing() as connection:
        connection.execute("drop trigger event_refuses_truncate on event")
        connection.execute("alter table posting disable trigger posting_refuses_change")
    assert ledger.missing_guards() == ("event_refuses_truncate", "posting_refuses_change")
    ledger.rebuild_projections()
    assert ledger.missing_guards() == ()


def test_a_schema_of_another_program_is_refused(schema: str) -> None:
    with PostgresDriver(postgres_dsn(), schema=schema).writing() as connection:
        connection.execute("create table notes (text text)")
    with pytest.raises(LedgerError, match="no ledger"):
        PostgresLedger(postgres_dsn(), schema=schema)


@pytest.mark.parametrize("name", ["Ledger", "a; drop schema public", "", "1st"])
def test_a_schema_with_an_odd_name_is_refused(name: str) -> None:
    with pytest.raises(LedgerError, match="expected lower-case letters"):
        PostgresLedger("host=/nowhere", schema=name)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(LedgerError, match="cannot be used as a ledger") as refused:
        PostgresLedger("host=/nowhere user=trader password=canary-secret")
    assert "canary-secret" not in str(refused.value)


@pytest.mark.parametrize(("setting", "value"), [("synchronous_commit", "on"), ("lock_timeout", "10s")])
def test_a_connection_brings_its_own_settings(ledger: PostgresLedger, setting: str, value: str) -> None:
    with ledger.driver.writing() as connection:
        assert connection.fetch(f"show {setting}") == [(value,)]
