"""The shipped mapping on the real data beside the checkout: skipped aloud where they are not."""

import os
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pyarrow.compute as pc
import pytest

from assets import schemas
from assets.ingest.collect import take_in
from assets.ingest.files_source import FilesSource
from assets.ingest.sources import files_sources
from assets.raw_store import RawStore
from assets.table_content import conform
from execution.trading_calendar import TradingCalendar
from pipelines.settings import load_settings

CHECKOUT = Path(__file__).parents[2]
DATA = Path(os.environ.get("REAL_DATA_FOLDER", CHECKOUT.parent / "shared" / "data"))
CALENDAR = TradingCalendar.shipped()
END = CALENDAR.as_of(date(2016, 6, 30))

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data at {DATA}: set REAL_DATA_FOLDER to their folder"),
]


@cache
def source() -> FilesSource:
    mapping = load_settings(CHECKOUT / "examples" / "real-data.yaml", {}).files
    assert mapping is not None
    return FilesSource(mapping.model_copy(update={"folder": DATA}))


def test_every_table_of_the_mapping_keeps_its_contract() -> None:
    for table in schemas.ALL:
        conform(table, files_sources(source()).rows(table, after=None, upto=END))


def test_the_bars_are_whole_but_for_the_two_that_break_their_order() -> None:
    assert source().check()["daily_bars"] == 871_959
    refused = source().quarantined("daily_bars")
    assert [(refusal.row, refusal.column) for refusal in refused] == [(462_461, "low"), (854_608, "low")]


def test_the_data_span_2009_to_the_middle_of_2016() -> None:
    assert (source().first_session, source().last_session) == (date(2009, 1, 2), date(2016, 6, 30))


def test_apples_split_by_seven_is_found_with_its_raw_prices() -> None:
    rows = {row.symbol: row for row in source().tape_rows(date(2014, 6, 9))}
    assert (rows["AAPL"].split_ratio, rows["AAPL"].close_usd) == (Decimal(7), Decimal("93.70"))


def test_every_priced_symbol_is_listed_and_38_have_no_sector() -> None:
    rows = source().securities(after=None, upto=END)
    assert rows.num_rows == 482
    assert rows.column("sector").null_count == 38


def test_filings_are_known_after_the_day_they_were_filed() -> None:
    filings = source().filings(after=None, upto=END)
    apple = filings.filter(
        pc.and_(pc.equal(filings.column("symbol"), "AAPL"), pc.equal(filings.column("metric"), "revenue"))
    )
    assert apple.num_rows >= 4
    opens = {CALENDAR.opens_at(session) for session in CALENDAR.between(date(2015, 1, 2), date(2016, 7, 5))}
    assert set(filings.column("known_at").to_pylist()) <= opens


def test_news_of_two_feeds_stand_side_by_side() -> None:
    news = source().news(after=None, upto=END)
    assert set(news.column("feed").to_pylist()) == {"news_benzinga_2009_2016h1", "tweets_stocknet_2014_2015h1"}
    assert news.num_rows > 80_000


def test_both_indices_have_a_close_for_nearly_every_session() -> None:
    indices = source().indices(after=None, upto=END)
    sessions = len(CALENDAR.between(date(2009, 1, 2), date(2016, 6, 30)))
    for name in ("vix", "spy"):
        assert indices.filter(pc.equal(indices.column("index_name"), name)).num_rows >= sessions - 2


def test_no_membership_ends_before_it_is_known_to() -> None:
    for row in source().membership(after=None, upto=END).to_pylist():
        if row["to_session"] is not None:
            assert row["known_at"].date() >= row["to_session"]


def test_two_years_are_taken_in_and_the_next_session_adds_one_part(tmp_path: Path) -> None:
    sources, store = files_sources(source()), RawStore(tmp_path)
    first, then = date(2010, 12, 31), date(2011, 1, 3)
    for session, parts in ((first, 2), (then, 1), (then, 0)):
        intake = take_in(
            sources,
            store,
            schemas.DAILY_BARS,
            session=session,
            recorded_at=CALENDAR.as_of(session) + timedelta(minutes=1),
            calendar=CALENDAR,
        )
        assert len(intake.parts) == parts
    bars = store.read(schemas.DAILY_BARS, as_of=CALENDAR.as_of(then), columns=["session"])
    assert pc.max(bars.column("session")).as_py() == then
    assert pc.count_distinct(bars.column("session")).as_py() == len(CALENDAR.between(date(2009, 1, 2), then))
