"""From a fact in a home to a webhook on loopback, and what the watch finds out by itself."""

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dagster as dg
import msgspec
import pyarrow as pa
import pytest
import time_machine
from structlog.testing import capture_logs

from assets.maintenance.nights import record_night
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS
from execution.alert_outbox import Alert
from execution.alert_sender import AlertPolicy, channels_of
from execution.clock import FileClock
from execution.domain.errors import ChainBroken
from execution.domain.events import ControlChanged
from execution.ledger.event_codec import decoded
from execution.session.reconcile import reconcile
from pipelines.alerting.watch import AlertWatch
from pipelines.cli.alerts import run_alerts, try_channels
from pipelines.cli.status import status_page
from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.upkeep.backup import make_backup
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS
from tests.integration.upkeep.traded_home import TradedHome
from tests.unit.maintenance.test_alerts import FakeChannel

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def traded(tmp_path: Path) -> TradedHome:
    return TradedHome(tmp_path / "original")


def watch_over(traded: TradedHome) -> tuple[AlertWatch, FakeChannel]:
    channel = FakeChannel()
    watch = AlertWatch(traded.settings, traded.home, (channel,))
    watch.look()
    watch.tell()
    channel.told.clear()
    return watch, channel


def heard(watch: AlertWatch, channel: FakeChannel) -> list[str]:
    watch.look()
    watch.tell()
    return [title for title, _ in channel.told]


def halt(traded: TradedHome) -> None:
    halted = ControlChanged(at=traded.days.clock.now(), state="halted", actor="ann", reason="looks odd")
    traded.days.desk.ledger.record(lambda _: (halted,))


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, object]]]]:
    received: list[dict[str, object]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}/hook", received
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_halt_reaches_a_webhook(traded: TradedHome, webhook: tuple[str, list[dict[str, object]]]) -> None:
    address, received = webhook
    watch = AlertWatch(traded.settings, traded.home, channels_of(AlertPolicy.model_validate({"primary": address})))
    watch.look()
    watch.tell()
    halt(traded)
    watch.look()
    assert watch.tell() == 1
    assert received[-1]["title"] == "[critical] trading is halted"


def test_what_happened_before_anybody_watched_is_not_told(traded: TradedHome) -> None:
    halt(traded)
    watch, channel = watch_over(traded)
    assert heard(watch, channel) == []


def test_an_event_is_told_once_across_restarts_of_the_watch(traded: TradedHome) -> None:
    watch, channel = watch_over(traded)
    halt(traded)
    assert heard(watch, channel) == ["[critical] trading is halted"]
    again = AlertWatch(traded.settings, traded.home, (channel,))
    assert heard(again, channel) == ["[critical] trading is halted"]


def test_a_failed_run_is_told_by_its_job(traded: TradedHome) -> None:
    @dg.op
    def break_down() -> None:
        raise RuntimeError("broken")

    @dg.job
    def cycle() -> None:
        break_down()

    watch, channel = watch_over(traded)
    with dg.DagsterInstance.from_config(str(prepare_instance(traded.home))) as instance:
        tags = {"dagster/partition": FIRST.isoformat()}
        cycle.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    assert heard(watch, channel) == [f"[critical] cycle of {FIRST} failed"]
    assert heard(watch, channel) == [f"[critical] cycle of {FIRST} failed"]


def test_a_terminated_run_is_told_by_its_job(traded: TradedHome) -> None:
    @dg.job
    def submit() -> None:
        """Begun, and ended by a person."""

    watch, channel = watch_over(traded)
    with dg.DagsterInstance.from_config(str(prepare_instance(traded.home))) as instance:
        run = instance.create_run_for_job(submit, tags={"dagster/partition": FIRST.isoformat()})
        instance.report_run_canceled(run)
    assert heard(watch, channel) == [f"[warning] submit of {FIRST} was terminated"]


def test_a_missed_session_is_told_though_no_daemon_runs(traded: TradedHome) -> None:
    traded.days.publish(traded.days.a_batch(FIRST))
    watch, channel = watch_over(traded)
    FileClock(traded.home.clock).advance_to(CALENDAR.submit_window(FIRST)[1])
    assert heard(watch, channel) == [f"[critical] session {FIRST} was missed"]


def test_a_planned_session_is_not_missed(traded: TradedHome) -> None:
    traded.days.plan(FIRST)
    watch, channel = watch_over(traded)
    FileClock(traded.home.clock).advance_to(CALENDAR.as_of(SESSIONS[1]))
    assert heard(watch, channel) == []


def test_history_that_is_scored_later_was_not_missed(traded: TradedHome) -> None:
    traded.days.plan(FIRST)
    traded.tell_the_clock()
    watch, channel = watch_over(traded)
    traded.days.batches.publish(replace(traded.days.a_batch(FIRST), session=CALENDAR.previous(FIRST)))
    assert heard(watch, channel) == []


