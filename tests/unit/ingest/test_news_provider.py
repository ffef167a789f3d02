"""A news provider is one small file; what all of them share is asked, kept, bounded and stamped here."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assets import schemas
from assets.ingest.http_reading import HttpReader
from assets.ingest.merged_news import MergedNews
from assets.ingest.news_provider import ProvidedNews
from assets.ingest.news_providers.finnhub import PROVIDER
from assets.ingest.news_registry import every_provider, providers_named
from assets.table_content import conform
from execution.clock import SystemClock
from execution.domain.errors import AccessDenied, DataError, SettingsRefused, VenueUnavailable
from execution.request_budget import RequestBudget
from execution.shared_breaker import SharedBreaker
from tests.builders.alpaca_market import PATIENCE
from tests.builders.http_venue import served
from tests.builders.venue import CALENDAR
from tests.fakes.manual_clock import ManualClock

NOW = datetime(2023, 3, 2, 15, 0, tzinfo=UTC)
KEY = "a-key-of-finnhub"


class Site:
    """A small Finnhub of our own, for whoever has the key."""

    def __init__(self, *articles: tuple[str, datetime, str]) -> None:
        self.articles = list(articles)
        self.asked: list[tuple[str, str, str]] = []
        self.status = 200

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/api/v1/company-news", self._answer)])

    async def _answer(self, request: Request) -> Response:
        symbol, first, last = (request.query_params[name] for name in ("symbol", "from", "to"))
        self.asked.append((symbol, first, last))
        if request.headers.get("X-Finnhub-Token") != KEY:
            return Response("no such key", 401)
        found = [
            {"id": number, "datetime": int(at.timestamp()), "headline": text, "related": symbol, "category": "company"}
            for number, (about, at, text) in enumerate(self.articles)
            if about == symbol and first <= at.date().isoformat() <= last
        ]
        return Response(orjson.dumps(found), self.status, media_type="application/json")


@contextmanager
def provided(
    site: Site, folder: Path, clock: ManualClock, *, key: str = KEY, per_minute: int = 999
) -> Iterator[ProvidedNews]:
    wall, path = SystemClock(), folder / "operations.db"
    with served(site.app()) as url:
        reader = HttpReader(
            url,
            headers={"X-Finnhub-Token": key},
            secrets=(key,),
            budget=RequestBudget(
                path, provider="finnhub", clock=wall, per_minute=per_minute, kept_for_orders=0, kept_for_cancels=0
            ),
            breaker=SharedBreaker(path, provider="finnhub", failures=99, reset_seconds=60),
            clock=wall,
            patience=PATIENCE,
        )
        yield ProvidedNews(
            PROVIDER,
            reader=reader,
            symbols=lambda: ["AAA", "BBB"],
            first_session=lambda: date(2023, 2, 1),
            folder=folder / "pages",
            clock=clock,
            calendar=CALENDAR,
        )


def test_a_headline_is_known_a_minute_after_it_came_out_under_the_providers_name(tmp_path: Path) -> None:
    at = datetime(2023, 3, 1, 14, 0, tzinfo=UTC)
    with provided(Site(("BBB", at, "Bee rises")), tmp_path, ManualClock(NOW)) as news:
        [row] = conform(schemas.NEWS, news.news(after=None, upto=NOW)).to_pylist()
    assert row == {
        "news_id": "finnhub:0",
        "symbol": "BBB",
        "published_at": at,
        "headline": "Bee rises",
        "source": "finnhub",
        "feed": "headlines",
        "known_at": at.replace(minute=1),
    }


def test_two_adjoining_spans_are_the_whole_span(tmp_path: Path) -> None:
    told = [("AAA", datetime(2023, 2, day, 20, minute, tzinfo=UTC), f"{day}") for day in (1, 2, 3) for minute in (0, 9)]
    middle = datetime(2023, 2, 2, 20, 1, tzinfo=UTC)
    with provided(Site(*told), tmp_path, ManualClock(NOW)) as news:
        early, late = news.news(after=None, upto=middle), news.news(after=middle, upto=NOW)
        whole = news.news(after=None, upto=NOW)
    assert (early.num_rows, late.num_rows) == (3, 3)
    assert sorted(early["headline"].to_pylist() + late["headline"].to_pylist()) == sorted(whole["headline"].to_pylist())


def test_days_that_are_over_are_asked_once_and_the_day_that_is_not_each_time(tmp_path: Path) -> None:
    site = Site(("AAA", datetime(2023, 2, 1, 16, 0, tzinfo=UTC), "Ay rises"))
    with provided(site, tmp_path, ManualClock(NOW)) as news:
        first = news.news(after=None, upto=NOW)
        site.articles.append(("AAA", datetime(2023, 3, 2, 14, 0, tzinfo=UTC), "Ay falls"))
        second = news.news(after=None, upto=NOW)
    assert (first.num_rows, second.num_rows) == (1, 2)
    over, running = ("2023-02-01", "2023-02-28"), ("2023-03-01", "2023-03-02")
    assert [site.asked.count(("AAA", *span)) for span in (over, running)] == [1, 2]


def test_nothing_later_than_the_clock_is_told(tmp_path: Path) -> None:
    site = Site(("AAA", NOW.replace(minute=30), "Ay of tomorrow"))
    with provided(site, tmp_path, ManualClock(NOW)) as news:
        assert news.news(after=None, upto=NOW.replace(hour=20)).num_rows == 0


def test_a_refused_key_and_an_answer_nobody_can_read_are_told_as_such(tmp_path: Path) -> None:
    with (
        provided(Site(), tmp_path, ManualClock(NOW), key="another-key") as news,
        pytest.raises(AccessDenied) as refused,
    ):
        news.news(after=None, upto=NOW)
    assert "another-key" not in str(refused.value)
    site = Site(("AAA", NOW, "a"))
    site.articles[0] = ("AAA", NOW.replace(day=1), None)  # type: ignore[assignment]  # what a broken provider sends
    with provided(site, tmp_path, ManualClock(NOW)) as news, pytest.raises(DataError, match="does not publish"):
        news.news(after=None, upto=NOW)


def test_an_overload_is_silence(tmp_path: Path) -> None:
    site = Site()
    site.status = 503
    with provided(site, tmp_path, ManualClock(NOW)) as news, pytest.raises(VenueUnavailable):
        news.news(after=None, upto=NOW)


class Told:
    """A source that tells some headlines, or is away."""

    def __init__(self, *rows: tuple[str, str, int], is_away: bool = False) -> None:
        self._rows = rows
        self._is_away = is_away

    def news(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        if self._is_away:
            raise VenueUnavailable("no answer")
        records = [
            {
                "news_id": news_id,
                "symbol": "AAA",
                "published_at": upto,
                "headline": "Ay rises",
                "source": source,
                "feed": "f",
                "known_at": upto.replace(minute=minute),
            }
            for source, news_id, minute in self._rows
        ]
        return pa.Table.from_pylist(records, schema=schemas.NEWS.schema)


def test_several_providers_are_one_source_in_the_order_in_which_they_could_be_read() -> None:
    merged = MergedNews([Told(("b", "b1", 5), ("b", "b2", 1)), Told(("a", "a1", 5))])
    assert merged.news(after=None, upto=NOW)["news_id"].to_pylist() == ["b2", "a1", "b1"]


def test_while_one_of_them_is_away_the_table_does_not_move_on() -> None:
    with pytest.raises(VenueUnavailable):
        MergedNews([Told(("b", "b1", 5)), Told(is_away=True)]).news(after=None, upto=NOW)


def test_every_file_of_the_folder_is_a_provider_and_another_name_is_refused_with_what_there_is() -> None:
    assert every_provider()["finnhub"] is PROVIDER
    with pytest.raises(SettingsRefused, match="finnhubb, expected some of finnhub"):
        providers_named(["finnhubb"])
