"""A home from a backup: files in an empty place, the ledger verified, and trading in recovery until a person resumes.

The private key that signs anchors is in no backup. The restored ledger is believed by the public half, then signed by
a new key, so anchors of the lost rows stay as they are and bind nobody any more.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from assets.maintenance.backup import Backup, Manifest
from assets.maintenance.backup_store import BackupStore
from assets.maintenance.restore import restore_files
from assets.maintenance.sealing import Sealing
from execution.alert_outbox import LEDGER_PLACE
from execution.domain.errors import ChainBroken
from execution.ledger.anchors import AnchorFile, Anchors, verify_ledger
from execution.ledger.migrating import migrate
from execution.ledger.recovering import begin_recovery
from execution.ledger.sqlite_ledger import SqliteDriver, SqliteLedger
from pipelines.alerting.outbox import outbox_of
from pipelines.home import Home
from pipelines.ledger_opening import anchoring_of, note_place
from pipelines.stopping import prepare_stopping
from pipelines.trading_adapters import clock_of, orders_url
from pipelines.trading_settings import TradingSettings, load_trading_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A home that came back.

    Attributes:
        home: where it is.
        rows: rows of the ledger that came back; 0 without a ledger.
        anchors_matched: signed heads found among them.
        epoch: part of every order id from here on; 0 without a ledger.
        ledger_schemas: the ledger's schema in the backup, and the one it has now; None without a ledger.
    """

    home: Home
    rows: int
    anchors_matched: int
    epoch: int
    ledger_schemas: tuple[int, int] | None


def restore_home(
    store: BackupStore,
    sealing: Sealing,
    backup: Backup,
    *,
    place: Path,
    actor: str,
    epoch: int,
    has_own_anchors: bool = False,
) -> Restored:
    """Restore a home to an empty place; whoever looks there finds nothing, or a whole home in recovery.

    Args:
        store: where backups lie.
        sealing: how they stand there.
        backup: which one.
        place: must not exist, or be an empty folder.
        actor: the person who restores.
        epoch: higher than any ever used by this account.
        has_own_anchors: keep anchors in the restored home whatever its settings say, as a drill does.

    Raises:
        CorruptArtifact: a byte of the backup was changed.
        ChainBroken: the ledger in it does not hold.
        LedgerError: a newer version wrote the ledger in it.
        DataError: the place is not empty.
    """
    unfinished = restore_files(store, sealing, backup, place=place)
    try:
        home = Home(unfinished.folder).create()
        settings = load_trading_settings(home.settings)
        # Before anybody finds the home: what works at the venue is known to it, and may have to end at once.
        prepare_stopping(home, orders_url=orders_url(settings), place=place)
        has_ledger = backup.manifest.ledger_rows > 0
        # Nobody could do it later: a ledger of an older schema is not opened. Events and head stay as they are.
        schemas = migrate(SqliteDriver(home.ledger)) if has_ledger else None
        matched = _recovered(home, settings, backup, actor, epoch, has_own_anchors=has_own_anchors)
    except BaseException:
        unfinished.discard()
        raise
    unfinished.publish()
    rows = backup.manifest.ledger_rows
    return Restored(
        home=Home(place),
        rows=rows,
        anchors_matched=matched,
        epoch=epoch if rows else 0,
        ledger_schemas=schemas,
    )


def public_key(manifest: Manifest) -> Ed25519PublicKey:
    """Return the key by which the backup's ledger is believed."""
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(manifest.anchor_key))


def _recovered(
    home: Home, settings: TradingSettings, backup: Backup, actor: str, epoch: int, *, has_own_anchors: bool
) -> int:
    if not backup.manifest.ledger_rows:
        return 0
    if has_own_anchors:
        settings = settings.model_copy(update={"ledger": settings.ledger.model_copy(update={"anchor_folders": ()})})
    ledger = SqliteLedger(home.ledger)
    matched = _verified(ledger, home, backup.manifest)
    # Where the lost home's ledger was in Postgres, the rows there are not these.
    note_place(home, "home", ledger.head())
    now = clock_of(settings.mode, home).now()
    begin_recovery(ledger, at=now, epoch=epoch, backup=backup.name.rpartition("/")[2], actor=actor)
    # Copied after the ledger, the alerts may have been read of rows that did not come back.
    outbox_of(settings, home).move_back(LEDGER_PLACE, backup.manifest.ledger_rows)
    anchoring_of(settings, home).anchor(ledger, now)
    return matched


def _verified(ledger: SqliteLedger, home: Home, manifest: Manifest) -> int:
    sinks = [AnchorFile(home.anchors), AnchorFile(home.second_anchors)]
    found = verify_ledger(ledger, Anchors(key=public_key(manifest), sinks=sinks), is_thorough=True)
    if (found.head.sequence, found.head.hash) != (manifest.ledger_rows, manifest.ledger_head):
        raise ChainBroken(
            f"the ledger of the backup ends with row {found.head.sequence} ({found.head.hash[:12]}), its manifest says "
            f"row {manifest.ledger_rows} ({manifest.ledger_head[:12]}): use an older backup"
        )
    ledger.verify_projections()
    return found.matched
