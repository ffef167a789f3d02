"""`touchstone ledger verify`, `anchor`, `migrate` and `rebuild`: prove the ledger whole, and keep it so."""

from collections.abc import Sequence

from execution.ledger.anchors import verify_ledger
from execution.ledger.migrating import SCHEMA_VERSION, migrate, refuse_unreadable
from pipelines.home import Home
from pipelines.ledger_opening import anchoring_of, has_ledger, is_one_device, ledger_driver, open_ledger
from pipelines.trading_adapters import clock_of
from pipelines.trading_settings import TradingSettings

ONE_DEVICE = "all anchors lie on one device: name folders on others in ledger.anchor_folders"


def unguarded(missing: Sequence[str]) -> str:
    """Return what it means that triggers are not there, and what to do."""
    return (
        f"the ledger has lost {', '.join(missing)}, which refuse changes of its rows: find out who dropped them, then "
        "`touchstone ledger rebuild` puts them back"
    )


def verified_page(settings: TradingSettings, home: Home) -> str:
    """Hash every row again, find every anchored head, compare every table, and return what was found.

    Raises:
        ChainBroken: something was changed, deleted, moved, cut off or hashed again.
    """
    ledger = open_ledger(settings, home)
    found = verify_ledger(ledger, anchoring_of(settings, home).anchors, is_thorough=True)
    ledger.verify_projections()
    newest = f"newest of row {found.newest.sequence}" if found.newest else "none was written yet"
    lines = [
        f"the chain holds: {found.head.sequence} rows, head {found.head.hash}",
        f"anchors: {found.matched} lines found in it, {newest}",
        "tables: as the events say",
        f"trading events alone: {ledger.trading_hash()}",
        *(f"warning: {folder} lacks the newest anchor" for folder in found.behind),
    ]
    if missing := ledger.missing_guards():
        lines.append(f"warning: {unguarded(missing)}")
    if found.unreadable:
        lines.append(f"warning: {found.unreadable} anchor lines are torn, damaged or of another key")
    if found.newest and is_one_device(settings, home):
        lines.append(f"warning: {ONE_DEVICE}")
    return "\n".join(lines)


def anchored_page(settings: TradingSettings, home: Home) -> str:
    """Verify the ledger, sign its head into every sink, and return what was signed.

    Raises:
        ChainBroken: the ledger is not what was anchored before; nothing is signed.
        LedgerError: no sink could be written.
    """
    ledger, anchoring = open_ledger(settings, home), anchoring_of(settings, home)
    verify_ledger(ledger, anchoring.anchors)
    anchor = anchoring.anchor(ledger, clock_of(settings.mode, home).now())
    return "the ledger is empty: there is nothing to anchor" if anchor is None else anchor.line


def migrated_page(settings: TradingSettings, home: Home, *, to: int | None) -> str:
    """Take the ledger to a schema, the newest when none is named, and return from where to where.

    Raises:
        LedgerError: there is no ledger, or no way to that schema, or no program of it could read what was written.
    """
    driver = ledger_driver(settings, home)
    if to is not None and has_ledger(settings, home):
        refuse_unreadable(driver, to=to)
    before, after = migrate(driver, to=SCHEMA_VERSION if to is None else to)
    return f"ledger schema {before} to {after}" if before != after else f"ledger schema {after} already"


def rebuilt_page(settings: TradingSettings, home: Home) -> str:
    """Fold every table from the verified events again, and return how many events were folded.

    Raises:
        ChainBroken: the events themselves cannot be believed; nothing was changed.
    """
    ledger = open_ledger(settings, home)
    head = verify_ledger(ledger, anchoring_of(settings, home).anchors).head
    ledger.rebuild_projections()
    return f"the tables were folded again from {head.sequence} events"
