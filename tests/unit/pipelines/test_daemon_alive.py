"""Whether a daemon lives, by its own signs of life."""

import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

# What a daemon leaves as its sign of life has no public name; `pyproject.toml` pins the version.
from dagster._daemon.types import DaemonHeartbeat

from pipelines.dagster_instance import daemons_beating, is_daemon_alive, prepare_instance
from pipelines.home import Home


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(prepare_instance(Home(tmp_path / "home")))) as instance:
        yield instance


def beat(instance: dg.DagsterInstance, *, seconds_ago: float) -> None:
    for name in instance.get_required_daemon_types():
        at = time.time() - seconds_ago
        instance.add_daemon_heartbeat(DaemonHeartbeat(timestamp=at, daemon_type=name, daemon_id="one", errors=None))


def test_a_daemon_that_beat_a_moment_ago_is_alive(instance: dg.DagsterInstance) -> None:
    beat(instance, seconds_ago=40)
    assert is_daemon_alive(instance)
    assert "SENSOR" in daemons_beating(instance)


def test_a_daemon_that_died_two_minutes_ago_is_not(instance: dg.DagsterInstance) -> None:
    beat(instance, seconds_ago=120)
    assert not is_daemon_alive(instance)
    assert daemons_beating(instance) == frozenset()


def test_where_no_daemon_ever_ran_none_is_alive(instance: dg.DagsterInstance) -> None:
    assert not is_daemon_alive(instance)
