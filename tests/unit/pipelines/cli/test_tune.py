"""`touchstone tune`: choices are tried on the home's newest training set, counted, and told as settings lines."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pytest

from assets.feature_catalogue import NAMES
from assets.ml.dataset import build_training_set
from assets.ml.model_registry import ModelRegistry
from assets.ml.policy import SearchPolicy, SearchRange
from assets.ml.training_sets import TrainingSetStore
from assets.ml.trial_log import TrialLog
from assets.universe_policy import UniversePolicy
from execution.domain.errors import DataError, SettingsRefused
from pipelines.cli import tune
from pipelines.cli.results import make_results
from pipelines.home import Home
from pipelines.settings import Settings
from tests.unit.ml.marts_builder import CALENDAR, a_market, a_policy

SPACE = SearchPolicy(max_trials=2, space={"num_leaves": SearchRange(low=3, high=15)})


@dataclass
class StoppedClock:
    instant: datetime

    def now(self) -> datetime:
        return self.instant


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    home, market = Home(tmp_path).create(), a_market(symbols=12, sessions=110)
    market.write(home.warehouse)
    clock = StoppedClock(CALENDAR.as_of(market.sessions[-1]))
    monkeypatch.setattr(tune, "clock_of", lambda *_: clock)
    return home


def test_choices_are_counted_in_the_home_and_the_best_is_told_as_settings(home):
    settings = Settings(learning=a_policy(search=SPACE))
    warehouse = tune.Warehouse(home.warehouse)
    cut_off = tune.training_cut_off(warehouse, now=tune.clock_of(settings.mode, home).now(), calendar=CALENDAR)
    rows = build_training_set(
        warehouse, cut_off=cut_off, feature_names=NAMES, policy=settings.learning, calendar=CALENDAR
    )
    TrainingSetStore(home.artifacts / "training_sets").publish(rows)
    lines: list[str] = []
    page = tune.run_search(settings, home, tell=lines.append)
    assert [line.partition(":")[0] for line in lines] == ["1 of 2", "2 of 2"]
    assert "\nlearning:\n  num_leaves: " in page
    assert "2 choices ever tried here now count against any model" in page
    assert len(TrialLog(home.artifacts / "models").trials()) == 2
    assert len(list((home.artifacts / "searches").glob("*.json"))) == 1
    assert ModelRegistry(home.artifacts).history() == ()


@pytest.mark.parametrize(
    "asked",
    [
        tune.run_search,
        partial(make_results, retrain_sessions=63, has_leaks=False),
    ],
    ids=["tune", "results"],
)
def test_a_universe_the_marts_were_not_built_by_is_refused_and_is_no_choice(home, asked):
    with tune.Warehouse(home.warehouse).connect(read_only=False) as connection:
        connection.execute("create schema request")
        connection.execute("create table request.universe_policy as select 3000 as max_names")
    settings = Settings(learning=a_policy(search=SPACE), universe=UniversePolicy(max_names=30))
    with pytest.raises(SettingsRefused, match=r"universe\.max_names 30 where the stored marts were built with 3000"):
        asked(settings, home, tell=print)
    assert TrialLog(home.artifacts / "models").trials() == ()


def test_a_home_without_a_training_set_is_told_to_make_one(home):
    with pytest.raises(DataError, match="materialize ml/training_set"):
        tune.run_search(Settings(learning=a_policy(search=SPACE)), home, tell=print)
