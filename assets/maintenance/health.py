"""How well a home has run: planned and missed sessions, uptime in session hours, age of data, restores, halts.

Pure: what happened in, a report and its refusal out. Nothing here acts; a red report is told as an alert is.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from assets.maintenance.data_ages import DataAge
from assets.maintenance.machine import MachineUse
from execution.trading_calendar import TradingCalendar

WEEK_OF_NIGHTS: Final = 5


class HealthPolicy(BaseModel):
    """What a home promises of its own running, over its newest sessions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_sessions: int = Field(
        default=20, ge=1, le=504, description="Newest sessions, past their submit window, that a promise is about."
    )
    min_cycle_share: float = Field(
        default=1.0, ge=0, le=1, description="Least share of sessions with a plan, be it one that only manages."
    )
    min_uptime_share: float = Field(
        default=0.995, ge=0, le=1, description="Least share of session minutes in which the daemon was seen alive."
    )
    max_growth_bytes: int = Field(
        default=100_000_000,
        ge=1,
        le=2**50,
        description="Bytes by which a home, without backups and logs, may grow a night, over a week of nights.",
    )
    max_load_per_core: float | None = Field(
        default=None, gt=0, le=1_000, description="Processes per core over a minute; null measures without demanding."
    )
    min_memory_available_bytes: int = Field(
        default=256 * 1024**2, ge=0, le=2**60, description="Memory that must be left when the night's work ends."
    )
    min_disk_free_bytes: int = Field(
        default=2 * 1024**3, ge=0, le=2**60, description="Free space of the home's disk that must be left then."
    )
    max_data_age_sessions: int = Field(
        default=0, ge=0, le=20, description="Sessions past their cut-off that may lack stored bars."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """What was found over the newest sessions of a home.

    Attributes:
        sessions: how many were past their submit window.
        missed: those of them without any plan.
        uptime_share: of their minutes, seen alive; None where nobody watched them, or time is only told.
        data_ages: of each raw table that has rows.
        restores: drills of these sessions.
        red_restores: those of them that found a backup wanting.
        restore_seconds_max: the longest restore; None without one.
        growth_bytes_max: the largest growth of the home a night, as `growth` has it; None before the second night.
        halts: changes to a halt.
        halted_seconds_max: the longest halt that ended, or that lasts; 0 without one.
        machine: what it has left.
    """

    sessions: int
    missed: tuple[date, ...]
    uptime_share: float | None
    data_ages: tuple[DataAge, ...]
    restores: int
    red_restores: int
    restore_seconds_max: float | None
    growth_bytes_max: int | None
    halts: int
    halted_seconds_max: float
    machine: MachineUse

    @property
    def cycle_share(self) -> float:
        """Share of sessions with a plan; 1 before the first."""
        return 1.0 if not self.sessions else 1 - len(self.missed) / self.sessions

    def facts(self) -> dict[str, int | float | str]:
        """Return every figure that is known, for metadata and pages."""
        known: dict[str, int | float | str | None] = {
            "sessions": self.sessions,
            "missed": ", ".join(day.isoformat() for day in self.missed) or "none",
            "cycle_share": self.cycle_share,
            "uptime_share": self.uptime_share,
            **{f"data_age_sessions_{age.table}": age.sessions for age in self.data_ages},
            "restores": self.restores,
            "red_restores": self.red_restores,
            "restore_seconds_max": self.restore_seconds_max,
            "growth_bytes_max": self.growth_bytes_max,
            "halts": self.halts,
            "halted_seconds_max": self.halted_seconds_max,
        }
        return {name: value for name, value in known.items() if value is not None}


def refusal(report: HealthReport, policy: HealthPolicy) -> str:
    """Return which promise does not hold; empty when all do."""
    broken = []
    if report.cycle_share < policy.min_cycle_share:
        broken.append(f"{len(report.missed)} of {report.sessions} sessions had no plan, the newest {report.missed[-1]}")
    if report.uptime_share is not None and report.uptime_share < policy.min_uptime_share:
        broken.append(f"alive in {report.uptime_share:.2%} of session minutes, promised {policy.min_uptime_share:.2%}")
    broken += [age.told for age in report.data_ages if age.is_late]
    if report.red_restores:
        broken.append(f"{report.red_restores} of {report.restores} restores found a backup wanting")
    grown = report.growth_bytes_max
    if grown is not None and grown > policy.max_growth_bytes:
        broken.append(f"the home grew by {grown:,} bytes a night, allowed are {policy.max_growth_bytes:,}")
    return "; ".join(broken)


def lack_of_room(machine: MachineUse, policy: HealthPolicy) -> str:
    """Return what the machine has too little of; empty when it has enough."""
    scarce = []
    load, memory, disk = machine.load_per_core, machine.memory_available_bytes, machine.disk_free_bytes
    if policy.max_load_per_core is not None and load > policy.max_load_per_core:
        scarce.append(f"{load:.2f} processes wanted each core, allowed are {policy.max_load_per_core:.2f}")
    if memory is not None and memory < policy.min_memory_available_bytes:
        scarce.append(f"{memory:,} bytes of memory are left, wanted are {policy.min_memory_available_bytes:,}")
    if disk < policy.min_disk_free_bytes:
        scarce.append(f"{disk:,} bytes of the disk are free, wanted are {policy.min_disk_free_bytes:,}")
    return "; ".join(scarce)


def judged_sessions(calendar: TradingCalendar, *, first: date | None, now: datetime, window: int) -> tuple[date, ...]:
    """Return the newest sessions whose submit window is over, oldest first, from the home's first decision on."""
    newest = calendar.last_closed(now)
    if first is None or newest is None or newest < first:
        return ()
    over = [session for session in calendar.between(first, newest) if calendar.submit_window(session)[1] <= now]
    return tuple(over[-window:])


def missed_of(sessions: Collection[date], planned: Mapping[date, bool]) -> tuple[date, ...]:
    """Return the sessions nobody planned, oldest first.

    Args:
        sessions: what is judged.
        planned: by session the ledger knows of, whether it was planned, or noted as missed.
    """
    return tuple(session for session in sorted(sessions) if not planned.get(session, False))


def halts(changes: Collection[tuple[datetime, str]], *, since: datetime, now: datetime) -> tuple[int, float]:
    """Return how often trading was halted since an instant, and how many seconds the longest halt lasted.

    Args:
        changes: instant and state of each change of control, oldest first.
        since: halts that began before are left out.
        now: up to when a halt that nobody ended has lasted.
    """
    lengths: list[float] = []
    began: datetime | None = None
    for at, state in changes:
        if state == "halted":
            began = began or at
        elif began is not None:
            lengths += [(at - began).total_seconds()] if began >= since else []
            began = None
    if began is not None and began >= since:
        lengths.append((now - began).total_seconds())
    return len(lengths), max(lengths, default=0.0)


def growth(nights: Mapping[date, Mapping[str, object]]) -> int | None:
    """Return the largest growth of the home a night in any `WEEK_OF_NIGHTS`, in bytes; None before the second night.

    Training writes once a week, on one side or the other of the moment a night is measured at: a single night tells of
    that moment, a week of nights holds one training wherever it fell. With fewer nights the mean is over those there
    are.
    """
    sizes = [int(str(nights[day]["home_bytes"])) for day in sorted(nights) if "home_bytes" in nights[day]]
    span = min(WEEK_OF_NIGHTS, len(sizes) - 1)
    if span < 1:
        return None
    return max((after - before) // span for before, after in zip(sizes, sizes[span:], strict=False))


def restores(nights: Mapping[date, Mapping[str, object]]) -> tuple[int, int, float | None]:
    """Return how many drills there were, how many were red, and the longest restore in seconds."""
    seconds = [float(str(night["restore_seconds"])) for night in nights.values() if "restore_seconds" in night]
    return len(nights), sum(bool(night.get("refusal")) for night in nights.values()), max(seconds, default=None)
