"""Dagster face of ingest: the raw tables of a session, and the snapshot that pins what the session may read."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from assets import keys, schemas
from assets.fact_log import tell
from assets.ingest.collect import Intake, listed_rows, pin_snapshot, session_rows, take_in, write_tapes
from assets.ingest.degrading import last_good
from assets.ingest.sources import MarketSources
from assets.partitions import SESSIONS, session_of
from assets.raw_store import RawStore
from assets.snapshots import SnapshotStore
from execution.domain.errors import NotKnownYet
from execution.ports import Clock
from execution.trading_calendar import TradingCalendar

_DESCRIPTIONS = {
    keys.RAW_DAILY_BARS: "Unadjusted daily bars as first seen; a correction is a later row.",
    keys.RAW_CORPORATE_ACTIONS: "Splits and dividends, with the instant they were known.",
    keys.RAW_SECURITIES: "Listings, sectors and delistings; the delisted stay.",
    keys.RAW_MEMBERSHIP: "Index membership, from and to, as it became known.",
    keys.RAW_WATCHLISTS: "Named lists of symbols, from and to.",
    keys.RAW_NEWS: "Headlines per symbol, stamped when they could first be read.",
    keys.RAW_FILINGS: "Figures of quarterly and annual reports by the time they were filed.",
    keys.RAW_EVENTS: "Scheduled earnings and macro releases, known when announced.",
    keys.RAW_INDICES: "Closes of market indices: volatility and market level.",
}


@dg.multi_asset(
    specs=[
        dg.AssetSpec(table.key, group_name=keys.INGEST, description=_DESCRIPTIONS[table.key], kinds={"parquet"})
        for table in schemas.ALL
    ],
    can_subset=True,
    partitions_def=SESSIONS,
    name="raw_tables",
)
def raw_tables(  # noqa: PLR0917 - Dagster hands resources over by name
    context: dg.AssetExecutionContext,
    sources: dg.ResourceParam[MarketSources],
    raw_store: dg.ResourceParam[RawStore],
    snapshots: dg.ResourceParam[SnapshotStore],
    clock: dg.ResourceParam[Clock],
    tape_root: dg.ResourceParam[Path],
) -> Iterator[dg.MaterializeResult[None]]:
    """Everything new of each raw table up to the session's cut-off, and the tapes of its trading."""
    session, calendar = session_of(context), TradingCalendar.shipped()
    pinned_until = snapshots.newest_cut_off(now=clock.now())
    chosen = [table for table in schemas.ALL if dg.AssetKey(table.key) in context.selected_asset_keys]
    for table in chosen:
        taking = partial(
            take_in,
            sources,
            raw_store,
            table,
            session=session,
            recorded_at=clock.now(),
            calendar=calendar,
            pinned_until=pinned_until,
        )
        with _refusing_too_early():
            intake = last_good(table, raw_store, taking)
        if isinstance(intake, str):
            tell(
                "source_away",
                run_id=context.run.run_id,
                decision_id=session.isoformat(),
                table=table.name,
                why=intake,
            )
            told: dict[str, Any] = {"rows": 0, "degraded": intake}
        else:
            told = _told(intake, sources)
        told["session_rows"] = session_rows(raw_store, table, session=session, calendar=calendar)
        yield dg.MaterializeResult(asset_key=dg.AssetKey(table.key), metadata=told)
    write_tapes(sources, tape_root, session=session, calendar=calendar)


@dg.asset(
    key=dg.AssetKey(keys.RAW_SNAPSHOT),
    group_name=keys.INGEST,
    partitions_def=SESSIONS,
    deps=[dg.AssetKey(key) for key in keys.RAW_TABLES],
)
def snapshot(
    context: dg.AssetExecutionContext,
    raw_store: dg.ResourceParam[RawStore],
    snapshots: dg.ResourceParam[SnapshotStore],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult[None]:
    """The list of raw parts the session may read, pinned: what arrives later cannot change what was decided."""
    session, calendar = session_of(context), TradingCalendar.shipped()
    with _refusing_too_early():
        pinned = pin_snapshot(raw_store, snapshots, session=session, now=clock.now(), calendar=calendar)
    counts = {f"parts_{table}": len(hashes) for table, hashes in pinned.parts}
    rows, known_from, known_to = listed_rows(raw_store, pinned)
    return dg.MaterializeResult(
        metadata={
            "snapshot_hash": pinned.hash,
            "as_of": pinned.as_of.isoformat(),
            "rows": rows,
            "known_from": "none" if known_from is None else known_from.isoformat(),
            "known_to": "none" if known_to is None else known_to.isoformat(),
            **counts,
        }
    )


@contextmanager
def _refusing_too_early() -> Iterator[None]:
    """Show what is asked for too early as a failure of one sentence: a person at the page asked, nothing is broken."""
    try:
        yield
    except NotKnownYet as too_early:
        raise dg.Failure(str(too_early)) from None


def _told(intake: Intake, sources: MarketSources) -> dict[str, Any]:
    refused = sources.quarantined(schemas.BY_NAME[intake.table])
    told: dict[str, Any] = {
        "rows": intake.new_rows,
        "offered_rows": intake.offered_rows,
        "source": sources.name if intake.has_source else "no source for this table",
        "synthetic": sources.is_synthetic,
        "parts": [part.hash for part in intake.parts],
        "quarantined_rows": len(refused),
    }
    if intake.told_by:
        told["told_by"] = ", ".join(intake.told_by)
    if refused:
        told["quarantined_first"] = [f"{row.file} row {row.row} {row.column}: {row.found}" for row in refused[:5]]
    if intake.parts:
        told["known_from"] = min(part.min_known_at for part in intake.parts).isoformat()
        told["known_to"] = max(part.max_known_at for part in intake.parts).isoformat()
    return told


DEFINITIONS = dg.Definitions(assets=[raw_tables, snapshot])
