"""From a fact in a home to a webhook on loopback, and what the watch finds out by itself."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from assets.maintenance.nights import record_night
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS
from execution.alert_sender import AlertPolicy, channels_of
from execution.clock import FileClock
from execution.domain.events import ControlChanged
from pipelines.alerting.watch import AlertWatch
from pipelines.cli.alerts import try_channels
from pipelines.cli.status import status_page
from pipelines.dagster_instance import prepare_instance
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
    record_night(traded.home.upkeep, date(2024, 3, 5), {"refusal": "", "restore_seconds": 0.5})
    halt(traded)
    watch.channels = (replace(channel, is_reachable=False),)
    heard(watch, channel)
    page = status_page(traded.settings, traded.home)
    assert "restore       restored in 0.5 s after session 2024-03-05" in page
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


def test_the_status_tells_of_chain_orders_and_limits(traded: TradedHome) -> None:
    traded.days.live(FIRST)
    traded.tell_the_clock()
    page = status_page(traded.settings, traded.home)
    assert f"chain         holds, {traded.days.desk.ledger.head().sequence} rows" in page
    assert "of 0 nobody knows the outcome" in page
    assert f"last cycle    {FIRST}" in page
    assert "limits used   drawdown 0%" in page


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


def test_data_that_are_late_are_told_in_real_time(tmp_path: Path) -> None:
    paper = TradedHome(tmp_path / "original", mode="paper")
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
    RawStore(paper.home.raw).append(DAILY_BARS, rows, session=FIRST, recorded_at=recorded_at)
    channel = FakeChannel()
    told = heard(AlertWatch(paper.settings, paper.home, (channel,)), channel)
    assert "data are late: " in " ".join(told)
