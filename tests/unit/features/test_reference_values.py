"""One value of every feature that is computed from prices, written down: a change of a formula is seen, and wanted.

A value that should change gets a new version; `REFERENCES` is then written from what the failure prints.
"""

import csv
from functools import cache
from pathlib import Path

import pyarrow.compute as pc

from assets import schemas
from assets.feature_catalogue import FEATURES
from assets.features.feature_library import every_set, switched_on
from assets.features.price_features import FAMILIES, feature_rows, library_rows, read_past
from tests.builders import raw_rows
from tests.builders.feature_market import market
from tests.builders.raw_rows import CALENDAR

REFERENCES = Path(__file__).parents[2] / "data" / "features" / "reference_values.csv"
LIBRARY = switched_on([one.name for one in every_set()])
FROM_PRICES = (*(feature for feature in FEATURES if feature.family in FAMILIES), *LIBRARY.features)


@cache
def computed():
    days = raw_rows.sessions(300)
    records = market(days, symbols=12)
    names = ("daily_bars", "corporate_actions", "membership")
    tables = {name: raw_rows.rows(schemas.BY_NAME[name], records[name]) for name in names}
    past = read_past(
        bars=tables["daily_bars"],
        actions=tables["corporate_actions"],
        membership=tables["membership"],
        last=days[-1],
        calendar=CALENDAR,
    )
    own, library = feature_rows(past, days[-1:], ["SYM01"]), library_rows(past, LIBRARY, days[-1:], ["SYM01"])
    return {**own.to_pylist()[0], **library.to_pylist()[0]}, (own, library)


def test_every_feature_from_prices_has_its_reference_value_and_version():
    values, _ = computed()
    # Six digits: what lies behind them may differ between builds of TA-Lib.
    found = {feature.name: (str(feature.version), f"{values[feature.name]:.6g}") for feature in FROM_PRICES}
    with REFERENCES.open(encoding="utf-8", newline="") as file:
        expected = {row["feature"]: (row["version"], row["value"]) for row in csv.DictReader(file)}
    assert found == expected


def test_library_rows_stand_for_the_same_sessions_and_symbols_as_the_own():
    _, (own, library) = computed()
    assert library.select(["session", "symbol"]).equals(own.select(["session", "symbol"]))
    assert pc.all(library.column("alpha158_ma60").is_valid()).as_py()
