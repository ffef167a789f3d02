from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from assets.trading.describe import described, fills_table, orders_table, plan_pages, plan_table, positions_table
from execution.domain.events import FillBooked, PositionMark, PositionsMarked
from execution.domain.orders import BrokerFill, Side
from execution.ledger.order_record import OrderRecord
from execution.session import run_session
from tests.builders.trading_days import FIRST, SESSIONS, TradingDays, a_day_of


@dataclass(frozen=True)
class Report:
    session: date
    cash_usd: Decimal
    reason: str | None
    symbols: tuple[str, ...]
    is_approved: bool


def test_a_report_becomes_plain_scalars() -> None:
    told = described(Report(date(2024, 1, 4), Decimal("1.50"), None, ("AAA", "BBB"), True))  # noqa: FBT003 - one field of five
    assert told == {
        "session": "2024-01-04",
        "cash_usd": 1.5,
        "reason": "none",
        "symbols": "AAA, BBB",
        "is_approved": True,
    }


def test_a_report_that_gives_no_reason_shows_none(days: TradingDays) -> None:
    assert "reason" not in described(days.plan())
    assert "reason" not in described(days.submit())
    later = SESSIONS[1]
    assert described(run_session.submit(days.desk, session=later))["reason"] == f"session {later} has no plan"


def test_parts_of_shares_without_a_stop_are_told_by_symbol(days: TradingDays) -> None:
    days.plan()
    report = days.submit()
    assert described(report)["bare_parts"] == "none"
    bare = replace(report, bare_parts={"AAA": Decimal("0.25"), "BBB": Decimal("0.5")})
    assert described(bare)["bare_parts"] == "AAA 0.25, BBB 0.5"


def test_money_on_a_page_is_a_number_so_that_the_page_draws_it_over_the_sessions(days: TradingDays) -> None:
    told = described(days.live())
    assert {name: type(told[name]) for name in told if name.endswith("_usd")} == {
        "cash_usd": float,
        "equity_usd": float,
        "realised_usd": float,
        "unrealised_usd": float,
    }
    assert told["equity_usd"] == float(days.desk.ledger.book().marks[-1].equity_usd)


def test_positions_are_told_with_value_cash_and_equity() -> None:
    position = PositionMark(
        symbol="AAA",
        shares=10,
        cost_usd=Decimal("95.00"),
        close_usd=Decimal("10.25"),
        closed_session=date(2024, 1, 5),
        realised_usd=Decimal(0),
    )
    mark = PositionsMarked(
        at=datetime(2024, 1, 5, 21, 15, tzinfo=UTC),
        cycle_id="main:cross-section:2024-01-04",
        marked_session=date(2024, 1, 5),
        positions=(position,),
        cash_usd=Decimal("900.00"),
        equity_usd=Decimal("1002.50"),
        realised_usd=Decimal(0),
        unrealised_usd=Decimal("7.50"),
    )
    lines = positions_table(mark).splitlines()
    assert lines[2] == "| AAA | 10 | 95.00 | 10.25 | 102.50 |"
    assert lines[-2:] == ["| **cash** | | | | 900.00 |", "| **equity** | | | | 1,002.50 |"]


def booked(symbol: str, side: Side, shares: int, price_usd: str, reverses: str | None = None) -> FillBooked:
    at = datetime(2024, 1, 5, 14, 31, tzinfo=UTC)
    fill = BrokerFill(
        execution_id=f"{symbol}-{side}-{price_usd}",
        client_order_id=symbol,
        symbol=symbol,
        side=side,
        quantity_shares=shares,
        price_usd=Decimal(price_usd),
        fee_usd=Decimal("0.25"),
        filled_at=at,
        reverses=reverses,
    )
    return FillBooked(at=at, fill=fill)


def test_fills_are_told_by_symbol_the_largest_first_then_what_each_side_came_to() -> None:
    fills = (booked("AAA", "buy", 10, "10.00"), booked("BBB", "sell", 5, "90.00"), booked("AAA", "buy", 30, "12.00"))
    assert fills_table(fills).splitlines()[2:] == [
        "| buy | AAA | 40 | 11.5000 | 460.00 | 0.50 |",
        "| sell | BBB | 5 | 90.0000 | 450.00 | 0.25 |",
        "| **buy** | | | | 460.00 | 0.50 |",
        "| **sell** | | | | 450.00 | 0.25 |",
    ]


def test_an_execution_that_takes_another_back_is_no_trade_of_its_own() -> None:
    fills = (booked("AAA", "buy", 10, "10.00"), booked("AAA", "sell", 10, "10.00", reverses="AAA-buy-10.00"))
    assert "| sell, taking back | AAA | 10 | 10.0000 | 100.00 | 0.25 |" in fills_table(fills)


