"""What every contract is held against: a synthetic market, and the same market written to files and read back."""

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from assets import schemas
from assets.ingest.files_settings import FilesSourceSettings
from assets.ingest.files_source import FilesSource
from assets.ingest.simulated_market import SimulatedMarket, SimulatedMarketSettings
from assets.ingest.sources import MarketSources, files_sources, simulated_sources
from assets.ingest.watchlist_file import WatchlistFile
from assets.row_versions import newest_versions
from execution.trading_calendar import TradingCalendar

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


@pytest.fixture(scope="session", params=["simulated", "parquet", "csv"])
def sources(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MarketSources:
    """One market behind every adapter."""
    watchlist_path = tmp_path_factory.getbasetemp() / "contract-watchlists.yaml"
    watchlist_path.write_text(WATCHLISTS)
    makers: dict[str, Callable[[], MarketSources]] = {
        "simulated": lambda: simulated(watchlist_path),
        "parquet": lambda: in_files(tmp_path_factory.mktemp("parquet"), watchlist_path, "parquet"),
        "csv": lambda: in_files(tmp_path_factory.mktemp("csv"), watchlist_path, "csv"),
    }
    return makers[request.param]()
