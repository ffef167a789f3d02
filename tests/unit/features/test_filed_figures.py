"""Figures per share are in the shares of the day their version was told, and are counted in the session's shares."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from assets.features.filed_figures import FIGURE_COLUMNS, filed_figures
from assets.schemas import FILINGS

SESSION = date(2014, 8, 1)
# Apple's split of 2014: seven shares for one.
SEVEN_FOR_ONE = pa.table({"symbol": ["AAA"], "ex_session": [date(2014, 6, 9)], "ratio": [7.0]})
CLOSE_USD = 94.0


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 20, tzinfo=UTC)


def told(metric: str, period_end: date, value: float, known_at: datetime, *, months: int = 3) -> dict[str, Any]:
    return {
        "symbol": "AAA",
        "form": "10-Q",
        "period_end": period_end,
        "metric": metric,
        "value": value,
        "duration_months": months,
        "known_at": known_at,
    }


def features(*figures: dict[str, Any]) -> dict[str, Any]:
    schema = pa.schema([FILINGS.schema.field(name) for name in FIGURE_COLUMNS])
    row: dict[str, Any] = filed_figures(
        figures=pa.Table.from_pylist(list(figures), schema=schema),
        splits=SEVEN_FOR_ONE,
        closes=pa.table({"symbol": ["AAA"], "close_usd": [CLOSE_USD]}),
        session=SESSION,
        as_of=at(2014, 8, 1),
    ).to_pylist()[0]
    return row


def test_a_year_before_told_again_in_the_new_shares_is_not_divided_by_the_split() -> None:
    row = features(
        told("eps_diluted", date(2013, 6, 29), 7.47, at(2013, 7, 24)),
        told("eps_diluted", date(2014, 6, 28), 1.28, at(2014, 7, 23)),
        told("eps_diluted", date(2013, 6, 29), 1.07, at(2014, 7, 23)),
    )
    assert row["eps_growth_yoy"] == pytest.approx(1.28 / 1.07 - 1)


def test_a_year_before_told_in_the_old_shares_alone_is_divided_by_the_split() -> None:
    row = features(
        told("eps_diluted", date(2013, 6, 29), 7.47, at(2013, 7, 24)),
        told("eps_diluted", date(2014, 6, 28), 1.28, at(2014, 7, 23)),
    )
    assert row["eps_growth_yoy"] == pytest.approx(1.28 / (7.47 / 7) - 1)


def test_a_count_of_shares_corrected_after_a_split_is_not_multiplied_by_it() -> None:
    row = features(
        told("shares_outstanding", date(2014, 3, 29), 861.0, at(2014, 4, 23), months=0),
        told("shares_outstanding", date(2014, 3, 29), 6027.0, at(2014, 7, 1), months=0),
    )
    assert row["market_value_usd"] == 6027.0 * CLOSE_USD


def test_an_estimate_is_compared_with_its_first_version_in_one_unit() -> None:
    row = features(
        told("eps_diluted", date(2014, 3, 29), 11.62, at(2014, 4, 23)),
        told("eps_estimate_next", date(2014, 9, 27), 10.5, at(2014, 5, 20)),
        told("eps_estimate_next", date(2014, 9, 27), 1.8, at(2014, 6, 20)),
    )
    assert row["estimate_revision"] == pytest.approx(1.8 / 1.5 - 1)
    assert row["forward_earnings_yield"] == pytest.approx(4 * 1.8 / CLOSE_USD)


def test_an_estimate_told_before_a_split_alone_has_no_revision() -> None:
    row = features(
        told("eps_diluted", date(2014, 3, 29), 11.62, at(2014, 4, 23)),
        told("eps_estimate_next", date(2014, 9, 27), 10.5, at(2014, 5, 20)),
    )
    assert row["estimate_revision"] == 0.0