def test_a_drill_that_failed_is_told_once(traded: TradedHome) -> None:
    watch, channel = watch_over(traded)
    record_night(traded.home.upkeep, date(2024, 3, 5), {"refusal": "a piece is gone", "restore_seconds": 0.0})
    assert heard(watch, channel) == ["[critical] the backup of session 2024-03-05 could not be restored"]
    assert len(heard(watch, channel)) == 1


def test_a_full_disk_is_told(traded: TradedHome) -> None:
    alerts = traded.settings.alerts.model_copy(update={"disk_free_min_bytes": 2**60})
    _, channel = watch_over(traded)
    watch = AlertWatch(traded.settings.model_copy(update={"alerts": alerts}), traded.home, (channel,))
    (title,) = heard(watch, channel)
    assert title.endswith("GB are free on the home's disk")


def test_the_status_says_how_backup_and_alerts_stand(traded: TradedHome) -> None:
    watch, channel = watch_over(traded)
    decision = "2024-03-05: 3 steps, bit for bit"
    record_night(traded.home.upkeep, date(2024, 3, 5), {"refusal": "", "restore_seconds": 0.5, "decision": decision})
    halt(traded)
    watch.channels = (replace(channel, is_reachable=False),)
    heard(watch, channel)
    page = status_page(traded.settings, traded.home)
    assert f"restore       restored in 0.5 s after session 2024-03-05; newest decision: {decision}" in page
    assert "alerts        1 wait, 1 of them no channel took" in page


def test_channels_can_be_tried(traded: TradedHome) -> None:
    assert try_channels(traded.settings, traded.home) == (
        "1 alerts were told; channels: the log alone: name alerts.primary"
    )


def test_the_status_tells_of_a_backup_a_person_made(traded: TradedHome) -> None:
    traded.days.live(FIRST)
    traded.tell_the_clock()
    assert "backup        none was made yet" in status_page(traded.settings, traded.home)
    rows = make_backup(traded.settings, traded.home).ledger_rows
    page = status_page(traded.settings, traded.home)
    assert f"backup        made {traded.days.clock.now().isoformat()}, {rows} rows of the ledger" in page
    assert "restore       none was tried yet" in page


@pytest.mark.parametrize(("file", "line"), [("backup", "backup"), ("2024-01-04", "restore")])
def test_a_damaged_note_of_the_upkeep_leaves_the_rest_of_the_status_standing(
    traded: TradedHome, file: str, line: str
) -> None:
    traded.home.upkeep.mkdir(exist_ok=True)
    (traded.home.upkeep / f"{file}.json").write_bytes(b"")
    page = status_page(traded.settings, traded.home)
    assert f"{line:<13} DAMAGED: upkeep/{file}.json cannot be read" in page
    assert "NOBODY ever watched" in page


def test_the_status_tells_of_chain_orders_and_limits(traded: TradedHome) -> None:
    traded.days.live(FIRST)
    traded.tell_the_clock()
    page = status_page(traded.settings, traded.home)
    assert f"chain         holds, {traded.days.desk.ledger.head().sequence} rows" in page
    assert "of 0 nobody knows the outcome" in page
    assert f"last cycle    {FIRST}" in page
    assert "limits used   drawdown 0%" in page


def test_the_status_names_what_is_held_without_a_stop(traded: TradedHome) -> None:
    traded.days.live(FIRST)
    traded.tell_the_clock()
    assert "NO STOP" not in status_page(traded.settings, traded.home)
    [stop] = [order for order in traded.days.venue.open_orders() if order.symbol == "BBB"]
    traded.days.venue.cancel(stop.client_order_id)
    reconcile(traded.days.desk)
    assert "NO STOP       BBB\n" in status_page(traded.settings, traded.home)


def test_a_limit_that_is_near_is_told_once(traded: TradedHome) -> None:
    watch, channel = watch_over(traded)
    traded.days.live(FIRST)
    held = len(traded.days.desk.ledger.book().held_shares)
    watch.settings = traded.settings.model_copy(
        update={"limits": traded.settings.limits.model_copy(update={"names_max": held})}
    )
    told = heard(watch, channel)
    assert "the limit names is hit: 100% of it are used" in " ".join(told)
    channel.told.clear()
    assert not [title for title in heard(watch, channel) if "names" in title]


