"""What Alpaca really sent, through our parsers: recorded pages of bars, and bodies its clients' tests hold."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow.compute as pc
import pytest

from assets import schemas
from assets.ingest.alpaca_bars import AlpacaBars
from assets.ingest.alpaca_pages import AlpacaPages
from assets.ingest.alpaca_parsing import actions_of, news_of
from assets.ingest.alpaca_settings import AlpacaDataSettings
from assets.ingest.page_store import PageStore
from assets.table_content import conform
from execution.clock import SystemClock
from tests.builders.alpaca_market import reader
from tests.builders.venue import CALENDAR

CHECKOUT = Path(__file__).resolve().parents[2]
BODIES = Path(os.environ.get("REAL_DATA_FOLDER", CHECKOUT.parent / "shared" / "data")) / "json"
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not BODIES.is_dir(), reason="no recorded bodies beside the checkout: set REAL_DATA_FOLDER"),
]


def recorded_pages() -> Iterator[bytes]:
    for line in gzip.decompress((BODIES / "alpaca_recorded_share.jsonl.gz").read_bytes()).splitlines():
        exchange = orjson.loads(line)
        if "/v2/stocks/bars" in exchange["url"] and "timeframe=1Day" in exchange["url"]:
            yield orjson.dumps(exchange["body"])


def bodies_of(part: str) -> list[dict[str, Any]]:
    lines = (BODIES / "alpaca_sdk_test_responses.jsonl").read_bytes().splitlines()
    told = [orjson.loads(line)["body"] for line in lines]
    return [body for body in told if isinstance(body, dict) and body.get(part)]


@pytest.fixture
def bars(tmp_path: Path) -> AlpacaBars:
    pages = AlpacaPages(
        reader("http://127.0.0.1:9", tmp_path), PageStore(tmp_path), concurrent_requests=1, symbols_per_request=1
    )
    return AlpacaBars(AlpacaDataSettings(), pages=pages, folder=tmp_path, clock=SystemClock(), calendar=CALENDAR)


def test_every_recorded_daily_bar_is_a_row_of_a_session_with_its_own_prices(bars: AlpacaBars) -> None:
    pages = list(recorded_pages())
    told = [bar for page in pages for of_symbol in orjson.loads(page)["bars"].values() for bar in of_symbol]
    rows = conform(schemas.DAILY_BARS, bars.told(pages))
    assert rows.num_rows == len(told) > 1_000
    assert [float(price) for price in rows.column("close_usd").to_pylist()] == [bar["c"] for bar in told]
    assert rows.column("volume_shares").to_pylist() == [bar["v"] for bar in told]
    assert all(CALENDAR.is_session(day) for day in pc.unique(rows.column("session")).to_pylist())


def test_recorded_corporate_actions_and_news_are_read() -> None:
    actions = [actions_of(orjson.dumps(body)) for body in bodies_of("corporate_actions")]
    assert any(told.forward_splits for told in actions)
    assert any(told.reverse_splits for told in actions)
    assert any(told.cash_dividends for told in actions)
    assert all(item.headline for body in bodies_of("news") for item in news_of(orjson.dumps(body)))
