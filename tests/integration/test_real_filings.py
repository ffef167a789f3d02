"""What Apple and Alphabet really reported, from the bodies the SEC really published."""

import gzip
import os
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest

from assets.ingest.edgar_facts import QUARTER_DAYS, YEAR_DAYS, Figure, figures, filings_of

CHECKOUT = Path(__file__).resolve().parents[2]
BODIES = Path(os.environ.get("REAL_DATA_FOLDER", CHECKOUT.parent / "shared" / "data")) / "json"
APPLE, ALPHABET, MICROSOFT = "0000320193", "0001652044", "0000789019"
NEW_YORK = ZoneInfo("America/New_York")
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


def reports_accepted(company: str) -> list[datetime]:
    """Return when each report of a company was accepted, by the clock of the place where it is."""
    filings = filings_of(body(f"submissions_CIK{company}.json.gz")).values()
    return [filing.accepted_at.astimezone(NEW_YORK) for filing in filings if filing.period_end is not None]


def test_one_body_tells_new_yorks_time_and_another_utc() -> None:
    assert {at.hour for at in reports_accepted(APPLE)} == {6, 8, 16, 17, 18, 19}
    after_the_close = [at for at in reports_accepted(MICROSOFT) if at.hour == 16]
    # One of them was filed at a quarter to nine in the evening and counts as of that day: it is in doubt, and late.
    assert (len(after_the_close), len(reports_accepted(MICROSOFT))) == (24, 25)


MOMENTS = (date(2013, 6, 30), date(2016, 6, 30), date(2019, 12, 15), date(2023, 6, 15), date(2025, 12, 31))


def by_edgartools(company: str, as_of: date) -> dict[tuple[str, date, int], float]:
    """Return each fact's value by tag, end and months as edgartools knew it on a day: that of the newest filing."""
    from edgar.entity.parser import EntityFactsParser  # noqa: PLC0415 - it takes seconds to load

    newest: dict[tuple[str, date, int], tuple[tuple[date, str], float]] = {}
    told = EntityFactsParser.parse_company_facts(orjson.loads(body(f"companyfacts_CIK{company}.json.gz")))
    for fact in told.query().as_of(as_of).execute():
        days = 0 if fact.period_start is None else (fact.period_end - fact.period_start).days + 1
        months = 12 if days in YEAR_DAYS else 3 if days in QUARTER_DAYS else 0 if days == 0 else -1
        key, filed = (fact.concept.split(":")[1], fact.period_end, months), (fact.filing_date, fact.accession)
        if key not in newest or filed >= newest[key][0]:
            newest[key] = (filed, fact.numeric_value)
    return {key: value for key, (_, value) in newest.items()}


# It names licences and modules in forms that are on their way out.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("company", "at_least"), [(APPLE, 1_400), (ALPHABET, 600)])
def test_every_figure_told_outright_is_what_edgartools_knew_on_that_day(
    company: str, at_least: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGAR_LOCAL_DATA_DIR", str(tmp_path))
    filings = filings_of(body(f"submissions_CIK{company}.json.gz")) if company == APPLE else {}
    rows = figures(body(f"companyfacts_CIK{company}.json.gz"), filings, known_by_date=at_midnight)
    compared, apart = 0, []
    for as_of in MOMENTS:
        known = {(row.form, row.period_end, row.metric): row for row in rows if row.known_at.date() <= as_of}
        theirs = by_edgartools(company, as_of)
        for row in known.values():
            # A cover's count of shares is moved to the period its filing reports on; what is worked out they lack.
            if row.metric == "shares_outstanding" or "less what was told" in row.tag:
                continue
            compared += 1
            if theirs.get((row.tag, row.period_end, row.months)) != row.value:
                apart.append((as_of, row))
    assert apart == []
    assert compared > at_least
