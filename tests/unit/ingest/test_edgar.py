from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from assets import schemas
from assets.ingest.edgar import EdgarSource
from assets.ingest.edgar_settings import EdgarSettings
from assets.ingest.http_reading import HttpReader
from assets.table_content import conform
from execution.clock import SystemClock
from execution.domain.errors import AccessDenied
from execution.request_budget import RequestBudget
from execution.shared_breaker import SharedBreaker
from tests.builders.alpaca_market import PATIENCE
from tests.builders.http_venue import served
from tests.builders.sec_site import SecSite, site_of
from tests.builders.venue import CALENDAR
from tests.fakes.manual_clock import ManualClock

FACTS, LIST, TICKERS = (
    "/api/xbrl/companyfacts/CIK0000000007.json",
    "/submissions/CIK0000000007.json",
    "/files/company_tickers.json",
)
SPRING, SUMMER = datetime(2023, 4, 20, tzinfo=UTC), datetime(2023, 8, 20, tzinfo=UTC)
REPORTS = {"0-1": ("2023-03-31", "2023-04-18T16:31:00.000Z"), "0-2": ("2023-06-30", "2023-08-01T07:00:00.000Z")}


def submissions(*accessions: str) -> bytes:
    recent = {
        "accessionNumber": list(accessions),
        "form": ["10-Q" for _ in accessions],
        "reportDate": [REPORTS[each][0] for each in accessions],
        "acceptanceDateTime": [REPORTS[each][1] for each in accessions],
    }
    return orjson.dumps({"filings": {"recent": recent, "files": []}})


def facts(*accessions: str) -> bytes:
    rows = [
        {"accn": each, "val": 5.0, "end": REPORTS[each][0], "filed": "2023-04-18", "form": "10-Q"}
        for each in accessions
    ]
    return orjson.dumps({"facts": {"us-gaap": {"Assets": {"units": {"USD": rows}}}}})


@pytest.fixture
def site() -> SecSite:
    return site_of(7, "BRK-B", submissions=submissions("0-1"), facts=facts("0-1"))


@contextmanager
def source(
    site: SecSite, folder: Path, clock: ManualClock, *, sender: str = "Jane Doe jane@example.com"
) -> Iterator[EdgarSource]:
    wall, path = SystemClock(), folder / "operations.db"
    with served(site.app()) as url:
        reader = HttpReader(
            url,
            headers={"User-Agent": sender},
            budget=RequestBudget(
                path, provider="edgar", clock=wall, per_minute=999, kept_for_orders=0, kept_for_cancels=0
            ),
            breaker=SharedBreaker(path, provider="edgar", failures=99, reset_seconds=60),
            clock=wall,
            patience=PATIENCE,
        )
        yield EdgarSource(
            data=reader,
            site=reader,
            symbols=lambda: ["BRK.B", "NONE"],
            first_session=date(2023, 1, 3),
            folder=folder / "pages",
            clock=clock,
            calendar=CALENDAR,
        )


def told(edgar: EdgarSource, clock: ManualClock) -> list[dict[str, Any]]:
    rows = edgar.filings(after=None, upto=clock.now())
    listed: list[dict[str, Any]] = conform(schemas.FILINGS, rows).to_pylist()
    return listed


def test_a_symbol_with_a_dot_is_found_under_its_dash(site: SecSite, tmp_path: Path) -> None:
    clock = ManualClock(SPRING)
    with source(site, tmp_path, clock) as edgar:
        [row] = told(edgar, clock)
    assert (row["symbol"], row["metric"], row["value"], row["duration_months"]) == ("BRK.B", "assets", 5, 0)
    assert (row["source"], row["feed"]) == ("edgar", "Assets")
    assert row["known_at"] == datetime(2023, 4, 18, 20, 31, tzinfo=UTC)


def test_case_61_nothing_is_told_before_it_was_accepted(site: SecSite, tmp_path: Path) -> None:
    clock = ManualClock(datetime(2023, 4, 18, 20, 30, tzinfo=UTC))
    with source(site, tmp_path, clock) as edgar:
        assert told(edgar, clock) == []


def test_facts_are_asked_again_only_when_a_new_report_is_listed(site: SecSite, tmp_path: Path) -> None:
    clock = ManualClock(SPRING)
    with source(site, tmp_path, clock) as edgar:
        told(edgar, clock)
        clock.move_to(datetime(2023, 5, 2, tzinfo=UTC))
        told(edgar, clock)
        assert (site.asked[FACTS], site.asked[LIST]) == (1, 2)
        site.bodies |= {LIST: submissions("0-1", "0-2"), FACTS: facts("0-1", "0-2")}
        clock.move_to(SUMMER)
        assert len(told(edgar, clock)) == 2
    assert site.asked[FACTS] == 2


def test_facts_that_lag_behind_their_list_are_asked_again(site: SecSite, tmp_path: Path) -> None:
    site.bodies[LIST] = submissions("0-1", "0-2")
    clock = ManualClock(SUMMER)
    with source(site, tmp_path, clock) as edgar:
        assert len(told(edgar, clock)) == 1
        site.bodies[FACTS] = facts("0-1", "0-2")
        clock.move_to(datetime(2023, 8, 21, tzinfo=UTC))
        assert len(told(edgar, clock)) == 2


def test_two_adjoining_spans_are_the_whole(site: SecSite, tmp_path: Path) -> None:
    site.bodies |= {LIST: submissions("0-1", "0-2"), FACTS: facts("0-1", "0-2")}
    clock = ManualClock(SUMMER)
    with source(site, tmp_path, clock) as edgar:
        early = edgar.filings(after=None, upto=SPRING).to_pylist()
        late = edgar.filings(after=SPRING, upto=SUMMER).to_pylist()
        assert early + late == told(edgar, clock)
    assert len(early) == len(late) == 1


def test_case_61_a_sender_without_an_address_is_refused_at_once(site: SecSite, tmp_path: Path) -> None:
    clock = ManualClock(SPRING)
    with source(site, tmp_path, clock, sender="robot") as edgar, pytest.raises(AccessDenied, match="Undeclared"):
        told(edgar, clock)
    assert site.asked[TICKERS] == 1


def test_case_61_an_overload_is_waited_out(site: SecSite, tmp_path: Path) -> None:
    site.answers_next = [429, 503]
    clock = ManualClock(SPRING)
    with source(site, tmp_path, clock) as edgar:
        assert len(told(edgar, clock)) == 1


def test_a_company_without_facts_has_no_figures(site: SecSite, tmp_path: Path) -> None:
    del site.bodies[FACTS]
    clock = ManualClock(SPRING)
    with source(site, tmp_path, clock) as edgar:
        assert told(edgar, clock) == []


@pytest.mark.parametrize("sender", ["Jane Doe jane@example.com", None])
def test_a_sender_is_a_name_and_an_address(sender: str | None) -> None:
    assert EdgarSettings(sender=sender).sender == sender


@pytest.mark.parametrize("sender", ["", "robot", "jane@example.com", "Jane Doe"])
def test_a_sender_the_sec_would_refuse_is_refused_before(sender: str) -> None:
    with pytest.raises(ValueError, match="sender"):
        EdgarSettings(sender=sender)
