"""Files as a market: mapping, scaling, dates, listings from bars, and when rows count as known."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from assets import schemas
from assets.ingest.files_settings import FilesSourceSettings
from assets.ingest.files_source import FilesSource
from assets.ingest.sources import files_sources
from execution.domain.errors import BadSourceFile
from execution.trading_calendar import TradingCalendar
from pipelines.settings import load_settings

CALENDAR = TradingCalendar.shipped()
END = datetime(2025, 1, 1, tzinfo=UTC)
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2024, 3, day) for day in (4, 5, 6, 7))
BARS: dict[str, Any] = {
    "file": "bars.csv",
    "columns": {
        "symbol": "s",
        "session": "d",
        "open_usd": "p",
        "high_usd": "p",
        "low_usd": "p",
        "close_usd": "p",
        "volume_shares": "v",
    },
}

FILED = {"symbol": "s", "form": "f", "period_end": "e"}


def market(folder: Path, bars: str = "", /, **tables: Any) -> FilesSource:
    (folder / "bars.csv").write_text(
        "s,d,p,v\n" + (bars or "AAA,2024-03-04,10,100\nAAA,2024-03-05,11,100\nAAA,2024-03-06,12,100\n")
    )
    settings = {"folder": folder, "tables": {"daily_bars": [BARS], **tables}}
    return FilesSource(FilesSourceSettings.model_validate(settings))


def test_the_data_begin_and_end_with_their_first_and_last_bar(tmp_path: Path) -> None:
    sources = files_sources(market(tmp_path))
    assert (sources.first_session, sources.last_session) == (MONDAY, WEDNESDAY)
    assert not sources.is_synthetic


def test_the_data_end_later_once_a_file_has_grown(tmp_path: Path) -> None:
    sources = files_sources(market(tmp_path))
    assert sources.last_session == WEDNESDAY
    with (tmp_path / "bars.csv").open("a") as file:
        file.write("AAA,2024-03-07,13,100\n")
    assert sources.last_session == THURSDAY


def test_a_stated_span_wider_than_the_bars_makes_no_session_of_a_day_without_one(tmp_path: Path) -> None:
    market(tmp_path)
    for first, last in ((date(2024, 1, 1), date(2024, 3, 30)), (date(2024, 3, 2), date(2024, 3, 7))):
        settings = {
            "folder": tmp_path,
            "tables": {"daily_bars": [BARS]},
            "first_session": first,
            "last_session": last,
        }
        source = FilesSource(FilesSourceSettings.model_validate(settings))
        assert (source.first_session, source.last_session) == (MONDAY, WEDNESDAY)


def test_no_file_is_opened_before_somebody_asks(tmp_path: Path) -> None:
    files = market(tmp_path)
    (tmp_path / "bars.csv").unlink()
    sources = files_sources(files)
    assert sources.has(schemas.DAILY_BARS)
    with pytest.raises(BadSourceFile, match=r"bars\.csv"):
        sources.rows(schemas.DAILY_BARS, after=None, upto=END)


def test_prices_in_cents_are_scaled_exactly(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("s,d,p,v\nAAA,2024-03-04,1055,100\n")
    scale = dict.fromkeys(("open_usd", "high_usd", "low_usd", "close_usd"), 0.01)
    settings = {"folder": tmp_path, "tables": {"daily_bars": [{**BARS, "scale": scale}]}}
    rows = FilesSource(FilesSourceSettings.model_validate(settings)).bars(after=None, upto=END)
    assert rows.column("close_usd").to_pylist() == [Decimal("10.550000")]


def test_dates_in_another_form_are_read_as_the_mapping_says(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("s,d,p,v\nAAA,03/04/2024,10,100\n")
    settings = {"folder": tmp_path, "tables": {"daily_bars": [{**BARS, "date_format": "%m/%d/%Y"}]}}
    rows = FilesSource(FilesSourceSettings.model_validate(settings)).bars(after=None, upto=END)
    assert rows.column("session").to_pylist() == [MONDAY]


def test_a_symbol_is_listed_from_its_first_bar_and_not_known_before(tmp_path: Path) -> None:
    source = market(tmp_path, "AAA,2024-03-04,10,100\nBBB,2024-03-05,10,100\nAAA,2024-03-05,10,100\n")
    listings = {row["symbol"]: row for row in source.securities(after=None, upto=END).to_pylist()}
    assert listings["BBB"]["listed_session"] == TUESDAY
    assert listings["BBB"]["known_at"] == CALENDAR.opens_at(TUESDAY)
    assert listings["BBB"]["sector"] is None


def gone_on_without(folder: Path, silent_sessions: int) -> FilesSource:
    """Return a market with one bar of BBB, that went on for some sessions without it."""
    days = [MONDAY, *(CALENDAR.offset(MONDAY, number + 1) for number in range(silent_sessions))]
    return market(folder, "BBB,2024-03-04,10,100\n" + "".join(f"AAA,{day},10,100\n" for day in days))


def delistings(folder: Path, silent_sessions: int) -> list[tuple[date | None, datetime]]:
    """Return what is told of that symbol."""
    source = gone_on_without(folder, silent_sessions)
    rows = source.securities(after=None, upto=END).to_pylist()
    return [(row["delisted_session"], row["known_at"]) for row in rows if row["symbol"] == "BBB"]


def test_a_symbol_whose_bars_end_early_is_delisted_after_ten_silent_sessions(tmp_path: Path) -> None:
    assert delistings(tmp_path, 12) == [
        (None, CALENDAR.opens_at(MONDAY)),
        (MONDAY, CALENDAR.bars_known_at(CALENDAR.offset(MONDAY, 10))),
    ]


def test_a_symbol_that_is_silent_for_fewer_sessions_is_missed_and_not_delisted(tmp_path: Path) -> None:
    assert delistings(tmp_path, 9) == [(None, CALENDAR.opens_at(MONDAY))]


def test_the_last_bar_of_a_delisted_symbol_is_its_last_on_the_tape(tmp_path: Path) -> None:
    source = gone_on_without(tmp_path, 10)
    assert {row.symbol: row.is_last_session for row in source.tape_rows(MONDAY)} == {"AAA": False, "BBB": True}
    assert [row.is_last_session for row in source.tape_rows(TUESDAY)] == [False]


def test_a_gap_at_the_end_of_a_file_is_no_delisting_on_the_tape(tmp_path: Path) -> None:
    source = gone_on_without(tmp_path, 9)
    assert {row.symbol: row.is_last_session for row in source.tape_rows(MONDAY)} == {"AAA": False, "BBB": False}


def test_who_was_told_of_no_delisting_while_the_file_grew_is_told_when_it_counts_as_one(tmp_path: Path) -> None:
    tenth = CALENDAR.offset(MONDAY, 10)
    bbb = {row.symbol: row for row in gone_on_without(tmp_path, 10).tape_rows(tenth)}["BBB"]
    assert (bbb.is_last_session, bbb.is_halted, bbb.close_usd, bbb.volume_shares) == (True, True, 10, 0)
    ninth, eleventh = CALENDAR.previous(tenth), CALENDAR.next(tenth)
    source = gone_on_without(tmp_path, 11)
    assert [[row.symbol for row in source.tape_rows(day)] for day in (ninth, eleventh)] == [["AAA"], ["AAA"]]


def test_sectors_come_from_a_file_and_say_that_their_time_is_assumed(tmp_path: Path) -> None:
    (tmp_path / "sectors.csv").write_text("s,n,g\nAAA,Alpha,Energy\nZZZ,Zeta,Utilities\n")
    spec = {"file": "sectors.csv", "columns": {"symbol": "s", "name": "n", "sector": "g"}}
    rows = market(tmp_path, securities=[spec]).securities(after=None, upto=END).to_pylist()
    assert [(row["symbol"], row["sector"]) for row in rows] == [("AAA", "Energy")]
    assert rows[0]["feed"].endswith("/assumed")


def described(folder: Path, lines: str, bars: str = "", /) -> list[tuple[str | None, date | None, datetime]]:
    """Return sector, delisting and instant of each row told of BBB, whose sectors a file tells by date."""
    (folder / "sectors.csv").write_text("s,g,k\n" + lines)
    spec = {"file": "sectors.csv", "columns": {"symbol": "s", "sector": "g", "known_date": "k"}}
    rows = market(folder, bars, securities=[spec]).securities(after=None, upto=END).to_pylist()
    told = [(row["sector"], row["delisted_session"], row["known_at"]) for row in rows if row["symbol"] == "BBB"]
    return sorted(told, key=lambda row: row[-1])


def test_a_sector_told_by_date_is_not_known_before_and_an_earlier_one_counts_until_then(tmp_path: Path) -> None:
    bars = "BBB,2024-03-04,10,100\nBBB,2024-03-05,10,100\nBBB,2024-03-06,10,100\n"
    assert described(tmp_path, "BBB,Tech,2024-03-05\nBBB,Energy,2024-03-01\nBBB,Oil,2024-02-01\n", bars) == [
        ("Energy", None, CALENDAR.opens_at(MONDAY)),
        ("Tech", None, CALENDAR.opens_at(WEDNESDAY)),
    ]


def test_a_symbol_is_listed_without_a_sector_until_one_is_told(tmp_path: Path) -> None:
    assert described(tmp_path, "BBB,Tech,2024-03-05\n", "BBB,2024-03-04,10,100\nBBB,2024-03-06,10,100\n") == [
        (None, None, CALENDAR.opens_at(MONDAY)),
        ("Tech", None, CALENDAR.opens_at(WEDNESDAY)),
    ]


def test_a_delisted_symbol_keeps_the_sector_known_then_and_stays_delisted_when_another_is_told(tmp_path: Path) -> None:
    days = CALENDAR.between(MONDAY, date(2024, 3, 28))
    bars = "BBB,2024-03-04,10,100\n" + "".join(f"AAA,{day},10,100\n" for day in days)
    assert described(tmp_path, "BBB,Energy,2024-03-01\nBBB,Tech,2024-03-05\nBBB,Oil,2024-03-20\n", bars) == [
        ("Energy", None, CALENDAR.opens_at(MONDAY)),
        ("Tech", None, CALENDAR.opens_at(WEDNESDAY)),
        ("Tech", MONDAY, CALENDAR.bars_known_at(CALENDAR.offset(MONDAY, 10))),
        ("Oil", MONDAY, CALENDAR.opens_at(date(2024, 3, 21))),
    ]


def test_sectors_whose_time_is_told_are_not_called_assumed(tmp_path: Path) -> None:
    (tmp_path / "sectors.csv").write_text("s,g,k\nAAA,Energy,2024-03-01\n")
    spec = {"file": "sectors.csv", "columns": {"symbol": "s", "sector": "g", "known_date": "k"}}
    rows = market(tmp_path, securities=[spec]).securities(after=None, upto=END).to_pylist()
    assert [row["feed"] for row in rows] == ["bars and securities"]


def test_a_listing_in_a_file_is_known_from_its_open_and_its_end_from_the_last_close(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("s,a,b\nAAA,2001-01-02,\nBBB,2001-01-02,2024-03-05\nCCC,2024-03-06,\n")
    columns = {"symbol": "s", "listed_session": "a", "delisted_session": "b"}
    source = market(tmp_path, securities=[{"file": "names.csv", "columns": columns}])
    rows = source.securities(after=None, upto=END).to_pylist()
    assert [(row["symbol"], row["delisted_session"], row["known_at"]) for row in rows] == [
        ("AAA", None, CALENDAR.opens_at(MONDAY)),
        ("BBB", None, CALENDAR.opens_at(MONDAY)),
        ("CCC", None, CALENDAR.opens_at(WEDNESDAY)),
        ("BBB", TUESDAY, CALENDAR.bars_known_at(TUESDAY)),
    ]


@pytest.mark.parametrize("is_newest_first", [True, False])
def test_a_symbol_used_again_before_the_data_begin_is_listed_once(tmp_path: Path, *, is_newest_first: bool) -> None:
    lines = ["AAA,1990-01-02,1996-03-01", "AAA,1998-01-02,2009-05-01", "AAA,2015-06-01,", "OLD,1990-01-02,2001-05-01"]
    (tmp_path / "names.csv").write_text("\n".join(["s,a,b", *(lines[::-1] if is_newest_first else lines), ""]))
    columns = {"symbol": "s", "listed_session": "a", "delisted_session": "b"}
    source = market(tmp_path, securities=[{"file": "names.csv", "columns": columns}])
    rows = source.securities(after=None, upto=END).to_pylist()
    told = {row["symbol"]: (row["listed_session"], row["delisted_session"], row["known_at"]) for row in rows}
    assert len(rows) == 2
    assert told["AAA"] == (date(2015, 6, 1), None, CALENDAR.opens_at(MONDAY))
    assert told["OLD"] == (date(1990, 1, 2), date(2001, 5, 1), CALENDAR.opens_at(MONDAY)), "no later one took its name"


@pytest.mark.parametrize(
    ("earlier_told", "later_told"),
    [("2024-03-05", "2024-03-04"), ("2024-03-04", "2024-03-05")],
    ids=["the earlier after", "the later after"],
)
def test_of_two_listings_of_one_symbol_the_later_counts_in_whichever_order_they_are_told(
    tmp_path: Path, earlier_told: str, later_told: str
) -> None:
    lines = ["s,a,b,k", f"AAA,1990-01-02,1996-03-01,{earlier_told}", f"AAA,2015-06-01,,{later_told}", ""]
    (tmp_path / "names.csv").write_text("\n".join(lines))
    columns = {"symbol": "s", "listed_session": "a", "delisted_session": "b", "known_date": "k"}
    source = market(tmp_path, securities=[{"file": "names.csv", "columns": columns}])
    rows = sorted(source.securities(after=None, upto=END).to_pylist(), key=lambda row: row["known_at"])
    assert (rows[-1]["listed_session"], rows[-1]["delisted_session"]) == (date(2015, 6, 1), None)


def test_two_listings_of_one_symbol_that_both_go_on_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("s,a,b\nAAA,2006-01-03,\nAAA,2015-06-01,\n")
    columns = {"symbol": "s", "listed_session": "a", "delisted_session": "b"}
    with pytest.raises(BadSourceFile, match=r"names\.csv: found two rows of AAA .* give the earlier listing its"):
        market(tmp_path, securities=[{"file": "names.csv", "columns": columns}]).check()


@pytest.mark.parametrize(
    "told",
    [
        {"columns": {"symbol": "s", "delisted_session": "b"}},
        {"columns": {"symbol": "s"}, "constants": {"delisted_session": "2024-03-05"}},
    ],
)
def test_the_end_of_a_listing_without_its_beginning_is_refused(tmp_path: Path, told: dict[str, Any]) -> None:
    fault = r"tables\.securities\[0\] \(names\.csv\): delisted_session is told without listed_session; tell both"
    with pytest.raises(ValidationError, match=fault):
        market(tmp_path, securities=[{"file": "names.csv", **told}])


@pytest.mark.parametrize("is_told_first", [True, False])
def test_files_of_securities_tell_listings_all_or_none(tmp_path: Path, *, is_told_first: bool) -> None:
    told = {"file": "listings.csv", "columns": {"symbol": "s", "listed_session": "a"}}
    files = [told, {"file": "sectors.csv", "columns": {"symbol": "s", "sector": "g"}}]
    fault = r"tables\.securities: listings\.csv tells listed_session and sectors\.csv does not; tell it in all or none"
    with pytest.raises(ValidationError, match=fault):
        market(tmp_path, securities=files if is_told_first else files[::-1])


def test_several_files_may_describe_securities_without_listings(tmp_path: Path) -> None:
    for name, symbol in (("a.csv", "AAA"), ("b.csv", "BBB")):
        (tmp_path / name).write_text(f"s,g\n{symbol},Energy\n")
    files = [{"file": name, "columns": {"symbol": "s", "sector": "g"}} for name in ("a.csv", "b.csv")]
    assert market(tmp_path, securities=files).check()["securities"] == 1, "BBB has no bar"


ENDED = {"symbol": "s", "listed_session": "a", "delisted_session": "b"}


def test_of_listings_told_on_one_day_the_ended_one_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text(
        "s,a,b,k\nAAA,1998-01-02,2024-03-04,2024-03-05\nAAA,2024-03-06,,2024-03-05\nOLD,1998-01-02,2024-03-04,2024-03-05\n"
    )
    columns = {**ENDED, "known_date": "k"}
    rows = market(tmp_path, securities=[{"file": "names.csv", "columns": columns}]).securities(after=None, upto=END)
    told = sorted((row["symbol"], row["listed_session"], row["delisted_session"]) for row in rows.to_pylist())
    assert told == [("AAA", WEDNESDAY, None), ("OLD", date(1998, 1, 2), MONDAY)]


def test_an_ended_listing_is_told_until_its_symbol_is_used_again(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("s,a,b\nAAA,1998-01-02,2009-03-04\nAAA,2024-03-06,\n")
    source = market(tmp_path, securities=[{"file": "names.csv", "columns": ENDED}])
    rows = source.securities(after=None, upto=END).to_pylist()
    assert sorted((row["known_at"], row["listed_session"]) for row in rows) == [
        (CALENDAR.opens_at(MONDAY), date(1998, 1, 2)),
        (CALENDAR.opens_at(WEDNESDAY), WEDNESDAY),
    ]


BACKWARDS = "s,a,b\nAAA,2024-03-05,2024-03-04\nBBB,2024-03-05,2024-03-05\n"


def test_a_listing_that_ends_before_it_begins_is_refused_with_its_symbol_and_both_days(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text(BACKWARDS)
    fault = (
        r"names\.csv, row 1, column b: found 2024-03-04 \(symbol AAA, listed_session 2024-03-05\), "
        r"expected no day before listed_session; correct it"
    )
    with pytest.raises(BadSourceFile, match=fault):
        market(tmp_path, securities=[{"file": "names.csv", "columns": ENDED}]).check()


def test_a_listing_that_ends_before_it_begins_can_be_left_out_and_is_reported(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text(BACKWARDS)
    source = market(tmp_path, securities=[{"file": "names.csv", "columns": ENDED, "quarantine": True}])
    symbols = source.securities(after=None, upto=END).column("symbol").to_pylist()
    assert set(symbols) == {"BBB"}, "a listing of one session begins and ends with it"
    (refusal,) = source.quarantined("securities")
    assert refusal.found == "2024-03-04 (symbol AAA, listed_session 2024-03-05)"


def test_a_symbol_used_again_inside_the_data_has_both_listings(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("s,a,b\nAAA,1998-01-02,2024-03-04\nAAA,2024-03-06,\n")
    columns = {"symbol": "s", "listed_session": "a", "delisted_session": "b"}
    source = market(tmp_path, securities=[{"file": "names.csv", "columns": columns}])
    rows = source.securities(after=None, upto=END).to_pylist()
    assert [(row["listed_session"], row["delisted_session"], row["known_at"]) for row in rows] == [
        (date(1998, 1, 2), None, CALENDAR.opens_at(MONDAY)),
        (WEDNESDAY, None, CALENDAR.opens_at(WEDNESDAY)),
        (date(1998, 1, 2), MONDAY, CALENDAR.bars_known_at(MONDAY)),
    ]


def test_splits_and_dividends_hidden_in_a_price_file_are_found_and_put_on_the_tape(tmp_path: Path) -> None:
    (tmp_path / "acts.csv").write_text("s,d,r,x\nAAA,2024-03-05,2.0,0\nAAA,2024-03-06,1.0,0.25\nAAA,2024-03-04,1.0,0\n")
    split = {
        "file": "acts.csv",
        "columns": {"symbol": "s", "ex_session": "d", "value": "r"},
        "constants": {"action": "split"},
        "skip_where": {"r": ["1.0"]},
    }
    dividend = {
        "file": "acts.csv",
        "columns": {"symbol": "s", "ex_session": "d", "value": "x"},
        "constants": {"action": "dividend"},
        "skip_where": {"x": ["0"]},
    }
    source = market(tmp_path, corporate_actions=[split, dividend])
    rows = source.corporate_actions(after=None, upto=END).to_pylist()
    assert [(row["action"], row["ex_session"], row["value"]) for row in rows] == [
        ("split", TUESDAY, Decimal(2)),
        ("dividend", WEDNESDAY, Decimal("0.25")),
    ]
    assert rows[0]["known_at"] == CALENDAR.opens_at(TUESDAY)
    assert source.tape_rows(TUESDAY)[0].split_ratio == 2
    assert source.tape_rows(WEDNESDAY)[0].dividend_usd == Decimal("0.25")


def test_a_split_on_a_day_without_a_bar_is_on_the_tape_of_the_next_bar_and_there_alone(tmp_path: Path) -> None:
    (tmp_path / "acts.csv").write_text("s,d,a,v\nAAA,2024-03-05,split,2\nAAA,2024-03-06,dividend,0.25\n")
    columns = {"symbol": "s", "ex_session": "d", "action": "a", "value": "v"}
    source = market(
        tmp_path,
        "AAA,2024-03-04,10,100\nBBB,2024-03-05,7,100\nAAA,2024-03-06,5,100\nAAA,2024-03-07,5,100\n",
        corporate_actions=[{"file": "acts.csv", "columns": columns}],
    )
    rows = {day: row for day in (MONDAY, WEDNESDAY, THURSDAY) for row in source.tape_rows(day) if row.symbol == "AAA"}
    assert {day: row.split_ratio for day, row in rows.items()} == {MONDAY: 1, WEDNESDAY: 2, THURSDAY: 1}
    assert rows[WEDNESDAY].dividend_usd == Decimal("0.50"), "a quarter on each of the two new shares"
    assert [row.symbol for row in source.tape_rows(TUESDAY)] == ["BBB"]


def test_a_filing_with_only_a_date_is_known_at_the_next_open(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("s,form,end,filed,rev,eq\nAAA,10-Q,2023-12-31,2024-03-01,5,\n")
    spec = {
        "file": "f.csv",
        "columns": {"symbol": "s", "form": "form", "period_end": "end", "known_date": "filed"},
        "metrics": {"revenue": {"column": "rev", "months": {"10-Q": 3}}, "equity": {"column": "eq", "months": 0}},
    }
    (row,) = market(tmp_path, filings=[spec]).filings(after=None, upto=END).to_pylist()
    assert row["known_at"] == CALENDAR.opens_at(MONDAY)
    assert (row["metric"], row["value"], row["duration_months"]) == ("revenue", 5.0, 3)


def test_a_filing_without_any_date_waits_for_the_assumed_lag(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("s,end,rev\nAAA,2023-12-31,5\n")
    spec = {
        "file": "f.csv",
        "columns": {"symbol": "s", "period_end": "end"},
        "constants": {"form": "10-K"},
        "metrics": {"revenue": {"column": "rev", "months": 12}},
        "assumed_lag_days": 90,
    }
    (row,) = market(tmp_path, filings=[spec]).filings(after=None, upto=END).to_pylist()
    assert row["known_at"] == CALENDAR.opens_at(date(2024, 4, 1))
    assert row["feed"] == "f/assumed"


def test_a_form_without_months_is_named(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("s,form,end,filed,rev\nAAA,8-K,2023-12-31,2024-03-01,5\n")
    spec = {
        "file": "f.csv",
        "columns": {"symbol": "s", "form": "form", "period_end": "end", "known_date": "filed"},
        "metrics": {"revenue": {"column": "rev", "months": {"10-Q": 3}}},
    }
    with pytest.raises(BadSourceFile, match="row 1, column form: found '8-K'"):
        market(tmp_path, filings=[spec]).check()


def test_a_headline_listed_twice_is_one_headline(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text(
        "s,t,h\nAAA,2024-03-04T15:00:00Z,Up\nAAA,2024-03-04T15:00:00Z,Up\nAAA,2024-03-04T16:00:00Z,Up\n"
    )
    spec = {"file": "n.csv", "columns": {"symbol": "s", "published_at": "t", "headline": "h"}}
    rows = market(tmp_path, news=[spec]).news(after=None, upto=END).to_pylist()
    assert [row["known_at"].hour for row in rows] == [15, 16]
    assert rows[0]["known_at"] == datetime(2024, 3, 4, 15, 1, tzinfo=UTC)


def two_news_files(folder: Path, first: str, second: str) -> FilesSource:
    specs = []
    for name, row in (("one.csv", first), ("two.csv", second)):
        (folder / name).write_text(f"i,s,t,h\n{row}\n")
        columns = {"news_id": "i", "symbol": "s", "published_at": "t", "headline": "h"}
        specs.append({"file": name, "columns": columns})
    return market(folder, news=specs)


def test_a_headline_in_two_files_is_one_headline_of_the_first(tmp_path: Path) -> None:
    row = "7,AAA,2024-03-04T15:00:00Z,Shares rise"
    (headline,) = two_news_files(tmp_path, row, row).news(after=None, upto=END).to_pylist()
    assert (headline["headline"], headline["feed"]) == ("Shares rise", "one")


def test_two_files_that_tell_a_headline_differently_are_refused(tmp_path: Path) -> None:
    told = ("7,AAA,2024-03-04T15:00:00Z,Shares rise", "7,AAA,2024-03-04T15:00:00Z,Shares fall")
    with pytest.raises(BadSourceFile, match=r"two\.csv, row 1: another file"):
        two_news_files(tmp_path, *told).check()


def test_instants_without_a_zone_are_read_in_the_zone_of_the_mapping(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("s,t,h\nAAA,2024-03-04 09:30:00,Up\n")
    spec = {
        "file": "n.csv",
        "columns": {"symbol": "s", "published_at": "t", "headline": "h"},
        "timezone": "America/New_York",
    }
    (row,) = market(tmp_path, news=[spec]).news(after=None, upto=END).to_pylist()
    assert row["published_at"] == CALENDAR.opens_at(MONDAY)


def test_an_event_without_an_announcement_counts_as_known_21_sessions_ahead(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("symbol,kind,at\nAAA,earnings,2024-05-01T20:05:00Z\n")
    spec = {"file": "e.csv", "columns": {"symbol": "symbol", "kind": "kind", "scheduled_at": "at"}}
    (row,) = market(tmp_path, events=[spec]).events(after=None, upto=END).to_pylist()
    assert CALENDAR.opens_at(date(2024, 4, 1)) <= row["known_at"] <= CALENDAR.opens_at(date(2024, 4, 3))


def test_a_member_that_left_is_first_told_without_its_end(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("s,a,b\nAAA,2001-01-02,2024-03-06\nOLD,2001-01-02,2010-01-04\nBBB,2024-03-05,\n")
    spec = {
        "file": "m.csv",
        "columns": {"symbol": "s", "from_session": "a", "to_session": "b"},
        "constants": {"index_name": "big"},
    }
    rows = market(tmp_path, membership=[spec]).membership(after=None, upto=END).to_pylist()
    assert sorted((row["symbol"], row["to_session"], row["known_at"]) for row in rows if row["symbol"] == "BBB") == [
        ("BBB", None, CALENDAR.opens_at(TUESDAY))
    ]
    assert [(row["to_session"], row["known_at"]) for row in rows if row["symbol"] == "AAA"] == [
        (None, CALENDAR.opens_at(MONDAY)),
        (WEDNESDAY, CALENDAR.opens_at(WEDNESDAY)),
    ]
    assert "OLD" not in {row["symbol"] for row in rows}


def test_a_membership_told_after_its_end_is_told_with_it(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(
        "s,a,b,k\nAAA,2024-03-04,2024-03-05,2024-03-05\nBBB,2024-03-04,2024-03-06,2024-03-04\n"
    )
    columns = {"symbol": "s", "from_session": "a", "to_session": "b", "known_date": "k"}
    spec = {"file": "m.csv", "columns": columns, "constants": {"index_name": "big"}}
    rows = market(tmp_path, membership=[spec]).membership(after=None, upto=END).to_pylist()
    assert [(row["symbol"], row["to_session"], row["known_at"]) for row in rows] == [
        ("BBB", None, CALENDAR.opens_at(TUESDAY)),
        ("AAA", TUESDAY, CALENDAR.opens_at(WEDNESDAY)),
        ("BBB", WEDNESDAY, CALENDAR.opens_at(WEDNESDAY)),
    ]


def test_rows_outside_the_stated_span_are_left_out(tmp_path: Path) -> None:
    market(tmp_path)
    settings = {"folder": tmp_path, "tables": {"daily_bars": [BARS]}, "first_session": TUESDAY, "last_session": TUESDAY}
    source = FilesSource(FilesSourceSettings.model_validate(settings))
    assert source.bars(after=None, upto=END).column("session").to_pylist() == [TUESDAY]


def test_an_edited_file_has_another_revision_and_other_rows(tmp_path: Path) -> None:
    source = market(tmp_path)
    before = source.revision("daily_bars")
    assert source.bars(after=None, upto=END).num_rows == 3
    (tmp_path / "bars.csv").write_text("s,d,p,v\nAAA,2024-03-04,10,100\n")
    assert source.revision("daily_bars") != before
    assert source.bars(after=None, upto=END).num_rows == 1


def test_a_table_without_a_file_has_no_source(tmp_path: Path) -> None:
    sources = files_sources(market(tmp_path))
    assert sources.news is None
    assert sources.rows(schemas.NEWS, after=None, upto=END).num_rows == 0


def test_a_bar_is_known_by_the_vendors_time_where_the_file_tells_one(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("s,d,p,v,k\nAAA,2024-03-04,10,100,2024-03-05T12:00:00Z\n")
    columns = {**BARS["columns"], "known_at": "k"}
    settings = {"folder": tmp_path, "tables": {"daily_bars": [{**BARS, "columns": columns}]}}
    (row,) = FilesSource(FilesSourceSettings.model_validate(settings)).bars(after=None, upto=END).to_pylist()
    assert row["known_at"] == datetime(2024, 3, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tables", "fault"),
    [
        ({}, "daily_bars is missing"),
        ({"daily_bars": [{**BARS, "columns": {"symbol": "s"}}]}, "neither mapped nor constant"),
        ({"daily_bars": [{**BARS, "columns": {**BARS["columns"], "price": "p"}}]}, r"\['price'\] are none of"),
        ({"daily_bars": [{**BARS, "constants": {"known_date": "2024-03-04"}}]}, "cannot be constants"),
        (
            {
                "daily_bars": [BARS],
                "filings": [{"file": "f", "columns": {"symbol": "s", "form": "f", "period_end": "e"}}],
            },
            "one of the two",
        ),
        (
            {
                "daily_bars": [BARS],
                "filings": [
                    {
                        "file": "f",
                        "columns": FILED,
                        "metrics": {"revenue": {"column": "r", "months": 3}},
                    }
                ],
            },
            "would know the future",
        ),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_before_any_file_is_opened(tables: Any, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        FilesSourceSettings.model_validate({"folder": ".", "tables": tables})


def test_the_shipped_mapping_of_real_data_is_valid() -> None:
    mapping = load_settings(Path(__file__).parents[3] / "examples" / "real-data.yaml", {}).files
    assert mapping is not None
    assert mapping.folder == (Path(__file__).parents[4] / "shared" / "data").resolve()
    assert mapping.tables["daily_bars"][0].quarantine


def test_a_correction_in_a_file_that_tells_its_time_is_a_second_version(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text(
        "s,d,p,v,k\nAAA,2024-03-04,10,100,2024-03-04T21:15:00Z\nAAA,2024-03-04,11,100,2024-03-06T12:00:00Z\n"
    )
    columns = {**BARS["columns"], "known_at": "k"}
    settings = {"folder": tmp_path, "tables": {"daily_bars": [{**BARS, "columns": columns}]}}
    source = FilesSource(FilesSourceSettings.model_validate(settings))
    assert source.bars(after=None, upto=CALENDAR.as_of(TUESDAY)).num_rows == 1
    assert source.bars(after=None, upto=CALENDAR.as_of(TUESDAY) + timedelta(days=2)).num_rows == 2
