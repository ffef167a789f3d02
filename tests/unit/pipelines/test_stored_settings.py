"""What of the settings is baked into stored data, and cannot be tried on them afterwards."""

from pathlib import Path
from typing import Any

import pytest

from assets.mart_settings import built_by, note_built_by
from assets.warehouse import Warehouse
from execution.domain.errors import SettingsRefused
from pipelines.analysis_adapters import require_stored_days, require_stored_marts
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.stored_settings import stored_settings


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({"mode": "simulated", **changes})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    note_built_by(Warehouse(home.warehouse), stored_settings(settings()))
    return home


def test_a_backtest_by_other_gates_is_refused_with_both_values(home: Home) -> None:
    require_stored_days(settings(), home, named="--beside var.yaml")
    found = r"found gates\.max_unexplained_return 0\.2 where the stored marts were built with 0\.4;"
    with pytest.raises(SettingsRefused, match=f"--beside var.yaml: {found}"):
        require_stored_days(settings(gates={"max_unexplained_return": 0.2}), home, named="--beside var.yaml")


def test_a_search_asks_nothing_of_a_gate_and_a_choice_knows_of_none(home: Home) -> None:
    require_stored_marts(settings(gates={"max_unexplained_return": 0.2}), home, named="this search")
    with pytest.raises(SettingsRefused, match=r"universe\.max_names 3 where"):
        require_stored_marts(settings(universe={"max_names": 3}), home, named="this search")
    assert {name.split(".")[0] for name in built_by(Warehouse(home.warehouse))} == {"universe", "features"}
