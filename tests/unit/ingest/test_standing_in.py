"""A second provider of splits and dividends: only while the first is silent, only onwards, and always by name."""

import logging
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from assets import schemas
from assets.ingest.collect import Intake, take_in
from assets.ingest.columns import contract_rows, known_between, micros_of
from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import MarketSources, simulated_sources
from assets.ingest.standing_in import StandingIn
from assets.raw_store import RawStore
from execution.domain.errors import AccessDenied, TouchstoneError, VenueUnavailable
from execution.trading_calendar import TradingCalendar

CALENDAR = TradingCalendar.shipped()
FIRST, LAST = date(2021, 11, 1), date(2022, 3, 31)
MONDAY, TUESDAY, WEDNESDAY = CALENDAR.between(date(2022, 2, 14), date(2022, 2, 16))
MARKET = simulated_sources(
    SimulatedMarket(SimulatedMarketSettings(seed=3, symbols=2, first_session=FIRST, last_session=LAST))
)
Told = tuple[str, date, str, Decimal]
OLD: Told = ("AAA", MONDAY, "dividend", Decimal("0.10"))
SPLIT: Told = ("BBB", TUESDAY, "split", Decimal(2))


@dataclass
class Provider:
    """Tells what it is given, by the open of the ex-session, or nothing at all."""

    name: str
    rows: list[Told] = field(default_factory=list)
    silence: TouchstoneError | None = None

    def corporate_actions(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        if self.silence is not None:
            raise self.silence
        symbols, days, actions, values = zip(*self.rows, strict=True) if self.rows else ((), (), (), ())
        columns = {
            "symbol": pa.array(symbols, pa.string()),
            "ex_session": pa.array(days, pa.date32()),
            "action": pa.array(actions, pa.string()),
            "value": pa.array(values, schemas.PRICE_USD),
        }
        known = micros_of([CALENDAR.opens_at(day) for day in days])
        told = contract_rows(schemas.CORPORATE_ACTIONS, columns, source=self.name, feed=self.name, known_at=known)
        return known_between(told, after=after, upto=upto)

    def revision(self, table: str) -> str:
        if self.silence is not None:
            raise self.silence
        return str(sorted(map(str, self.rows))) if table == "corporate_actions" else ""


@dataclass
class Home:
    folder: Path
    first: Provider = field(default_factory=lambda: Provider("first", [OLD]))
    second: Provider = field(default_factory=lambda: Provider("second", [OLD, SPLIT]))

    @property
    def sources(self) -> MarketSources:
        actions = StandingIn(self.first, self.second, memory=self.folder / "revision")
        return replace(MARKET, corporate_actions=actions, revisions=actions.revision)

    def takes(self, session: date) -> Intake:
        at = CALENDAR.as_of(session)
        table, store = schemas.CORPORATE_ACTIONS, RawStore(self.folder / "raw")
        return take_in(self.sources, store, table, session=session, recorded_at=at, calendar=CALENDAR)

    def stored(self) -> list[tuple[str, Decimal, str]]:
        rows = RawStore(self.folder / "raw").read(schemas.CORPORATE_ACTIONS, as_of=CALENDAR.as_of(WEDNESDAY))
        return sorted((row["symbol"], row["value"], row["source"]) for row in rows.to_pylist())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.takes(MONDAY)
    assert made.stored() == [("AAA", Decimal("0.10"), "first")]
    return made


def test_the_second_is_not_heard_while_the_first_answers(home: Home) -> None:
    assert home.takes(TUESDAY).told_by == ()
    assert {source for *_, source in home.stored()} == {"first"}


def test_while_the_first_is_silent_the_seconds_newer_rows_are_taken_under_its_own_name(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    home.first.silence = VenueUnavailable("503")
    with caplog.at_level(logging.WARNING):
        assert home.takes(TUESDAY).told_by == ("second",)
    assert home.stored() == [("AAA", Decimal("0.10"), "first"), ("BBB", Decimal(2), "second")]
    assert "come from second, 1 rows: 503" in caplog.text


def test_what_the_first_tells_otherwise_when_it_is_back_is_a_correction_that_counts_from_then(home: Home) -> None:
    home.first.silence = VenueUnavailable("503")
    home.takes(TUESDAY)
    home.first.silence = None
    home.first.rows.append(("BBB", TUESDAY, "split", Decimal(3)))
    home.takes(WEDNESDAY)
    assert home.stored()[1:] == [("BBB", Decimal(2), "second"), ("BBB", Decimal(3), "first")]
    known = RawStore(home.folder / "raw").read(schemas.CORPORATE_ACTIONS, as_of=CALENDAR.as_of(TUESDAY)).to_pylist()
    assert [row["value"] for row in known if row["symbol"] == "BBB"] == [Decimal(2)]


def test_the_same_word_from_the_first_when_it_is_back_is_no_news(home: Home) -> None:
    home.first.silence = VenueUnavailable("503")
    home.takes(TUESDAY)
    home.first.silence = None
    home.first.rows.append(SPLIT)
    assert home.takes(WEDNESDAY).new_rows == 0


def test_a_home_that_begins_waits_for_the_first(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.first.silence = VenueUnavailable("503")
    with pytest.raises(VenueUnavailable):
        home.takes(MONDAY)


@pytest.mark.parametrize("error", [AccessDenied("keys are refused")])
def test_nobody_stands_in_where_a_person_must_look(home: Home, error: TouchstoneError) -> None:
    home.first.silence = error
    with pytest.raises(AccessDenied):
        home.takes(TUESDAY)


def test_where_both_are_silent_the_day_stops(home: Home) -> None:
    home.first.silence = home.second.silence = VenueUnavailable("503")
    with pytest.raises(VenueUnavailable):
        home.takes(TUESDAY)
