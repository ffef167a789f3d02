"""The sensors of the analysis half ask what is due in both halves."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from pipelines import analysis
from pipelines.home import Home
from pipelines.settings import Settings
from sensors.rules import Act, Work

SESSION = date(2024, 1, 5)
PLAN = Work(act=Act.PLAN, session=SESSION, batch_hash="abc")
NIGHTLY = {"cycles": Act.TRAIN, "daily_reports": Act.REPORT, "nightly_upkeep": Act.UPKEEP}


def always(*work: Work) -> Callable[[object, object], Callable[[], tuple[Work, ...]]]:
    return lambda _settings, _home: lambda: work


@pytest.mark.parametrize(("name", "act"), NIGHTLY.items())
def test_no_sensor_begins_beside_a_due_plan_what_nobody_waits_for(
    name: str, act: Act, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(act=act, session=SESSION)
    monkeypatch.setattr(analysis, "due_analysis_work", always(work))
    monkeypatch.setattr(analysis, "due_trading_work", always(PLAN))
    sensor = analysis.build_definitions(Settings(), Home(tmp_path / "home")).resolve_sensor_def(name)
    with dg.DagsterInstance.ephemeral() as instance:
        answer = sensor._raw_fn(dg.build_sensor_context(instance=instance))
    assert isinstance(answer, dg.SkipReason), answer
    assert answer.skip_message == f"{work.name} waits for {PLAN.name}"
