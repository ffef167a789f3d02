"""Two daemons on one home at once, each with its own sensors, queue and clock, live the day that one lives."""

import pytest

from execution.domain.events import SubmissionStarted
from pipelines.daemon_process import running_daemon
from pipelines.trading_adapters import open_desk
from pipelines.trading_settings import load_trading_settings
from tests.e2e.conftest import CALENDAR, SECONDS_OF_QUIET, SESSION, DaemonHome, a_place_for_a_daemon

pytestmark = pytest.mark.daemon


@pytest.fixture(scope="module")
def shared_day(planned_day: DaemonHome, tmp_path_factory: pytest.TempPathFactory) -> DaemonHome:
    lived = planned_day.copied_to(tmp_path_factory.mktemp("shared") / "home")
    report = lived.home.reports / f"{SESSION.isoformat()}.html"
    second_log = lived.home.logs / "second.log"
    with (
        a_place_for_a_daemon(),
        running_daemon(environment=lived.home.process_environment(), log_file=second_log),
    ):
        lived.live(
            until=CALENDAR.bars_known_at(CALENDAR.next(SESSION)),
            is_over=report.exists,
            seconds_of_quiet=SECONDS_OF_QUIET,
        )
    return lived


def test_two_daemons_trade_the_day_that_one_trades(shared_day: DaemonHome, traded_day: DaemonHome) -> None:
    assert shared_day.ledger.trading_hash() == traded_day.ledger.trading_hash()


def test_two_daemons_send_nothing_twice(shared_day: DaemonHome) -> None:
    shared_day.ledger.verify_chain()
    events = [each.event for each in shared_day.ledger.events()]
    started = [event.client_order_id for event in events if isinstance(event, SubmissionStarted)]
    assert started
    assert len(started) == len(set(started))
    settings = load_trading_settings(shared_day.home.settings, {})
    venue = open_desk(settings, shared_day.home).broker.account()
    assert (dict(venue.positions_shares), venue.cash_usd) == (shared_day.book.held_shares, shared_day.book.cash_usd)
