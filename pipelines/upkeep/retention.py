"""Retention of one home: what could leave, what decisions stand on, and the two steps archive and prune."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import dagster as dg
import orjson

from assets.features.feature_parts import SCHEMA_PART, FeatureParts
from assets.maintenance.retention import (
    FEATURES,
    NEWS,
    RUNS,
    Archive,
    Item,
    RetentionPlan,
    archive_files,
    decisions_hurt,
    plan_retention,
)
from assets.raw_store import RawStore
from assets.schemas import NEWS as NEWS_TABLE
from execution.domain.errors import DataError
from pipelines.due_trading import book_of
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of
from pipelines.upkeep.run_history import delete_runs, ended_runs, rows_of

_RUNS_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The retention of one home."""

    settings: Settings
    home: Home

    @property
    def is_scheduled(self) -> bool:
        """Whether a night carries its plan out."""
        return self.settings.retention.is_scheduled

    def plan(self, instance: dg.DagsterInstance) -> RetentionPlan:
        """Return what would leave now; changes nothing."""
        today = clock_of(self.settings.mode, self.home).now().date()
        stood_on: dict[str, date] = {}
        for session, names in sorted(self.pinned().items()):
            stood_on |= dict.fromkeys(names, session)
        policy = self.settings.retention
        runs = ended_runs(instance, today - timedelta(days=policy.run_history_days))
        items = [*runs, *self._superseded_features(), *self._news()]
        return plan_retention(items, today=today, policy=policy, stood_on=stood_on)

    def hurt(self, plan: RetentionPlan) -> tuple[str, ...]:
        """Return what a plan would take from under a decision."""
        return decisions_hurt(plan.leaving, self.pinned())

    def carry_out(self, instance: dg.DagsterInstance, plan: RetentionPlan) -> dict[str, int]:
        """Archive what a plan names, remove it, and return how much of each kind left.

        Raises:
            DataError: a decision inside the horizon stands on something the plan names; nothing was touched.
        """
        hurt = self.hurt(plan)
        if hurt:
            raise DataError(
                f"nothing was pruned: {hurt[0]} and {len(hurt) - 1} more; plan again with `touchstone retain`"
            )
        at = clock_of(self.settings.mode, self.home).now()
        archive = Archive(self.home.archive)
        ids = [item.name for item in plan.leaving if item.kind == RUNS]
        freed = 0
        for first in range(0, len(ids), _RUNS_AT_ONCE):
            batch = ids[first : first + _RUNS_AT_ONCE]
            archive.keep_table(RUNS, rows_of(instance, batch), names=batch, at=at)
            freed += delete_runs(instance, batch, self.home.dagster)
        parts = [item for item in plan.leaving if item.kind == FEATURES]
        news = [item for item in plan.leaving if item.kind == NEWS]
        store = RawStore(self.home.raw)
        freed_parts = archive_files(archive, self.home.root, parts, at=at)
        freed_news = archive_files(
            archive, self.home.root, news, at=at, remove=lambda path: store.retire(NEWS_TABLE, path.stem)
        )
        return {
            "runs": len(ids),
            "runs_bytes": freed,
            "feature_parts": len(parts),
            "feature_parts_bytes": freed_parts,
            "news_parts": len(news),
            "news_bytes": freed_news,
        }

    def pinned(self) -> Mapping[date, Collection[str]]:
        """Return by decision session inside the horizon the raw parts it stands on, named by their path in the home."""
        decided = sorted(cycle.session for cycle in book_of(self.settings, self.home).cycles.values())
        found: dict[date, Collection[str]] = {}
        for session in decided[-self.settings.retention.replay_horizon_sessions :]:
            path = self.home.snapshots / f"{session.isoformat()}.json"
            if path.exists():
                parts = orjson.loads(path.read_bytes())["snapshot"]["parts"]
                found[session] = frozenset(f"raw/{table}/{part}.parquet" for table, hashes in parts for part in hashes)
        return found

    def _superseded_features(self) -> Iterator[Item]:
        parts = FeatureParts(self.home.features)
        for path in sorted(self.home.features.glob("*/*.parquet")):
            used = parts.used(path.parent.name)
            if path.stem != SCHEMA_PART and not path.name.startswith(".") and path.stem not in used:
                last = date.fromisoformat(path.stem.split("_")[1])
                name = path.relative_to(self.home.root).as_posix()
                yield Item(kind=FEATURES, name=name, day=last, size_bytes=path.stat().st_size)

    def _news(self) -> Iterator[Item]:
        store = RawStore(self.home.raw)
        for part in store.parts(NEWS_TABLE):
            path = store.path(NEWS_TABLE, part.hash)
            name = path.relative_to(self.home.root).as_posix()
            yield Item(
                kind=NEWS, name=name, day=part.max_known_at.date(), rows=part.rows, size_bytes=path.stat().st_size
            )
