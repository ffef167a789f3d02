"""The daemon's log holds no secret, whatever the daemon prints."""

import io
from pathlib import Path

import pytest

from pipelines.daemon_process import _write_masked
from pipelines.home import Home
from pipelines.logging_setup import configure_logging, unconfigure_logging


@pytest.fixture(autouse=True)
def _with_a_secret(tmp_path: Path):
    unconfigure_logging()
    configure_logging(Home(tmp_path), secrets=["hunter2-canary"], console=False)
    yield
    unconfigure_logging()


def test_what_the_daemon_prints_is_masked_line_by_line(tmp_path: Path) -> None:
    printed = b"started\nkey hunter2-canary refused\npassword: swordfish\nnot \xff utf-8\n"
    _write_masked(io.BytesIO(printed), tmp_path / "daemon.log")
    lines = (tmp_path / "daemon.log").read_text().splitlines()
    assert (lines[0], len(lines)) == ("started", 4)
    assert not any(secret in line for line in lines for secret in ("hunter2", "swordfish"))


def test_a_second_daemon_goes_on_in_the_same_log(tmp_path: Path) -> None:
    for line in (b"one\n", b"two\n"):
        _write_masked(io.BytesIO(line), tmp_path / "daemon.log")
    assert (tmp_path / "daemon.log").read_text() == "one\ntwo\n"


def test_a_log_that_has_grown_large_is_put_aside_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.daemon_process.LOG_MAX_BYTES", 5)
    _write_masked(io.BytesIO(b"first\nsecond\nthird\n"), tmp_path / "daemon.log")
    parts = sorted(tmp_path.glob("daemon-*.log"))
    assert [part.read_text() for part in parts] == ["first\n", "second\n"]
    assert (tmp_path / "daemon.log").read_text() == "third\n"
