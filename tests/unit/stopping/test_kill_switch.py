"""Whatever stands under the kill file's name stops trading, and so does not being able to look."""

import errno
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from execution.domain.errors import Halted
from execution.risk.kill_switch import KillSwitch

AT = datetime(2024, 3, 6, 15, 0, tzinfo=UTC)


@pytest.fixture
def switch(tmp_path: Path) -> KillSwitch:
    return KillSwitch(tmp_path / "KILL")


def test_without_a_kill_file_orders_may_pass(switch: KillSwitch) -> None:
    switch.refuse_when_engaged()
    assert not switch.is_engaged


def test_an_engaged_switch_refuses(switch: KillSwitch) -> None:
    switch.engage("prices look wrong", "ada", AT)
    with pytest.raises(Halted, match="touchstone resume"):
        switch.refuse_when_engaged()


def test_the_first_to_stop_is_the_one_the_file_names(switch: KillSwitch) -> None:
    switch.engage("prices look wrong", "ada", AT)
    switch.engage("me too", "bob", AT)
    assert '"actor": "ada"' in switch.kill_file.read_text()


def test_the_file_tells_who_why_and_when_to_everybody(switch: KillSwitch) -> None:
    switch.engage("prices look wrong", "ada", AT)
    told = json.loads(switch.kill_file.read_bytes())
    assert told == {"at": "2024-03-06T15:00:00+00:00", "actor": "ada", "reason": "prices look wrong"}
    assert not switch.kill_file.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def test_a_switch_is_taken_away_whatever_stands_there(switch: KillSwitch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for make in (
        switch.kill_file.touch,
        switch.kill_file.mkdir,
        lambda: switch.kill_file.symlink_to("nowhere"),
        lambda: switch.kill_file.symlink_to("elsewhere"),
    ):
        make()
        switch.release()
        assert not switch.is_engaged
    switch.release()
    assert (tmp_path / "elsewhere").is_dir()


def test_a_switch_that_cannot_be_taken_away_stays_on_and_is_told(switch: KillSwitch) -> None:
    switch.kill_file.mkdir()
    (switch.kill_file / "inside").touch()
    with pytest.raises(Halted, match=r"the kill file KILL cannot be taken away.*remove it by hand once you know who"):
        switch.release()
    assert switch.is_engaged


def test_an_empty_file_stops(switch: KillSwitch) -> None:
    switch.kill_file.touch()
    assert switch.is_engaged


def test_a_file_without_any_permission_stops(switch: KillSwitch) -> None:
    switch.kill_file.touch(mode=0o000)
    assert switch.is_engaged


def test_a_folder_under_the_name_stops(switch: KillSwitch) -> None:
    switch.kill_file.mkdir()
    assert switch.is_engaged


def test_a_link_to_nowhere_stops(switch: KillSwitch) -> None:
    switch.kill_file.symlink_to("nowhere")
    assert switch.is_engaged


def test_a_home_that_is_no_folder_stops(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(Halted, match="cannot be read"):
        KillSwitch(tmp_path / "home" / "KILL").refuse_when_engaged()


def test_engaging_over_a_folder_or_a_dead_link_leaves_it_engaged(tmp_path: Path) -> None:
    (tmp_path / "a" / "KILL").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "KILL").symlink_to("nowhere")
    for folder in ("a", "b"):
        switch = KillSwitch(tmp_path / folder / "KILL")
        switch.engage("stop", "ada", AT)
        assert switch.is_engaged


def test_a_disk_without_room_for_the_content_still_gets_the_name(
    switch: KillSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    switch.engage("stop", "ada", AT)
    assert switch.is_engaged


def test_a_disk_without_room_for_the_name_is_told_aloud(switch: KillSwitch, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **options: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="No space left"):
        switch.engage("stop", "ada", AT)
