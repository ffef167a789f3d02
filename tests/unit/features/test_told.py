from assets.features.dbt_bridge import NodeResult
from assets.features.dbt_manifest import DbtModel
from assets.features.told import slow_models


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
