"""The daily check on `trading/fills`: is the ledger what was written?"""

import sqlite3
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from assets import keys
from assets.trading.defs import settlement
from assets.trading.ledger_proof import ledger_verdict
from execution.ledger.memory_ledger import MemoryLedger
from tests.builders.anchoring import an_anchoring
from tests.builders.trading_days import FIRST, TradingDays


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    days = TradingDays(tmp_path, desk_changes={"anchoring": an_anchoring(tmp_path / "anchors")}, is_on_files=True)
    days.plan()
    days.submit()
    days.cancel_rest()
    return days


def settled(days: TradingDays) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [settlement],
        partition_key=FIRST.isoformat(),
        resources={"desk": days.next_close(FIRST), "artifacts_root": days.artifacts_root},
        raise_on_error=False,
    )


def check_of(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (check,) = result.get_asset_check_evaluations()
    assert (check.asset_key, check.check_name) == (dg.AssetKey(keys.TRADING_FILLS), "ledger_chain")
    return check


def test_a_settled_day_shows_rows_head_and_anchors(days: TradingDays) -> None:
    check = check_of(settled(days))
    told = {name: value.value for name, value in check.metadata.items()}
    assert check.passed
    assert check.blocking is False
    assert (told["rows"], told["head"]) == (days.desk.ledger.head().sequence, days.desk.ledger.head().hash)
    assert (told["anchored_rows"], told["sinks_behind"]) == (told["rows"], 0)
    assert days.desk.anchoring is not None
    assert told["anchors_matched"] == sum(len(sink.lines()) for sink in days.desk.anchoring.sinks) > 2


def test_a_page_shows_its_table_beside_the_number_of_what_it_lists(days: TradingDays) -> None:
    pages = {
        event.asset_key.path[-1]: event.step_materialization_data.materialization.metadata
        for event in settled(days).get_asset_materialization_events()
        if event.asset_key
    }
    for name in ("fills", "positions"):
        assert isinstance(pages[name][name], dg.IntMetadataValue)
        assert isinstance(pages[name][f"{name}_table"], dg.MarkdownMetadataValue)


def test_a_broken_chain_fails_the_check_and_the_run(days: TradingDays, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("drop trigger event_refuses_update")
    connection.execute("update event set body = body || ' ' where sequence = 1")
    connection.commit()
    connection.close()
    result = settled(days)
    assert not result.success
    check = check_of(result)
    assert not check.passed
    assert "row 1 was changed after it was written" in (check.description or "")


def test_a_table_changed_by_hand_fails_the_check_alone(days: TradingDays, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("update risk_day set entries = 99")
    connection.commit()
    connection.close()
    verdict = ledger_verdict(days.desk)
    assert (verdict.passed, "ledger table risk_day" in verdict.reason) == (False, True)


def test_a_ledger_without_tables_and_anchors_is_judged_by_its_chain(days: TradingDays) -> None:
    verdict = ledger_verdict(replace(days.desk, ledger=MemoryLedger(), anchoring=None))
    assert (verdict.passed, verdict.rows, verdict.anchors_matched) == (True, 0, 0)
