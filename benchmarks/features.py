"""What Alpha158 costs: our kernel beside Qlib's own handler, polars and DuckDB, on one panel, in CPU seconds.

    python benchmarks/features.py                    500 symbols, seven years; then twice the years, and 50 symbols
    python benchmarks/features.py --symbols 50

Qlib and polars are no part of this project: TOUCHSTONE_BENCH_PYTHON names the interpreter of an environment of their
own (pyqlib, polars, pyarrow). Without it they are left out and the table says so. Every engine has a process of its
own, one thread of its own, and reads the same Parquet file, which is in order of sessions.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from measuring import conditions, print_table, typical, write_result

ROOT: Final = Path(__file__).parents[1]
ENGINES: Final = Path(__file__).parent / "alpha158_engines"
BENCH_PYTHON: Final = "TOUCHSTONE_BENCH_PYTHON"
SESSIONS: Final = 1764
COMPARED_SYMBOLS: Final = 50
ALLOWED_SHARE: Final = 2e-4
"""Of a feature's deviation: Qlib computes in single precision."""


@dataclass(frozen=True)
class Engine:
    name: str
    python: str | None
    rounds: int

    def run(self, panel: Path, mode: str, out: Path | None = None) -> dict[str, float]:
        script = ENGINES / f"{self.name}_engine.py"
        found = subprocess.run(
            [self.python or sys.executable, str(script), str(panel), mode, str(out or "-")],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | dict.fromkeys(THREADS, "1"),
        )
        return json.loads(found.stdout.strip().splitlines()[-1])


THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "NUMEXPR_MAX_THREADS")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, default=500)
    symbols = parser.parse_args().symbols
    peers = os.environ.get(BENCH_PYTHON)
    engines = [Engine("touchstone", None, 5), Engine("duckdb", None, 1)]
    engines += [Engine("polars", peers, 5), Engine("qlib", peers, 1)] if peers else []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_panel(root / "tiny", symbols=3, sessions=130)
        panel = make_panel(root / "panel", symbols=symbols, sessions=SESSIONS)
        used = {(e.name, mode): median(e, panel, mode) for e in engines for mode in ("full", "day")}
        growth = {
            f"{n} x {sessions}": median(engines[0], make_panel(root / f"{n}-{sessions}", n, sessions), "full")
            for n, sessions in ((symbols // 10, SESSIONS), (symbols, SESSIONS // 2), (symbols, 2 * SESSIONS))
        }
        differences = compared(engines, make_panel(root / "compared", COMPARED_SYMBOLS, SESSIONS))
        same_bits = day_has_the_bits_of_the_history(engines[0], root)
    tell(symbols, used, growth, differences, is_same=same_bits)
    write_result(
        "features",
        {
            "conditions": conditions(),
            "symbols": symbols,
            "sessions": SESSIONS,
            "engines": {f"{name} {mode}": figures for (name, mode), figures in used.items()},
            "growth": growth,
            "differences": {name: f"{worst:.1e} {which}" for name, (worst, which) in differences.items()},
            "day_has_the_bits_of_the_history": same_bits,
        },
    )


def make_panel(folder: Path, symbols: int, sessions: int) -> Path:
    """Write made bars of every symbol on every session, in order of sessions, whole shares.

    Prices are cents rounded to single precision, as Qlib keeps them: then every engine reads the same numbers.
    """
    random = np.random.default_rng([2024, symbols, sessions])
    market = random.normal(0.0003, 0.008, sessions)
    close = 50.0 * np.exp(np.cumsum(market + random.normal(0.0, 0.015, (symbols, sessions)), axis=1))
    close = np.maximum(close, 1.0)
    opened = close * np.exp(random.normal(0.0, 0.008, close.shape))
    high = np.maximum(opened, close) * (1.0 + np.abs(random.normal(0.0, 0.006, close.shape)))
    low = np.minimum(opened, close) * (1.0 - np.abs(random.normal(0.0, 0.006, close.shape)))
    volume = np.floor(1e6 * np.exp(random.normal(0.0, 0.5, close.shape)))
    days = np.busday_offset("2015-01-02", np.arange(sessions), roll="forward").astype("datetime64[D]")
    names = np.array([f"SYM{number:04d}" for number in range(symbols)])
    prices = {"open": opened, "high": high, "low": low, "close": close}
    columns = {name: np.round(values, 2).T.ravel().astype("f4").astype("f8") for name, values in prices.items()}
    columns["volume"] = volume.T.ravel()
    keys = {"session": np.repeat(days, symbols), "symbol": pa.array(np.tile(names, sessions))}
    table = pa.table({**keys, **columns}).replace_schema_metadata({"symbols": str(symbols)})
    folder.mkdir()
    pq.write_table(table, folder / "bars.parquet", row_group_size=20 * symbols, compression="zstd")
    return folder


def median(engine: Engine, panel: Path, mode: str) -> dict[str, float]:
    runs = [engine.run(panel, mode) for _ in range(engine.rounds)]
    return {name: typical(run[name] for run in runs) for name in runs[0]}


def compared(engines: Sequence[Engine], panel: Path) -> dict[str, tuple[float, str]]:
    """Return per peer the worst difference from ours in deviations of the feature, over full windows, and which."""
    tables = {engine.name: sorted_rows(engine, panel) for engine in engines}
    ours = tables.pop("touchstone")
    found = {}
    for peer, table in tables.items():
        shares = {
            name: difference(ours[name], table[name]) for name in ours.column_names[2:] if name in table.column_names
        }
        worst = max(shares, key=lambda name: shares[name])
        within = sum(share <= ALLOWED_SHARE for share in shares.values())
        found[peer] = (shares[worst], f"{worst}; {within} of {len(shares)} within {ALLOWED_SHARE:g}")
    return found


def sorted_rows(engine: Engine, panel: Path) -> pa.Table:
    out = panel / f"{engine.name}.parquet"
    engine.run(panel, "full", out)
    table = pq.read_table(out)
    table = table.set_column(table.column_names.index("symbol"), "symbol", table["symbol"].cast(pa.string()))
    return table.sort_by([("symbol", "ascending"), ("session", "ascending")])


def difference(ours: pa.ChunkedArray, theirs: pa.ChunkedArray) -> float:
    left, right = (column.to_numpy().astype(np.float64) for column in (ours, theirs))
    # Ours has no value before a window is full; a peer then has one of what there is.
    both = np.isfinite(left)
    if not np.isfinite(right[both]).all():
        return float("inf")
    return float(np.abs(left[both] - right[both]).max() / left[both].std())


def day_has_the_bits_of_the_history(engine: Engine, root: Path) -> bool:
    whole = sorted_rows(engine, root / "compared")
    engine.run(root / "compared", "day", root / "day.parquet")
    day = pq.read_table(root / "day.parquet").sort_by("symbol")
    last = whole.filter(pc.equal(whole["session"], pc.max(whole["session"])))
    bits = [np.stack([table[name].to_numpy().view(np.int32) for name in day.column_names[2:]]) for table in (last, day)]
    return last["symbol"].to_pylist() == day["symbol"].to_pylist() and np.array_equal(*bits)


def tell(
    symbols: int,
    used: dict[tuple[str, str], dict[str, float]],
    growth: dict[str, dict[str, float]],
    differences: dict[str, tuple[float, str]],
    *,
    is_same: bool,
) -> None:
    columns = ("engine", "full, CPU s", "over ours", "one day, CPU s", "over ours", "peak MB", "worst difference")
    ours = {mode: used["touchstone", mode]["cpu_seconds"] for mode in ("full", "day")}
    rows = []
    for name in dict.fromkeys(name for name, _ in used):
        full, day = used[name, "full"], used[name, "day"]
        seconds = [f"{full['cpu_seconds']:.2f}", f"{full['cpu_seconds'] / ours['full']:.1f}x"]
        seconds += [f"{day['cpu_seconds']:.3f}", f"{day['cpu_seconds'] / ours['day']:.1f}x"]
        worst, which = differences.get(name, (0.0, ""))
        rows.append([name, *seconds, f"{full['peak_rss_mb']:.0f}", f"{worst:.1e} {which}"])
    print_table(f"Alpha158, {symbols} symbols x {SESSIONS} sessions", columns, rows)
    per_row = {size: figures["cpu_seconds"] for size, figures in growth.items()}
    print("\ngrowth of ours, CPU s: " + ", ".join(f"{size} {value:.3f}" for size, value in per_row.items()))
    print(f"one day has the bits of the whole history: {is_same}")
    if not any(name == "qlib" for name, _ in used):
        print(f"Qlib and polars were left out: {BENCH_PYTHON} is not set")


if __name__ == "__main__":
    main()
