from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from assets.trading.describe import described, positions_table
from execution.domain.events import PositionMark, PositionsMarked


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
