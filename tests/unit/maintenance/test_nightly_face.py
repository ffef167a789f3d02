"""What Dagster shows of a night: two assets, a check, and a file the rules read."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from assets.maintenance.backup import BackupReport
from assets.maintenance.defs import DEFINITIONS
from assets.maintenance.health import HealthPolicy, HealthReport
from assets.maintenance.holdings import Holding
from assets.maintenance.machine import MachineUse
from assets.maintenance.nights import Upkeep, newest_night, upkept_sessions
from assets.maintenance.restore_drill import DrillReport
from assets.maintenance.retention import RUNS, Item, Keeper, RetentionPlan
from assets.warehouse import Warehouse

THURSDAY, FRIDAY = date(2024, 1, 4), date(2024, 1, 5)
MADE = BackupReport(
    name="a-backup",
    files=3,
    size_bytes=100,
    written_bytes=10,
    ledger_rows=7,
    runs=2,
    backups=1,
    removed_backups=0,
    removed_pieces=0,
)
WELL = HealthReport(
    sessions=3,
    missed=(),
    uptime_share=None,
    data_ages=(),
    restores=1,
    red_restores=0,
    restore_seconds_max=1.5,
    growth_bytes_max=1_000,
    halts=0,
    halted_seconds_max=0.0,
    machine=MachineUse(load_per_core=0.5, memory_available_bytes=2**33, disk_free_bytes=2**36, peak_memory_bytes=2**20),
)
GREEN = DrillReport(passed=True, reason="", backup="a-backup", ledger_rows=7, restore_seconds=1.5)


@dataclass
class FakeKeeper:
    """A retention that names one old run."""

    is_scheduled: bool = True
    hurts: tuple[str, ...] = ()
    carried_out: int = 0

    def plan(self, instance: object) -> RetentionPlan:
        return RetentionPlan(leaving=(Item(kind=RUNS, name="a-run", day=date(2023, 1, 3)),), held=())

    def hurt(self, plan: RetentionPlan) -> tuple[str, ...]:
        return self.hurts

    def holdings(self, instance: object) -> dict[str, Holding]:
        return {"run_history": Holding(rows=1 - self.carried_out, size_bytes=40 - 40 * self.carried_out)}

    def carry_out(self, instance: object, plan: RetentionPlan) -> dict[str, int]:
        self.carried_out += 1
        return {"runs": len(plan.leaving)}


def night(
    root: Path,
    report: DrillReport,
    session: date = THURSDAY,
    asked: list[bool] | None = None,
    *,
    keeper: Keeper | None = None,
    health: HealthReport = WELL,
) -> dg.ExecuteInProcessResult:
    heard: list[bool] = [] if asked is None else asked

    def drill(is_from_raw: bool) -> DrillReport:  # noqa: FBT001 - the port's signature
        heard.append(is_from_raw)
        return report

    upkeep = Upkeep(
        make_backup=lambda: MADE,
        drill=drill,
        restore_seconds_max=60.0,
        root=root,
        health=lambda: health,
        health_policy=HealthPolicy(),
        home_bytes=lambda: 1_234,
        merge_parts=lambda session: session.day,
    )
    warehouse = Warehouse(root / "absent.duckdb")
    resources = {"upkeep": upkeep, "keeper": keeper or FakeKeeper(), "warehouse": warehouse}
    bound = dg.Definitions.merge(DEFINITIONS, dg.Definitions(resources=resources))
    with dg.DagsterInstance.ephemeral() as instance:
        return bound.resolve_implicit_global_asset_job_def().execute_in_process(
            partition_key=session.isoformat(), instance=instance, raise_on_error=False
        )


def verdict(result: dg.ExecuteInProcessResult) -> bool:
    (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "backups_can_be_restored"]
    return check.passed


def test_a_green_drill_is_a_green_check(tmp_path: Path) -> None:
    assert verdict(night(tmp_path, GREEN))


@pytest.mark.parametrize(
    "report",
    [
        DrillReport(passed=False, reason="a piece does not have the hash it is named by"),
        DrillReport(passed=True, reason="", restore_seconds=61.0),
    ],
)
def test_a_drill_that_failed_or_took_too_long_is_a_red_check(tmp_path: Path, report: DrillReport) -> None:
    assert not verdict(night(tmp_path, report))


def test_a_night_is_over_whatever_its_drill_came_to(tmp_path: Path) -> None:
    night(tmp_path, DrillReport(passed=False, reason="a piece is gone"))
    assert upkept_sessions(tmp_path) == {THURSDAY}
    found = newest_night(tmp_path)
    assert found is not None
    assert (found["session"], found["refusal"]) == ("2024-01-04", "a piece is gone")
    assert found["home_bytes"] == 1_234


def test_a_home_without_a_night_says_so(tmp_path: Path) -> None:
    assert newest_night(tmp_path) is None


@pytest.mark.parametrize(("report", "passed"), [(WELL, True), (replace(WELL, missed=(THURSDAY,)), False)])
def test_a_broken_promise_is_a_red_check(tmp_path: Path, report: HealthReport, passed: bool) -> None:  # noqa: FBT001 - a table of cases
    result = night(tmp_path, GREEN, health=report)
    (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "runs_as_promised"]
    assert (result.success, check.passed) == (True, passed)


def test_the_last_session_of_a_week_is_made_again_from_raw(tmp_path: Path) -> None:
    asked: list[bool] = []
    night(tmp_path, GREEN, THURSDAY, asked)
    night(tmp_path, GREEN, FRIDAY, asked)
    assert asked == [False, True]


def test_a_night_carries_its_plan_out(tmp_path: Path) -> None:
    keeper = FakeKeeper()
    night(tmp_path, GREEN, keeper=keeper)
    assert keeper.carried_out == 1


def test_a_night_tells_rows_and_bytes_of_each_table_before_and_after(tmp_path: Path) -> None:
    result = night(tmp_path, GREEN)
    (made,) = result.asset_materializations_for_node("upkeep__retention")
    told = {name: value.value for name, value in made.metadata.items()}
    assert (told["rows_before"], told["rows_after"], told["bytes_before"], told["bytes_after"]) == (1, 0, 40, 0)
    assert "| run_history | 1 | 0 | 40 | 0 |" in str(told["tables"])


def test_a_night_merges_the_parts_of_the_months_before(tmp_path: Path) -> None:
    result = night(tmp_path, GREEN, THURSDAY)
    (made,) = result.asset_materializations_for_node("upkeep__compaction")
    assert made.metadata["parts_merged"].value == THURSDAY.day


def test_a_night_that_is_told_only_to_look_removes_nothing(tmp_path: Path) -> None:
    keeper = FakeKeeper(is_scheduled=False)
    night(tmp_path, GREEN, keeper=keeper)
    assert keeper.carried_out == 0


def test_a_plan_that_a_decision_stands_on_ends_the_night_before_anything_leaves(tmp_path: Path) -> None:
    keeper = FakeKeeper(hurts=("raw/news/part.parquet is listed by the decision of 2024-01-03",))
    result = night(tmp_path, GREEN, keeper=keeper)
    assert not result.success
    assert keeper.carried_out == 0


@pytest.mark.parametrize(("left_bytes", "passed"), [(2**33, True), (2**20, False)])
def test_a_machine_without_room_is_a_red_check(tmp_path: Path, left_bytes: int, passed: bool) -> None:  # noqa: FBT001 - a table of cases
    left = replace(WELL, machine=replace(WELL.machine, memory_available_bytes=left_bytes))
    result = night(tmp_path, GREEN, health=left)
    (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "machine_has_room"]
    assert check.passed is passed
    assert check.metadata["memory_available_bytes"].value == left_bytes
