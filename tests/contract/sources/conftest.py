"""What every contract is held against: a synthetic market, the same market written to files and read back, the same
market told over HTTP and read by Alpaca's adapter, and told as Yahoo does."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from assets import schemas
from assets.ingest.alpaca_data import alpaca_sources
from assets.ingest.files_settings import FilesSourceSettings
from assets.ingest.files_source import FilesSource
from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import MarketSources, files_sources, simulated_sources
from assets.ingest.watchlist_file import WatchlistFile
from assets.ingest.yahoo import YahooData, yahoo_sources
from assets.row_versions import newest_versions
from execution.trading_calendar import TradingCalendar
from tests.builders.alpaca_market import alpaca_data, telling_of
from tests.builders.yahoo_history import history_of
from tests.fakes.manual_clock import ManualClock

FIRST, LAST = date(2021, 12, 1), date(2022, 6, 30)
WATCHLISTS = """\
- {watchlist: core, symbol: SIM0002, from: 2021-12-01}
- {watchlist: core, symbol: SIM0003, from: 2022-02-01, to: 2022-04-01}
"""


@cache
def simulated(watchlist_path: Path) -> MarketSources:
    market = SimulatedMarket(SimulatedMarketSettings(seed=5, symbols=40, first_session=FIRST, last_session=LAST))
    return simulated_sources(market, watchlists=WatchlistFile(watchlist_path, first_session=FIRST))


def in_files(folder: Path, watchlist_path: Path, ending: str) -> MarketSources:
    """Write what the synthetic market told by its end to a folder, and read it back as a user's."""
    told = simulated(watchlist_path)
    tables: dict[str, list[dict[str, object]]] = {}
    for table in schemas.ALL:
        if table in (schemas.WATCHLISTS, schemas.SECURITIES):
            continue
        rows = told.rows(table, after=None, upto=TradingCalendar.shipped().as_of(LAST))
        if table == schemas.MEMBERSHIP:
            rows = newest_versions(table, rows)
        save(rows.drop_columns(["source", "feed"]), folder / f"{table.name}.{ending}")
        own = [name for name in table.schema.names if name not in ("source", "feed", "known_at")]
        known = {} if table == schemas.MEMBERSHIP else {"known_at": "known_at"}
        tables[table.name] = [{"file": f"{table.name}.{ending}", "columns": {**{name: name for name in own}, **known}}]
    (folder / "watchlists.yaml").write_text(WATCHLISTS)
    settings = {"folder": folder, "tables": tables, "watchlists_file": "watchlists.yaml"}
    return files_sources(FilesSource(FilesSourceSettings.model_validate(settings)))


def save(rows: pa.Table, path: Path) -> None:
    if path.suffix == ".csv":
        texts = [column.cast(pa.string()) if pa.types.is_decimal(column.type) else column for column in rows.columns]
        pacsv.write_csv(pa.table(dict(zip(rows.column_names, texts, strict=True))), path)
    else:
        pq.write_table(rows, path)


# What a provider has no page for. A case about it is no case of its adapter.
NOT_AT_ALPACA = ("membership", "watchlist", "intervals", "filings", "events", "indices", "tape")
NOT_THERE = {"[alpaca": NOT_AT_ALPACA, "[yahoo": (*NOT_AT_ALPACA, "news")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in [*items]:
        if item.path.parent != Path(__file__).parent:
            continue
        absent = [name for adapter, names in NOT_THERE.items() if adapter in item.name for name in names]
        if any(name in item.name for name in absent):
            items.remove(item)


def by_yahoo(watchlist_path: Path, folder: Path) -> MarketSources:
    told = simulated(watchlist_path)
    clock = ManualClock(TradingCalendar.shipped().as_of(LAST))
    symbols = sorted(told.rows(schemas.SECURITIES, after=None, upto=clock.now()).column("symbol").to_pylist())
    return yahoo_sources(
        YahooData(
            lambda: symbols,
            first_session=FIRST,
            history=history_of(told, LAST),
            feed_file=folder / "feed",
            clock=clock,
            calendar=TradingCalendar.shipped(),
        )
    )


@pytest.fixture(scope="session")
def over_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], MarketSources]]:
    """The synthetic market behind Alpaca's adapter, with a server that lives as long as the session."""
    with ExitStack() as stack:

        def made(watchlist_path: Path) -> MarketSources:
            told, folder = simulated(watchlist_path), tmp_path_factory.mktemp("alpaca")
            clock = ManualClock(TradingCalendar.shipped().as_of(LAST))
            venue = stack.enter_context(telling_of(told, clock, folder))
            symbols = sorted(told.rows(schemas.SECURITIES, after=None, upto=clock.now()).column("symbol").to_pylist())
            return alpaca_sources(alpaca_data(venue.url, folder, clock, first_session=FIRST, symbols=tuple(symbols)))

        yield made


@pytest.fixture(scope="session", params=["simulated", "parquet", "csv", "alpaca", "yahoo"])
def sources(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    over_http: Callable[[Path], MarketSources],
) -> MarketSources:
    """One market behind every adapter."""
    watchlist_path = tmp_path_factory.getbasetemp() / "contract-watchlists.yaml"
    watchlist_path.write_text(WATCHLISTS)
    makers: dict[str, Callable[[], MarketSources]] = {
        "simulated": lambda: simulated(watchlist_path),
        "parquet": lambda: in_files(tmp_path_factory.mktemp("parquet"), watchlist_path, "parquet"),
        "csv": lambda: in_files(tmp_path_factory.mktemp("csv"), watchlist_path, "csv"),
        "alpaca": lambda: over_http(watchlist_path),
        "yahoo": lambda: by_yahoo(watchlist_path, tmp_path_factory.mktemp("yahoo")),
    }
    return makers[request.param]()
