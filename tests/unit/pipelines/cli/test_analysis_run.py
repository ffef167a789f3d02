from datetime import UTC, date, datetime
from types import SimpleNamespace

import dagster as dg
import pytest

from assets.ml.model_registry import ModelRegistry
from execution.clock import FileClock
from execution.domain.errors import SettingsRefused
from execution.trading_calendar import TradingCalendar
from pipelines.cli import analysis_run
from pipelines.cli.analysis_run import RunFailed, _told, decided_session, run_analysis, taught, trained_session
from pipelines.home import Home
from pipelines.settings import load_settings

CALENDAR = TradingCalendar.shipped()
FIRST = date(2024, 2, 1)
AFTER_CUT_OFF = datetime(2024, 3, 1, 23, 0, tzinfo=UTC)
BETWEEN = datetime(2024, 3, 1, 22, 0, tzinfo=UTC)


def test_without_a_name_the_newest_session_whose_cut_off_has_come_is_meant():
    assert decided_session(None, first=FIRST, now=AFTER_CUT_OFF, calendar=CALENDAR) == date(2024, 3, 1)
    assert decided_session(None, first=FIRST, now=BETWEEN, calendar=CALENDAR) == date(2024, 2, 29)


def test_a_session_before_the_first_decided_one_is_never_meant():
    with pytest.raises(SettingsRefused, match="the cut-off of 2024-03-01 has not come"):
        decided_session(None, first=date(2024, 3, 1), now=BETWEEN, calendar=CALENDAR)


def test_an_earlier_session_may_be_named():
    assert decided_session(date(2024, 2, 28), first=FIRST, now=AFTER_CUT_OFF, calendar=CALENDAR) == date(2024, 2, 28)


def test_a_session_ahead_of_the_clock_is_refused():
    with pytest.raises(SettingsRefused, match=r"the cut-off of 2024-03-01 has not come.* --to 2024-03-01`"):
        decided_session(date(2024, 3, 1), first=FIRST, now=BETWEEN, calendar=CALENDAR)


def test_a_holiday_is_refused():
    with pytest.raises(SettingsRefused, match="2024-02-19 is no exchange session"):
        decided_session(date(2024, 2, 19), first=FIRST, now=AFTER_CUT_OFF, calendar=CALENDAR)


def test_a_training_is_of_the_newest_session_with_features_whether_or_not_it_is_named():
    assert trained_session(None, newest=date(2024, 3, 1)) == date(2024, 3, 1)
    assert trained_session(date(2024, 3, 1), newest=date(2024, 3, 1)) == date(2024, 3, 1)


def test_a_training_that_taught_nothing_says_so_and_why(tmp_path, monkeypatch):
    @dg.op
    def ml_model():
        reason = "found 248 labelled sessions, expected at least 252"
        ModelRegistry(home.artifacts).refuse(trained_as_of=AFTER_CUT_OFF, reason=reason, at=AFTER_CUT_OFF)

    @dg.job
    def train():
        ml_model()

    home = Home(tmp_path / "home").create()
    FileClock(home.clock).initialise(AFTER_CUT_OFF)
    monkeypatch.setattr(analysis_run, "training_cut_off", lambda *_, **__: date(2024, 3, 1))
    monkeypatch.setattr("pipelines.analysis.build_definitions", lambda *_: dg.Definitions(jobs=[train]))
    told = run_analysis("train", load_settings(environ={}), home, None).splitlines()[-1]
    assert told == (
        "newest verdict: refused, nothing was taught, known up to 2024-03-01T23:00:00+00:00: "
        "found 248 labelled sessions, expected at least 252"
    )


def test_a_home_that_judged_nothing_yet_says_that_nothing_was_taught(tmp_path):
    assert taught(ModelRegistry(tmp_path)) == "newest verdict: none yet, nothing was taught"


@pytest.mark.parametrize(("verdict", "record"), [("promoted", "promote"), ("kept", "keep")])
def test_a_verdict_on_a_model_names_the_model_and_the_reason(tmp_path, monkeypatch, verdict, record):
    card = SimpleNamespace(trained_as_of=AFTER_CUT_OFF)
    monkeypatch.setattr(ModelRegistry, "load", lambda _, name: SimpleNamespace(model_hash=name, card=card))
    registry = ModelRegistry(tmp_path)
    getattr(registry, record)("a" * 64, reason="7 conditions", at=AFTER_CUT_OFF)
    assert taught(registry).startswith(f"newest verdict: {verdict}, model aaaaaaaaaaaa, known up to 2024-03-01")
    assert taught(registry).endswith(": 7 conditions")


def test_a_training_of_another_session_is_refused_before_anything_runs(tmp_path, monkeypatch):
    home = Home(tmp_path / "home").create()
    FileClock(home.clock).initialise(AFTER_CUT_OFF)
    monkeypatch.setattr(analysis_run, "training_cut_off", lambda *_, **__: date(2024, 2, 29))
    with pytest.raises(SettingsRefused, match="found --session 2010-01-04, expected 2024-02-29"):
        run_analysis("train", load_settings(environ={}), home, date(2010, 1, 4))
    assert list(home.dagster.iterdir()) == []


def test_a_training_learns_from_the_home_and_opens_no_file_of_the_user(tmp_path, monkeypatch):
    home, path = Home(tmp_path / "home").create(), tmp_path / "settings.yaml"
    columns = "{symbol: s, session: d, open_usd: o, high_usd: h, low_usd: l, close_usd: c, volume_shares: v}"
    bars = f"[{{file: bars.csv, columns: {columns}}}]"
    path.write_text(f"mode: files\nfiles: {{folder: gone, tables: {{daily_bars: {bars}}}}}\n")
    FileClock(home.clock).initialise(AFTER_CUT_OFF)
    monkeypatch.setattr(analysis_run, "training_cut_off", lambda *_, **__: date(2024, 2, 29))
    with pytest.raises(SettingsRefused, match="expected 2024-02-29"):
        run_analysis("train", load_settings(path, {}), home, date(2010, 1, 4))


@dg.asset(check_specs=[dg.AssetCheckSpec(name, asset="judged", blocking=True) for name in ("rows_exist", "no_jumps")])
def judged():
    yield dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(passed=True, check_name="rows_exist", description="there are rows"),
            dg.AssetCheckResult(passed=False, check_name="no_jumps", description="3 symbols jump"),
        ]
    )


@dg.asset
def unreadable():
    raise RuntimeError("the build is not whole:\nmodel a: error\nmodel b: skipped")


def run_of(asset):
    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.Definitions(assets=[asset], jobs=[dg.define_asset_job("cycle")]).resolve_job_def("cycle")
        return job.execute_in_process(instance=instance, raise_on_error=False)


def test_a_run_that_a_gate_stopped_names_the_red_checks_and_what_they_say():
    with pytest.raises(RunFailed, match=r"failed at judged: no_jumps is red \(3 symbols jump\); run ") as told:
        _told("cycle", date(2024, 3, 1), run_of(judged))
    assert "rows_exist" not in str(told.value)


def test_a_run_that_failed_says_its_reason_over_several_lines_in_one():
    with pytest.raises(RunFailed, match="the build is not whole: / model a: error / model b: skipped; run "):
        _told("cycle", date(2024, 3, 1), run_of(unreadable))
