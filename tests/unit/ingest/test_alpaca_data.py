from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.ingest.alpaca_data import AlpacaData, alpaca_sources
from assets.ingest.collect import take_in
from assets.raw_store import RawStore
from assets.schemas import CORPORATE_ACTIONS, DAILY_BARS
from execution.brokers.memory_tape import MemoryTape
from execution.brokers.tape import TapeRow
from execution.domain.errors import AccessDenied, DataError, SettingsRefused, VenueUnavailable
from execution.venue.faults import Fault
from execution.venue.news_feed import NewsItem
from tests.builders.alpaca_market import TellingVenue, alpaca_data, reader, telling
from tests.builders.http_venue import SECRET_KEY
from tests.builders.venue import CALENDAR, a_bar
from tests.fakes.manual_clock import ManualClock

SESSIONS = CALENDAR.between(date(2024, 1, 2), date(2024, 2, 29))
FIRST, LAST = SESSIONS[0], SESSIONS[-1]
SILENT = SESSIONS[5]
BARS = "/v2/stocks/bars"


def rows(symbols: str = "AB") -> dict[date, list[TapeRow]]:
    return {session: [a_bar(session, symbol * 3) for symbol in symbols] for session in SESSIONS}


def without(symbol: str, silent: Iterable[date]) -> dict[date, list[TapeRow]]:
    return {
        session: [row for row in told if row.symbol != symbol or session not in silent]
        for session, told in rows().items()
    }


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(CALENDAR.as_of(LAST))


@pytest.fixture
def venue(clock: ManualClock) -> Iterator[TellingVenue]:
    with telling(MemoryTape(rows()), clock) as told:
        yield told


def adapter(venue: TellingVenue, folder: Path, clock: ManualClock, **changes: Any) -> AlpacaData:
    return alpaca_data(venue.url, folder, clock, first_session=FIRST, **changes)


def had(bars: pa.Table) -> set[tuple[str, date]]:
    return set(zip(bars.column("symbol").to_pylist(), bars.column("session").to_pylist(), strict=True))


def taken(read: AlpacaData, store: RawStore, session: date) -> int:
    """Take a session's bars in and return how many rows were new."""
    at = CALENDAR.as_of(session)
    intake = take_in(alpaca_sources(read), store, DAILY_BARS, session=session, recorded_at=at, calendar=CALENDAR)
    return intake.new_rows


EVERYTHING = {(symbol, session) for symbol in ("AAA", "BBB") for session in SESSIONS}


def test_every_row_names_its_feed_and_when_it_was_known(
    venue: TellingVenue, tmp_path: Path, clock: ManualClock
) -> None:
    bars = adapter(venue, tmp_path, clock).bars(after=None, upto=clock.now())
    assert had(bars) == EVERYTHING
    assert set(bars.column("feed").to_pylist()) == {"sip"}
    assert bars.column("known_at")[0].as_py() == CALENDAR.bars_known_at(bars.column("session")[0].as_py())


def test_a_home_keeps_the_feed_it_began_with(venue: TellingVenue, tmp_path: Path, clock: ManualClock) -> None:
    adapter(venue, tmp_path, clock).bars(after=None, upto=CALENDAR.as_of(FIRST))
    other = adapter(venue, tmp_path, clock, feed="iex")
    with pytest.raises(SettingsRefused, match="from feed sip and settings say iex"):
        other.bars(after=None, upto=CALENDAR.as_of(FIRST))


def test_case_58_a_reading_goes_on_where_it_broke_off(venue: TellingVenue, tmp_path: Path, clock: ManualClock) -> None:
    one_symbol: dict[str, Any] = {"symbols_per_request": 1, "concurrent_requests": 1}
    venue.faults.add(Fault(action="answer", path=BARS, skip=2, times=50, status=503))
    with pytest.raises(VenueUnavailable):
        adapter(venue, tmp_path, clock, **one_symbol).bars(after=None, upto=clock.now())
    venue.faults.clear()
    before = venue.faults.wire()[f"GET {BARS}"]
    assert had(adapter(venue, tmp_path, clock, **one_symbol).bars(after=None, upto=clock.now())) == EVERYTHING
    # January and February for each of two symbols, of which January's had come.
    assert venue.faults.wire()[f"GET {BARS}"] - before == 2


