"""A market told over HTTP, with a wire that fails one request in seven, taken into the raw store as it was made."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets import schemas
from assets.ingest.alpaca_data import alpaca_sources
from assets.ingest.collect import take_in
from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import MarketSources, simulated_sources
from assets.raw_store import RawStore
from assets.schemas import RawTable
from tests.builders.alpaca_market import TellingVenue, alpaca_data, telling_of
from tests.builders.venue import CALENDAR
from tests.fakes.manual_clock import ManualClock

FIRST, LAST = date(2022, 1, 3), date(2022, 4, 14)
NEXT = CALENDAR.next(LAST)
EVERY_SEVENTH = 1 / 7


@pytest.fixture(scope="module")
def market() -> MarketSources:
    settings = SimulatedMarketSettings(seed=9, symbols=15, first_session=FIRST, last_session=date(2022, 6, 30))
    return simulated_sources(SimulatedMarket(settings))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(CALENDAR.as_of(LAST))


@pytest.fixture
def venue(market: MarketSources, clock: ManualClock, tmp_path: Path) -> Iterator[TellingVenue]:
    with telling_of(market, clock, tmp_path / "venue") as served:
        yield served


def through_http(venue: TellingVenue, folder: Path, clock: ManualClock, market: MarketSources) -> MarketSources:
    listed = market.rows(schemas.SECURITIES, after=None, upto=clock.now()).column("symbol").to_pylist()
    symbols = tuple(sorted(set(listed)))
    return alpaca_sources(
        alpaca_data(venue.url, folder / "reading", clock, first_session=FIRST, symbols=symbols, symbols_per_request=5)
    )


def taken_in(sources: MarketSources, store: RawStore, table: RawTable, clock: ManualClock, session: date) -> int:
    intake = take_in(sources, store, table, session=session, recorded_at=clock.now(), calendar=CALENDAR)
    return intake.new_rows


def facts(table: RawTable, rows: pa.Table) -> list[dict[str, object]]:
    told = [name for name in table.schema.names if name not in ("source", "feed")]
    if "is_halted" in told:
        rows = rows.filter(pc.invert(rows.column("is_halted")))
    return rows.select(told).sort_by([(name, "ascending") for name in (*table.fact_key, "known_at")]).to_pylist()


def test_bars_arrive_exactly_as_they_were_made_although_the_wire_fails(
    venue: TellingVenue, market: MarketSources, clock: ManualClock, tmp_path: Path
) -> None:
    venue.faults.draw(seed=3, rate=EVERY_SEVENTH)
    sources, store = through_http(venue, tmp_path, clock, market), RawStore(tmp_path / "raw")
    taken_in(sources, store, schemas.DAILY_BARS, clock, LAST)
    stored = store.read(schemas.DAILY_BARS, as_of=clock.now())
    made = market.rows(schemas.DAILY_BARS, after=None, upto=clock.now())
    assert facts(schemas.DAILY_BARS, stored) == facts(schemas.DAILY_BARS, made) != []
    assert venue.faults.met()


def test_actions_and_headlines_arrive_too(
    venue: TellingVenue, market: MarketSources, clock: ManualClock, tmp_path: Path
) -> None:
    venue.faults.draw(seed=4, rate=EVERY_SEVENTH)
    sources = through_http(venue, tmp_path, clock, market)
    for table in (schemas.CORPORATE_ACTIONS, schemas.NEWS):
        mine = sources.rows(table, after=None, upto=clock.now())
        made = market.rows(table, after=None, upto=clock.now())
        names = (
            ["symbol", "ex_session", "action", "value"]
            if table == schemas.CORPORATE_ACTIONS
            else ["symbol", "headline"]
        )
        assert {tuple(row.values()) for row in mine.select(names).to_pylist()} == {
            tuple(row.values())
            for row in made.select(names).to_pylist()
            if table == schemas.NEWS or CALENDAR.opens_at(row["ex_session"]) <= clock.now()
        }


def test_the_next_session_costs_a_request_per_batch_and_repeating_it_none(
    venue: TellingVenue, market: MarketSources, clock: ManualClock, tmp_path: Path
) -> None:
    sources, store = through_http(venue, tmp_path, clock, market), RawStore(tmp_path / "raw")
    taken_in(sources, store, schemas.DAILY_BARS, clock, LAST)
    before = venue.faults.wire()["GET /v2/stocks/bars"]
    clock.move_to(CALENDAR.as_of(NEXT))
    new = taken_in(sources, store, schemas.DAILY_BARS, clock, NEXT)
    after = venue.faults.wire()["GET /v2/stocks/bars"]
    assert 0 < new <= 15
    assert after - before == 3
    assert taken_in(sources, store, schemas.DAILY_BARS, clock, NEXT) == 0
    assert venue.faults.wire()["GET /v2/stocks/bars"] == after
