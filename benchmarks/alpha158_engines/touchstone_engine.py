"""Our kernel: symbol by symbol, every window from scratch; for one day the last 61 sessions are read."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from engine_run import measure

from assets.features.library.alpha158 import SET
from assets.features.price_history import PriceHistory

COLUMNS = ("open", "high", "low", "close", "volume")
SESSIONS_OF_A_DAY = 61
Blocks = tuple[list[str], np.ndarray, list[np.ndarray]]


def features(panel: Path, mode: str) -> Blocks:
    series, bounds, sessions, symbols = by_symbol(panel, mode)
    is_day = mode == "day"
    blocks = [SET.compute(own, own.close.size - 1 if is_day else 0) for own in histories(series, bounds)]
    return symbols, sessions[bounds[1:] - 1] if is_day else sessions, blocks


def by_symbol(panel: Path, mode: str) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, list[str]]:
    """Return the bars symbol by symbol, where each symbol begins and the last ends, the sessions, and the symbols."""
    table = read(panel / "bars.parquet", sessions=SESSIONS_OF_A_DAY if mode == "day" else None)
    encoded = table.column("symbol").combine_chunks()
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(encoded.dictionary) + 1))
    series = {name: table.column(name).to_numpy()[order] for name in COLUMNS}
    return series, bounds, table.column("session").to_numpy()[order], encoded.dictionary.to_pylist()


def histories(series: dict[str, np.ndarray], bounds: np.ndarray) -> list[PriceHistory]:
    """Return one history per symbol; the panel's prices are adjusted and have no holes."""
    nothing, is_reported = np.empty(0), np.empty(0, dtype=bool)
    return [
        PriceHistory(
            start=0,
            is_reported=is_reported,
            **{name: values[begin:end] for name, values in series.items()},
            traded_usd=nothing,
            factor=nothing,
            total_return=nothing,
        )
        for begin, end in pairwise(bounds)
    ]


def read(path: Path, *, sessions: int | None) -> pa.Table:
    columns = ["session", "symbol", *COLUMNS]
    file = pq.ParquetFile(path, read_dictionary=["symbol"])
    if sessions is None:
        return file.read(columns, use_threads=False).unify_dictionaries()
    # The file is in order of sessions and a row group holds whole ones: only the newest groups are opened.
    rows, groups, wanted = 0, [], sessions * int(file.schema_arrow.metadata[b"symbols"])
    for group in reversed(range(file.num_row_groups)):
        groups.insert(0, group)
        rows += file.metadata.row_group(group).num_rows
        if rows >= wanted:
            break
    return file.read_row_groups(groups, columns, use_threads=False).unify_dictionaries().slice(rows - wanted)


def write(found: Blocks, out: Path) -> None:
    symbols, sessions, blocks = found
    values = np.concatenate(blocks, axis=1)
    names = [feature.name.removeprefix("alpha158_").upper() for feature in SET.features]
    keys = {"session": sessions, "symbol": np.repeat(symbols, [block.shape[1] for block in blocks])}
    pq.write_table(pa.table({**keys, **dict(zip(names, values, strict=True))}), out)


if __name__ == "__main__":
    measure(features, write)
