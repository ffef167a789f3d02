from datetime import date

import pyarrow as pa

from assets.features.dbt_bridge import NodeResult
from assets.features.dbt_manifest import DbtModel
from assets.features.told import coverage_pages, family_coverage, scarcest_table, slow_models

SESSION = date(2024, 1, 4)


def a_model(name: str) -> DbtModel:
    return DbtModel(
        unique_id=f"model.{name}",
        name=name,
        key=("features", name),
        schema="marts",
        deps=(),
        description="",
    )


def taken(**seconds: float) -> tuple[list[DbtModel], dict[str, NodeResult]]:
    results = {
        f"model.{name}": NodeResult(unique_id=f"model.{name}", status="success", message="", failures=0, seconds=wall)
        for name, wall in seconds.items()
    }
    return [a_model(name) for name in seconds], results


def test_models_that_took_longer_than_they_may_are_named_the_slowest_first() -> None:
    models, results = taken(quick=0.2, slow=3.0, slowest=61.25)
    assert slow_models(models, results, most_seconds=2.5) == (
        "slowest took 61.2 s, 2.5 s are allowed (features.slow_model_seconds)\n"
        "slow took 3.0 s, 2.5 s are allowed (features.slow_model_seconds)"
    )


def test_nothing_is_said_of_models_that_were_in_time() -> None:
    models, results = taken(quick=0.2, just=2.5)
    assert slow_models(models, results, most_seconds=2.5) == ""


def session_rows(**columns: list[float | None]) -> pa.Table:
    count = len(next(iter(columns.values())))
    named = {"session": [SESSION] * count, "symbol": [f"S{number}" for number in range(count)]}
    return pa.table({**named, **{name: pa.array(values, pa.float64()) for name, values in columns.items()}})


def test_coverage_is_the_share_of_a_familys_values_over_all_symbols() -> None:
    rows = session_rows(return_1d=[0.1, 0.2], return_5d=[0.1, None], news_count_1d=[None, None], mine=[1.0, 2.0])
    assert family_coverage(rows) == {"price": 0.75, "news": 0.0, "library": 1.0}


def test_coverage_of_no_symbols_is_nothing() -> None:
    rows = session_rows(return_1d=[1.0]).slice(0, 0)
    assert family_coverage(rows) == {"price": 0.0}
    assert scarcest_table(rows) == "No symbol has a row."


def test_coverage_is_a_small_picture_and_a_table_that_begins_with_the_scarcest() -> None:
    rows = session_rows(return_1d=[0.1, 0.2], return_5d=[0.1, None], news_count_1d=[None, None])
    pages = coverage_pages(rows, SESSION)
    assert pages["coverage_chart"].startswith("![feature coverage](data:image/png;base64,")
    assert len(pages["coverage_chart"]) < 20_000
    assert pages["scarcest_features"].splitlines()[2:] == [
        "| news_count_1d | news | 0 of 2 |",
        "| return_5d | price | 1 of 2 |",
    ]


def test_scarce_features_beyond_the_shown_ones_are_counted() -> None:
    rows = session_rows(return_1d=[None, 0.2], return_5d=[None, None], return_10d=[0.1, 0.2], return_20d=[0.1, None])
    told = scarcest_table(rows, shown=1)
    assert told.splitlines()[2:] == ["| return_5d | price | 0 of 2 |", "", "and 2 more that some symbols lack"]
    assert scarcest_table(session_rows(return_1d=[0.1, 0.2])) == "Every symbol has every feature."
