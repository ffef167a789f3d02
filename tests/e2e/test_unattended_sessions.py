"""Sessions nobody attends, all sensors of the real daemon on: no session missed, one green drill a day.

The first of them is the traded day other tests look at too; its night and all that follows is one life of the daemon,
which begins with some seconds in which the clock stands where that day ended.
Before that life ends, somebody asks for the features, scores and batches of its newest sessions once more.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import pytest

from assets import keys
from assets.features.dbt_manifest import build_plan, read_manifest
from assets.features.defs import MANIFEST_PATH
from assets.maintenance.nights import night_of, upkept_sessions
from execution.clock import FileClock
from execution.domain.provenance import GateCertificate
from execution.ledger.book import Book
from execution.ledger.hash_chain import ChainHead
from pipelines.settings import load_settings
from pipelines.upkeep.health import health_of
from tests.e2e.conftest import CALENDAR, PARTITION, SECONDS_OF_QUIET, SESSION, Backfilled, DaemonHome, LivingHome

pytestmark = pytest.mark.daemon

SESSIONS = (2, pytest.param(30, marks=pytest.mark.campaign))
# Bounds for a hopeless day, not measures: other workers and other programs share the machine.
SECONDS_A_SESSION_MAY_TAKE = 600
BYTES_A_SESSION_MAY_ADD = 12_000_000


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided of some sessions: the end of the ledger's chain, and what analysis published of each."""

    head: ChainHead
    batches: Mapping[date, tuple[str, ...]]
    certificates: Mapping[date, tuple[GateCertificate, ...]]


@dataclass(frozen=True, slots=True)
class Unattended:
    """A home after some sessions nobody attended, and after a backfill.

    Attributes:
        lived: the home at the end.
        woken: the end of the ledger's chain before the daemon came back to the traded day and after some seconds there.
        sessions: those that are settled and whose night is over.
        seconds: how long they took.
        backfilled: how the backfill ended, and its runs.
        again: the sessions backfilled: the last settled one, then the one that is planned and may still be traded.
        before: what was decided of them before the backfill.
        after: the same after it.
    """

    lived: DaemonHome
    woken: tuple[ChainHead, ChainHead]
    sessions: tuple[date, ...]
    seconds: float
    backfilled: Backfilled
    again: tuple[date, date]
    before: Decided
    after: Decided


def live_alone(now: LivingHome, last: date, sessions: int) -> None:
    """Let the daemon run until the night after a session is over."""
    home = now.lived.home
    FileClock(home.clock).live_until(CALENDAR.as_of(CALENDAR.next(last)))
    deadline = time.monotonic() + sessions * SECONDS_A_SESSION_MAY_TAKE
    while last not in (nights := upkept_sessions(home.upkeep)):
        assert now.daemon.poll() is None, (home.logs / "daemon.log").read_text()[-2000:]
        assert time.monotonic() < deadline, f"{len(nights)} nights are over"
        time.sleep(1)


def settled(book: Book) -> set[date]:
    return {cycle.session for cycle in book.cycles.values() if cycle.settled is not None}


def from_features_to_batch() -> list[keys.Key]:
    """Return every asset from the staged rows to the hand-over to trading; the pinned snapshots stay."""
    manifest = read_manifest(MANIFEST_PATH)
    models = [model.key for step in ("base", "marts") for model in build_plan(manifest, step).models]
    computed = (keys.FEATURES_PRICE, keys.FEATURES_NEWS, keys.FEATURES_GATE_CERTIFICATE)
    return [*models, *computed, keys.ML_SCORES, keys.ML_SIGNAL_BATCH]


def decided(lived: DaemonHome, sessions: tuple[date, date]) -> Decided:
    return Decided(
        head=lived.ledger.verify_chain(),
        batches={session: lived.batches.published(session) for session in sessions},
        certificates={session: lived.batches.certificates(session) for session in sessions},
    )