def test_a_passing_outage_is_waited_out(venue: TellingVenue, tmp_path: Path, clock: ManualClock) -> None:
    venue.faults.add(Fault(action="drop_before", path=BARS), Fault(action="truncate", path=BARS))
    assert had(adapter(venue, tmp_path, clock).bars(after=None, upto=clock.now())) == EVERYTHING


def test_case_58_a_session_without_a_single_bar_is_not_there_yet(tmp_path: Path, clock: ManualClock) -> None:
    told = rows()
    late = told.pop(SILENT)
    tape = MemoryTape(told)
    upto = CALENDAR.as_of(SILENT)
    with telling(tape, clock) as venue:
        read = adapter(venue, tmp_path, clock, symbols=("AAA", "BBB"))
        with pytest.raises(VenueUnavailable, match=f"no bar of {SILENT}"):
            read.bars(after=None, upto=upto)
        tape._sessions[SILENT] = {row.symbol: row for row in late}
        assert ("AAA", SILENT) in had(read.bars(after=None, upto=upto))


class ForgetfulTape(MemoryTape):
    """Leaves a symbol out of a session the first time it is asked."""

    def __init__(self, sessions: Mapping[date, Iterable[TapeRow]]) -> None:
        super().__init__(sessions)
        self._asked = 0

    def rows(self, session: date) -> Mapping[str, TapeRow]:
        told = super().rows(session)
        self._asked += session == SILENT
        return {"AAA": told["AAA"]} if session == SILENT and self._asked == 1 else told


def test_a_hole_between_two_sessions_is_asked_for_by_itself_and_filled(tmp_path: Path, clock: ManualClock) -> None:
    with telling(ForgetfulTape(rows()), clock) as venue:
        read = adapter(venue, tmp_path, clock, symbols=("AAA", "BBB"))
        january = read.bars(after=None, upto=CALENDAR.as_of(date(2024, 1, 31)))
        again = read.bars(after=None, upto=CALENDAR.as_of(date(2024, 1, 31)))
        assert venue.faults.wire()[f"GET {BARS}"] == 2
    assert ("BBB", SILENT) in had(january)
    assert had(again) == had(january)


def test_a_hole_that_stays_one_is_believed_after_one_more_question(tmp_path: Path, clock: ManualClock) -> None:
    with telling(MemoryTape(without("BBB", {SILENT})), clock) as venue:
        bars = adapter(venue, tmp_path, clock).bars(after=None, upto=CALENDAR.as_of(date(2024, 1, 31)))
        assert venue.faults.wire()[f"GET {BARS}"] == 2
    assert ("BBB", SILENT) not in had(bars)


def test_a_bar_that_comes_days_late_is_found_and_known_from_then(tmp_path: Path, clock: ManualClock) -> None:
    tape = MemoryTape(without("BBB", {SILENT}))
    store, following = RawStore(tmp_path / "raw"), CALENDAR.next(SILENT)
    with telling(tape, clock) as venue:
        read = adapter(venue, tmp_path, clock, symbols=("AAA", "BBB"))
        taken(read, store, SILENT)
        tape._sessions[SILENT]["BBB"] = a_bar(SILENT, "BBB")
        taken(read, store, following)
        questions = venue.faults.wire()[f"GET {BARS}"]
        assert taken(read, store, following) == 0
        assert venue.faults.wire()[f"GET {BARS}"] == questions
    by_session = {as_of: had(store.read(DAILY_BARS, as_of=CALENDAR.as_of(as_of))) for as_of in (SILENT, following)}
    assert ("BBB", SILENT) not in by_session[SILENT]
    assert ("BBB", SILENT) in by_session[following]


def test_a_bar_that_is_still_missing_after_three_sessions_is_given_up(tmp_path: Path, clock: ManualClock) -> None:
    tape, store = MemoryTape(without("BBB", {SILENT})), RawStore(tmp_path / "raw")
    with telling(tape, clock) as venue:
        read = adapter(venue, tmp_path, clock, symbols=("AAA", "BBB"))
        for session in SESSIONS[5:9]:
            taken(read, store, session)
        tape._sessions[SILENT]["BBB"] = a_bar(SILENT, "BBB")
        taken(read, store, SESSIONS[9])
    assert ("BBB", SILENT) not in had(store.read(DAILY_BARS, as_of=CALENDAR.as_of(LAST)))


