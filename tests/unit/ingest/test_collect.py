"""Intake: the whole history once, then what is new, never the future, and the same again changes nothing."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets import schemas
from assets.ingest.collect import Intake, listed_rows, pin_snapshot, session_rows, take_in, write_tapes
from assets.ingest.columns import known_between, micros
from assets.ingest.files_settings import FilesSourceSettings
from assets.ingest.files_source import FilesSource
from assets.ingest.news import headline_rows
from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import MarketSources, files_sources, simulated_sources
from assets.raw_store import RawStore
from assets.row_versions import newest_versions
from assets.schemas import DAILY_BARS, FILINGS, MEMBERSHIP, NEWS, SECURITIES, RawTable
from assets.snapshots import SnapshotStore
from execution.brokers.tape import Tape
from execution.domain.errors import DataError, NotKnownYet
from execution.trading_calendar import TradingCalendar

CALENDAR = TradingCalendar.shipped()
FIRST, LAST = date(2021, 11, 1), date(2022, 3, 31)
SESSION = date(2022, 2, 15)
MICROSECOND = timedelta(microseconds=1)
SOURCES = simulated_sources(
    SimulatedMarket(SimulatedMarketSettings(seed=3, symbols=12, first_session=FIRST, last_session=LAST))
)


def taken(store: RawStore, session: date, sources: MarketSources = SOURCES, table: RawTable = DAILY_BARS) -> Intake:
    return take_in(sources, store, table, session=session, recorded_at=CALENDAR.as_of(session), calendar=CALENDAR)


def stored(store: RawStore, table: RawTable = DAILY_BARS) -> list[tuple[object, ...]]:
    rows = store.read(table, as_of=CALENDAR.as_of(LAST))
    return sorted(tuple(map(str, row.values())) for row in rows.to_pylist())


def test_the_first_intake_takes_the_whole_history_in_one_part_per_year(tmp_path: Path) -> None:
    intake = taken(RawStore(tmp_path), SESSION)
    assert [part.session for part in intake.parts] == [date(2021, 12, 31), SESSION]
    assert intake.new_rows == intake.offered_rows > 12 * 60


def test_the_next_intake_takes_one_session(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    taken(store, SESSION)
    intake = taken(store, CALENDAR.next(SESSION))
    assert len(intake.parts) == 1
    assert intake.parts[0].min_known_at > CALENDAR.as_of(SESSION)


def test_the_first_session_of_the_calendar_has_rows_though_no_cut_off_was_before_it(tmp_path: Path) -> None:
    store, session = RawStore(tmp_path), CALENDAR.sessions[0]
    (row,) = SOURCES.rows(SECURITIES, after=None, upto=CALENDAR.as_of(FIRST)).slice(0, 1).to_pylist()
    made = pa.Table.from_pylist([{**row, "known_at": CALENDAR.opens_at(session)}], schema=SECURITIES.schema)
    store.append(SECURITIES, made, session=session, recorded_at=CALENDAR.as_of(session))
    assert session_rows(store, SECURITIES, session=session, calendar=CALENDAR) == 1


BARS_KNOWN, CUT_OFF = CALENDAR.bars_known_at(SESSION), CALENDAR.as_of(SESSION)
TOLD_AT = (BARS_KNOWN - timedelta(hours=1), BARS_KNOWN + timedelta(minutes=30), CUT_OFF + timedelta(hours=9))


class Wire:
    """Headlines as a wire tells them: none that has not come out yet."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def news(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        told = {(f"n{number}", "AAA", micros(at)): (micros(at), "up") for number, at in enumerate(TOLD_AT)}
        rows = headline_rows(told, source="wire", feed="headlines")
        return known_between(rows, after=after, upto=min(upto, self._now))


def heard(store: RawStore, session: date, *, now: datetime) -> Intake:
    sources = replace(SOURCES, span=lambda: (SOURCES.first_session, None), news=Wire(now))
    return take_in(sources, store, NEWS, session=session, recorded_at=now, calendar=CALENDAR)


