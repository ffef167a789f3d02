"""What a machine has left, and when that is too little."""

from pathlib import Path

import psutil
import pytest

from assets.maintenance import machine
from assets.maintenance.health import HealthPolicy, lack_of_room
from assets.maintenance.machine import MachineUse, machine_use

ROOMY = MachineUse(
    load_per_core=0.5, memory_available_bytes=8 * 1024**3, disk_free_bytes=100 * 1024**3, peak_memory_bytes=1024**2
)


def test_the_figures_are_those_the_system_tells(tmp_path: Path) -> None:
    found = machine_use(tmp_path)
    assert found.memory_available_bytes == pytest.approx(psutil.virtual_memory().available, rel=0.2)
    assert found.disk_free_bytes == pytest.approx(psutil.disk_usage(str(tmp_path)).free, rel=0.2)
    assert found.peak_memory_bytes >= psutil.Process().memory_info().rss * 0.9
    assert found.load_per_core == pytest.approx(psutil.getloadavg()[0] / psutil.cpu_count(), rel=0.5, abs=0.5)


def test_a_kernel_that_does_not_tell_of_memory_leaves_it_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_MEMORY", tmp_path / "nothing")
    found = machine_use(tmp_path)
    assert found.memory_available_bytes is None
    assert "memory_available_bytes" not in found.facts()
    assert lack_of_room(found, HealthPolicy(max_load_per_core=None, min_disk_free_bytes=0)) == ""


def test_a_machine_with_room_lacks_nothing() -> None:
    assert lack_of_room(ROOMY, HealthPolicy(max_load_per_core=1.0)) == ""


def test_whatever_is_scarce_is_named() -> None:
    policy = HealthPolicy(
        max_load_per_core=0.4, min_memory_available_bytes=9 * 1024**3, min_disk_free_bytes=101 * 1024**3
    )
    assert lack_of_room(ROOMY, policy) == (
        "0.50 processes wanted each core, allowed are 0.40; 8,589,934,592 bytes of memory are left, wanted are "
        "9,663,676,416; 107,374,182,400 bytes of the disk are free, wanted are 108,447,924,224"
    )


def test_a_busy_processor_is_told_and_demands_nothing_unless_a_person_says_so() -> None:
    assert HealthPolicy().max_load_per_core is None