def test_a_session_whose_close_has_not_come_is_not_asked_for(
    venue: TellingVenue, tmp_path: Path, clock: ManualClock
) -> None:
    clock.move_to(CALENDAR.opens_at(SILENT) + timedelta(hours=1))
    bars = adapter(venue, tmp_path, clock).bars(after=None, upto=CALENDAR.as_of(LAST))
    assert max(session for _, session in had(bars)) == CALENDAR.previous(SILENT)


def test_what_stopped_trading_is_told_after_ten_silent_sessions_and_again_when_it_resumes(
    tmp_path: Path, clock: ManualClock
) -> None:
    silent = set(SESSIONS[5:17])
    with telling(MemoryTape(without("BBB", silent)), clock) as venue:
        told = adapter(venue, tmp_path, clock).securities(after=None, upto=clock.now()).to_pylist()
    assert [(row["delisted_session"], row["known_at"]) for row in told if row["symbol"] == "BBB"] == [
        (None, CALENDAR.bars_known_at(FIRST)),
        (SESSIONS[4], CALENDAR.bars_known_at(SESSIONS[14])),
        (None, CALENDAR.bars_known_at(SESSIONS[17])),
    ]


def test_what_the_provider_forgot_is_remembered(tmp_path: Path) -> None:
    clock = ManualClock(CALENDAR.as_of(SESSIONS[0]))
    told = {
        session: [row for row in day if session <= SESSIONS[1] or row.symbol == "AAA"]
        for session, day in rows().items()
    }
    with telling(MemoryTape(told), clock) as venue:
        adapter(venue, tmp_path, clock).securities(after=None, upto=clock.now())
        clock.move_to(CALENDAR.as_of(LAST))
        bars = adapter(venue, tmp_path, clock).bars(after=None, upto=clock.now())
    assert ("BBB", SESSIONS[1]) in had(bars)


def test_a_split_that_is_told_late_changes_the_revision(tmp_path: Path, clock: ManualClock) -> None:
    told = rows()
    tape = MemoryTape(told)
    with telling(tape, clock) as venue:
        read = adapter(venue, tmp_path, clock)
        before = read.revision("corporate_actions")
        assert before == read.revision("corporate_actions")
        tape._sessions[SILENT]["AAA"] = a_bar(SILENT, "AAA", split_ratio="3")
        assert read.revision("corporate_actions") != before
        [action] = read.corporate_actions(after=None, upto=clock.now()).to_pylist()
    assert (action["action"], action["value"], action["known_at"]) == ("split", 3, CALENDAR.opens_at(SILENT))


def test_a_split_that_is_told_late_is_known_from_its_recording(tmp_path: Path, clock: ManualClock) -> None:
    tape, store, following = MemoryTape(rows()), RawStore(tmp_path / "raw"), CALENDAR.next(SILENT)
    with telling(tape, clock) as venue:
        sources = alpaca_sources(adapter(venue, tmp_path, clock, symbols=("AAA", "BBB")))
        for session, pinned_until in ((SILENT, None), (following, CALENDAR.as_of(SILENT))):
            clock.move_to(CALENDAR.as_of(session))
            take_in(
                sources,
                store,
                CORPORATE_ACTIONS,
                session=session,
                recorded_at=clock.now(),
                calendar=CALENDAR,
                pinned_until=pinned_until,
            )
            tape._sessions[SILENT]["AAA"] = a_bar(SILENT, "AAA", split_ratio="3")
    [action] = store.read(CORPORATE_ACTIONS, as_of=CALENDAR.as_of(LAST)).to_pylist()
    assert (action["ex_session"], action["known_at"]) == (SILENT, CALENDAR.as_of(following))


