"""Prices through Alpaca's data API: what the venue of our own tells, and what a strange answer may not become."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from execution.brokers.alpaca_quotes import AlpacaQuotes
from execution.brokers.alpaca_wire import AlpacaWire
from execution.domain.errors import BrokerAnswerRefused, DataError
from tests.builders.alpaca import alpaca_side
from tests.builders.http_venue import HttpVenue, http_venue
from tests.builders.venue import CALENDAR, MONDAY, TUESDAY, WEDNESDAY, World, a_bar, after_close, after_open
from tests.fakes.manual_clock import ManualClock
from tests.fakes.scripted_wire import ScriptedWire

BARS = "GET /v2/stocks/bars"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, [a_bar(MONDAY, close_usd="48.25")])


@pytest.fixture
def venue(world: World) -> Iterator[HttpVenue]:
    with http_venue(world) as served:
        yield served


def quotes_of(venue: HttpVenue, world: World) -> AlpacaQuotes:
    return alpaca_side(venue.url, world.folder, world.clock).quotes


def scripted(pages: dict[str, Any], now: datetime) -> tuple[AlpacaQuotes, ScriptedWire]:
    wire = ScriptedWire(pages)
    told = AlpacaQuotes(
        cast("AlpacaWire", wire), clock=ManualClock(now), calendar=CALENDAR, last_price_feed="delayed_sip"
    )
    return told, wire


def traded(at: datetime, price: object = Decimal("50.1")) -> dict[str, Any]:
    return {"/stocks/trades/latest": {"trades": {"AAA": {"t": at.isoformat(), "p": price}}}}


def a_daily_bar(session: date, close: object) -> dict[str, Any]:
    return {"t": f"{session}T05:00:00Z", "c": close}


def test_the_last_price_is_the_newest_trade_the_venue_knows(venue: HttpVenue, world: World) -> None:
    world.at_open(TUESDAY)
    assert quotes_of(venue, world).last_usd("AAA") == Decimal(50)


def test_a_symbol_nobody_trades_has_no_price(venue: HttpVenue, world: World) -> None:
    world.at_open(TUESDAY)
    quotes = quotes_of(venue, world)
    assert (quotes.last_usd("ZZZ"), quotes.close_usd("ZZZ", MONDAY)) == (None, None)


def test_the_close_of_an_ended_session_is_its_own(venue: HttpVenue, world: World) -> None:
    world.at_open(WEDNESDAY)
    quotes = quotes_of(venue, world)
    assert (quotes.close_usd("AAA", MONDAY), quotes.close_usd("AAA", TUESDAY)) == (Decimal("48.25"), Decimal(51))


def test_the_close_of_a_session_under_way_is_nobodys_to_know(venue: HttpVenue, world: World) -> None:
    world.at_open(TUESDAY)
    with pytest.raises(DataError, match="the close of 2024-03-05 is not known at 2024-03-05T14:31:00"):
        quotes_of(venue, world).close_usd("AAA", TUESDAY)
    assert BARS not in venue.wire


def test_a_settled_close_is_asked_for_once(venue: HttpVenue, world: World) -> None:
    world.at_open(WEDNESDAY)
    quotes = quotes_of(venue, world)
    assert [quotes.close_usd("AAA", TUESDAY) for _ in range(3)] == [Decimal(51)] * 3
    assert venue.wire[BARS] == 1


@pytest.mark.parametrize(("minutes", "asked"), [(0, 2), (14, 2), (15, 1)])
def test_a_close_that_may_still_be_corrected_is_asked_for_again(minutes: int, asked: int) -> None:
    pages = {"/stocks/bars": {"bars": {"AAA": [a_daily_bar(TUESDAY, "51.00")]}}}
    quotes, wire = scripted(pages, CALENDAR.closes_at(TUESDAY) + timedelta(minutes=minutes))
    assert [quotes.close_usd("AAA", TUESDAY) for _ in range(2)] == [Decimal("51.00")] * 2
    assert len(wire.asked) == asked


def test_a_close_is_asked_for_raw_consolidated_and_by_the_name_of_its_day() -> None:
    quotes, wire = scripted({"/stocks/bars": {"bars": {}}}, after_close(TUESDAY))
    assert quotes.close_usd("AAA", TUESDAY) is None
    assert wire.asked == [
        (
            "/stocks/bars",
            {
                "symbols": "AAA",
                "timeframe": "1Day",
                "start": "2024-03-05",
                "end": "2024-03-05T21:00:00+00:00",
                "adjustment": "raw",
                "feed": "sip",
                "asof": "2024-03-05",
                "limit": "10",
            },
        )
    ]


def test_a_bar_of_another_day_is_not_the_close_of_this_one() -> None:
    bars = [a_daily_bar(MONDAY, "47.25"), a_daily_bar(TUESDAY, "51.00")]
    quotes, _ = scripted({"/stocks/bars": {"bars": {"AAA": bars}}}, after_close(TUESDAY))
    assert quotes.close_usd("AAA", TUESDAY) == Decimal("51.00")
    only_monday, _ = scripted({"/stocks/bars": {"bars": {"AAA": bars[:1]}}}, after_close(TUESDAY))
    assert only_monday.close_usd("AAA", TUESDAY) is None


def test_a_trade_of_twenty_sessions_ago_is_a_price_and_an_older_one_is_none() -> None:
    now = after_open(WEDNESDAY)
    oldest = CALENDAR.opens_at(CALENDAR.offset(TUESDAY, -20))
    assert scripted(traded(oldest), now)[0].last_usd("AAA") == Decimal("50.1")
    assert scripted(traded(oldest - timedelta(microseconds=1)), now)[0].last_usd("AAA") is None


def test_the_feed_of_last_prices_is_the_one_that_was_chosen() -> None:
    quotes, wire = scripted(traded(after_open(TUESDAY)), after_open(WEDNESDAY))
    quotes.last_usd("AAA")
    assert wire.asked == [("/stocks/trades/latest", {"symbols": "AAA", "feed": "delayed_sip"})]


@pytest.mark.parametrize("told", [None, {"trades": None}, {"trades": {}}, {"trades": {"AAA": None}}])
def test_nothing_told_is_no_price(told: Any) -> None:
    assert scripted({"/stocks/trades/latest": told}, after_open(WEDNESDAY))[0].last_usd("AAA") is None


@pytest.mark.parametrize("price", [None, "NaN", "Infinity", "fifty", True, [50]])
def test_a_price_that_is_no_number_is_refused_by_name(price: object) -> None:
    quotes, _ = scripted(traded(after_open(TUESDAY), price), after_open(WEDNESDAY))
    with pytest.raises(BrokerAnswerRefused, match="Alpaca's trade cannot be read: p is"):
        quotes.last_usd("AAA")
    bars = {"/stocks/bars": {"bars": {"AAA": [a_daily_bar(TUESDAY, price)]}}}
    with pytest.raises(BrokerAnswerRefused, match="Alpaca's bar cannot be read: c is"):
        scripted(bars, after_close(TUESDAY))[0].close_usd("AAA", TUESDAY)


@pytest.mark.parametrize("told", [[], "closed", {"trades": ["AAA"]}])
def test_an_answer_of_another_shape_is_refused_by_name(told: Any) -> None:
    with pytest.raises(BrokerAnswerRefused, match="Alpaca's trades cannot be read: it is"):
        scripted({"/stocks/trades/latest": told}, after_open(WEDNESDAY))[0].last_usd("AAA")
