"""Real bars, splits and dividends: our total returns are the vendor's, and every value is a number."""

import os
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from assets import schemas
from assets.features.price_features import COLUMNS, feature_rows, read_past
from tests.builders import raw_rows
from tests.builders.raw_rows import CALENDAR

CHECKOUT = Path(__file__).parents[3]
PRICES = Path(os.environ.get("REAL_DATA_FOLDER", CHECKOUT.parent / "shared" / "data")) / (
    "prices_daily_wiki_2009_2016h1.parquet"
)
SYMBOLS = ("AAPL", "AIG", "C", "GOOGL", "JPM", "MSFT", "NFLX", "PCLN", "SBUX", "XOM")

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not PRICES.exists(), reason=f"real prices not found at {PRICES}: they lie beside the checkout"),
]


def bar(row):
    prices = {f"{name}_usd": Decimal(str(row[name])).quantize(Decimal("0.000001")) for name in ("open", "high", "low")}
    return raw_rows.bar(
        row["symbol"],
        row["date"],
        row["close"],
        **prices,
        close_usd=Decimal(str(row["close"])).quantize(Decimal("0.000001")),
        volume_shares=int(row["volume"]),
    )


def actions(row):
    told = (("split", row["split_ratio"], 1.0), ("dividend", row["ex_dividend"], 0.0))
    return [
        raw_rows.action(row["symbol"], row["date"], kind, f"{value:.6f}") for kind, value, none in told if value != none
    ]


def test_total_returns_are_the_vendors_and_every_feature_is_a_number():
    table = pq.read_table(PRICES)
    chosen = table.filter(pc.is_in(table["symbol"], value_set=pa.array(SYMBOLS)))
    rows = chosen.sort_by([("symbol", "ascending"), ("date", "ascending")]).to_pylist()
    days = CALENDAR.between(min(row["date"] for row in rows), max(row["date"] for row in rows))
    past = read_past(
        bars=raw_rows.rows(schemas.DAILY_BARS, map(bar, rows)),
        actions=raw_rows.rows(schemas.CORPORATE_ACTIONS, [told for row in rows for told in actions(row)]),
        membership=schemas.MEMBERSHIP.schema.empty_table(),
        last=days[-1],
        calendar=CALENDAR,
    )
    features = feature_rows(past, days)
    assert features.num_rows == len(rows)
    for name in COLUMNS:
        assert np.isfinite(features[name].drop_null().to_numpy()).all(), name
    ours = {(row["symbol"], row["session"]): row["total_return"] for row in features.to_pylist()}
    compared = 0
    for before, row in pairwise(rows):
        if before["symbol"] == row["symbol"]:
            theirs = row["adj_close"] / before["adj_close"] - 1.0
            assert ours[row["symbol"], row["date"]] == pytest.approx(theirs, abs=1e-6)
            compared += 1
    assert compared > 10_000
