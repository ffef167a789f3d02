"""Dagster face of reporting: the day's page, written once the orders of the session are settled."""

from pathlib import Path

import dagster as dg

from assets import keys
from assets.identity import RunIdentity
from assets.ledger_frames import latest_export, load_export
from assets.partitions import SESSIONS, session_of
from assets.raw_store import RawStore
from assets.reporting.daily_report import render
from assets.reporting.day_reading import read_day
from assets.reporting.market_opens import opens_usd, split_ratios
from assets.reporting.page_files import described, drawn, write_page
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar


@dg.asset(
    key=keys.REPORTS_DAILY,
    group_name=keys.REPORTS,
    partitions_def=SESSIONS,
    deps=[
        dg.AssetKey(key)
        for key in (
            keys.TRADING_FILLS,
            keys.TRADING_POSITIONS,
            keys.TRADING_DECISIONS,
            keys.TRADING_LEDGER_EXPORT,
            keys.ML_SIGNAL_BATCH,
            keys.FEATURES_GATE_CERTIFICATE,
            keys.RAW_DAILY_BARS,
            keys.RAW_CORPORATE_ACTIONS,
        )
    ],
)
def daily_report(
    context: dg.AssetExecutionContext,
    *,
    batches: dg.ResourceParam[SignalBatchStore],
    raw_store: dg.ResourceParam[RawStore],
    artifacts_root: dg.ResourceParam[Path],
    reports_root: dg.ResourceParam[Path],
    identity: dg.ResourceParam[RunIdentity],
) -> dg.MaterializeResult[None]:
    """The day on one self-contained HTML page: gate, scores, orders, fills, positions, equity, and why."""
    session = session_of(context)
    traded_session = TradingCalendar.shipped().next(session)
    frames = load_export(latest_export(artifacts_root, traded_session))
    day = read_day(
        session=session,
        frames=frames,
        batches=batches,
        opens_usd=opens_usd(raw_store, traded_session),
        split_ratios=split_ratios(raw_store, traded_session),
    )
    page = write_page(reports_root, session, render(day, identity=identity))
    charts = {name: dg.MetadataValue.md(text) for name, text in drawn(day).items()}
    # From the home on: whoever looks may have the home elsewhere than the machine that wrote the page.
    in_home = dg.MetadataValue.path(page.relative_to(reports_root.parent))
    return dg.MaterializeResult(metadata={"page": in_home, **described(day, page), **charts})


DEFINITIONS = dg.Definitions(assets=[daily_report])