def test_many_fills_are_cut_and_counted_but_summed_whole() -> None:
    fills = [booked(f"S{number:02d}", "buy", 1, f"{number + 1}.00") for number in range(5)]
    lines = fills_table(fills, shown=2).splitlines()
    assert [line.split(" | ")[1] for line in lines[2:4]] == ["S04", "S03"]
    assert lines[4:] == ["| | and 3 more | | | | |", "| **buy** | | | | 15.00 | 1.25 |"]


def test_a_day_without_fills_says_so() -> None:
    assert fills_table(()) == "Nothing was traded."


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return TradingDays(tmp_path)


def of_cycle(days: TradingDays, session: date = FIRST) -> tuple[OrderRecord, ...]:
    return days.desk.ledger.book().orders_of(days.desk.cycle_id(session))


def test_a_plan_is_told_order_by_order_as_it_was_frozen(days: TradingDays) -> None:
    plan_hash = days.plan().plan_hash
    told = plan_pages(days.desk.artifacts, plan_hash)["plan"].splitlines()
    assert told[0] == "| symbol | side | leg | shares | limit (USD) | stop (USD) | reason |"
    assert told[2] == (
        "| AAA | buy | entry | 244 | 40.85 | 38.75 | bought: rank 1 of 6, 244 shares at up to 40.85 USD, "
        "stop 38.75 USD, sized by cap of a position |"
    )
    assert [line.split(" | ")[0] for line in told[2:]] == ["| AAA", "| BBB", "| CCC"]
    days.submit()
    assert plan_pages(days.desk.artifacts, plan_hash)["plan"].splitlines() == told


def test_a_plan_that_only_holds_says_why_instead_of_a_table(days: TradingDays) -> None:
    held = run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None)
    assert held.status == "held"
    assert plan_pages(days.desk.artifacts, held.plan_hash) == {"plan": f"Held: {held.reason}.\n\nNo order is planned."}


def test_a_session_without_a_plan_has_no_page_of_it(days: TradingDays) -> None:
    assert plan_pages(days.desk.artifacts, None) == {}


def frozen(symbol: str, **changes: Any) -> dict[str, Any]:
    """Return an order as a plan's artifact keeps it: a sale at the market."""
    order = {"symbol": symbol, "side": "sell", "quantity_shares": 5, "limit_usd": None}
    return {"order": order, "leg": "exit", "reason": "rank 9 of 9", "stop_usd": None} | changes


def test_a_long_plan_is_cut_and_says_how_much_is_left(days: TradingDays) -> None:
    lines = plan_table([frozen(f"S{number:02d}") for number in range(5)], shown=2).splitlines()
    assert lines[2:] == [
        "| S00 | sell | exit | 5 | market | | rank 9 of 9 |",
        "| S01 | sell | exit | 5 | market | | rank 9 of 9 |",
        "| and 3 more | | | | | | |",
    ]


def test_a_bar_in_a_reason_ends_no_cell() -> None:
    assert plan_table([frozen("AAA", reason="held | until\nMay")]).endswith("| held \\| until May |")


def test_orders_are_told_with_what_became_of_them(tmp_path: Path) -> None:
    # BBB opens above its limit and never comes back: its entry is cancelled at the deadline.
    traded = SESSIONS[1]
    dear = a_day_of("BBB", traded, open_usd="45", high_usd="46", low_usd="44.50", close_usd="45")
    days = TradingDays(tmp_path, bars=[dear])
    days.plan()
    days.submit()
    days.cancel_rest()
    lines = orders_table(of_cycle(days)).splitlines()
    head = "| symbol | side | leg | shares | limit (USD) | stop (USD) | filled | mean price (USD) | state | why |"
    assert lines[0] == head
    assert lines[2].startswith("| AAA | buy | entry | 244 | 40.85 | | 244 | 40.3000 | filled | bought: rank 1 of 6, ")
    assert lines[3] == "| BBB | buy | entry | 233 | 42.88 | | 0 | | cancelled | cancelled on request |"
    assert lines[5] == (
        "| AAA | sell | stop | 244 | | 38.80 | 0 | | open | 244 shares of AAA are held without a stop |"
    )


def test_orders_that_wait_to_be_sent_are_told_as_such(days: TradingDays) -> None:
    days.plan()
    assert orders_table(of_cycle(days)).count("| intended |") == 3


def test_many_orders_are_cut_and_counted(days: TradingDays) -> None:
    days.plan()
    days.submit()
    lines = orders_table(of_cycle(days), shown=4).splitlines()
    assert lines[-1] == "| and 2 more | | | | | | | | | |"
    assert len(lines) == 2 + 4 + 1


def test_a_session_without_orders_says_so() -> None:
    assert orders_table(()) == "No order was decided."