def test_headlines_between_the_days_intake_and_its_cut_off_are_taken_in_at_the_cut_off(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    assert [heard(store, SESSION, now=now).new_rows for now in (BARS_KNOWN, CUT_OFF, CUT_OFF)] == [1, 1, 0]
    assert store.read(NEWS, as_of=CUT_OFF).column("known_at").to_pylist() == list(TOLD_AT[:2])


def test_what_no_cycle_asked_for_at_a_cut_off_is_taken_in_with_the_next_session(tmp_path: Path) -> None:
    store, following = RawStore(tmp_path), CALENDAR.next(SESSION)
    heard(store, SESSION, now=BARS_KNOWN)
    assert heard(store, following, now=CALENDAR.bars_known_at(following)).new_rows == 2
    assert store.read(NEWS, as_of=CALENDAR.as_of(following)).column("known_at").to_pylist() == list(TOLD_AT)


def test_a_recorded_market_tells_a_session_whole_and_is_asked_for_it_once(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    for now in (BARS_KNOWN, CUT_OFF):
        intake = take_in(SOURCES, store, NEWS, session=SESSION, recorded_at=now, calendar=CALENDAR)
    assert intake.offered_rows == 0


ACCEPTED = CUT_OFF - timedelta(minutes=10)


class Registry:
    """Two companies' figures; those of the second are published twenty minutes after they were accepted."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def filings(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        (row,) = SOURCES.rows(FILINGS, after=None, upto=CUT_OFF).slice(0, 1).to_pylist()
        told = [{**row, "symbol": "SIM0001", "known_at": ACCEPTED}]
        if self._now >= ACCEPTED + timedelta(minutes=20):
            told.append({**row, "symbol": "SIM0002", "known_at": ACCEPTED})
        rows = pa.Table.from_pylist(told, schema=FILINGS.schema)
        return known_between(rows, after=after, upto=min(upto, self._now))


def filed(store: RawStore, session: date, *, now: datetime, pinned_until: datetime | None = None) -> Intake:
    sources = replace(SOURCES, span=lambda: (SOURCES.first_session, None), fundamentals=Registry(now))
    return take_in(
        sources, store, FILINGS, session=session, recorded_at=now, calendar=CALENDAR, pinned_until=pinned_until
    )


def test_figures_published_after_the_intake_that_followed_their_acceptance_are_taken_in_and_known_from_then(
    tmp_path: Path,
) -> None:
    store, following = RawStore(tmp_path), CALENDAR.next(SESSION)
    later = CALENDAR.bars_known_at(following)
    assert filed(store, SESSION, now=CUT_OFF).new_rows == 1
    assert filed(store, following, now=later, pinned_until=CUT_OFF).new_rows == 1
    assert filed(store, following, now=CALENDAR.as_of(following), pinned_until=CUT_OFF).new_rows == 0
    assert store.read(FILINGS, as_of=later).column("known_at").to_pylist() == [ACCEPTED, later]


@pytest.mark.parametrize("table", [DAILY_BARS, NEWS], ids=lambda table: table.name)
def test_a_session_whose_bars_are_not_known_yet_is_not_taken_in(tmp_path: Path, table: RawTable) -> None:
    store, known_at = RawStore(tmp_path), CALENDAR.bars_known_at(SESSION)
    with pytest.raises(NotKnownYet, match=f"raw/{table.name} of {SESSION}.*from 2022-02-15T21:15:00.*stands at"):
        take_in(SOURCES, store, table, session=SESSION, recorded_at=known_at - MICROSECOND, calendar=CALENDAR)
    assert store.latest_session(table) is None
    take_in(SOURCES, store, table, session=SESSION, recorded_at=known_at, calendar=CALENDAR)
    assert store.latest_session(table) == SESSION


@pytest.mark.parametrize(
    "change", [{"seed": 4}, {"symbols": 13}, {"first_session": date(2021, 11, 2)}, {"signal_strength": 0.5}]
)
def test_rows_of_another_simulated_market_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    store = RawStore(tmp_path)
    taken(store, SESSION)
    before = stored(store)
    made: dict[str, Any] = {"seed": 3, "symbols": 12, "first_session": FIRST, "last_session": LAST}
    another = simulated_sources(SimulatedMarket(SimulatedMarketSettings(**(made | change))))
    with pytest.raises(DataError, match=r"seed 3 with 12 symbols from 2021-11-01 on.* start a new home"):
        taken(store, CALENDAR.next(SESSION), another)
    assert stored(store) == before


def test_a_simulated_market_that_goes_on_longer_is_the_same_market(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    taken(store, SESSION)
    longer = SimulatedMarketSettings(seed=3, symbols=12, first_session=FIRST, last_session=date(2022, 6, 30))
    assert taken(store, CALENDAR.next(SESSION), simulated_sources(SimulatedMarket(longer))).new_rows > 0


def test_an_observed_market_is_not_taken_in_over_a_made_one(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    taken(store, SESSION)
    with pytest.raises(DataError, match="found settings of an observed market"):
        taken(store, CALENDAR.next(SESSION), replace(SOURCES, market=None))


def test_the_same_session_again_takes_nothing(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    taken(store, SESSION)
    assert taken(store, SESSION).parts == ()


def test_an_older_session_asked_for_later_takes_nothing(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    taken(store, SESSION)
    assert taken(store, CALENDAR.offset(SESSION, -5)).parts == ()


@pytest.mark.parametrize("table", schemas.ALL, ids=lambda table: table.name)
def test_missed_sessions_are_caught_up_to_the_same_rows(tmp_path: Path, table: RawTable) -> None:
    daily, late = RawStore(tmp_path / "daily"), RawStore(tmp_path / "late")
    for session in CALENDAR.between(date(2022, 2, 1), SESSION):
        taken(daily, session, table=table)
    taken(late, date(2022, 2, 1), table=table)
    taken(late, SESSION, table=table)
    assert stored(daily, table) == stored(late, table)


def test_nothing_known_after_the_cut_off_is_taken_in(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    for table in schemas.ALL:
        taken(store, SESSION, table=table)
        known = store.read(table, as_of=CALENDAR.as_of(LAST), columns=["known_at"]).column("known_at")
        assert len(known) == 0 or pc.max(known).as_py() <= CALENDAR.as_of(SESSION)


def test_a_table_without_a_source_stays_empty_and_says_so(tmp_path: Path) -> None:
    intake = taken(RawStore(tmp_path), SESSION, replace(SOURCES, news=None), NEWS)
    assert (intake.has_source, intake.offered_rows, intake.parts) == (False, 0, ())


class EagerPrices:
    """A source that tells the future."""

    def bars(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        return SOURCES.prices.bars(after=after, upto=upto + timedelta(days=7))


def test_a_source_that_tells_the_future_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="fix the source"):
        taken(RawStore(tmp_path), SESSION, replace(SOURCES, prices=EagerPrices()))
    assert RawStore(tmp_path).parts(DAILY_BARS) == ()


def test_a_session_before_the_source_begins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2021-11-01"):
        taken(RawStore(tmp_path), date(2021, 10, 29))


class RevisedPrices:
    """A source whose past was edited: one close of long ago is another."""

    def bars(self, *, after: datetime | None, upto: datetime) -> pa.Table:
        rows = SOURCES.prices.bars(after=after, upto=upto)
        volumes = rows.column("volume_shares").to_pylist()
        is_hit = [
            row["symbol"] == "SIM0005" and row["session"] == date(2021, 11, 5)
            for row in rows.select([0, 1]).to_pylist()
        ]
        edited = [volume + 1 if hit else volume for volume, hit in zip(volumes, is_hit, strict=True)]
        return rows.set_column(6, rows.schema.field(6), pa.array(edited, pa.int64()))


def test_an_edited_past_becomes_a_correction_known_when_it_was_recorded(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    taken(store, SESSION, replace(SOURCES, revisions=lambda _: "one"))
    later = CALENDAR.next(SESSION)
    taken(store, later, replace(SOURCES, prices=RevisedPrices(), revisions=lambda _: "two"))
    rows = store.read(DAILY_BARS, as_of=CALENDAR.as_of(LAST))
    hit = [row for row in rows.to_pylist() if (row["symbol"], row["session"]) == ("SIM0005", date(2021, 11, 5))]
    assert [row["known_at"] for row in hit] == [CALENDAR.bars_known_at(date(2021, 11, 5)), CALENDAR.as_of(later)]


FILINGS_COLUMNS = {
    "symbol": "s",
    "form": "f",
    "period_end": "e",
    "metric": "m",
    "value": "v",
    "duration_months": "n",
    "known_date": "k",
}
RESTATED = "AAA,10-K,2023-12-31,revenue,100,12,2024-03-05\nAAA,10-K,2023-12-31,revenue,60,12,2024-03-14\n"
ADDED = "BBB,10-K,2023-12-31,revenue,5,12,2024-03-20\n"


def folder_of_files(folder: Path, *, filings: str = RESTATED, members: str = "") -> FilesSource:
    """Return a folder where BBB stops trading on 11 March and leaves the index then, in a market up to 28 March."""
    bars = dict.fromkeys(("open_usd", "high_usd", "low_usd", "close_usd"), "p")
    sessions = CALENDAR.between(date(2024, 3, 4), date(2024, 3, 28))
    traded = [*(f"AAA,{day},10,100" for day in sessions), *(f"BBB,{day},10,100" for day in sessions[:6])]
    (folder / "bars.csv").write_text("\n".join(["s,d,p,v", *traded, ""]))
    (folder / "f.csv").write_text("s,f,e,m,v,n,k\n" + filings)
    (folder / "m.csv").write_text("s,a,b\nAAA,2024-03-04,\nBBB,2024-03-04,2024-03-12\n" + members)
    tables = {
        "daily_bars": [
            {"file": "bars.csv", "columns": {"symbol": "s", "session": "d", "volume_shares": "v", **bars}},
        ],
        "filings": [{"file": "f.csv", "columns": FILINGS_COLUMNS}],
        "membership": [
            {
                "file": "m.csv",
                "columns": {"symbol": "s", "from_session": "a", "to_session": "b"},
                "constants": {"index_name": "big"},
            }
        ],
    }
    return FilesSource(FilesSourceSettings.model_validate({"folder": folder, "tables": tables}))


def told_of(store: RawStore, table: RawTable, column: str, *, as_of: datetime) -> dict[str, Any]:
    rows = newest_versions(table, store.read(table, as_of=as_of))
    return {row["symbol"]: row[column] for row in rows.to_pylist()}


def lived_then_an_edit_read_for_an_older_session(folder: Path, table: RawTable) -> tuple[RawStore, datetime]:
    """Return the store, and when the edit was recorded: a session was lived and pinned, then an older one taken in."""
    store, lived, older = RawStore(folder / "raw"), date(2024, 3, 26), date(2024, 3, 11)
    cut_off = CALENDAR.as_of(lived)
    source = folder_of_files(folder)
    take_in(files_sources(source), store, table, session=lived, recorded_at=cut_off, calendar=CALENDAR)
    edited = folder_of_files(folder, filings=RESTATED + ADDED, members="CCC,2024-03-20,\n")
    # One more bar changes the files behind the listings and no listing.
    with (folder / "bars.csv").open("a") as bars:
        bars.write("AAA,2024-04-01,10,100\n")
    recorded_at = cut_off + timedelta(hours=1)
    sources = files_sources(edited)
    for session, at in ((older, recorded_at), (date(2024, 3, 27), CALENDAR.as_of(date(2024, 3, 27)))):
        take_in(sources, store, table, session=session, recorded_at=at, calendar=CALENDAR, pinned_until=cut_off)
    return store, recorded_at


@pytest.mark.parametrize(
    ("table", "column", "symbol", "newest"),
    [
        (FILINGS, "value", "AAA", 60.0),
        (SECURITIES, "delisted_session", "BBB", date(2024, 3, 11)),
        (MEMBERSHIP, "to_session", "BBB", date(2024, 3, 12)),
    ],
    ids=["a restated figure", "a delisting", "a member that left"],
)
def test_an_edited_file_read_for_an_older_session_takes_back_nothing_that_is_newer(
    tmp_path: Path, table: RawTable, column: str, symbol: str, newest: object
) -> None:
    store, _ = lived_then_an_edit_read_for_an_older_session(tmp_path, table)
    assert told_of(store, table, column, as_of=CALENDAR.as_of(date(2024, 3, 28)))[symbol] == newest


@pytest.mark.parametrize(("table", "symbol"), [(FILINGS, "BBB"), (MEMBERSHIP, "CCC")])
def test_a_row_added_after_an_older_session_is_taken_in_with_it_and_known_from_its_recording(
    tmp_path: Path, table: RawTable, symbol: str
) -> None:
    store, recorded_at = lived_then_an_edit_read_for_an_older_session(tmp_path, table)
    assert symbol not in told_of(store, table, "known_at", as_of=recorded_at - timedelta(microseconds=1))
    assert told_of(store, table, "known_at", as_of=recorded_at)[symbol] == recorded_at


@pytest.mark.parametrize("table", [FILINGS, SECURITIES, MEMBERSHIP], ids=lambda table: table.name)
def test_an_edit_read_for_an_older_session_changes_nothing_a_lived_session_could_know(
    tmp_path: Path, table: RawTable
) -> None:
    untouched, lived = RawStore(tmp_path / "untouched"), date(2024, 3, 26)
    sources, cut_off = files_sources(folder_of_files(tmp_path)), CALENDAR.as_of(lived)
    take_in(sources, untouched, table, session=lived, recorded_at=cut_off, calendar=CALENDAR)
    store, _ = lived_then_an_edit_read_for_an_older_session(tmp_path, table)
    assert store.read(table, as_of=cut_off).equals(untouched.read(table, as_of=cut_off))


def test_the_pinned_snapshot_names_every_part_known_by_then(tmp_path: Path) -> None:
    store, snapshots = RawStore(tmp_path / "raw"), SnapshotStore(tmp_path / "snapshots")
    intake = taken(store, SESSION)
    taken(store, CALENDAR.next(SESSION))
    pin_snapshot(store, snapshots, session=SESSION, now=CALENDAR.as_of(SESSION), calendar=CALENDAR)
    assert set(snapshots.pinned(SESSION).hashes("daily_bars")) == {part.hash for part in intake.parts}


@pytest.mark.parametrize("session", [SESSION, date(2029, 12, 31)])
def test_no_session_is_pinned_before_its_cut_off(tmp_path: Path, session: date) -> None:
    snapshots, now = SnapshotStore(tmp_path / "snapshots"), CALENDAR.opens_at(SESSION)
    with pytest.raises(NotKnownYet, match=f"cut-off of {session}.*clock stands at 2022-02-15T14:30"):
        pin_snapshot(RawStore(tmp_path / "raw"), snapshots, session=session, now=now, calendar=CALENDAR)
    assert not list(tmp_path.glob("snapshots/*"))


def test_rows_that_a_snapshot_lists_are_counted_with_their_range(tmp_path: Path) -> None:
    store, snapshots = RawStore(tmp_path / "raw"), SnapshotStore(tmp_path / "snapshots")
    nothing = pin_snapshot(store, snapshots, session=SESSION, now=CALENDAR.as_of(SESSION), calendar=CALENDAR)
    assert listed_rows(store, nothing) == (0, None, None)
    intake = taken(store, SESSION)
    pinned = pin_snapshot(store, snapshots, session=SESSION, now=CALENDAR.as_of(SESSION), calendar=CALENDAR)
    taken(store, CALENDAR.next(SESSION))
    known = [(part.min_known_at, part.max_known_at) for part in intake.parts]
    assert listed_rows(store, pinned) == (intake.new_rows, min(known)[0], max(until for _, until in known))


def test_the_tapes_of_the_session_and_the_next_are_written(tmp_path: Path) -> None:
    write_tapes(SOURCES, tmp_path, session=SESSION, calendar=CALENDAR)
    tape = Tape(tmp_path)
    assert tape.has(SESSION)
    assert tape.has(CALENDAR.next(SESSION))
    assert not tape.has(CALENDAR.offset(SESSION, 2))


def test_the_last_session_of_a_source_has_no_next_tape(tmp_path: Path) -> None:
    assert len(write_tapes(SOURCES, tmp_path, session=LAST, calendar=CALENDAR)) == 1
