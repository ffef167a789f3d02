import json

import pytest

from execution.artifact_files import FileArtifacts
from execution.domain.events import PlanRecorded
from execution.ledger.explain import why
from execution.ledger.why_rows import read_why_rows
from execution.signal_batch_store import SignalBatchStore
from pipelines.trading_adapters import open_desk
from pipelines.trading_settings import load_trading_settings
from tests.e2e.conftest import SESSION, DaemonHome

pytestmark = pytest.mark.daemon


def test_the_evening_plans_and_sends_nothing(planned_day: DaemonHome) -> None:
    (cycle,) = planned_day.book.cycles.values()
    assert isinstance(cycle.plan, PlanRecorded)
    assert planned_day.book.orders
    assert all(record.sent_at is None for record in planned_day.book.orders.values())


def test_the_day_ends_in_fills_though_the_daemon_was_stopped_in_between(traded_day: DaemonHome) -> None:
    (cycle,) = traded_day.book.cycles.values()
    assert cycle.settled is not None
    assert traded_day.book.fills


def test_what_runs_log_names_run_job_and_session(traded_day: DaemonHome) -> None:
    files = traded_day.home.logs.glob("touchstone-*.jsonl")
    lines = [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    of_faces = [line for line in lines if line["logger"] == "assets"]
    assert {"plan", "submit", "settle"} <= {line["job"] for line in of_faces}
    assert {line["session"] for line in of_faces} == {SESSION.isoformat()}
    assert all(line["run_id"] for line in of_faces)


def test_every_filled_entry_has_a_stop_at_the_venue(traded_day: DaemonHome) -> None:
    held = traded_day.book.held_shares
    stops = {symbol: traded_day.book.exposed_shares(symbol, side="sell", leg="stop") for symbol in held}
    assert held
    assert stops == held


def test_the_chain_of_the_ledger_holds(traded_day: DaemonHome) -> None:
    assert traded_day.ledger.verify_chain().sequence > 0


def test_positions_and_cash_are_the_venues_to_the_cent(traded_day: DaemonHome) -> None:
    settings = load_trading_settings(traded_day.home.settings, {})
    venue = open_desk(settings, traded_day.home).broker.account()
    assert (dict(venue.positions_shares), venue.cash_usd) == (traded_day.book.held_shares, traded_day.book.cash_usd)


def test_every_symbol_of_the_batch_has_one_row_that_says_why(traded_day: DaemonHome) -> None:
    (cycle,) = traded_day.book.cycles.values()
    assert cycle.batch_hash is not None
    batch = SignalBatchStore(traded_day.home.artifacts).load(cycle.batch_hash)
    rows = read_why_rows(FileArtifacts(traded_day.home.artifacts), cycle.why_rows[-1].artifact_hash)
    assert [row.symbol for row in rows] == [signal.symbol for signal in batch.signals]
    assert all(row.reason for row in rows)


def test_why_tells_of_a_filled_order(traded_day: DaemonHome) -> None:
    symbol = next(iter(traded_day.book.held_shares))
    told = why(traded_day.ledger, artifacts=FileArtifacts(traded_day.home.artifacts), symbol=symbol, session=SESSION)
    assert "decided on 2024-01-04: bought" in told
