"""Dagster's event log in Postgres, without secrets: the counterpart of `kept_event_log` for a production instance."""

from collections.abc import Sequence

from dagster import EventLogEntry
from dagster_postgres import PostgresEventLogStorage

from pipelines.kept_event_log import without_secrets_known


class MaskedPostgresLog(PostgresEventLogStorage):
    """The event log of an instance whose `dagster.yaml` names a Postgres database."""

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event without the secrets this process knows."""
        super().store_event(without_secrets_known(event))

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events without the secrets this process knows."""
        super().store_event_batch([without_secrets_known(event) for event in events])
