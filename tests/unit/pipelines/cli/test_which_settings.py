"""Which settings file a home and its processes go by, whatever else is said around them."""

from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from execution.domain.errors import SettingsRefused
from pipelines.cli import demo, main, ui
from pipelines.cli.init import create_home
from pipelines.home import Home
from pipelines.settings import load_settings


class Started(Exception):
    """A process was about to be started."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOUCHSTONE_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


@pytest.fixture
def environments(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The environment of each daemon that was asked for; none is started."""
    asked = []

    @contextmanager
    def noted(*, environment, log_file):
        asked.append(environment)
        raise Started
        yield

    for face in (demo, ui):
        monkeypatch.setattr(face, "running_daemon", noted)
    return asked


def a_file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_daemon_of_a_demo_lives_by_the_settings_the_demo_was_made_with(home, environments, tmp_path, monkeypatch):
    other = a_file(tmp_path, "other.yaml", "account: somebody-elses\n")
    monkeypatch.setenv("TOUCHSTONE_SETTINGS", str(other))
    with pytest.raises(Started):
        demo.run_demo(home=home, settings_path=None)
    assert environments[0]["TOUCHSTONE_SETTINGS"] == str(home.settings)
    assert load_settings(environ=environments[0]).account == "main"


def test_the_demos_help_names_no_settings_that_it_does_not_go_by():
    told = CliRunner().invoke(main.app, ["demo", "--help"], env={"COLUMNS": "200"}).output
    assert "examples/demo.yaml" in told
    assert "TOUCHSTONE_SETTINGS" not in told


def test_the_page_and_the_daemon_take_the_settings_file_that_is_named(home, environments, tmp_path, monkeypatch):
    create_home(load_settings(environ={}), home)
    a_file(tmp_path, "named.yaml", "account: named\n")
    monkeypatch.setenv("TOUCHSTONE_SETTINGS", "/nowhere/else.yaml")
    with pytest.raises(Started):
        main.ui(settings=Path("named.yaml"), port=1)
    assert environments[0]["TOUCHSTONE_SETTINGS"] == str(tmp_path / "named.yaml")


def test_a_relative_settings_file_of_the_environment_is_found_by_processes_that_start_elsewhere(
    home, tmp_path, monkeypatch
):
    monkeypatch.setenv("TOUCHSTONE_SETTINGS", "named.yaml")
    assert home.process_environment()["TOUCHSTONE_SETTINGS"] == str(tmp_path / "named.yaml")


def test_processes_of_a_home_without_settings_go_by_the_file_the_command_itself_reads(home, tmp_path, monkeypatch):
    monkeypatch.delenv("TOUCHSTONE_SETTINGS", raising=False)
    here = a_file(tmp_path, "settings.yaml", "account: of-here\n")
    assert load_settings().account == "of-here"
    assert home.process_environment()["TOUCHSTONE_SETTINGS"] == str(here)


def test_processes_of_a_home_go_by_its_own_settings_where_none_are_named(home, monkeypatch):
    monkeypatch.delenv("TOUCHSTONE_SETTINGS", raising=False)
    assert "TOUCHSTONE_SETTINGS" not in home.process_environment()
    create_home(load_settings(environ={}), home)
    assert home.process_environment()["TOUCHSTONE_SETTINGS"] == str(home.settings)


def test_init_in_a_home_with_other_settings_says_which_differ_and_changes_nothing(home, tmp_path):
    main.init(settings=a_file(tmp_path, "first.yaml", "account: first\n"))
    kept = home.settings.read_bytes()
    with pytest.raises(
        SettingsRefused,
        match=r"second\.yaml says otherwise than settings\.yaml of this home in account, backup\.folder: edit",
    ):
        main.init(settings=a_file(tmp_path, "second.yaml", "account: second\nbackup: {folder: elsewhere}\n"))
    assert home.settings.read_bytes() == kept


def test_init_again_with_settings_that_say_the_same_is_harmless(home, tmp_path):
    main.init(settings=a_file(tmp_path, "first.yaml", "account: first\nbackup: {folder: mine}\n"))
    main.init(settings=a_file(tmp_path, "again.yaml", "backup: {folder: mine}\naccount: first\nmode: simulated\n"))
    main.init()
