from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from assets.ingest.edgar_facts import Figure, figures, filings_of, older_pages
from execution.domain.errors import DataError

# A year ends with September; each filing is accepted a month after the end of what it reports on.
REPORTS = {
    "q1": ("10-Q", "2022-12-31", "2023-02-02T18:01:30.000Z"),
    "q2": ("10-Q", "2023-03-31", "2023-05-04T18:03:52.000Z"),
    "q3": ("10-Q", "2023-06-30", "2023-08-03T16:31:37.000Z"),
    "year": ("10-K", "2023-09-30", "2023-11-02T18:08:27.000Z"),
    "next q1": ("10-Q", "2023-12-31", "2024-02-01T18:03:38.000Z"),
}
YEAR_BEGAN = "2022-10-01"


def submissions(reports: dict[str, tuple[str, str, str]] = REPORTS, files: list[Any] | None = None) -> bytes:
    recent = {
        "accessionNumber": list(reports),
        "form": [form for form, _, _ in reports.values()],
        "reportDate": [end for _, end, _ in reports.values()],
        "acceptanceDateTime": [accepted for _, _, accepted in reports.values()],
    }
    return orjson.dumps({"filings": {"recent": recent, "files": files or []}})


def fact(accession: str, value: float, end: str, start: str | None = None) -> dict[str, Any]:
    form = REPORTS[accession][0] if accession in REPORTS else "10-Q"
    told = {"accn": accession, "val": value, "end": end, "filed": "2023-01-03", "form": form, "fy": 1999, "fp": "Q9"}
    return told if start is None else {**told, "start": start}


def told(*facts: dict[str, Any], tag: str = "NetIncomeLoss", unit: str = "USD") -> list[Figure]:
    return of_tags({tag: list(facts)}, unit=unit)


def of_tags(tags: dict[str, list[dict[str, Any]]], *, unit: str = "USD", part: str = "us-gaap") -> list[Figure]:
    facts = {part: {tag: {"label": None, "units": {unit: rows}} for tag, rows in tags.items()}}
    body = orjson.dumps({"cik": 1, "facts": facts})
    return figures(
        body, filings_of(submissions()), known_by_date=lambda day: datetime(day.year, day.month, day.day, tzinfo=UTC)
    )


def values(rows: list[Figure]) -> list[tuple[str, str, float, int]]:
    return [(row.form, row.period_end.isoformat(), row.value, row.months) for row in rows]


def test_a_figure_is_known_when_its_filing_was_accepted_by_new_york_time() -> None:
    [figure] = told(fact("q3", 7, "2023-06-30", "2023-04-01"))
    assert figure.known_at == datetime(2023, 8, 3, 20, 31, 37, tzinfo=UTC)


Row = tuple[str, str, str]
INSIDER: Row = ("4", "2023-07-06", "2023-07-06T23:01:15.000Z")


def accepted_in(form: str, filed: str, told: str, /, *others: Row) -> datetime:
    """Return when the first filing of a body counts as accepted: form, day it counts as filed, and acceptance."""
    rows = [(form, filed, told), *others]
    recent = {
        "accessionNumber": [str(number) for number in range(len(rows))],
        "form": [row[0] for row in rows],
        "reportDate": ["2023-06-30" for _ in rows],
        "filingDate": [row[1] for row in rows],
        "acceptanceDateTime": [row[2] for row in rows],
    }
    return filings_of(orjson.dumps({"filings": {"recent": recent}}))["0"].accepted_at


def test_a_report_of_a_body_told_in_utc_is_known_when_it_was_accepted() -> None:
    accepted = accepted_in("10-Q", "2023-07-25", "2023-07-25T20:07:40.000Z", INSIDER)
    assert accepted == datetime(2023, 7, 25, 20, 7, 40, tzinfo=UTC)


