"""DuckDB: framed window functions, one thread; without RANK, for which it has no form over a frame of rows."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from engine_run import measure

WINDOWS = (5, 10, 20, 30, 60)
TINY = "1e-12"
OF_THE_DAY = {
    "KMID": "(close - open) / open",
    "KLEN": "(high - low) / open",
    "KMID2": f"(close - open) / (high - low + {TINY})",
    "KUP": "(high - greatest(open, close)) / open",
    "KUP2": f"(high - greatest(open, close)) / (high - low + {TINY})",
    "KLOW": "(least(open, close) - low) / open",
    "KLOW2": f"(least(open, close) - low) / (high - low + {TINY})",
    "KSFT": "(2 * close - high - low) / open",
    "KSFT2": f"(2 * close - high - low) / (high - low + {TINY})",
    "OPEN0": "open / close",
    "HIGH0": "high / close",
    "LOW0": "low / close",
    "VWAP0": "(high + low + close) / 3 / close",
}
ROLLING = {
    "ROC": "lag(close, {n}) over s / close",
    "MA": "avg(close) over w{n} / close",
    "STD": "stddev_samp(close) over w{n} / close",
    "BETA": "regr_slope(close, time) over w{n} / close",
    "RSQR": "regr_r2(close, time) over w{n}",
    "RESI": "(close - regr_intercept(close, time) over w{n} - regr_slope(close, time) over w{n} * time) / close",
    "MAX": "max(high) over w{n} / close",
    "MIN": "min(low) over w{n} / close",
    "QTLU": "quantile_cont(close, 0.8) over w{n} / close",
    "QTLD": "quantile_cont(close, 0.2) over w{n} / close",
    "RSV": "(close - min(low) over w{n}) / (max(high) over w{n} - min(low) over w{n} + 1e-12)",
    "IMAX": "(arg_max(time, high) over w{n} - time + {n}) / {n}",
    "IMIN": "(arg_min(time, low) over w{n} - time + {n}) / {n}",
    "IMXD": "(arg_max(time, high) over w{n} - arg_min(time, low) over w{n}) / {n}",
    "CORR": "corr(close, log_volume) over w{n}",
    "CORD": "corr(ratio, log_ratio) over w{n}",
    "CNTP": "avg(up) over w{n}",
    "CNTN": "avg(down) over w{n}",
    "CNTD": "avg(up - down) over w{n}",
    "SUMP": "sum(greatest(change, 0)) over w{n} / (sum(abs(change)) over w{n} + 1e-12)",
    "SUMN": "sum(greatest(-change, 0)) over w{n} / (sum(abs(change)) over w{n} + 1e-12)",
    "SUMD": "sum(change) over w{n} / (sum(abs(change)) over w{n} + 1e-12)",
    "VMA": "avg(volume) over w{n} / (volume + 1e-12)",
    "VSTD": "stddev_samp(volume) over w{n} / (volume + 1e-12)",
    "WVMA": "stddev_samp(weighted) over w{n} / (avg(weighted) over w{n} + 1e-12)",
    "VSUMP": "sum(greatest(volume_change, 0)) over w{n} / (sum(abs(volume_change)) over w{n} + 1e-12)",
    "VSUMN": "sum(greatest(-volume_change, 0)) over w{n} / (sum(abs(volume_change)) over w{n} + 1e-12)",
    "VSUMD": "sum(volume_change) over w{n} / (sum(abs(volume_change)) over w{n} + 1e-12)",
}


def features(panel: Path, mode: str) -> pa.Table:
    # Whole text from constants of this file; DuckDB takes no column names as parameters.
    columns = [f"({text})::float as {name}" for name, text in OF_THE_DAY.items()]
    columns += [f"({text.format(n=n)})::float as {name}{n}" for n in WINDOWS for name, text in ROLLING.items()]
    frames = [
        f"w{n} as (partition by symbol order by session rows between {n - 1} preceding and current row)"
        for n in WINDOWS
    ]
    newest = (
        "where session in (select distinct session from bars order by session desc limit 61)" if mode == "day" else ""
    )
    last = "qualify session = max(session) over ()" if mode == "day" else ""
    text = f"""
    with bars as (select * from read_parquet('{panel / "bars.parquet"}')),
    stepped as (
        select *, ln(volume + 1) as log_volume, close / lag(close) over s as ratio,
            ln(volume / lag(volume) over s + 1) as log_ratio, close - lag(close) over s as change,
            volume - lag(volume) over s as volume_change, (row_number() over s)::double as time
        from bars {newest} window s as (partition by symbol order by session)
    ),
    told as (
        select *, (change > 0)::int as up, (change < 0)::int as down, abs(ratio - 1) * volume as weighted from stepped
    )
    select session, symbol, {", ".join(columns)} from told
    window s as (partition by symbol order by session), {", ".join(frames)}
    {last}
    """  # noqa: S608 - texts of this file
    with duckdb.connect(config={"threads": 1}) as connection:
        return connection.execute(text).to_arrow_table()


if __name__ == "__main__":
    measure(features, pq.write_table)