def keep_bars_of_the_first_session(home: Home) -> None:
    row = {
        "symbol": "AAA",
        "session": FIRST,
        "open_usd": Decimal(10),
        "high_usd": Decimal(11),
        "low_usd": Decimal(9),
        "close_usd": Decimal(10),
        "volume_shares": 1_000,
        "is_halted": False,
        "source": "test",
        "feed": "test",
        "known_at": CALENDAR.bars_known_at(FIRST),
    }
    rows = pa.Table.from_pylist([row], schema=DAILY_BARS.schema)
    recorded_at = CALENDAR.as_of(FIRST)
    RawStore(home.raw).append(DAILY_BARS, rows, session=FIRST, recorded_at=recorded_at)


def test_data_that_are_late_are_told_in_real_time(tmp_path: Path) -> None:
    paper = TradedHome(tmp_path / "original", mode="paper")
    keep_bars_of_the_first_session(paper.home)
    channel = FakeChannel()
    told = heard(AlertWatch(paper.settings, paper.home, (channel,)), channel)
    assert "data are late: daily_bars: nothing new for" in " ".join(told)


def test_a_told_clock_that_moves_runs_ahead_of_its_data(traded: TradedHome) -> None:
    keep_bars_of_the_first_session(traded.home)
    watch, channel = watch_over(traded)
    FileClock(traded.home.clock).advance_to(CALENDAR.as_of(SESSIONS[1]))
    a_minute_later(watch)
    assert heard(watch, channel) == []


def a_minute_later(watch: AlertWatch) -> None:
    """Let the watch look at the data again."""
    watch.now = lambda: datetime.now(UTC) + timedelta(minutes=1)


def test_data_are_late_once_a_told_clock_has_stood_past_a_cut_off(traded: TradedHome) -> None:
    keep_bars_of_the_first_session(traded.home)
    watch, channel = watch_over(traded)
    FileClock(traded.home.clock).advance_to(CALENDAR.as_of(SESSIONS[1]))
    a_while_ago = time.time() - 301
    os.utime(traded.home.clock, (a_while_ago, a_while_ago))
    assert heard(watch, channel) == []  # looked at a moment ago
    a_minute_later(watch)
    assert heard(watch, channel) == [
        "[warning] data are late: daily_bars: nothing new for 1 sessions past their cut-off, allowed are 0"
    ]


def test_the_status_tells_the_age_of_each_source(traded: TradedHome) -> None:
    keep_bars_of_the_first_session(traded.home)
    FileClock(traded.home.clock).advance_to(CALENDAR.as_of(SESSIONS[1]))
    page = status_page(traded.settings, traded.home)
    assert "data          LATE: daily_bars" in page
    assert f"              daily_bars        of {FIRST}, 1 sessions old, 0 allowed" in page


@dg.asset(
    check_specs=[dg.AssetCheckSpec(name, asset="gate_certificate") for name in ("no_gap", "no_jump", "prices_positive")]
)
def gate_certificate():  # type: ignore[no-untyped-def]  # Dagster would read a return annotation as outputs
    failed = {"no_gap": "3 bars are missing", "no_jump": "AAA moved by 80 %"}
    checks = [
        dg.AssetCheckResult(check_name=name, passed=name not in failed, description=failed.get(name))
        for name in ("no_gap", "no_jump", "prices_positive")
    ]
    return dg.MaterializeResult(check_results=checks)


def test_checks_that_failed_in_a_run_are_told_together_by_their_asset(traded: TradedHome) -> None:
    watch, channel = watch_over(traded)
    with dg.DagsterInstance.from_config(str(prepare_instance(traded.home))) as instance:
        dg.materialize([gate_certificate], instance=instance, tags={"dagster/partition": FIRST.isoformat()})
    assert heard(watch, channel) == [f"[critical] no_gap, no_jump of gate_certificate failed for {FIRST}"]
    ((_, body),) = channel.told
    assert body.startswith("3 bars are missing; AAA moved by 80 %")


def test_the_kill_switch_is_told_before_any_act_reads_it(traded: TradedHome) -> None:
    watch, channel = watch_over(traded)
    traded.days.desk.kill_switch.engage("looks odd", "ann", traded.days.clock.now())
    assert heard(watch, channel) == ["[critical] the kill switch is on"]
    assert channel.told[0][1].startswith("by ann: looks odd")
    assert len(heard(watch, channel)) == 1


@pytest.mark.parametrize("form", ["an empty file", "a link to nowhere"])
def test_whatever_stands_under_the_switchs_name_is_told(traded: TradedHome, form: str) -> None:
    watch, channel = watch_over(traded)
    traded.home.kill.touch() if form == "an empty file" else traded.home.kill.symlink_to("nowhere")
    assert heard(watch, channel) == ["[critical] the kill switch is on"]


def break_ledger(traded: TradedHome) -> None:
    with closing(sqlite3.connect(traded.home.ledger)) as ledger:
        ledger.execute("drop trigger event_refuses_update")
        ledger.execute("update event set body = replace(body, 'paper-1', 'paper-2')")
        ledger.commit()


