"""One value of every feature, written down: a change of a formula is seen, and wanted.

`reference_values.csv` keeps a line per feature and version. Ranks, market, news and fundamentals are worked out by hand
from a market made for it (`tests/builders/worked_market.py`), and the line says how. What follows from one symbol's
prices is that of a random market. Here values are computed from raw rows; that the marts have the same bits is proven
in `tests/integration/features/test_rebuild.py`.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pyarrow.compute as pc

from assets import schemas
from assets.feature_catalogue import FEATURES, Feature
from assets.features.feature_library import FeatureLibrary, every_set, switched_on
from assets.features.price_features import FAMILIES, feature_rows, library_rows, read_past
from assets.features.recompute import recompute
from assets.raw_store import RawStore
from tests.builders import raw_rows, worked_market
from tests.builders.feature_market import market, take_in
from tests.builders.raw_rows import CALENDAR

REFERENCES = Path(__file__).parents[2] / "data" / "features" / "reference_values.csv"
LIBRARY = switched_on([one.name for one in every_set()])
EVERY = (*FEATURES, *LIBRARY.features)


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


def worked(root):
    """Return what follows from the market that can be worked out on paper, by feature."""
    store, session = RawStore(root), worked_market.DAYS[-1]
    take_in(store, worked_market.worked_market(), after=None, session=session)
    (row,) = recompute(
        raw_store=store,
        session=session,
        as_of=CALENDAR.as_of(session),
        symbols=[worked_market.SYMBOL],
        library=FeatureLibrary(),
        scorer=worked_market.ToldNumber(),
        weighing=worked_market.WEIGHING,
    ).to_pylist()
    return {feature.name: row[feature.name] for feature in FEATURES if feature.family not in FAMILIES}


def references():
    """Return by feature its values, oldest version first, as the table tells them."""
    told: dict[str, list[str]] = {}
    with REFERENCES.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            values = told.setdefault(line["feature"], [])
            values.append(line["value"])
            assert line["version"] == str(len(values)), f"{line['feature']}: one line per version, from 1 on, in order"
    return told


def faults(
    features: Sequence[Feature], found: Mapping[str, float | None], told: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return a sentence per feature whose value or version is not the written one: what is so, and what to do."""
    sentences = [
        f"{name} has a reference value and is no feature: take its lines out of {REFERENCES.name}"
        for name in sorted(told.keys() - {feature.name for feature in features})
    ]
    for feature in features:
        value = found.get(feature.name)
        # Six digits: what lies behind them may differ between builds of TA-Lib.
        text = "no value" if value is None else f"{value:.6g}"
        values = told.get(feature.name, ())
        line = f"{feature.name},{len(values) + 1},{text},<how>"
        if not values:
            sentences.append(
                f"{feature.name} has no reference value: work one out by other means, and if it is {text}, write "
                f"{line} into {REFERENCES}"
            )
        elif feature.version > len(values):
            sentences.append(
                f"{feature.name} is of version {feature.version}, its newest reference of {len(values)}: "
                f"write {line} below that one"
            )
        elif feature.version < len(values):
            sentences.append(
                f"{feature.name} is of version {feature.version}, its newest reference of {len(values)}: "
                "set its version to that"
            )
        elif text != values[-1]:
            sentences.append(
                f"{feature.name} is {text}, version {feature.version} was {values[-1]}: where another value is wanted, "
                f"set its version to {feature.version + 1} and write {line} below; an old line stays, models were "
                "taught by it"
            )
        elif len(values) != len(set(values)):
            sentences.append(f"{feature.name} has one reference for two versions: choose a case that tells them apart")
    return sentences


def test_every_feature_has_the_reference_value_of_its_version(tmp_path):
    told = faults(EVERY, {**computed()[0], **worked(tmp_path)}, references())
    assert not told, "\n".join(told)


def test_what_is_worked_out_by_hand_says_how():
    with REFERENCES.open(encoding="utf-8", newline="") as file:
        silent = {line["feature"] for line in csv.DictReader(file) if not line["worked_out"]}
    assert not [feature.name for feature in FEATURES if feature.family not in FAMILIES and feature.name in silent]


MINE = Feature("mine_gap", "library", 2, ("daily_bars",), "A gap.", owner="me")


def test_a_feature_without_a_reference_value_is_named_with_the_line_to_write():
    (told,) = faults([MINE], {"mine_gap": 0.25}, {})
    assert "mine_gap has no reference value" in told
    assert "mine_gap,1,0.25,<how>" in told


def test_a_changed_value_asks_for_a_new_version_and_a_new_line():
    (told,) = faults([MINE], {"mine_gap": 0.5}, {"mine_gap": ["0.25"]})
    assert "set its version to 2 and write mine_gap,2,0.5,<how> below" in told


def test_a_new_version_asks_for_its_own_reference_value():
    (told,) = faults([replace(MINE, version=2)], {"mine_gap": 0.5}, {"mine_gap": ["0.25"]})
    assert "mine_gap is of version 2, its newest reference of 1" in told


def test_a_new_line_asks_for_a_new_version():
    (told,) = faults([MINE], {"mine_gap": 0.5}, {"mine_gap": ["0.25", "0.5"]})
    assert "set its version to that" in told


def test_a_reference_value_of_no_feature_is_named():
    assert "gone has a reference value" in faults([], {}, {"gone": ["1"]})[0]


def test_library_rows_stand_for_the_same_sessions_and_symbols_as_the_own():
    _, (own, library) = computed()
    assert library.select(["session", "symbol"]).equals(own.select(["session", "symbol"]))
    assert pc.all(library.column("alpha158_ma60").is_valid()).as_py()
