from pathlib import Path

import yaml

from assets.feature_catalogue import FEATURES, NAMES, of_family
from assets.features.price_features import COLUMNS, FACTS, FAMILIES

MODELS = Path(__file__).parents[3] / "dbt_project" / "models"


def test_there_are_at_least_sixty_features_of_every_family():
    assert len(FEATURES) >= 60
    assert {feature.family for feature in FEATURES} == {
        "price", "volume", "risk", "indicator", "level", "rank", "market", "news", "fundamental",
    }  # fmt: skip


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)


def test_the_mart_has_exactly_the_catalogues_columns_in_its_order_with_its_sentences():
    contract = yaml.safe_load((MODELS / "marts" / "fct_features.yml").read_text())["models"][0]["columns"]
    told = [(column["name"], column.get("description")) for column in contract]
    assert told == [
        ("session", None),
        ("symbol", None),
        *((feature.name, feature.description) for feature in FEATURES),
    ]
    assert {column["data_type"] for column in contract[2:]} == {"double"}


def test_the_kernel_computes_exactly_its_families():
    names = [feature.name for family in FAMILIES for feature in of_family(family)]
    assert [*names, *FACTS] == list(COLUMNS)


def test_every_model_has_a_page_beside_it_and_a_grain_sentence_on_its_first_line():
    for path in sorted(MODELS.glob("*/*.sql")):
        grain = path.read_text().splitlines()[0]
        assert grain.startswith("-- One row per "), path.name
        described = yaml.safe_load(path.with_suffix(".yml").read_text())["models"][0]
        assert described["name"] == path.stem
        assert grain.removeprefix("-- ").rstrip(".") in " ".join(described["description"].split())


def test_no_model_sums_or_averages_floats_over_a_frame():
    forbidden = ("avg(", "stddev", "corr(", "regr_", "var_samp", "median(", "fsum(", "kahan")
    for path in sorted(MODELS.glob("*/*.sql")):
        text = path.read_text().lower()
        assert not [word for word in forbidden if word in text], path.name
