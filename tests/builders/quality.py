"""Evidence for the gates, built from a market in memory; each builder varies what a test names."""

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from assets.quality.policy import GatePolicy
from assets.quality.raw_evidence import RawEvidence
from assets.raw_store import RawStore
from assets.schemas import ALL
from assets.snapshots import DataSnapshot, SnapshotStore
from assets.warehouse import Warehouse
from execution.signal_batch_store import SignalBatchStore
from tests.builders.marts import BuiltMarts, some_marts
from tests.builders.raw_market import CALENDAR, SESSION, MemoryRows, RawMarket, a_raw_market


def raw_evidence(
    market: RawMarket | None = None,
    *,
    session: date = SESSION,
    policy: GatePolicy | None = None,
    is_first_session: bool = False,
) -> RawEvidence:
    as_of = CALENDAR.as_of(session)
    previous_as_of = None if is_first_session else CALENDAR.as_of(CALENDAR.previous(session))
    return RawEvidence(
        session=session,
        as_of=as_of,
        rows=MemoryRows(market or a_raw_market(), as_of, previous_as_of),
        policy=policy or GatePolicy(),
        calendar=CALENDAR,
    )


@dataclass(frozen=True)
class GateHome:
    """Everything the gates read and write, below one folder."""

    store: RawStore
    snapshots: SnapshotStore
    batches: SignalBatchStore
    marts: BuiltMarts
    market: RawMarket

    def pin(self, session: date) -> DataSnapshot:
        snapshot = self.store.snapshot(session=session, as_of=CALENDAR.as_of(session))
        self.snapshots.pin(snapshot)
        return snapshot

    def resources(self, policy: GatePolicy | None = None) -> dict[str, object]:
        return {
            "raw_store": self.store,
            "snapshots": self.snapshots,
            "batches": self.batches,
            "warehouse": self.marts.warehouse,
            "gate_policy": policy or GatePolicy(),
            "recompute_features": self.marts.recompute,
        }


def a_gate_home(root: Path, market: RawMarket | None = None) -> GateHome:
    """A home with a clean market taken in up to `SESSION`, its snapshot pinned and its marts built."""
    market = market or a_raw_market(n_sessions=14)
    home = _home_at(root, market)
    for table in ALL:
        home.store.append(table, market.tables[table.name], session=SESSION, recorded_at=CALENDAR.as_of(SESSION))
    some_marts(root, market, n_sessions=4)
    home.pin(SESSION)
    return home


def copy_of(home: GateHome, root: Path) -> GateHome:
    """The same home elsewhere, for a test to spoil: copying costs a tenth of building."""
    shutil.copytree(home.marts.warehouse.path.parent, root, dirs_exist_ok=True)
    return _home_at(root, home.market)


def _home_at(root: Path, market: RawMarket) -> GateHome:
    return GateHome(
        store=RawStore(root / "raw"),
        snapshots=SnapshotStore(root / "snapshots"),
        batches=SignalBatchStore(root / "artifacts"),
        marts=BuiltMarts(Warehouse(root / "warehouse.duckdb")),
        market=market,
    )
