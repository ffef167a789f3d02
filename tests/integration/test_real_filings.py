"""What Apple and Alphabet really reported, from the bodies the SEC really published."""

import gzip
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from assets.ingest.edgar_facts import Figure, figures, filings_of

CHECKOUT = Path(__file__).resolve().parents[2]
BODIES = Path(os.environ.get("REAL_DATA_FOLDER", CHECKOUT.parent / "shared" / "data")) / "json"
APPLE, ALPHABET = "0000320193", "0001652044"
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not BODIES.is_dir(), reason="no bodies of the SEC beside the checkout: set REAL_DATA_FOLDER"),
]


def body(name: str) -> bytes:
    return gzip.decompress((BODIES / name).read_bytes())


@pytest.fixture(scope="module")
def apple() -> list[Figure]:
    filings = filings_of(body(f"submissions_CIK{APPLE}.json.gz"))
    return figures(body(f"companyfacts_CIK{APPLE}.json.gz"), filings, known_by_date=at_midnight)


def at_midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def versions(rows: list[Figure], metric: str, end: date, months: int) -> list[tuple[float, datetime]]:
    wanted = (metric, end, months)
    return [(row.value, row.known_at) for row in rows if (row.metric, row.period_end, row.months) == wanted]


def test_a_year_and_a_quarter_are_what_apple_reported(apple: list[Figure]) -> None:
    [(revenue, known_at)] = versions(apple, "revenue", date(2023, 9, 30), 12)
    assert (revenue, known_at) == (383_285e6, datetime(2023, 11, 2, 22, 8, 27, tzinfo=UTC))
    [(quarter, _)] = versions(apple, "revenue", date(2023, 12, 30), 3)
    assert quarter == 119_575e6


def test_cash_flow_of_a_third_quarter_is_told_apart_from_nine_months(apple: list[Figure]) -> None:
    [(flow, _)] = versions(apple, "operating_cash_flow", date(2023, 7, 1), 3)
    assert flow == 26_380e6


def test_a_balance_that_was_classified_anew_is_a_later_version(apple: list[Figure]) -> None:
    told = [value for value, _ in versions(apple, "assets", date(2015, 9, 26), 0)]
    assert told == [290_479e6, 290_345e6]


def test_every_figure_has_one_version_per_instant_and_quarters_of_each_year(apple: list[Figure]) -> None:
    keys = [(row.form, row.period_end, row.metric, row.known_at) for row in apple]
    assert len(set(keys)) == len(keys)
    ends = {row.period_end for row in apple if (row.metric, row.months) == ("revenue", 3)}
    assert sum(date(2016, 10, 1) <= end <= date(2025, 9, 30) for end in ends) == 27


def test_filings_nobody_listed_are_known_by_their_date() -> None:
    rows = figures(body(f"companyfacts_CIK{ALPHABET}.json.gz"), {}, known_by_date=at_midnight)
    [(revenue, known_at), *_] = versions(rows, "revenue", date(2022, 12, 31), 12)
    assert (revenue, known_at.date()) == (282_836e6, date(2023, 2, 3))
