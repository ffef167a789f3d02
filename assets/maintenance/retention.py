"""What may leave the home: decided first, shown, checked, archived as hashed Parquet, read back, and only then removed.

Nothing leaves that a decision inside the replay horizon stands on. A decision stands on every raw part its pin lists
and on its scores; it stands on no run log and on no feature part that its session does not use, since both are made
again. The ledger's rows are archived and stay where they are: a chain with a hole proves nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Protocol

from assets.maintenance.holdings import Holding
from assets.maintenance.retention_policy import RetentionPolicy

RUNS: Final = "run_history"
FEATURES: Final = "superseded_features"
NEWS: Final = "news"
SCORES: Final = "scores"
LOGS: Final = "logs"
AUDIT: Final = "audit"
KINDS: Final = (RUNS, FEATURES, NEWS, SCORES, LOGS, AUDIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that could leave.

    Attributes:
        kind: one of `KINDS`.
        name: a run id, a path below the home, or a range of rows of the ledger.
        day: the session it is of, or the last day anything in it became known or was written.
        rows: rows or events in it; 0 where nobody counted.
        size_bytes: what it takes in the home.
    """

    kind: str
    name: str
    day: date
    rows: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPlan:
    """What leaves, and what is old enough and stays.

    Attributes:
        leaving: oldest first.
        held: old enough, with the newest decision session that stands on it.
    """

    leaving: tuple[Item, ...]
    held: tuple[tuple[Item, date], ...]

    def table(self) -> str:
        """Return per kind how much leaves and how much is held, as Markdown."""
        lines = ["| kind | leaving | rows | bytes | held by decisions |", "|---|---|---|---|---|"]
        for kind in KINDS:
            own = [item for item in self.leaving if item.kind == kind]
            held = sum(item.kind == kind for item, _ in self.held)
            rows, size = sum(item.rows for item in own), sum(item.size_bytes for item in own)
            lines.append(f"| {kind} | {len(own)} | {rows:,} | {size:,} | {held} |")
        return "\n".join(lines)


def plan_retention(
    items: Iterable[Item], *, today: date, policy: RetentionPolicy, stood_on: Mapping[str, date]
) -> RetentionPlan:
    """Return what leaves.

    Args:
        items: everything that could leave.
        today: the home's day.
        policy: how long things stay.
        stood_on: by an item's name, the newest decision session inside the horizon that stands on it.
    """
    days = {
        RUNS: policy.run_history_days,
        FEATURES: policy.superseded_features_days,
        NEWS: policy.news_days,
        SCORES: policy.scores_days,
        LOGS: policy.logs_days,
        AUDIT: policy.audit_days,
    }
    old = [item for item in items if item.day < today - timedelta(days=days[item.kind])]
    ordered = sorted(old, key=lambda item: (item.day, item.kind, item.name))
    return RetentionPlan(
        leaving=tuple(item for item in ordered if item.name not in stood_on),
        held=tuple((item, stood_on[item.name]) for item in ordered if item.name in stood_on),
    )


def decisions_hurt(leaving: Sequence[Item], pinned: Mapping[date, Collection[str]]) -> tuple[str, ...]:
    """Return each thing that would leave though a decision stands on it, with its session; asked apart from the plan.

    Args:
        leaving: what a plan names.
        pinned: by decision session inside the horizon, the names its pin lists.
    """
    names = {item.name for item in leaving}
    return tuple(
        f"{name} is listed by the decision of {session}"
        for session in sorted(pinned, reverse=True)
        for name in sorted(names.intersection(pinned[session]))
    )


class Keeper(Protocol):
    """The retention of one home, as the face calls it; the instance is the orchestrator's own."""

    @property
    def is_scheduled(self) -> bool:
        """Whether a night carries its plan out, or only shows it."""
        ...

    def plan(self, instance: Any) -> RetentionPlan:
        """Return what would leave now; changes nothing."""
        ...

    def hurt(self, plan: RetentionPlan) -> tuple[str, ...]:
        """Return what a plan would take from under a decision."""
        ...

    def holdings(self, instance: Any) -> Mapping[str, Holding]:
        """Return what each table of the home holds now."""
        ...

    def carry_out(self, instance: Any, plan: RetentionPlan) -> dict[str, int]:
        """Archive what a plan names, remove it, and return how much of each kind left."""
        ...
