"""Retention of one home: what could leave, what decisions stand on, and the two steps archive and prune."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import dagster as dg
import orjson

from assets.features.feature_parts import SCHEMA_PART, FeatureParts
from assets.maintenance.archive import Archive, archive_bodies, archive_files
from assets.maintenance.holdings import Holding
from assets.maintenance.retention import (
    AUDIT,
    FEATURES,
    KINDS,
    LOGS,
    NEWS,
    RUNS,
    SCORES,
    Item,
    RetentionPlan,
    decisions_hurt,
    plan_retention,
)
from assets.ml.score_store import SCORES as SCORES_FOLDER
from assets.ml.score_store import ScoreStore
from assets.raw_store import RawStore
from assets.schemas import NEWS as NEWS_TABLE
from execution.clock import SystemClock
from execution.domain.errors import DataError
from pipelines.home import Home
from pipelines.ledger_opening import has_ledger, ledger_driver
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of, is_clock_told
from pipelines.upkeep.audit_rows import archived_upto, old_rows, rows_of_item
from pipelines.upkeep.holdings import holdings_of
from pipelines.upkeep.run_history import delete_runs, ended_runs, rows_of

_RUNS_AT_ONCE: Final = 50
_LOGS_AT_ONCE: Final = 20


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
        items = [
            *ended_runs(instance, today=today, now=SystemClock().now(), is_told=is_clock_told(self.settings.mode)),
            *self._superseded_features(),
            *self._news(),
            *self._scores(),
            *self._logs(today),
            *self._audit(today - timedelta(days=policy.audit_days)),
        ]
        return plan_retention(items, today=today, policy=policy, stood_on=stood_on)

    def hurt(self, plan: RetentionPlan) -> tuple[str, ...]:
        """Return what a plan would take from under a decision."""
        return decisions_hurt(plan.leaving, self.pinned())

    def holdings(self, instance: dg.DagsterInstance) -> Mapping[str, Holding]:
        """Return what each table of the home holds now."""
        return holdings_of(self.settings, self.home, instance)

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
        archive, root = Archive(self.home.archive), self.home.root
        leaving = {kind: [item for item in plan.leaving if item.kind == kind] for kind in KINDS}
        # First what is only copied: were the night to end here, nothing of the audit would lack its archive.
        for item in leaving[AUDIT]:
            rows = rows_of_item(ledger_driver(self.settings, self.home), item)
            archive.keep_table(AUDIT, rows, names=[item.name], at=at)
        news, scores = RawStore(self.home.raw), ScoreStore(self.home.artifacts / SCORES_FOLDER)
        features = FeatureParts(self.home.features)
        freed = {
            RUNS: self._runs_left(instance, archive, [item.name for item in leaving[RUNS]], at),
            FEATURES: archive_files(
                archive,
                root,
                leaving[FEATURES],
                at=at,
                remove=lambda path: features.retire(path.parent.name, path.stem),
            ),
            NEWS: archive_files(
                archive, root, leaving[NEWS], at=at, remove=lambda path: news.retire(NEWS_TABLE, path.stem)
            ),
            SCORES: archive_bodies(archive, root, leaving[SCORES], at=at, remove=lambda path: scores.retire(path.stem)),
            LOGS: sum(
                archive_bodies(archive, root, leaving[LOGS][first : first + _LOGS_AT_ONCE], at=at)
                for first in range(0, len(leaving[LOGS]), _LOGS_AT_ONCE)
            ),
        }
        counts = {kind: len(items) for kind, items in leaving.items()}
        return counts | {f"{kind}_bytes": size for kind, size in freed.items()}

    def _runs_left(self, instance: dg.DagsterInstance, archive: Archive, ids: list[str], at: datetime) -> int:
        freed = 0
        for first in range(0, len(ids), _RUNS_AT_ONCE):
            batch = ids[first : first + _RUNS_AT_ONCE]
            archive.keep_table(RUNS, rows_of(instance, batch), names=batch, at=at)
            freed += delete_runs(instance, batch, self.home.dagster)
        return freed

    def pinned(self) -> Mapping[date, Collection[str]]:
        """Return by decision session inside the horizon the raw parts and scores it stands on, by their path.

        Every cycle that pinned its data counts: one that ended a moment ago may be planned in the next.
        """
        scored = ScoreStore(self.home.artifacts / SCORES_FOLDER).sessions()
        found: dict[date, Collection[str]] = {}
        for pin in sorted(self.home.snapshots.glob("*-*-*.json"))[-self.settings.retention.replay_horizon_sessions :]:
            session = date.fromisoformat(pin.stem)
            parts = orjson.loads(pin.read_bytes())["snapshot"]["parts"]
            names = {f"raw/{table}/{part}.parquet" for table, hashes in parts for part in hashes}
            found[session] = names | ({self._name(scored[session])} if session in scored else set())
        return found

    def _superseded_features(self) -> Iterator[Item]:
        parts = FeatureParts(self.home.features)
        for path in sorted(self.home.features.glob("*/*.parquet")):
            used = parts.used(path.parent.name)
            if path.stem != SCHEMA_PART and not path.name.startswith(".") and path.stem not in used:
                last = date.fromisoformat(path.stem.split("_")[1])
                yield Item(kind=FEATURES, name=self._name(path), day=last, size_bytes=path.stat().st_size)

    def _news(self) -> Iterator[Item]:
        store = RawStore(self.home.raw)
        for part in store.parts(NEWS_TABLE):
            path = store.path(NEWS_TABLE, part.hash)
            yield Item(
                kind=NEWS,
                name=self._name(path),
                day=part.max_known_at.date(),
                rows=part.rows,
                size_bytes=path.stat().st_size,
            )

    def _scores(self) -> Iterator[Item]:
        for session, path in sorted(ScoreStore(self.home.artifacts / SCORES_FOLDER).sessions().items()):
            yield Item(kind=SCORES, name=self._name(path), day=session, rows=1, size_bytes=path.stat().st_size)

    def _logs(self, today: date) -> Iterator[Item]:
        """Yield the log files nobody writes any more, dated as many days before the home's day as they are old."""
        # The machine stamps them, and where time is told its day is not the home's.
        machine = SystemClock().now()
        for path in sorted(self.home.logs.glob("*")):
            age = machine - datetime.fromtimestamp(path.stat().st_mtime, UTC)
            day = today - timedelta(days=age.days)
            yield Item(kind=LOGS, name=self._name(path), day=day, rows=1, size_bytes=path.stat().st_size)

    def _audit(self, before: date) -> Iterator[Item]:
        if has_ledger(self.settings, self.home):
            driver, after = ledger_driver(self.settings, self.home), archived_upto(Archive(self.home.archive))
            yield from old_rows(driver, after=after, before=before)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.home.root).as_posix()
