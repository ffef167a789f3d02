"""Settings to what the upkeep faces call."""

from typing import Any

from assets.features.feature_parts import FeatureParts
from assets.maintenance.nights import Upkeep
from pipelines.dagster_instance import is_in_postgres, postgres_url, prepare_instance
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.upkeep.backup import make_backup
from pipelines.upkeep.drill import run_drill
from pipelines.upkeep.health import health_of
from pipelines.upkeep.holdings import bytes_of
from pipelines.upkeep.retention import Retention


def upkeep_resources(settings: Settings, home: Home) -> dict[str, Any]:
    """Return every resource the upkeep faces name; making them opens nothing."""
    return {"upkeep": upkeep_of(settings, home), "keeper": Retention(settings=settings, home=home)}


def postgres_of(settings: Settings, home: Home) -> dict[str, str]:
    """Return the addresses of the Postgres databases a home uses, by what is in them; they are secrets."""
    found = {}
    if settings.ledger.postgres_dsn is not None:
        found["postgres_ledger"] = settings.ledger.postgres_dsn.get_secret_value()
    if postgres_url() and is_in_postgres(prepare_instance(home)):
        found["postgres_history"] = postgres_url()
    return found


def upkeep_of(settings: Settings, home: Home) -> Upkeep:
    """Return a home's upkeep; making it opens nothing."""
    return Upkeep(
        make_backup=lambda: make_backup(settings, home),
        drill=lambda is_from_raw: run_drill(settings, home, is_from_raw=is_from_raw),
        restore_seconds_max=settings.backup.restore_seconds_max,
        root=home.upkeep,
        health=lambda: health_of(settings, home),
        health_policy=settings.health,
        merge_parts=lambda session: FeatureParts(home.features).merge(before=session),
        home_bytes=lambda: bytes_of(home),
        databases=(home.venue, home.operations, home.dagster / "history" / "runs" / "index.db"),
        postgres=lambda: postgres_of(settings, home),
    )
