"""Qlib's own handler Alpha158: no processors, no caches, one worker, on the panel in Qlib's own binary format."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import qlib
from engine_run import measure
from qlib.contrib.data.handler import Alpha158

FIELDS = ("open", "high", "low", "close", "volume", "vwap")


def features(panel: Path, mode: str) -> pd.DataFrame:
    days = (panel / "qlib" / "calendars" / "day.txt").read_text().split()
    handler = Alpha158(
        instruments="all",
        start_time=days[-1] if mode == "day" else days[0],
        end_time=days[-1],
        infer_processors=[],
        learn_processors=[],
    )
    return handler.fetch(col_set="feature")


def write_binary(panel: Path) -> None:
    """Write calendar, instruments and one file per symbol and field, as Qlib keeps them."""
    bars = pq.read_table(panel / "bars.parquet").to_pandas()
    bars["vwap"] = (bars.high + bars.low + bars.close) / 3
    days = [str(day)[:10] for day in sorted(bars.session.unique())]
    root = panel / "qlib"
    for folder in ("calendars", "instruments"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "calendars" / "day.txt").write_text("\n".join(days) + "\n")
    symbols = sorted(bars.symbol.unique())
    lines = [f"{symbol}\t{days[0]}\t{days[-1]}\n" for symbol in symbols]
    (root / "instruments" / "all.txt").write_text("".join(lines))
    for symbol, own in bars.groupby("symbol"):
        folder = root / "features" / str(symbol).lower()
        folder.mkdir(parents=True, exist_ok=True)
        for field in FIELDS:
            values = own.sort_values("session")[field].to_numpy()
            np.concatenate(([0.0], values)).astype("<f4").tofile(folder / f"{field}.day.bin")


def write(found: pd.DataFrame, out: Path) -> None:
    keys = found.index.to_frame(index=False)
    columns = {"session": keys["datetime"].dt.date, "symbol": keys["instrument"]}
    pq.write_table(pa.table({**columns, **{name: found[name].to_numpy() for name in found.columns}}), out)


def begin(panel: Path) -> None:
    if not (panel / "qlib").exists():
        write_binary(panel)
    qlib.init(
        provider_uri=str(panel / "qlib"),
        region="us",
        kernels=1,
        expression_cache=None,
        dataset_cache=None,
        logging_level=logging.ERROR,
    )


if __name__ == "__main__":
    # Nothing of it is compiled, and a second provider in one process is not what it is made for: no run to warm up.
    measure(features, write, begin=begin)
