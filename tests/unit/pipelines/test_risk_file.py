"""`risk.yaml`: one file of limits, included by the settings. A bad value is refused by name, and nothing starts."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from execution.domain.canonical import content_hash
from execution.domain.errors import SettingsRefused
from execution.risk.limits import RiskLimits
from pipelines.trading_settings import TradingSettings, load_trading_settings

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FIELDS = sorted(RiskLimits.model_fields)
NUMBERS = [name for name in FIELDS if name != "restricted_symbols"]
MAY_BE_ZERO = {
    "cash_min_weight",
    "cooldown_minutes",
    "earnings_blackout_sessions",
    "entries_per_day_max",
    "fee_allowance_bps",
    "macro_blackout_sessions",
    "trend_sessions",
    "trend_weeks",
}
BAD = (
    ".nan",
    ".inf",
    "-.inf",
    '"NaN"',
    '"Infinity"',
    "-1",
    "1e30",
    "1_000",
    '"1_000"',
    "5 %",
    "1500 USD",
    "yes",
    "true",
)
ABSENT = ("null", "", "~")


def loaded(folder: Path, limits: str, *, file: str = "risk.yaml") -> TradingSettings:
    (folder / file).write_text(limits, encoding="utf-8")
    (folder / "settings.yaml").write_text(f"includes: [{file}]\n", encoding="utf-8")
    return load_trading_settings(folder / "settings.yaml", {})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [*BAD, *ABSENT])
def test_a_bad_limit_is_refused_by_name(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsRefused, match=name):
        loaded(tmp_path, f"limits:\n  {name}: {value}\n")


@pytest.mark.parametrize("name", NUMBERS)
def test_a_limit_of_nothing_is_refused_unless_nothing_has_a_meaning(tmp_path: Path, name: str) -> None:
    text = f"limits:\n  {name}: 0\n"
    if name in MAY_BE_ZERO:
        assert getattr(loaded(tmp_path, text).limits, name) == 0
    else:
        with pytest.raises(SettingsRefused, match=name):
            loaded(tmp_path, text)


@pytest.mark.parametrize("name", [name for name in NUMBERS if name.endswith(("_weight", "_fraction"))])
def test_a_percentage_where_a_fraction_is_meant_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsRefused, match=name):
        loaded(tmp_path, f"limits:\n  {name}: 5\n")


@pytest.mark.parametrize("text", ["[]", "AAPL", "[AAPL, [MSFT]]", "{AAPL: 1}", "null"])
def test_a_restricted_list_is_a_list_of_symbols(tmp_path: Path, text: str) -> None:
    text = f"limits:\n  restricted_symbols: {text}\n"
    if text.endswith("[]\n"):
        assert loaded(tmp_path, text).limits.restricted_symbols == ()
    else:
        with pytest.raises(SettingsRefused, match="restricted_symbols"):
            loaded(tmp_path, text)


@pytest.mark.parametrize(
    "symbol", ["aapl", '""', '" "', "A B", '"AAPL\\n"', "../AAPL", "A" * 16, "7.5", ".nan", "null"]
)
def test_a_restricted_symbol_that_no_symbol_equals_is_refused(tmp_path: Path, symbol: str) -> None:
    # A list that restricts nothing would be believed to restrict.
    with pytest.raises(SettingsRefused, match="restricted_symbols"):
        loaded(tmp_path, f"limits:\n  restricted_symbols: [AAPL, {symbol}]\n")


def test_restricted_symbols_are_kept_as_they_are_written(tmp_path: Path) -> None:
    # ON is a truth value to some readers of YAML, and a symbol to us.
    text = "limits:\n  restricted_symbols: [BRK.B, ON, RDS-A]\n"
    assert loaded(tmp_path, text).limits.restricted_symbols == ("BRK.B", "ON", "RDS-A")


def test_an_unknown_limit_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"limits.names_maximum .*nearest valid key is limits.names_max"):
        loaded(tmp_path, "limits:\n  names_maximum: 5\n")


def test_a_limit_said_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"limits\.names_max is said twice"):
        loaded(tmp_path, "limits:\n  names_max: 5\n  names_max: 50\n")


def test_a_limit_said_in_two_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("limits: {names_max: 50}\n", encoding="utf-8")
    (tmp_path / "risk.yaml").write_text("limits: {names_max: 5}\n", encoding="utf-8")
    (tmp_path / "settings.yaml").write_text("includes: [risk.yaml, more.yaml]\n", encoding="utf-8")
    with pytest.raises(SettingsRefused, match=r"limits\.names_max is said twice"):
        load_trading_settings(tmp_path / "settings.yaml", {})


@pytest.mark.parametrize(("file", "limits"), [("risk.yaml", RiskLimits()), ("risk-strict.yaml", RiskLimits.strict())])
def test_the_shipped_file_says_every_limit_of_its_profile(tmp_path: Path, file: str, limits: RiskLimits) -> None:
    text = (EXAMPLES / file).read_text(encoding="utf-8")
    assert sorted(yaml.safe_load(text)["limits"]) == FIELDS
    assert loaded(tmp_path, text, file=file).limits == limits


@pytest.mark.parametrize("name", NUMBERS)
def test_every_limit_changes_the_hash_of_limits_and_settings(tmp_path: Path, name: str) -> None:
    standard: Any = getattr(RiskLimits(), name)
    other = standard + 1 if isinstance(standard, int) else (standard * Decimal("0.99")).normalize()
    if name == "position_max_weight":
        other = Decimal("0.09")
    settings = loaded(
        tmp_path, f"limits:\n  {name}: {other:f}\n" if isinstance(other, Decimal) else f"limits: {{{name}: {other}}}\n"
    )
    assert getattr(settings.limits, name) == other
    assert content_hash(settings.limits.model_dump()) != content_hash(RiskLimits().model_dump())
    (tmp_path / "empty").mkdir()
    assert settings.settings_hash != loaded(tmp_path / "empty", "limits: {}\n").settings_hash
