from pathlib import Path

import pytest

from execution.risk.limits import RiskLimits
from pipelines.settings import load_settings
from tests.builders.trading_days import TradingDays

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
TREES = sorted(
    path for path in EXAMPLES.glob("*.yaml") if "mode:" in path.read_text() or "includes:" in path.read_text()
)


# A real mode is refused without keys, and no example may hold any.
KEYS = {
    "TOUCHSTONE__BROKER_KEYS__KEY_ID": "PK-of-an-example",
    "TOUCHSTONE__BROKER_KEYS__SECRET_KEY": "secret-of-an-example",
}


@pytest.mark.parametrize("path", TREES, ids=lambda path: path.name)
def test_every_example_is_a_tree_that_loads(path):
    assert load_settings(path, KEYS).settings_hash


def test_the_example_says_the_defaults_and_nothing_else(tmp_path):
    # Without a file the settings of a home in this folder would be read, and a demo leaves one.
    (tmp_path / "nothing.yaml").write_text("")
    defaults = load_settings(tmp_path / "nothing.yaml", {})
    assert load_settings(EXAMPLES / "settings.yaml", {}).settings_hash == defaults.settings_hash


def test_the_strict_example_is_the_strict_profile():
    assert load_settings(EXAMPLES / "strict.yaml", {}).limits == RiskLimits.strict()


def test_the_compliance_preset_has_the_strict_limits_and_lets_no_entry_go_without_a_person(tmp_path):
    tree = load_settings(EXAMPLES / "compliance.yaml", {})
    assert tree.limits == RiskLimits.strict()
    days = TradingDays(tmp_path, desk_changes={"approval": tree.approval}, is_on_files=True)
    assert not days.plan().is_approved