@pytest.fixture(scope="module", params=SESSIONS)
def unattended(
    request: pytest.FixtureRequest, traded_day: DaemonHome, tmp_path_factory: pytest.TempPathFactory
) -> Unattended:
    sessions: int = request.param
    lived = traded_day.copied_to(tmp_path_factory.mktemp("unattended") / "home")
    settings_file = lived.home.settings
    settings_file.write_text(settings_file.read_text().replace("is_scheduled: false", "is_scheduled: true"))
    last = CALENDAR.offset(SESSION, sessions - 1)
    again = (last, CALENDAR.next(last))
    before_it = lived.ledger.verify_chain()
    with lived.alive() as now:
        # Seconds of quiet count from when both servers answer.
        now.workspace()
        end_of_day = CALENDAR.bars_known_at(CALENDAR.next(SESSION))
        now.live(until=end_of_day, is_over=lambda: True, seconds_of_quiet=SECONDS_OF_QUIET)
        woken = (before_it, lived.ledger.verify_chain())
        started = time.monotonic()
        live_alone(now, last, sessions)
        seconds = time.monotonic() - started
        now.live(until=CALENDAR.as_of(CALENDAR.next(last)), is_over=lambda: True)
        before = decided(lived, again)
        backfilled = now.backfill(from_features_to_batch(), again)
    return Unattended(
        lived=lived,
        woken=woken,
        sessions=CALENDAR.between(SESSION, last),
        seconds=seconds,
        backfilled=backfilled,
        again=again,
        before=before,
        after=decided(lived, again),
    )


def test_the_daemon_in_a_lived_home_adds_no_order(unattended: Unattended) -> None:
    before, after = unattended.woken
    assert after == before


def test_sessions_nobody_attends_miss_nothing(
    unattended: Unattended, record_property: Callable[[str, object], None]
) -> None:
    days, lived = unattended.sessions, unattended.lived
    home, settings = lived.home, load_settings(lived.home.settings, {})
    assert settled(lived.book) >= set(days)
    assert {night: night_of(home.upkeep, night)["refusal"] for night in days} == dict.fromkeys(days, "")
    report = health_of(settings, home)
    assert (report.missed, [age.table for age in report.data_ages if age.is_late], report.halts) == ((), [], 0)
    assert lived.ledger.verify_chain().sequence > 0
    lived.ledger.verify_projections()
    sizes = [int(str(night_of(home.upkeep, night)["home_bytes"])) for night in days]
    assert report.growth_bytes_max is not None
    assert report.growth_bytes_max < BYTES_A_SESSION_MAY_ADD
    record_property("sessions", len(days))
    record_property("seconds", round(unattended.seconds))
    record_property("largest_growth_bytes", report.growth_bytes_max)
    record_property("mean_growth_bytes", round((sizes[-1] - sizes[0]) / (len(sizes) - 1)))
    record_property("slowest_restore_seconds", report.restore_seconds_max)


def test_a_backfill_is_one_green_run_for_each_session(unattended: Unattended) -> None:
    runs = unattended.backfilled.runs
    assert unattended.backfilled.status == "COMPLETED_SUCCESS"
    assert [run.tags[PARTITION] for run in runs] == [session.isoformat() for session in unattended.again]
    assert all(run.is_success for run in runs)


def test_a_backfill_proves_the_same_and_trades_nothing(unattended: Unattended) -> None:
    assert unattended.after.certificates == unattended.before.certificates
    assert unattended.after.head == unattended.before.head


def test_a_backfilled_batch_is_the_one_before_unless_a_model_was_taught_at_its_cut_off_since(
    unattended: Unattended,
) -> None:
    settled_session, tradable = unattended.again
    assert unattended.after.batches[tradable] == unattended.before.batches[tradable]
    hashes = (unattended.before.batches[settled_session][-1], unattended.after.batches[settled_session][-1])
    was, now = (unattended.lived.batches.load(batch_hash) for batch_hash in hashes)
    # The first of these sessions ends a week: its evening's training may have promoted a model of that very cut-off.
    assert replace(now, model_hash=was.model_hash, decision_reason=was.decision_reason, signals=was.signals) == was
    assert (now.model_hash == was.model_hash) == (now == was)