def test_a_broken_chain_is_told_once_an_act_found_it(traded: TradedHome) -> None:
    traded.days.live(FIRST)
    watch, channel = watch_over(traded)
    break_ledger(traded)
    with pytest.raises(ChainBroken):
        traded.days.plan(SESSIONS[1])
    told = heard(watch, channel)
    assert "[critical] the ledger's chain is broken: nothing is sent" in told


def test_the_status_of_a_broken_ledger_says_so_and_stops_there(traded: TradedHome) -> None:
    traded.days.live(FIRST)
    break_ledger(traded)
    page = status_page(traded.settings, traded.home)
    assert "chain         BROKEN: ledger chain: row " in page
    assert page.endswith("trading       not told from a broken ledger: docs/runbooks/broken-chain.md")


def test_an_entry_that_works_after_its_session_is_stuck(traded: TradedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    traded.days.live(FIRST)
    book = traded.days.desk.ledger.book()
    name, entry = next((name, one) for name, one in book.orders.items() if one.leg == "entry")
    at_work = msgspec.structs.replace(entry, state="open", filled_shares=0)
    working = msgspec.structs.replace(book, orders={**book.orders, name: at_work})
    watch, channel = watch_over(traded)
    monkeypatch.setattr(watch, "_book", lambda: working)
    FileClock(traded.home.clock).advance_to(CALENDAR.bars_known_at(SESSIONS[1]))
    assert f"[critical] the entry in {entry.order.symbol} works after its session" in heard(watch, channel)


def test_a_look_folds_only_the_rows_that_are_new(traded: TradedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    traded.days.live(FIRST)
    watch, channel = watch_over(traded)
    folded: list[object] = []
    monkeypatch.setattr("execution.ledger.sql_ledger.decoded", lambda body: folded.append(body) or decoded(body))
    halt(traded)
    folded.clear()
    assert "[critical] trading is halted" in heard(watch, channel)
    assert len(folded) == 1


def test_what_the_ledger_says_is_told_before_other_sources_are_looked_at(
    traded: TradedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, channel = watch_over(traded)
    told_by_then: list[int] = []

    def levels(*_arguments: object) -> Iterator[Alert]:
        told_by_then.append(len(channel.told))
        yield Alert(cause="low_disk", severity="critical", title="the disk is full", detail="")

    monkeypatch.setattr("pipelines.alerting.watch.levels_of", levels)
    halt(traded)
    watch.look_and_tell()
    assert told_by_then == [1]
    assert [title for title, _ in channel.told] == ["[critical] trading is halted", "[critical] the disk is full"]


def test_damaged_run_storage_is_told_and_hides_nothing_else(traded: TradedHome) -> None:
    watch, channel = watch_over(traded)
    for name in ("runs.db-wal", "runs.db-shm"):
        (traded.home.dagster / "history" / name).unlink(missing_ok=True)
    (traded.home.dagster / "history" / "runs.db").write_bytes(b"no database" * 1000)
    halt(traded)
    traded.home.kill.touch()
    assert heard(watch, channel) == [
        "[critical] trading is halted",
        "[critical] the home cannot be watched",
        "[critical] the kill switch is on",
    ]
    assert channel.told[1][1].startswith("ended_runs: DatabaseError: (sqlite3.DatabaseError) file is not a database")


def test_no_failure_ends_the_watch(traded: TradedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def fail(_watch: AlertWatch) -> None:
        looks.append(1)
        if len(looks) > 1:
            signal.raise_signal(signal.SIGTERM)
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(AlertWatch, "look_and_tell", fail)
    settings = traded.settings
    quick = settings.model_copy(update={"alerts": settings.alerts.model_copy(update={"poll_seconds": 0.01})})
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with capture_logs() as logs:
            assert run_alerts(quick, traded.home) == 0
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    assert [one["detail"] for one in logs if one["event"] == "alerts_failed"] == [
        "DatabaseError: database disk image is malformed"
    ] * 2


def test_that_nobody_watches_is_seen(traded: TradedHome) -> None:
    assert "NOBODY ever watched: start `touchstone alerts`" in status_page(traded.settings, traded.home)
    watch, _ = watch_over(traded)
    at = datetime(2024, 1, 4, 15, tzinfo=UTC)
    watch.now = lambda: at
    watch.beat()
    with time_machine.travel(at + timedelta(seconds=90), tick=False):
        assert "watched 90 s ago" in status_page(traded.settings, traded.home)
    with time_machine.travel(at + timedelta(seconds=121), tick=False):
        assert f"NOBODY watches since {at.isoformat()}" in status_page(traded.settings, traded.home)
