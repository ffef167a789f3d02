from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from assets.trading.describe import described, fills_table, positions_table
from execution.domain.events import FillBooked, PositionMark, PositionsMarked
from execution.domain.orders import BrokerFill, Side


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
        "cash_usd": "1.50",
        "reason": "none",
        "symbols": "AAA, BBB",
        "is_approved": True,
    }


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
