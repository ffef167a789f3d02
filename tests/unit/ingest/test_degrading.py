"""A source that is away: what the day cannot do without stops it, everything else goes on with its last good rows."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets import schemas
from assets.ingest.collect import Intake, take_in
from assets.ingest.degrading import last_good
from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import MarketSources, simulated_sources
from assets.raw_store import RawStore
from assets.schemas import RawTable
from execution.domain.errors import AccessDenied, DataError, TouchstoneError, VenueUnavailable
from execution.trading_calendar import TradingCalendar

CALENDAR = TradingCalendar.shipped()
FIRST, LAST = date(2021, 11, 1), date(2022, 3, 31)
MONDAY, TUESDAY, WEDNESDAY = CALENDAR.between(date(2022, 2, 14), date(2022, 2, 16))
SOURCES = simulated_sources(
    SimulatedMarket(SimulatedMarketSettings(seed=3, symbols=12, first_session=FIRST, last_session=LAST))
)


@dataclass(frozen=True)
class Away:
    """A source of headlines and bars that does not answer."""

    error: TouchstoneError

    def news(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        raise self.error

    bars = news


def asked(store: RawStore, session: date, sources: MarketSources, table: RawTable = schemas.NEWS) -> Intake | str:
    at = CALENDAR.as_of(session)
    taking = partial(take_in, sources, store, table, session=session, recorded_at=at, calendar=CALENDAR)
    return last_good(table, store, taking)


def stored(store: RawStore) -> list[str]:
    return sorted(str(row) for row in store.read(schemas.NEWS, as_of=CALENDAR.as_of(WEDNESDAY)).to_pylist())


def test_headlines_that_do_not_come_leave_the_last_good_ones_and_are_caught_up(tmp_path: Path) -> None:
    away = replace(SOURCES, news=Away(VenueUnavailable("503")))
    store, whole = RawStore(tmp_path / "store"), RawStore(tmp_path / "whole")
    asked(store, MONDAY, SOURCES)
    before = stored(store)
    said = asked(store, TUESDAY, away)
    assert said == f"its source is away, rows up to {MONDAY} stand: 503"
    assert stored(store) == before
    asked(store, WEDNESDAY, SOURCES)
    asked(whole, WEDNESDAY, SOURCES)
    assert stored(store) == stored(whole) != before


def test_headlines_caught_up_after_a_session_was_pinned_without_them_count_from_then(tmp_path: Path) -> None:
    store, pinned_until = RawStore(tmp_path), CALENDAR.as_of(TUESDAY)
    asked(store, MONDAY, SOURCES)
    asked(store, TUESDAY, replace(SOURCES, news=Away(VenueUnavailable("503"))))
    before = store.read(schemas.NEWS, as_of=pinned_until)
    at = CALENDAR.as_of(WEDNESDAY)
    take_in(
        SOURCES, store, schemas.NEWS, session=WEDNESDAY, recorded_at=at, calendar=CALENDAR, pinned_until=pinned_until
    )
    assert store.read(schemas.NEWS, as_of=pinned_until) == before
    late = store.read(schemas.NEWS, as_of=at, only=pc.field("known_at") == at)
    assert pc.min(late.column("published_at")).as_py() < pinned_until


def test_prices_that_do_not_come_stop_the_day(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    asked(store, MONDAY, SOURCES, schemas.DAILY_BARS)
    with pytest.raises(VenueUnavailable):
        asked(store, TUESDAY, replace(SOURCES, prices=Away(VenueUnavailable("503"))), schemas.DAILY_BARS)


def test_where_nothing_was_ever_told_there_is_nothing_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(VenueUnavailable):
        asked(RawStore(tmp_path), MONDAY, replace(SOURCES, news=Away(VenueUnavailable("503"))))


@pytest.mark.parametrize("error", [AccessDenied("keys are refused"), DataError("half of a page")])
def test_what_a_person_must_look_at_is_never_passed_over(tmp_path: Path, error: TouchstoneError) -> None:
    store = RawStore(tmp_path)
    asked(store, MONDAY, SOURCES)
    with pytest.raises(type(error)):
        asked(store, TUESDAY, replace(SOURCES, news=Away(error)))
