"""Runs and settings as rows of the ledger: once each, with who started what."""

import os
import pwd
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from execution.domain.events import AuditNoted
from execution.ledger.memory_ledger import MemoryLedger
from execution.session.run_session import Desk
from pipelines.run_audit import note_runs, note_settings, started_by, system_user
from tests.builders.trading_days import TradingDays


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return replace(TradingDays(tmp_path, is_on_files=True).desk, ledger=MemoryLedger(), run_id="run-7")


def noted(desk: Desk, *topics: str) -> list[AuditNoted]:
    return [note for (topic, _, _), note in desk.ledger.book().notes.items() if topic in topics]


@dg.asset
def things() -> None:
    """Something to materialize."""


def a_run(instance: dg.DagsterInstance, **tags: str) -> str:
    told = {name.replace("__", "/"): value for name, value in tags.items()}
    return dg.materialize([things], instance=instance, tags=told).run_id


def test_a_run_that_a_person_started_is_a_manual_materialization(desk: Desk) -> None:
    with dg.instance_for_test() as instance:
        run_id = a_run(instance, dagster__partition="2024-03-05", user="ann")
        note_runs(desk, instance)
    (note,) = noted(desk, "launch", "manual_materialization")
    assert (note.topic, note.subject, note.run_id) == ("manual_materialization", run_id, "run-7")
    assert note.actor == f"by hand, as {system_user()}"
    assert "dagster/partition 2024-03-05" in note.detail
    assert "user ann" in note.detail


def test_a_run_that_a_sensor_started_names_the_sensor(desk: Desk) -> None:
    with dg.instance_for_test() as instance:
        a_run(instance, dagster__sensor_name="signal_batches")
        note_runs(desk, instance)
    (note,) = noted(desk, "launch")
    assert note.actor.startswith("sensor signal_batches")


def test_each_run_is_noted_once_oldest_first(desk: Desk) -> None:
    with dg.instance_for_test() as instance:
        first = [a_run(instance) for _ in range(3)]
        note_runs(desk, instance)
        note_runs(desk, instance)
        then = a_run(instance)
        note_runs(desk, instance)
    assert [note.subject for note in noted(desk, "manual_materialization")] == [*first, then]
    assert desk.ledger.head().sequence == 4


def test_settings_are_noted_when_they_change_also_back_again(desk: Desk) -> None:
    other = replace(desk, settings_hash="6" * 64)
    for acting in (desk, desk, other, other, desk):
        note_settings(acting)
    assert [note.detail[:25] for note in noted(desk, "settings")] == [
        "settings 5555555555555555",
        "settings 6666666666666666",
        "settings 5555555555555555",
    ]


def test_another_program_is_noted_like_other_settings(desk: Desk) -> None:
    note_settings(desk)
    note_settings(replace(desk, code_hash="d" * 64))
    assert [note.actor for note in noted(desk, "settings")] == [system_user()] * 2


@pytest.mark.parametrize(
    ("tags", "starter"),
    [
        ({"dagster/schedule_name": "nightly"}, "schedule nightly"),
        ({"dagster/partition": "2024-03-05"}, ""),
        # The page's button gives a run all tags of the one it repeats, also who had started that one.
        ({"dagster/sensor_name": "approved_plans", "dagster/parent_run_id": "a"}, ""),
    ],
)
def test_who_started_a_run_stands_in_its_tags(tags: dict[str, str], starter: str) -> None:
    assert started_by(tags) == starter


def test_the_user_is_the_machines_not_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert system_user() == pwd.getpwuid(os.getuid()).pw_name


def test_a_user_without_a_name_is_told_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert system_user() == "uid 4000000000"
