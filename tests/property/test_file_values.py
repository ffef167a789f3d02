"""Cells to values: what is written comes back exactly, and what is none is refused by its row."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assets.ingest.file_values import CellForm, typed
from assets.schemas import PRICE_USD
from execution.domain.errors import BadSourceFile

QUICK = settings(deadline=None, max_examples=60)
PRICE = pa.field("close_usd", PRICE_USD, nullable=False)
DAY = pa.field("session", pa.date32(), nullable=False)
SHARES = pa.field("volume_shares", pa.int64(), nullable=False)


def form(cells: list[object]) -> CellForm:
    return CellForm(file="f.csv", column="c", rows=pa.array(range(1, len(cells) + 1)))


@QUICK
@given(st.lists(st.decimals(0, 1_000_000, places=6), min_size=1, max_size=20))
def test_a_price_written_with_six_decimals_comes_back_exactly(prices: list[Decimal]) -> None:
    cells = [str(price) for price in prices]
    assert typed(pa.array(cells), PRICE, form(list(cells))).to_pylist() == prices


@QUICK
@given(st.lists(st.dates(date(1990, 1, 1), date(2100, 1, 1)), min_size=1, max_size=20))
def test_a_day_written_in_any_stated_form_comes_back(days: list[date]) -> None:
    for pattern in ("%Y%m%d", "%m/%d/%Y", "%d.%m.%Y"):
        cells = [day.strftime(pattern) for day in days]
        stated = CellForm(file="f.csv", column="c", rows=pa.array(range(len(days))), date_format=pattern)
        assert typed(pa.array(cells), DAY, stated).to_pylist() == days


@pytest.mark.parametrize(
    ("pattern", "cell"),
    [
        ("%m/%d/%Y", "02/31/2016"),
        ("%m/%d/%Y", "2/30/2015"),
        ("%Y%m%d", "20150229"),
        ("%d-%b-%Y", "31-Apr-2016"),
        ("%Y-%j", "2015-366"),
    ],
)
def test_a_day_the_calendar_does_not_have_is_named_by_its_row(pattern: str, cell: str) -> None:
    good = date(2016, 3, 2).strftime(pattern)
    stated = CellForm(file="f.csv", column="c", rows=pa.array([1, 2, 3]), date_format=pattern)
    with pytest.raises(BadSourceFile, match=rf"row 2, column c: found '{cell}', expected a date like {pattern}"):
        typed(pa.array([good, cell, good]), DAY, stated)


@pytest.mark.parametrize(
    ("pattern", "cell"),
    [("%m/%d/%Y", "2/3/2016"), ("%d-%b-%Y", "3-FEB-2016"), ("%d %B %Y", "03 Feb 2016"), ("%d.%m.%y", "3.2.16")],
)
def test_a_day_written_shorter_than_its_form_is_read(pattern: str, cell: str) -> None:
    stated = CellForm(file="f.csv", column="c", rows=pa.array([1, 2]), date_format=pattern)
    assert typed(pa.array([cell, None]), DAY.with_nullable(nullable=True), stated).to_pylist() == [
        date(2016, 2, 3),
        None,
    ]


@QUICK
@given(st.lists(st.integers(0, 2**50), min_size=1, max_size=20))
def test_whole_shares_come_back_from_text_and_from_floats(shares: list[int]) -> None:
    for cells in (pa.array([str(share) for share in shares]), pa.array([float(share) for share in shares])):
        assert typed(cells, SHARES, form(list(shares))).to_pylist() == shares


@QUICK
@given(st.integers(0, 30), st.integers(0, 30), st.text(min_size=1, max_size=8))
def test_a_cell_that_is_no_number_is_named_by_its_row(before: int, after: int, cell: str) -> None:
    try:
        float(cell)
    except ValueError:
        pass
    else:
        assume(condition=False)
    cells = ["1.5"] * before + [cell] + ["2.5"] * after
    with pytest.raises(BadSourceFile, match=rf"row {before + 1}, column c"):
        typed(pa.array(cells), PRICE, form(list(cells)))
