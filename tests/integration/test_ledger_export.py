"""What analysis and people read of the ledger: the hashed export, and the answer to why."""

from decimal import Decimal
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from execution.domain.errors import CorruptArtifact, LedgerError
from execution.ledger.explain import why
from execution.ledger.export import LedgerExport, export_ledger
from execution.session import run_session
from tests.builders.batches import a_red_certificate
from tests.builders.trading_days import FIRST, SESSIONS, SYMBOLS, TradingDays, a_day_of

SECOND, THIRD = SESSIONS[1:3]
TABLES = ("orders", "fills", "positions", "equity", "decisions")


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    lived = TradingDays(tmp_path, is_on_files=True)
    lived.live()
    lived.live(SECOND, lived.a_batch(SECOND, best=("BBB", "CCC", "DDD", "EEE", "FFF", "AAA")))
    return lived


def exported(days: TradingDays, upto: object = THIRD) -> LedgerExport:
    return export_ledger(days.desk.ledger, days.artifacts_root, upto_session=upto)


def rows(export: LedgerExport, table: str) -> list[dict[str, object]]:
    return pq.read_table(export.path / f"{table}.parquet").to_pylist()


def test_the_same_ledger_gives_the_same_export(days: TradingDays) -> None:
    assert exported(days) == exported(days)


def test_equal_days_in_two_homes_give_equal_exports(days: TradingDays, tmp_path: Path) -> None:
    other = TradingDays(tmp_path / "other", is_on_files=True)
    other.live()
    other.live(SECOND, other.a_batch(SECOND, best=("BBB", "CCC", "DDD", "EEE", "FFF", "AAA")))
    assert exported(other).hash == exported(days).hash


def test_an_export_of_the_past_is_not_changed_by_what_came_later(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, is_on_files=True)
    days.live()
    then = exported(days, SECOND)
    days.live(SECOND)
    assert exported(days, SECOND) == then


def test_an_export_reaches_a_session_that_was_settled_too_late_to_be_valued(tmp_path: Path) -> None:
    paying = a_day_of("AAA", SESSIONS[3], dividend_usd="0.50")
    days = TradingDays(tmp_path, bars=[paying], is_on_files=True)
    days.live()
    days.plan(SECOND)
    days.submit(SECOND)
    run_session.settle(days.morning(THIRD), session=SECOND)
    export = exported(days)
    assert orjson.loads((export.path / "manifest.json").read_bytes())["upto_session"] == THIRD.isoformat()
    assert {row["session"] for row in rows(export, "equity")} == {SECOND}


def test_the_manifest_names_every_table_by_hash(days: TradingDays) -> None:
    manifest = orjson.loads((exported(days).path / "manifest.json").read_bytes())
    assert sorted(manifest["tables"]) == sorted(TABLES)
    assert manifest["upto_session"] == THIRD.isoformat()


def test_positions_and_cash_add_up_to_equity_to_the_cent(days: TradingDays) -> None:
    export = exported(days)
    for point in rows(export, "equity"):
        held = [row["market_value_usd"] for row in rows(export, "positions") if row["session"] == point["session"]]
        assert point["cash_usd"] + sum(held, Decimal(0)) == point["equity_usd"]


def test_fills_of_an_order_add_up_to_it(days: TradingDays) -> None:
    export = exported(days)
    filled: dict[object, int] = {}
    for row in rows(export, "fills"):
        filled[row["client_order_id"]] = filled.get(row["client_order_id"], 0) + row["quantity_shares"]
    assert filled
    for row in rows(export, "orders"):
        assert filled.get(row["client_order_id"], 0) == row["filled_shares"]


def test_every_symbol_of_every_session_has_one_decision(days: TradingDays) -> None:
    told = [(row["session"], row["symbol"]) for row in rows(exported(days), "decisions")]
    assert sorted(told) == [(session, symbol) for session in (FIRST, SECOND) for symbol in SYMBOLS]


def test_a_changed_why_file_stops_the_export(days: TradingDays) -> None:
    for path in (days.artifacts_root / "why_rows").iterdir():
        path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(CorruptArtifact):
        exported(days)


def test_an_empty_ledger_gives_empty_tables(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, is_on_files=True)
    export = exported(days)
    assert [rows(export, table) for table in TABLES] == [[], [], [], [], []]


def test_why_tells_a_purchase_from_score_to_fill_and_hashes(days: TradingDays) -> None:
    text = why(days.desk.ledger, artifacts=days.desk.artifacts, symbol="AAA", session=FIRST)
    cycle = days.desk.ledger.book().cycles[days.desk.cycle_id(FIRST)]
    for told in ("bought", "rank 1 of 6", "return_5d = 0.021", "entry buy", "stop sell", str(cycle.plan_hash)):
        assert told in text


def test_why_tells_which_stage_said_no(days: TradingDays) -> None:
    text = why(days.desk.ledger, artifacts=days.desk.artifacts, symbol="FFF", session=FIRST)
    assert "score too low" in text


def test_why_without_a_session_tells_the_newest(days: TradingDays) -> None:
    assert f"decided on {SECOND}" in why(days.desk.ledger, artifacts=days.desk.artifacts, symbol="AAA")


def test_why_tells_that_the_gate_was_red(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, is_on_files=True)
    days.desk.batches.publish_certificate(a_red_certificate(symbols=SYMBOLS))
    run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None)
    text = why(days.desk.ledger, artifacts=days.desk.artifacts, symbol="CCC")
    assert "the gate is red: raw/daily_bars completeness: 41 %" in text


def test_why_names_an_unknown_symbol_and_session(days: TradingDays) -> None:
    with pytest.raises(LedgerError, match="says nothing of 'ZZZ'"):
        why(days.desk.ledger, artifacts=days.desk.artifacts, symbol="ZZZ")
    with pytest.raises(LedgerError, match="never planned"):
        why(days.desk.ledger, artifacts=days.desk.artifacts, symbol="AAA", session=SESSIONS[4])
