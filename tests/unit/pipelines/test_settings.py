import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

import pipelines.settings as settings_module
from execution.domain.errors import SettingsRefused
from execution.risk.limits import RiskLimits
from pipelines.home import Home
from pipelines.settings import load_settings, schema_document
from pipelines.settings_schema import SettingsSchema
from pipelines.trading_settings import load_trading_settings

KEYS = {"TOUCHSTONE__BROKER_KEYS__KEY_ID": "PKCANARY1234", "TOUCHSTONE__BROKER_KEYS__SECRET_KEY": "s3cr3t-canary-5678"}


@pytest.fixture(autouse=True)
def _no_file_beside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refusal(environ, path=None):
    with pytest.raises(SettingsRefused) as error:
        load_settings(path, environ)
    return str(error.value)


def leaves(model, prefix=""):
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if hasattr(type(value), "model_fields"):
            yield f"{prefix}{name}", field
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def test_nothing_said_means_defaults():
    settings = load_settings(environ={})
    assert (settings.mode, settings.initial_cash_usd) == ("simulated", Decimal(100_000))
    assert {origin.origin for origin in settings.origins()} == {"default"}


def test_the_committed_schema_equals_the_types():
    committed = json.loads((Path(settings_module.__file__).parent / "settings_schema.json").read_text())
    assert committed == json.loads(json.dumps(schema_document())), "run `make schema` and commit what it writes"


def test_every_field_says_what_it_is():
    missing = [key for key, field in leaves(load_settings(environ={})) if not (field.description or "").endswith(".")]
    assert missing == []


def test_a_file_in_the_working_directory_is_found(tmp_path):
    (tmp_path / "settings.yaml").write_text("account: other\n")
    settings = load_settings(environ={})
    assert settings.account == "other"
    assert settings.origins()[1] == ("account", "other", "settings.yaml:1")


def test_a_named_file_wins_over_the_one_in_the_working_directory(tmp_path):
    (tmp_path / "settings.yaml").write_text("account: other\n")
    (tmp_path / "named.yaml").write_text("account: named\n")
    assert load_settings(environ={"TOUCHSTONE_SETTINGS": str(tmp_path / "named.yaml")}).account == "named"


