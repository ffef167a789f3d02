"""How many daily bars a CPU second turns from Alpaca's JSON into a Parquet part: pages, columns, contract, file.

Run: `python benchmarks/alpaca_parsing.py`. The pages are made here: 500 symbols, 10,000 bars a page as Alpaca has them.
"""

import io
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
from measuring import conditions, typical, write_result

from assets.ingest.alpaca_bars import AlpacaBars
from assets.ingest.alpaca_settings import AlpacaDataSettings
from execution.clock import SystemClock
from execution.trading_calendar import TradingCalendar

SYMBOLS, PER_PAGE, ROUNDS = 500, 10_000, 5
CALENDAR = TradingCalendar.shipped()
SESSIONS = CALENDAR.between(date(2016, 1, 4), date(2023, 12, 29))


def made_pages() -> list[bytes]:
    draws = np.random.default_rng(7)
    pages, bars, count = [], {}, 0
    for number in range(SYMBOLS):
        closes = np.round(50 * np.exp(np.cumsum(draws.normal(0, 0.01, len(SESSIONS)))), 2)
        told = [
            {
                "t": f"{session}T05:00:00Z",
                "o": close,
                "h": close + 0.5,
                "l": close - 0.5,
                "c": close,
                "v": 1_000_000 + number,
                "n": 12_345,
                "vw": close,
            }
            for session, close in zip(SESSIONS, closes.tolist(), strict=True)
        ]
        while told:
            part, told = told[: PER_PAGE - count], told[PER_PAGE - count :]
            bars[f"S{number:04d}"] = part
            count += len(part)
            if count == PER_PAGE:
                pages.append(orjson.dumps({"bars": bars, "next_page_token": "x"}))
                bars, count = {}, 0
    return [*pages, orjson.dumps({"bars": bars, "next_page_token": None})]


def main() -> None:
    pages = made_pages()
    # It only reads what it is handed: nothing is asked for and nothing is kept.
    bars = AlpacaBars(AlpacaDataSettings(), pages=Any, folder=Path(), clock=SystemClock(), calendar=CALENDAR)
    figures = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        rows = bars.told(pages)
        parsed = time.process_time()
        pq.write_table(rows, io.BytesIO(), compression="zstd", use_dictionary=["symbol", "source", "feed"])
        figures.append((rows.num_rows / (parsed - begun) / 1e6, rows.num_rows / (time.process_time() - begun) / 1e6))
        print(
            f"{rows.num_rows:,} bars: {figures[-1][0]:.2f} M per CPU second to columns, {figures[-1][1]:.2f} to Parquet"
        )
    write_result(
        "alpaca_parsing",
        {
            "conditions": conditions(),
            "bars": SYMBOLS * len(SESSIONS),
            "json_mb": sum(map(len, pages)) / 1e6,
            "million_bars_per_cpu_second_to_columns": typical(columns for columns, _ in figures),
            "million_bars_per_cpu_second_to_parquet": typical(written for _, written in figures),
        },
    )


if __name__ == "__main__":
    main()