REPORT: Row = ("10-Q", "2023-07-25", "2023-07-25T20:07:40.000Z")


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([REPORT], id="nothing of the body was accepted at night"),
        pytest.param([REPORT, ("4", "2023-07-06", "2023-07-06T22:05:07.000Z")], id="one was accepted after ten"),
        pytest.param([REPORT, ("EFFECT", "2023-07-05", "2023-07-06T00:15:33.000Z")], id="the SEC posts at night"),
        pytest.param(
            [REPORT, INSIDER, ("8-K", "2023-05-05", "2023-05-05T06:30:11.000Z")], id="one would be of the night in UTC"
        ),
        pytest.param([("10-Q", "2023-07-26", REPORT[2]), INSIDER], id="it came too late for its day"),
        pytest.param([("10-Q", "2023-07-25", "2023-07-25T17:41:00.000Z"), INSIDER], id="it was sent by half past five"),
        pytest.param([("10-Q", "2023-07-25", "2023-07-25T13:05:00.000Z"), INSIDER], id="both may be"),
        pytest.param([("8-K", *REPORT[1:]), INSIDER], id="it is no report"),
    ],
)
def test_in_doubt_an_acceptance_is_read_as_new_york_time_which_is_later(rows: list[Row]) -> None:
    first, *others = rows
    wall = datetime.fromisoformat(first[2]).replace(tzinfo=ZoneInfo("America/New_York"))
    assert accepted_in(*first, *others) == wall


def test_a_filing_nobody_listed_is_known_by_its_date() -> None:
    [figure] = told(fact("unlisted", 7, "2022-12-31", "2022-10-01"))
    assert figure.known_at == datetime(2023, 1, 3, tzinfo=UTC)


def test_the_period_is_that_of_the_fact_and_not_of_the_filing() -> None:
    comparative, own = fact("q3", 5, "2022-06-30", "2022-04-01"), fact("q3", 7, "2023-06-30", "2023-04-01")
    assert values(told(comparative, own)) == [("10-Q", "2022-06-30", 5, 3), ("10-Q", "2023-06-30", 7, 3)]


def test_case_61_a_repeated_comparative_is_no_version_and_a_changed_one_is() -> None:
    first = fact("q1", 5, "2022-12-31", YEAR_BEGAN)
    same, changed = fact("q2", 5, "2022-12-31", YEAR_BEGAN), fact("next q1", 4, "2022-12-31", YEAR_BEGAN)
    versions = told(first, same, changed)
    assert [(row.value, row.known_at.date()) for row in versions] == [(5, date(2023, 2, 2)), (4, date(2024, 2, 1))]


def test_case_61_a_quarter_is_told_apart_from_the_year_so_far() -> None:
    so_far = [
        fact("q1", 10, "2022-12-31", YEAR_BEGAN),
        fact("q2", 25, "2023-03-31", YEAR_BEGAN),
        fact("q3", 45, "2023-06-30", YEAR_BEGAN),
    ]
    rows = told(*so_far, tag="NetCashProvidedByUsedInOperatingActivities")
    assert [(row.period_end.month, row.value, row.months) for row in rows] == [(12, 10, 3), (3, 15, 3), (6, 20, 3)]


def test_a_quarter_told_outright_stands_before_one_worked_out() -> None:
    rows = told(
        fact("q1", 10, "2022-12-31", YEAR_BEGAN),
        fact("q2", 26, "2023-03-31", YEAR_BEGAN),
        fact("q2", 15, "2023-03-31", "2023-01-01"),
    )
    assert [row.value for row in rows] == [10, 15]


def test_earnings_per_share_are_never_worked_out() -> None:
    so_far = [fact("q1", 1.0, "2022-12-31", YEAR_BEGAN), fact("q2", 2.5, "2023-03-31", YEAR_BEGAN)]
    assert [row.value for row in told(*so_far, tag="EarningsPerShareDiluted", unit="USD/shares")] == [1.0]


def test_case_61_what_is_worked_out_uses_only_what_was_known_by_then() -> None:
    rows = told(
        fact("q1", 10, "2022-12-31", YEAR_BEGAN),
        fact("q2", 25, "2023-03-31", YEAR_BEGAN),
        fact("next q1", 12, "2022-12-31", YEAR_BEGAN),
        tag="NetCashProvidedByUsedInOperatingActivities",
    )
    assert [(row.period_end.month, row.value) for row in rows] == [(12, 10), (3, 15), (12, 12)]


def test_what_was_told_by_a_moment_does_not_depend_on_later_filings() -> None:
    early = [fact("q1", 10, "2022-12-31", YEAR_BEGAN), fact("q2", 25, "2023-03-31", YEAR_BEGAN)]
    late = [fact("year", 99, "2023-09-30", YEAR_BEGAN), fact("next q1", 8, "2022-12-31", YEAR_BEGAN)]
    assert told(*early, *late)[: len(told(*early))] == told(*early)


