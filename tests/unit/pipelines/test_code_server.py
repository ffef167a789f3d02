import importlib.util

import pytest

from pipelines.code_server import _IMPORTED_BEFORE_RUNS, LOCATIONS


@pytest.mark.parametrize("location", LOCATIONS)
def test_everything_imported_before_runs_is_there_to_import(location: str) -> None:
    # The process that runs are forked from ends where it cannot import one, and each run would pay for another.
    assert [name for name in _IMPORTED_BEFORE_RUNS[location] if importlib.util.find_spec(name) is None] == []


def test_runs_of_the_trading_half_hold_none_of_the_analysis() -> None:
    named = " ".join(_IMPORTED_BEFORE_RUNS["trading"])
    assert not any(
        word in named for word in ("analysis", "dbt", "great_expectations", "lightgbm", "duckdb", "features")
    )
