import os
import socket
import subprocess
import sys

import pytest

from execution.domain.errors import SettingsRefused
from pipelines.cli.ui import LOOPBACK, PageFailed, _refuse_dead, running_webserver, serve
from pipelines.home import Home
from pipelines.settings import Settings


def test_a_taken_port_is_refused_before_anything_starts(tmp_path):
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsRefused, match=f"port {port} is taken"):
            serve(Settings(), Home(tmp_path / "home"), port=port)
    assert not (tmp_path / "home").exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def test_a_home_whose_clock_has_no_instant_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(SettingsRefused, match=r"the clock has no instant.* run `touchstone init` first"):
        serve(Settings(), Home(tmp_path / "home"), port=free_port())
    assert not (tmp_path / "home").exists()


def test_a_home_on_the_machines_own_time_needs_no_instant(tmp_path, monkeypatch):
    class Started(Exception):
        pass

    def start(**_arguments: object) -> None:
        raise Started

    monkeypatch.setattr("pipelines.cli.ui.running_daemon", start)
    paper = Settings.model_validate({"mode": "paper", "broker_keys": {"key_id": "of-tests", "secret_key": "of-tests"}})
    with pytest.raises(Started):
        serve(paper, Home(tmp_path / "home"), port=free_port())


def test_a_child_that_ended_by_itself_is_named_with_its_last_word(tmp_path):
    log = tmp_path / "daemon.log"
    log.write_text("starting\nthe schema is too old\n")
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises(PageFailed, match="the daemon ended by itself: the schema is too old"):
        _refuse_dead({"daemon": child}, {"daemon": log})


def test_the_page_ends_with_its_block(tmp_path):
    log = tmp_path / "webserver.log"
    with running_webserver(environment=os.environ, log_file=log, port=1) as child:
        assert child.poll() is None
    assert child.poll() is not None
