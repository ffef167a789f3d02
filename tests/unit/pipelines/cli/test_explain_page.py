import pytest

from execution.domain.errors import DataError
from pipelines.cli.explain_page import wanted_row


def test_a_row_is_named_by_columns_and_an_order_by_none() -> None:
    assert wanted_row("daily_bars", ["symbol=A", "session=2024-01-04"]) == {"symbol": "A", "session": "2024-01-04"}
    assert wanted_row("filings", ["form=10=K"]) == {"form": "10=K"}
    assert wanted_row("main-2024", []) == {}


@pytest.mark.parametrize(
    ("columns", "found"), [([], "no column"), (["symbol"], "'symbol'"), (["symbol=A", "=5"], "'=5'")]
)
def test_a_table_without_column_and_value_asks_for_them(columns: list[str], found: str) -> None:
    with pytest.raises(DataError, match=f"found {found} after daily_bars, expected column=value"):
        wanted_row("daily_bars", columns)
