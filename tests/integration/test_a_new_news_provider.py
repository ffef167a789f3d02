"""A user's own news provider: one small file and two lines of settings, and a cycle reads, weighs and merges it."""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson
import pyarrow.compute as pc
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assets import schemas
from assets.features.sentiment import Lexicon
from assets.ingest import news_providers
from assets.ingest.simulated_market import SimulatedMarket
from assets.raw_store import RawStore
from assets.warehouse import Warehouse
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar
from pipelines.cli.init import create_home
from pipelines.home import Home
from pipelines.settings import Settings, load_settings
from tests.builders.http_venue import served
from tests.builders.lived_home import live_home

CALENDAR = TradingCalendar.shipped()
SESSION = date(2024, 1, 4)
SYMBOL = "SIM0001"
WINDOW = CALENDAR.between(CALENDAR.offset(SESSION, -19), SESSION)
PROVIDER_FILE = """
from datetime import datetime

import msgspec

from assets.ingest.news_provider import Headline, NewsProvider

PROVIDER = NewsProvider(
    name="second_wire",
    address="{url}",
    requests_per_minute=600,
    symbols_per_question=50,
    question=lambda symbols, first, last: ("/told", {{"from": str(first), "to": str(last)}}),
    headlines=lambda page, symbols: [
        Headline(news_id=id, symbols=(about,), published_at=datetime.fromisoformat(at), text=text)
        for id, about, at, text in msgspec.json.decode(page)
    ],
)
"""
SETTINGS = """\
mode: simulated
first_cycle_session: 2024-01-04
simulated: {symbols: 30, first_session: 2022-06-01, last_session: 2024-06-28}
learning: {num_trees: 20}
news_providers:
  second_wire: {symbols: [SIM0001]}
features:
  news: {weights: {second_wire: 3}}
"""


@pytest.fixture
def own_news(tmp_path: Path) -> list[tuple[str, datetime, str]]:
    """Return the simulated market's headlines of one symbol in the newest twenty sessions."""
    settings = Settings.model_validate(
        {"simulated": {"symbols": 30, "first_session": "2022-06-01", "last_session": "2024-06-28"}}
    )
    rows = SimulatedMarket(settings.simulated).news(
        after=CALENDAR.as_of(CALENDAR.previous(WINDOW[0])), upto=CALENDAR.as_of(SESSION)
    )
    told = rows.filter(pc.equal(rows["symbol"], SYMBOL)).to_pylist()
    return [(row["news_id"], row["published_at"], row["headline"]) for row in told]


@pytest.fixture
def settings_file(tmp_path: Path, own_news: list[tuple[str, datetime, str]]) -> Iterator[Path]:
    (_, at, text), *_ = own_news
    told = [
        ("again", at + timedelta(hours=1), text.upper()),
        ("own", datetime(2024, 1, 3, 15, 0, tzinfo=UTC), f"{SYMBOL} shares surge on record profit"),
    ]

    async def answer(request: Request) -> Response:
        first, last = request.query_params["from"], request.query_params["to"]
        found = [(name, SYMBOL, at.isoformat(), text) for name, at, text in told if first <= str(at.date()) <= last]
        return Response(orjson.dumps(found))

    folder = tmp_path / "my_providers"
    folder.mkdir()
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    with served(Starlette(routes=[Route("/told", answer)])) as url:
        (folder / "second_wire.py").write_text(PROVIDER_FILE.format(url=url))
        news_providers.__path__.append(str(folder))
        yield tmp_path / "settings.yaml"
    news_providers.__path__.remove(str(folder))
    del sys.modules["assets.ingest.news_providers.second_wire"]


# What the orchestrator and the model library warn of in a long-lived process is theirs; our own warnings are errors in
# every other test.
@pytest.mark.filterwarnings("default")
def test_a_provider_in_one_small_file_lives_a_cycle(
    settings_file: Path, own_news: list[tuple[str, datetime, str]], tmp_path: Path
) -> None:
    settings, home = load_settings(settings_file, {}), Home(tmp_path / "home")
    create_home(settings, home)
    live_home(home, settings, until=CALENDAR.as_of(SESSION))

    assert SignalBatchStore(home.artifacts).published(SESSION)
    raw = RawStore(home.raw).read(
        schemas.NEWS, as_of=CALENDAR.as_of(SESSION), columns=("news_id", "source", "known_at")
    )
    assert pc.unique(raw["source"]).to_pylist() == ["simulated", "second_wire"]
    assert {one for one in raw["news_id"].to_pylist() if ":" in one} == {"second_wire:again", "second_wire:own"}

    # Each story of its own provider weighs 1, the second one's own story 3; what it only repeated weighs nothing.
    newest = {news_id: text for news_id, _, text in own_news}
    lexicon = Lexicon.shipped()
    milli = sum(lexicon.milli(text) for text in newest.values()) + 3 * 1000
    found = Warehouse(home.warehouse).read(
        "select news_count_20d, news_sentiment_20d from marts.fct_features where session = ? and symbol = ?",
        (SESSION, SYMBOL),
    )
    assert found.to_pylist() == [
        {"news_count_20d": len(newest) + 1.0, "news_sentiment_20d": milli / (1000 * (len(newest) + 3))}
    ]
