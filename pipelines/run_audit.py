"""Who started what, and under which settings: runs of both halves and changes of settings become rows of the ledger.

Dagster's own run history can be wiped and knows no chain. Whoever opens the ledger for a run writes down every run that
was launched since, as the orchestrator tags it, and the settings when they are others than before.
"""

import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import dagster as dg

from execution.domain.events import AuditNoted, Event
from execution.ledger.book import Book
from execution.session.run_session import Desk

LAUNCH: Final = "launch"
MANUAL: Final = "manual_materialization"
SETTINGS: Final = "settings"
_LOOKED_AT: Final = 500
"""Runs looked at: many more than are launched between two acts."""
_TOLD_TAGS: Final = ("dagster/partition", "dagster/run_key", "dagster/backfill", "dagster/parent_run_id", "user")


def note_runs(desk: Desk, instance: dg.DagsterInstance) -> None:
    """Write down every run launched since the last that stands in the ledger; harmless to repeat."""
    records = instance.get_run_records(limit=_LOOKED_AT)
    runs = [record.dagster_run for record in records]
    desk.ledger.record(lambda book: tuple(_unknown(desk, book, runs)))


def note_settings(desk: Desk) -> None:
    """Write down the settings and the program when they are others than those written down last."""
    told = f"settings {desk.settings_hash[:16]}, code {desk.code_hash[:16]}"

    def decide(book: Book) -> Sequence[Event]:
        known = [note for (topic, _, _), note in book.notes.items() if topic == SETTINGS]
        if known and known[-1].detail == told:
            return ()
        # Numbered, because settings may come back to what they were.
        return (_note(desk, topic=SETTINGS, subject=f"{len(known) + 1}", detail=told, actor=system_user()),)

    desk.ledger.record(decide)


def system_user() -> str:
    """Return the account of the machine this process runs under; the environment could say anything."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _unknown(desk: Desk, book: Book, runs: Sequence[dg.DagsterRun]) -> Iterator[AuditNoted]:
    """Yield the notes of runs newer than every one that stands in the ledger, oldest first."""
    known = {subject for topic, _, subject in book.notes if topic in (LAUNCH, MANUAL)}
    fresh = []
    for run in runs:  # Newest first.
        if run.run_id in known:
            break
        fresh.append(run)
    for run in reversed(fresh):
        starter = started_by(run.tags)
        yield _note(
            desk,
            topic=LAUNCH if starter else MANUAL,
            subject=run.run_id,
            detail=f"{_what(run)}, {_tags(run.tags)}",
            actor=f"{starter or 'by hand'}, as {system_user()}",
        )


def started_by(tags: Mapping[str, str]) -> str:
    """Return what launched a run of these tags; empty when a person did, also where it is a run executed again.

    A run executed again has the tags of the one it repeats; Dagster numbers those that it executes again by itself.
    """
    if "dagster/parent_run_id" in tags and "dagster/retry_number" not in tags:
        return ""
    for name in ("sensor", "schedule"):
        if f"dagster/{name}_name" in tags:
            return f"{name} {tags[f'dagster/{name}_name']}"
    return ""


def _what(run: dg.DagsterRun) -> str:
    selected = sorted(key.to_user_string() for key in run.asset_selection or ())
    return f"job {run.job_name}" + (f" of {', '.join(selected)}" if selected else "")


def _tags(tags: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {tags[name]}" for name in _TOLD_TAGS if name in tags) or "no tags"


def _note(desk: Desk, *, topic: str, subject: str, detail: str, actor: str) -> AuditNoted:
    return AuditNoted(
        at=desk.clock.now(), topic=topic, session=None, subject=subject, detail=detail, actor=actor, run_id=desk.run_id
    )
