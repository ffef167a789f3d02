import os
import subprocess
import sys
from pathlib import Path

import pytest

from execution.domain.errors import SettingsRefused
from pipelines.home import Home


def test_the_variable_names_the_home(tmp_path):
    assert Home.from_environment({"TOUCHSTONE_HOME": str(tmp_path)}).root == tmp_path


def test_without_the_variable_the_home_is_hidden_in_the_working_directory():
    assert Home.from_environment({}).root == Path.cwd() / ".touchstone"


def test_a_relative_home_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = Home(Path("mine"))
    monkeypatch.chdir("/")
    assert home.ledger == tmp_path / "mine" / "ledger.db"


def test_creating_twice_is_harmless_and_makes_no_files(tmp_path):
    home = Home(tmp_path / "home").create().create()
    assert home.raw.is_dir()
    assert [path for path in home.root.rglob("*") if path.is_file()] == []


def test_a_home_that_is_a_file_or_lies_below_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SettingsRefused, match=f"home {tmp_path}/file is no folder; name another place"):
        Home(tmp_path / "file").create()
    with pytest.raises(SettingsRefused, match=f"is no folder: {tmp_path}/file is a file"):
        Home(tmp_path / "file" / "home").create()


def test_a_home_that_cannot_be_written_or_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)
    with pytest.raises(SettingsRefused, match=f"home {tmp_path} cannot be written: make it writable"):
        Home(tmp_path).create()
    with pytest.raises(SettingsRefused, match=f"cannot be written: make {tmp_path} writable"):
        Home(tmp_path / "new").create()
    assert not (tmp_path / "new").exists()


def test_every_place_lies_below_the_root(tmp_path):
    home = Home(tmp_path)
    places = [name for name, value in vars(Home).items() if isinstance(value, property)]
    assert len(places) >= 14
    assert all(getattr(home, name).is_relative_to(tmp_path) for name in places)


def test_processes_of_a_home_give_back_what_arrow_frees_unless_somebody_chose_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def allocator() -> str:
        ask = "import pyarrow; print(pyarrow.default_memory_pool().backend_name)"
        environment = Home(tmp_path).process_environment()
        told = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True)
        return told.stdout.strip()

    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL", raising=False)
    assert allocator() == "system"
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", "mimalloc")
    assert allocator() == "mimalloc"
