"""What every source promises, port by port: the contract's columns, the span asked for, nothing of the future."""

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets import schemas
from assets.ingest.sources import MarketSources
from assets.schemas import RawTable
from assets.table_content import canonical_order, conform, table_hash
from execution.trading_calendar import TradingCalendar

CALENDAR = TradingCalendar.shipped()
START = None
MIDDLE = CALENDAR.as_of(date(2022, 3, 1))
END = CALENDAR.as_of(date(2022, 6, 30))

every_port = pytest.mark.parametrize("table", schemas.ALL, ids=lambda table: table.name)


def content(table: RawTable, rows: pa.Table) -> str:
    return table_hash(table, canonical_order(table, rows))


@every_port
def test_rows_have_exactly_the_columns_of_the_contract(sources: MarketSources, table: RawTable) -> None:
    rows = sources.rows(table, after=None, upto=END)
    assert rows.num_rows > 0
    assert conform(table, rows).schema.equals(table.schema)


@every_port
def test_rows_became_known_in_the_span_asked_for(sources: MarketSources, table: RawTable) -> None:
    after = CALENDAR.as_of(date(2022, 1, 31))
    known = sources.rows(table, after=after, upto=MIDDLE).column("known_at")
    assert len(known) == 0 or pc.min(known).as_py() > after
    assert len(known) == 0 or pc.max(known).as_py() <= MIDDLE


@every_port
def test_two_adjoining_spans_are_the_whole_span(sources: MarketSources, table: RawTable) -> None:
    early = sources.rows(table, after=None, upto=MIDDLE)
    late = sources.rows(table, after=MIDDLE, upto=END)
    whole = sources.rows(table, after=None, upto=END)
    assert content(table, pa.concat_tables([early, late])) == content(table, whole)


@every_port
def test_a_row_known_at_the_bound_belongs_to_the_earlier_span(sources: MarketSources, table: RawTable) -> None:
    whole = canonical_order(table, sources.rows(table, after=None, upto=END))
    bound = whole.column("known_at")[whole.num_rows // 2].as_py()
    early = sources.rows(table, after=None, upto=bound)
    late = sources.rows(table, after=bound, upto=END)
    assert pc.max(early.column("known_at")).as_py() == bound
    assert early.num_rows + late.num_rows == whole.num_rows


@every_port
def test_asking_again_gives_the_same_rows(sources: MarketSources, table: RawTable) -> None:
    first = sources.rows(table, after=None, upto=MIDDLE)
    assert content(table, first) == content(table, sources.rows(table, after=None, upto=MIDDLE))


@every_port
def test_an_empty_span_has_no_rows(sources: MarketSources, table: RawTable) -> None:
    assert sources.rows(table, after=MIDDLE, upto=MIDDLE).num_rows == 0
    assert sources.rows(table, after=END, upto=MIDDLE).num_rows == 0


@every_port
def test_every_row_names_its_source_and_feed(sources: MarketSources, table: RawTable) -> None:
    rows = sources.rows(table, after=None, upto=END)
    for name in ("source", "feed"):
        assert pc.min(pc.utf8_length(rows.column(name))).as_py() > 0


@every_port
def test_no_fact_has_two_versions_of_one_instant(sources: MarketSources, table: RawTable) -> None:
    rows = sources.rows(table, after=None, upto=END).select([*table.fact_key, "known_at"])
    assert rows.group_by(rows.column_names).aggregate([]).num_rows == rows.num_rows


def test_prices_bars_are_known_after_their_close(sources: MarketSources) -> None:
    bars = sources.rows(schemas.DAILY_BARS, after=None, upto=END)
    for row in bars.slice(0, 400).to_pylist():
        assert row["known_at"] >= CALENDAR.bars_known_at(row["session"])


def test_prices_bars_keep_their_order(sources: MarketSources) -> None:
    bars = sources.rows(schemas.DAILY_BARS, after=None, upto=END)
    for low, high in (("low_usd", "open_usd"), ("low_usd", "close_usd"), ("open_usd", "high_usd")):
        assert pc.all(pc.less_equal(bars.column(low), bars.column(high))).as_py()


def test_actions_are_splits_and_dividends_known_by_the_open_of_their_day(sources: MarketSources) -> None:
    for row in sources.rows(schemas.CORPORATE_ACTIONS, after=None, upto=END).to_pylist():
        assert row["action"] in ("split", "dividend")
        assert row["value"] > 0
        assert row["known_at"] <= CALENDAR.opens_at(row["ex_session"])


def test_securities_tell_no_delisting_before_it_happened(sources: MarketSources) -> None:
    for row in sources.rows(schemas.SECURITIES, after=None, upto=END).to_pylist():
        if row["delisted_session"] is not None:
            assert row["known_at"] >= CALENDAR.closes_at(row["delisted_session"])


def test_securities_cover_every_symbol_with_a_bar(sources: MarketSources) -> None:
    bars = sources.rows(schemas.DAILY_BARS, after=None, upto=END)
    listed = sources.rows(schemas.SECURITIES, after=None, upto=END)
    assert set(bars.column("symbol").to_pylist()) <= set(listed.column("symbol").to_pylist())


@pytest.mark.parametrize("table", [schemas.MEMBERSHIP, schemas.WATCHLISTS], ids=lambda table: table.name)
def test_intervals_tell_no_leaving_before_it_happened(sources: MarketSources, table: RawTable) -> None:
    for row in sources.rows(table, after=None, upto=END).to_pylist():
        if row["to_session"] is not None:
            assert row["known_at"] >= CALENDAR.opens_at(row["to_session"])


def test_a_watchlist_row_that_ends_is_first_told_without_its_end(sources: MarketSources) -> None:
    told = sources.rows(schemas.WATCHLISTS, after=None, upto=MIDDLE).to_pylist()
    assert [row["to_session"] for row in told if row["symbol"] == "SIM0003"] == [None]
    later = sources.rows(schemas.WATCHLISTS, after=MIDDLE, upto=END).to_pylist()
    assert [row["to_session"] for row in later] == [date(2022, 4, 1)]


def test_news_is_known_a_minute_after_its_publication_or_later(sources: MarketSources) -> None:
    for row in sources.rows(schemas.NEWS, after=None, upto=END).to_pylist():
        assert row["known_at"] >= row["published_at"] + timedelta(minutes=1)


def test_filings_are_known_after_their_period_ended(sources: MarketSources) -> None:
    for row in sources.rows(schemas.FILINGS, after=None, upto=END).slice(0, 400).to_pylist():
        assert row["known_at"].date() > row["period_end"]


def test_events_lie_ahead_when_they_become_known(sources: MarketSources) -> None:
    events = sources.rows(schemas.EVENTS, after=None, upto=END)
    assert pc.all(pc.less(events.column("known_at"), events.column("scheduled_at"))).as_py()


def test_indices_are_known_with_the_bars(sources: MarketSources) -> None:
    for row in sources.rows(schemas.INDICES, after=None, upto=END).slice(0, 200).to_pylist():
        assert row["known_at"] == CALENDAR.bars_known_at(row["session"])


def test_the_tape_of_a_session_has_the_symbols_of_its_bars(sources: MarketSources) -> None:
    session = date(2022, 3, 1)
    bars = sources.rows(schemas.DAILY_BARS, after=None, upto=END)
    traded = bars.filter(pc.equal(bars.column("session"), pa.scalar(session))).column("symbol").to_pylist()
    assert [row.symbol for row in sources.tape_rows(session)] == sorted(set(traded))


def test_there_is_no_tape_past_the_last_session(sources: MarketSources) -> None:
    assert sources.tape_rows(date(2022, 7, 1)) == ()