def test_case_60_a_headline_that_changes_is_known_a_minute_after_its_change(tmp_path: Path, clock: ManualClock) -> None:
    first = CALENDAR.opens_at(SILENT)
    second = first + timedelta(days=1)

    def feed(now: datetime) -> Iterable[NewsItem]:
        changed = second if now >= second else first
        text = "Shares rise &amp; fall" if now >= second else "Shares rise"
        yield NewsItem(news_id=7, headline=text, symbols=("AAA", "ZZZ"), created_at=first, updated_at=changed)

    clock.move_to(first + timedelta(hours=1))
    with telling(MemoryTape(rows()), clock, news=feed) as venue:
        read = adapter(venue, tmp_path, clock, symbols=("AAA",))
        [row] = read.news(after=None, upto=clock.now()).to_pylist()
        assert (row["headline"], row["known_at"]) == ("Shares rise", first + timedelta(minutes=1))
        seen_until = clock.now()
        clock.move_to(second + timedelta(hours=1))
        [row] = read.news(after=seen_until, upto=clock.now()).to_pylist()
        assert (row["headline"], row["known_at"]) == ("Shares rise & fall", second + timedelta(minutes=1))
        assert (row["news_id"], row["published_at"]) == ("7", first)


def test_case_58_a_failure_on_the_second_page_asks_again_for_no_first_one(tmp_path: Path, clock: ManualClock) -> None:
    first = CALENDAR.opens_at(SILENT)
    path = "/v1beta1/news"
    items = [
        NewsItem(news_id=number, headline=f"Headline {number}", symbols=("AAA",), created_at=first, updated_at=first)
        for number in range(1, 81)
    ]
    with telling(MemoryTape(rows()), clock, news=lambda _now: items) as venue:
        venue.faults.add(Fault(action="answer", path=path, skip=1, times=50, status=500))
        with pytest.raises(VenueUnavailable):
            adapter(venue, tmp_path, clock, symbols=("AAA",), concurrent_requests=1).news(after=None, upto=clock.now())
        venue.faults.clear()
        before = venue.faults.wire()[f"GET {path}"]
        told = adapter(venue, tmp_path, clock, symbols=("AAA",), concurrent_requests=1)
        assert told.news(after=None, upto=clock.now()).num_rows == 80
        # January's second page and February's only one.
        assert venue.faults.wire()[f"GET {path}"] - before == 2


def test_case_59_a_missing_entitlement_says_what_the_provider_said(
    venue: TellingVenue, tmp_path: Path, clock: ManualClock
) -> None:
    said = '{"message":"subscription does not permit querying recent SIP data"}'
    venue.faults.add(Fault(action="answer", path=BARS, status=403, body=said, times=9))
    with pytest.raises(AccessDenied, match="subscription does not permit"):
        adapter(venue, tmp_path, clock).bars(after=None, upto=clock.now())
    assert venue.faults.wire()[f"GET {BARS}"] <= 2


def test_a_wrong_question_is_not_asked_twice(venue: TellingVenue, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="400"):
        reader(venue.url, tmp_path).read(BARS, {"timeframe": "1Min"})
    assert venue.faults.wire()[f"GET {BARS}"] == 1


def test_wrong_keys_stop_at_once_and_appear_in_no_message(venue: TellingVenue, tmp_path: Path) -> None:
    said = f'{{"message":"key {SECRET_KEY} is unknown"}}'
    venue.faults.add(Fault(action="answer", path=BARS, status=401, body=said))
    with pytest.raises(AccessDenied) as refused:
        reader(venue.url, tmp_path).read(BARS)
    assert SECRET_KEY not in str(refused.value)


def test_a_429_waits_as_long_as_it_says(venue: TellingVenue, tmp_path: Path) -> None:
    venue.faults.add(Fault(action="answer", path="/v2/assets", status=429, headers={"Retry-After": "0"}, times=2))
    assert reader(venue.url, tmp_path).read("/v2/assets").startswith(b"[")


def test_a_redirect_is_not_followed(venue: TellingVenue, tmp_path: Path) -> None:
    elsewhere = {"Location": f"{venue.url}/v2/assets"}
    venue.faults.add(Fault(action="answer", path="/v2/clock", status=302, headers=elsewhere, times=9))
    with pytest.raises(VenueUnavailable, match="302"):
        reader(venue.url, tmp_path).read("/v2/clock")
    assert "GET /v2/assets" not in venue.faults.wire()