def test_a_wrong_value_names_key_found_and_allowed(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("mode: liv\nlearning:\n  folds: 1\n")
    message = refusal({}, path)
    assert "mode (settings.yaml:1): found 'liv', but it should be 'simulated', 'files', 'paper' or 'live'" in message
    assert "learning.folds (settings.yaml:3): found 1, but it should be greater than or equal to 2" in message


def test_an_unknown_key_names_the_nearest_valid_one(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("learning:\n  fold: 3\n")
    assert refusal({}, path) == "unknown key learning.fold (settings.yaml:2): the nearest valid key is learning.folds"


def test_an_unknown_variable_is_refused_rather_than_ignored():
    assert "the nearest valid one is TOUCHSTONE__MODE" in refusal({"TOUCHSTONE_MODE": "paper"})
    assert "the nearest valid one is TOUCHSTONE_HOME" in refusal({"TOUCHSTONE_HOMES": "x"})
    assert "unknown key learning.fold " in refusal({"TOUCHSTONE__LEARNING__FOLD": "3"})


def test_a_number_that_is_none_is_refused():
    assert "expected a finite number" in refusal({"TOUCHSTONE__LEARNING__L2_PENALTY": ".nan"})


def test_a_day_the_calendar_does_not_have_is_refused(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("account: main\nfirst_cycle_session: 2024-02-30\n")
    told = "first_cycle_session (settings.yaml:2): found 2024-02-30, which is no timestamp: correct it"
    assert told in refusal({}, path)
    assert "found 2024-02-30, which is no" in refusal({"TOUCHSTONE__FIRST_CYCLE_SESSION": "2024-02-30"})
    path.write_text("simulated:\n  symbols: !!int many\n")
    assert "simulated.symbols (settings.yaml:2): found many, which is no int: correct it" in refusal({}, path)


@pytest.mark.parametrize(
    "key",
    ["simulated.symbols", "learning.l2_penalty", "initial_cash_usd", "limits.drawdown_max_fraction"],
)
def test_true_is_no_number(key):
    variable = f"TOUCHSTONE__{key.upper().replace('.', '__')}"
    assert refusal({variable: "true"}) == f"{key} ({variable}): found true, but it should be a number"


def test_a_switch_is_said_with_true():
    assert load_settings(environ={"TOUCHSTONE__APPROVAL__NEEDS_TWO_PEOPLE": "true"}).approval.needs_two_people


def test_a_secret_in_a_file_is_refused_without_quoting_it(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("broker_keys:\n  secret_key: s3cr3t-canary-5678\n")
    message = refusal({}, path)
    assert "broker_keys.secret_key (settings.yaml:2) is a secret in a file" in message
    assert "TOUCHSTONE__BROKER_KEYS__SECRET_KEY" in message
    assert "canary" not in message


def test_a_secret_is_never_shown():
    settings = load_settings(environ=KEYS)
    shown = f"{settings!r} {settings} {settings.origins()}"
    assert "canary" not in shown.lower()
    assert sorted(settings.secrets()) == sorted(KEYS.values())


def test_a_refused_secret_is_not_quoted():
    message = refusal({"TOUCHSTONE__BROKER_KEYS__KEY_ID": "abc"})
    assert "broker_keys.key_id" in message
    assert "abc" not in message


def test_paper_needs_both_keys():
    assert "needs broker_keys.key_id" in refusal({"TOUCHSTONE__MODE": "paper"})
    assert load_settings(environ={"TOUCHSTONE__MODE": "paper", **KEYS}).mode == "paper"


def test_live_needs_a_second_switch_that_names_the_account():
    live = {"TOUCHSTONE__MODE": "live", "TOUCHSTONE__ACCOUNT": "mine", **KEYS}
    assert "needs TOUCHSTONE_LIVE_ACCOUNT" in refusal(live)
    assert "found 'other'" in refusal(live | {"TOUCHSTONE_LIVE_ACCOUNT": "other"})
    assert load_settings(environ=live | {"TOUCHSTONE_LIVE_ACCOUNT": "mine"}).mode == "live"


def test_a_left_over_live_switch_is_refused_in_every_other_mode():
    assert "unset it, or set mode to live" in refusal({"TOUCHSTONE_LIVE_ACCOUNT": "main"})


COSTS = "TOUCHSTONE__COSTS__"
BAR = "TOUCHSTONE__SIZING__ROUND_TRIP_COST_BPS"


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        ({f"{COSTS}SLIPPAGE_BPS": "60"}, "120"),
        ({f"{COSTS}SLIPPAGE_BPS": "60", f"{COSTS}SELL_FEE_BPS": "0.5"}, "120.5"),
        ({f"{COSTS}HALF_SPREAD_BPS": "12", f"{COSTS}IMPACT_BPS": "150"}, "24"),
    ],
)
def test_a_bar_for_entries_below_what_the_costs_say_is_refused(costs, told):
    told_by_both = f"sizing.round_trip_cost_bps 20 is below the {told} bps that costs say a round trip costs"
    assert told_by_both in refusal(costs)
    with pytest.raises(SettingsRefused, match=re.escape(told_by_both)):
        load_trading_settings(environ=costs)
    assert load_settings(environ={**costs, BAR: told}).sizing.round_trip_cost_bps == Decimal(told)


def test_a_bar_of_nothing_is_no_mistake():
    assert load_settings(environ={f"{COSTS}SLIPPAGE_BPS": "60", BAR: "0"}).sizing.round_trip_cost_bps == 0


def test_the_dearest_costs_have_a_bar_that_settings_allow():
    dearest = {f"{COSTS}SLIPPAGE_BPS": "1000", f"{COSTS}SELL_FEE_BPS": "100", BAR: "2100"}
    assert load_settings(environ=dearest).costs.round_trip_bps(Decimal(0)) == 2_100


def test_the_tree_cannot_be_changed_after_loading():
    with pytest.raises(ValueError, match="frozen"):
        load_settings(environ={}).mode = "live"


def test_both_halves_compute_one_hash_and_refuse_the_same_keys():
    environ = {"TOUCHSTONE__LEARNING__FOLDS": "4", "TOUCHSTONE__INITIAL_CASH_USD": "5e4"}
    assert load_trading_settings(environ=environ).settings_hash == load_settings(environ=environ).settings_hash
    with pytest.raises(SettingsRefused, match=r"the nearest valid key is learning\.folds"):
        load_trading_settings(environ={"TOUCHSTONE__LEARNING__FOLD": "4"})


def test_saying_a_default_aloud_does_not_change_the_hash(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("mode: simulated\ninitial_cash_usd: 100000.00\nlearning: {folds: 3}\nbroker_keys: {}\n")
    assert load_settings(path, {}).settings_hash == load_settings(environ={}).settings_hash


@pytest.mark.parametrize(
    "environ",
    [
        {"TOUCHSTONE__LEARNING__FOLDS": "4"},
        {"TOUCHSTONE__ACCOUNT": "other"},
        {"TOUCHSTONE__FIRST_CYCLE_SESSION": "2024-01-03"},
        {"TOUCHSTONE__INITIAL_CASH_USD": "100000.01"},
    ],
)
def test_a_changed_decision_changes_the_hash(environ):
    assert load_settings(environ=environ).settings_hash != load_settings(environ={}).settings_hash


@pytest.mark.parametrize("environ", [KEYS, {"TOUCHSTONE__LOG__LEVEL": "debug"}])
def test_secrets_and_what_only_watches_do_not_change_the_hash(environ):
    assert load_settings(environ=environ).settings_hash == load_settings(environ={}).settings_hash


def test_every_number_in_the_tree_is_bounded_below_and_above():
    document = SettingsSchema.shipped().document
    unbounded = [
        f"{title}.{name}"
        for title, section in [("", document), *document["$defs"].items()]
        for name, field in section.get("properties", {}).items()
        for shape in field.get("anyOf", [field])
        if shape.get("type") in {"number", "integer"}
        and not ({"minimum", "exclusiveMinimum"} & shape.keys() and {"maximum", "exclusiveMaximum"} & shape.keys())
    ]
    assert unbounded == []


def test_the_strict_profile_fills_in_its_limits_and_says_so():
    settings = load_trading_settings(environ={"TOUCHSTONE__RISK_PROFILE": "strict"})
    assert settings.limits == RiskLimits.strict()
    assert ("limits.names_max", "5", "profile strict") in settings.origins()


def test_a_limit_said_aloud_wins_over_the_profile():
    environ = {"TOUCHSTONE__RISK_PROFILE": "strict", "TOUCHSTONE__LIMITS__NAMES_MAX": "7"}
    assert load_settings(environ=environ).limits == RiskLimits.strict().model_copy(update={"names_max": 7})


def test_the_hash_tells_a_profile_from_the_standard_value_said_under_it():
    strict = {"TOUCHSTONE__RISK_PROFILE": "strict"}
    said = strict | {"TOUCHSTONE__LIMITS__NAMES_MAX": str(RiskLimits.standard().names_max)}
    assert load_settings(environ=strict).settings_hash != load_settings(environ=said).settings_hash


def test_a_relative_path_starts_at_the_file_that_says_it(tmp_path):
    (tmp_path / "mine").mkdir()
    path = tmp_path / "mine" / "settings.yaml"
    names = ("symbol", "session", "open_usd", "high_usd", "low_usd", "close_usd", "volume_shares")
    columns = ", ".join(f"{name}: {name}" for name in names)
    path.write_text(
        f"files:\n  folder: ../data\n  tables:\n    daily_bars: [{{file: b.csv, columns: {{{columns}}}}}]\n"
    )
    assert load_settings(path, {}).files.folder == tmp_path / "data"


def test_a_rule_over_several_fields_speaks_for_itself():
    message = refusal({"TOUCHSTONE__LIMITS__ORDER_NOTIONAL_MAX_USD": "200000"})
    assert message.startswith(
        "limits (TOUCHSTONE__LIMITS__ORDER_NOTIONAL_MAX_USD): order_notional_max_usd 200000 is above"
    )


@pytest.mark.parametrize("span", [2, 20])
def test_a_horizon_that_is_not_judged_or_reaches_beyond_the_purge_is_refused_before_a_day_is_lived(span):
    message = refusal({"TOUCHSTONE__LEARNING__ENSEMBLE__HORIZONS": f'{{"{span}": 1}}'})
    assert message.startswith("learning (TOUCHSTONE__LEARNING__ENSEMBLE__HORIZONS): ensemble.horizons names")
    assert f"names {span}: expected some of (1, 5, 20) up to" in message


def test_more_history_demanded_than_is_ever_read_is_refused():
    message = refusal({"TOUCHSTONE__LEARNING__MAX_HISTORY_SESSIONS": "64"})
    assert "min_history_sessions 252 is above max_history_sessions 64: no model would ever be trained" in message


def test_a_set_of_features_that_is_not_there_is_refused_before_a_day_is_lived():
    message = refusal({"TOUCHSTONE__FEATURES__SETS": "[alpha185]"})
    assert message.startswith("features.sets names alpha185, expected some of alpha158, money_flow")


@pytest.mark.parametrize(
    ("setting", "value"), [("MONOTONE", "{retrun_5d: 1}"), ("INTERACTIONS", "[[rsi_14, retrun_5d]]")]
)
def test_a_constraint_on_what_is_no_feature_is_refused_before_a_day_is_lived(setting, value):
    message = refusal({f"TOUCHSTONE__LEARNING__{setting}": value})
    assert "learning.monotone or learning.interactions name retrun_5d: expected features of the catalogue" in message
    assert "the nearest is return_5d" in message


def test_a_feature_of_the_library_is_one_where_its_set_is_switched_on():
    constraint = {"TOUCHSTONE__LEARNING__MONOTONE": "{alpha158_kmid: 1, return_5d: -1}"}
    assert "name alpha158_kmid: expected" in refusal(constraint)
    assert load_settings(environ=constraint | {"TOUCHSTONE__FEATURES__SETS": "[alpha158]"}).learning.monotone


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("mode: simulated", "set watchlists_file"),
        (
            """
mode: files
watchlists_file: of-another-mode.yaml
files:
  folder: data
  tables:
    daily_bars:
      - file: bars.csv
        columns: {symbol: a, session: b, open_usd: c, high_usd: d, low_usd: e, close_usd: f, volume_shares: g}
""",
            "set files.watchlists_file",
        ),
    ],
)
def test_watchlists_that_nothing_tells_are_refused_before_a_day_is_lived_without_a_name(source, remedy, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(source)
    message = refusal({"TOUCHSTONE__UNIVERSE__WATCHLISTS": "[core]"}, path)
    assert f"universe.watchlists names core, and no symbol is on a list: {remedy}" in message


def test_watchlists_of_a_file_may_be_named(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("watchlists_file: mine.yaml\nuniverse:\n  watchlists: [core]\n")
    assert load_settings(path, {}).universe.watchlists == ("core",)


def test_a_home_goes_on_with_the_settings_it_keeps(tmp_path, monkeypatch):
    (tmp_path / "risk.yaml").write_text("risk_profile: strict\n")
    (tmp_path / "settings.yaml").write_text("includes: [risk.yaml]\naccount: kept\n")
    environ = {"TOUCHSTONE_HOME": str(tmp_path / "home"), "TOUCHSTONE__LEARNING__FOLDS": "4"}
    made_with = load_settings(environ=environ)
    home = Home.from_environment(environ).create()
    home.settings.write_text(made_with.kept_text())
    (tmp_path / "settings.yaml").write_text("account: later\n")
    monkeypatch.chdir("/")
    assert load_settings(environ=environ).settings_hash == made_with.settings_hash
    assert "folds" not in made_with.kept_text()


def test_nothing_said_is_kept_as_nothing():
    text = load_settings(environ=KEYS).kept_text()
    assert text == "{}\n"


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("TOUCHSTONE__ACCOUNT", "a b/c", "account (TOUCHSTONE__ACCOUNT): found 'a b/c', but it should match pattern"),
        ("TOUCHSTONE__SIMULATED", "5", "found 5, but it should be a section: names and values of its own"),
    ],
)
def test_a_refusal_is_a_sentence_about_the_setting_and_names_no_class(variable, value, told):
    with pytest.raises(SettingsRefused) as refused:
        load_settings(environ={variable: value})
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TOUCHSTONE__ALPACA", "s3cr3t-canary"),
        ("TOUCHSTONE__BROKER_KEYS", "[s3cr3t-canary]"),
        ("TOUCHSTONE__BROKER_KEYS", "5678123412345678"),
        ("TOUCHSTONE__NEWS_PROVIDERS", "5"),
        ("TOUCHSTONE__NEWS_PROVIDERS__FINNHUB", "5678123412345678"),
        ("TOUCHSTONE__NEWS_PROVIDERS", "{finnhub: s3cr3t-canary}"),
    ],
)
def test_a_secret_in_the_variable_of_a_section_is_not_quoted(variable, value):
    with pytest.raises(SettingsRefused) as refused:
        load_settings(environ={variable: value})
    assert re.search(r"found \*+, but it should be a section: names and values of its own$", str(refused.value))