def test_case_61_a_year_and_its_end_belong_to_the_annual_report_and_its_last_quarter_is_left_to_reckoning() -> None:
    rows = told(fact("year", 60, "2023-09-30", YEAR_BEGAN), fact("year", 15, "2023-09-30", "2023-07-01"))
    assert values(rows) == [("10-K", "2023-09-30", 60, 12)]
    balance = [fact("year", 60, "2023-09-30", YEAR_BEGAN)]
    equity = of_tags({"NetIncomeLoss": balance, "StockholdersEquity": [fact("next q1", 9, "2023-09-30")]})
    assert ("10-K", "2023-09-30", 9, 0) in values(equity)


def test_of_several_names_for_revenue_in_one_filing_the_widest_is_taken_and_named() -> None:
    quarter = ("2022-12-31", YEAR_BEGAN)
    [figure] = of_tags(
        {
            "RevenueFromContractWithCustomerExcludingAssessedTax": [fact("q1", 3, *quarter)],
            "SalesRevenueNet": [fact("q1", 80, *quarter)],
        }
    )
    assert (figure.metric, figure.value, figure.tag) == ("revenue", 80, "SalesRevenueNet")


def test_case_61_a_balance_told_before_its_year_was_known_to_end_there_is_one_fact_with_two_versions() -> None:
    rows = of_tags(
        {
            "Assets": [fact("q1", 5, "2022-09-30"), fact("year", 6, "2022-09-30")],
            "NetIncomeLoss": [fact("year", 1, "2022-09-30", "2021-10-01")],
        }
    )
    balances = [row for row in rows if row.metric == "assets"]
    assert values(balances) == [("10-Q", "2022-09-30", 5, 0), ("10-Q", "2022-09-30", 6, 0)]


def test_case_61_a_switch_of_names_between_filings_keeps_the_figure_one_series() -> None:
    rows = of_tags(
        {
            "SalesRevenueNet": [fact("q1", 80, "2022-12-31", YEAR_BEGAN)],
            "Revenues": [fact("q2", 90, "2023-03-31", "2023-01-01"), fact("q2", 80, "2022-12-31", YEAR_BEGAN)],
        }
    )
    assert [(row.value, row.tag) for row in rows] == [(80, "SalesRevenueNet"), (90, "Revenues")]


def test_the_count_of_shares_on_a_cover_belongs_to_the_period_reported_on() -> None:
    counted = [fact("q1", 1_000, "2023-01-20")]
    [figure] = of_tags({"EntityCommonStockSharesOutstanding": counted}, unit="shares", part="dei")
    assert (figure.metric, figure.period_end, figure.months) == ("shares_outstanding", date(2022, 12, 31), 0)


def test_two_values_of_one_quarter_in_one_filing_are_one_version() -> None:
    rows = told(fact("q1", 10, "2022-12-31", "2022-10-01"), fact("q1", 11, "2022-12-31", "2022-10-02"))
    assert [row.value for row in rows] == [10]


def test_units_and_tags_nobody_asked_for_change_nothing() -> None:
    assert told(fact("q1", 10, "2022-12-31", YEAR_BEGAN), unit="EUR") == []
    assert told(fact("q1", 10, "2022-12-31", YEAR_BEGAN), tag="AmortizationOfCapers") == []


def test_a_value_that_is_absent_is_no_figure() -> None:
    assert told({**fact("q1", 0, "2022-12-31", YEAR_BEGAN), "val": None}) == []


def test_older_pages_are_named_as_far_back_as_asked() -> None:
    body = submissions(files=[{"name": "old.json", "filingCount": 7, "filingTo": "2015-03-11"}])
    assert older_pages(body, since=date(2015, 1, 1)) == [("old.json", "7:2015-03-11")]
    assert older_pages(body, since=date(2016, 1, 1)) == []


@pytest.mark.parametrize("body", [b"<html>Undeclared Automated Tool", b"{}", b'{"facts":[]}'])
def test_what_the_sec_does_not_publish_is_refused(body: bytes) -> None:
    with pytest.raises(DataError, match="not what it publishes"):
        figures(body, {}, known_by_date=lambda _: datetime(2024, 1, 1, tzinfo=UTC))
