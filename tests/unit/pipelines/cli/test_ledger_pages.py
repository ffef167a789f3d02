from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from execution.artifact_files import FileArtifacts
from execution.domain.decisions import WhyRow
from execution.domain.events import (
    AccountOpened,
    FillBooked,
    OrderAccepted,
    OrderIntended,
    PlanRecorded,
    PositionMark,
    PositionsMarked,
    SubmissionStarted,
    SymbolQuarantined,
    WhyRowsRecorded,
)
from execution.domain.orders import BrokerFill, OrderRequest
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.ledger.why_rows import write_why_rows
from pipelines.cli.doctor import examine
from pipelines.cli.ledger_pages import cycles_page, events_page, orders_page, positions_page
from pipelines.cli.status import status_page
from pipelines.home import Home
from pipelines.trading_settings import load_trading_settings

AT = datetime(2024, 3, 1, 23, 0, tzinfo=UTC)
SESSION = date(2024, 3, 1)
CYCLE = "main:cross-section:2024-03-01"


def why_row(**changes):
    fields = {
        "session": SESSION,
        "symbol": "AAPL",
        "outcome": "bought",
        "stage": "order",
        "reason": "ranked 1 of 100 by score 0.5",
        "checks": ("collar: approved, 1 % under 5 %",),
        "score": 0.5,
        "contributions": {"momentum_12_1": 0.3, "rsi_14": -0.1},
        "features": {"momentum_12_1": 0.25, "rsi_14": None},
        "batch_hash": "b" * 64,
        "settings_hash": "5" * 64,
        "code_hash": "c" * 64,
        "limits_hash": "1" * 64,
        "plan_hash": "a" * 64,
    }
    return WhyRow(**{**fields, **changes})


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home").create()
    order = OrderRequest(
        client_order_id="tsp-1",
        symbol="AAPL",
        side="buy",
        quantity_shares=10,
        order_type="limit",
        time_in_force="day",
        limit_usd=Decimal("101.50"),
        stop_usd=None,
        leg="entry",
    )
    artifact = write_why_rows(
        FileArtifacts(home.artifacts), [why_row(), why_row(symbol="MSFT", outcome="none", stage="guard:sector")]
    )
    fill = BrokerFill(
        execution_id="x1",
        client_order_id="tsp-1",
        symbol="AAPL",
        side="buy",
        quantity_shares=10,
        price_usd=Decimal("100.25"),
        fee_usd=Decimal(0),
        filled_at=AT,
    )
    mark = PositionMark(
        symbol="AAPL",
        shares=10,
        cost_usd=Decimal("1002.50"),
        close_usd=Decimal("102.00"),
        closed_session=SESSION,
        realised_usd=Decimal(0),
    )
    SqliteLedger(home.ledger).append(
        AccountOpened(at=AT, account="main", cash_usd=Decimal(100_000)),
        PlanRecorded(
            at=AT,
            cycle_id=CYCLE,
            session=SESSION,
            plan_hash="a" * 64,
            batch_hash="b" * 64,
            limits_hash="1" * 64,
            decision_source="model",
        ),
        WhyRowsRecorded(at=AT, cycle_id=CYCLE, session=SESSION, stage="plan", artifact_hash=artifact, rows=2),
        OrderIntended(at=AT, cycle_id=CYCLE, leg="entry", order=order, reason="ranked 1"),
        SubmissionStarted(at=AT, client_order_id="tsp-1", quantity_shares=10),
        OrderAccepted(at=AT, client_order_id="tsp-1", broker_order_id="v1"),
        FillBooked(at=AT, fill=fill),
        PositionsMarked(
            at=AT,
            cycle_id=CYCLE,
            marked_session=SESSION,
            positions=(mark,),
            cash_usd=Decimal("98997.50"),
            equity_usd=Decimal("100017.50"),
            realised_usd=Decimal(0),
            unrealised_usd=Decimal("17.50"),
        ),
    )
    return home


def words(page):
    return [line.split() for line in page.splitlines()]


def test_an_order_is_one_line_with_its_fill(home):
    (line,) = words(orders_page(SqliteLedger(home.ledger).book()))[2:]
    assert line[:6] == ["2024-03-01", "AAPL", "buy", "entry", "10", "101.50"]


def test_orders_of_another_session_are_left_out(home):
    assert orders_page(SqliteLedger(home.ledger).book(), date(2024, 3, 4)) == "no orders"


def test_positions_are_valued_at_the_last_mark(home):
    page = positions_page(SqliteLedger(home.ledger).book())
    assert ["AAPL", "10", "1,002.50", "102.00", "1,020.00", "17.50"] in words(page)
    assert "cash 98,997.50, equity 100,017.50" in page


def test_a_cycle_says_what_was_planned_and_how_far_it_came(home):
    assert words(cycles_page(SqliteLedger(home.ledger).book()))[-1][:2] == ["2024-03-01", "batch"]


def test_every_ledger_row_is_one_line_with_what_it_is_about(home):
    page = events_page(list(SqliteLedger(home.ledger).events()))
    assert len(page.splitlines()) == 2 + 8
    assert "FillBooked         tsp-1 AAPL buy 10 100.25" in page


def test_status_shows_mode_sessions_and_holdings(home):
    page = status_page(load_trading_settings(environ={}), home)
    assert "mode          simulated, account main, cross-section" in page
    assert "batch bbbbbbbbbbbb by model" in page
    assert "AAPL" in page


def test_status_tells_the_stage_of_a_capital_ramp_and_nothing_where_there_is_none(home):
    chosen = {"TOUCHSTONE__SIZING__CAPITAL_RAMP__STAGES": "[0.1, 1]"}
    told = (
        "capital ramp  stage 1 of 2 of the capital ramp, 10.00% of full size, since the beginning: the first; 1 of 10"
    )
    assert told in status_page(load_trading_settings(environ=chosen), home)
    assert "capital ramp" not in status_page(load_trading_settings(environ={}), home)


def test_status_names_what_is_in_quarantine_and_why(home):
    assert "quarantine" not in status_page(load_trading_settings(environ={}), home)
    apart = SymbolQuarantined(at=AT, symbol="AAPL", reason="AAPL is 10 shares in the ledger, 17 at the venue")
    SqliteLedger(home.ledger).record(lambda _: (apart,))
    page = status_page(load_trading_settings(environ={}), home)
    assert "quarantine    AAPL: AAPL is 10 shares in the ledger, 17 at the venue" in page


def test_status_shouts_when_the_kill_switch_is_engaged(home):
    home.kill.touch()
    assert "KILL SWITCH   engaged" in status_page(load_trading_settings(environ={}), home)


def test_doctor_sees_a_kill_switch_in_whatever_form_it_stands_there(home):
    assert kill_switch_finding(home) == ("ok", "released")
    home.kill.symlink_to(home.root / "nowhere")
    verdict, detail = kill_switch_finding(home)
    assert verdict == "failed"
    assert detail.startswith("engaged by KILL, which does not say who made it, when or why: nothing is sent while")


def kill_switch_finding(home):
    (found,) = (finding for finding in examine(home, None, {}) if finding.subject == "kill switch")
    return found.verdict, found.detail
