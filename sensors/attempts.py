"""How often a piece of work was tried: from run tags to a run key.

A run key is remembered as long as its run, so a failed run with a bare key would never be started again and the day
would be lost. The key therefore ends with the number of the attempt, and attempts are bounded.

A venue or a provider is away for longer than a few attempts take. What may pass by itself is therefore begun again
after pauses that grow, for as long as it is due. Not so what a person terminated as often, and not learning and upkeep,
which the next week and the next night ask for anew.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import dagster as dg

from assets.run_tags import BUSY_TAG, FAILURE_KIND_TAG
from execution.clock import SystemClock
from execution.domain.error_kinds import TRIES, ErrorKind
from sensors.rules import Act, Work

WORK_TAG: Final = "touchstone/work"
MOST_ATTEMPTS: Final = max(TRIES.values())
"""How often work is begun without a pause."""

_ASKED_FOR_ANEW: Final = frozenset({Act.TRAIN, Act.UPKEEP})
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_PARTITION: Final = "dagster/partition"
_RUN_KEY: Final = "dagster/run_key"
_ENDED: Final = frozenset({dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED})


def session_of(tags: Mapping[str, str]) -> date | None:
    """Return the session a run was of, by its partition or by the work a rule asked for; None where none is named."""
    for told in (tags.get(_PARTITION, ""), tags.get(WORK_TAG, "").rpartition(":")[2]):
        if len(told) == len("2024-01-04"):
            return date.fromisoformat(told)
    return None


def anything_runs(instance: dg.DagsterInstance) -> bool:
    """Return whether any run, of whatever origin, is queued or under way."""
    under_way = [status for status in dg.DagsterRunStatus if status not in _ENDED]
    return bool(instance.get_runs(filters=dg.RunsFilter(statuses=under_way), limit=1))


def is_running(instance: dg.DagsterInstance, work: Work) -> bool:
    """Return whether a run of this work is queued or under way."""
    return any(run.status not in _ENDED for run in _runs(instance, work))


def is_exhausted(instance: dg.DagsterInstance, work: Work) -> bool:
    """Return whether the work was tried as often as its failures allow by now; a busy run tried nothing."""
    records = instance.get_run_records(filters=_of(work))
    tried = [one for one in records if one.dagster_run.status in _ENDED and BUSY_TAG not in one.dagster_run.tags]
    most = min((TRIES[_kind(one.dagster_run)] for one in tried), default=MOST_ATTEMPTS)
    if len(tried) < most:
        return False
    return work.act in _ASKED_FOR_ANEW or most < MOST_ATTEMPTS or not _has_paused(tried)


def machine_now() -> datetime:
    """Return the machine's time, in which runs end in every mode."""
    return SystemClock().now()


def run_request(
    instance: dg.DagsterInstance, work: Work, *, job_name: str, run_config: Mapping[str, object]
) -> dg.RunRequest:
    """Return the request for the next attempt at a piece of work."""
    return dg.RunRequest(
        run_key=f"{work.name}:{_next_number(instance, work)}",
        job_name=job_name,
        # Learning looks at all sessions at once: its assets have no partitions, and a key would be refused.
        partition_key=work.session.isoformat() if work.is_for_one_session else None,
        run_config=dict(run_config),
        tags={WORK_TAG: work.name},
    )


def _has_paused(tried: Sequence[dg.RunRecord]) -> bool:
    """Return whether nobody terminated the last attempt, and it is long enough ago: twice as long each time."""
    last = max(tried, key=lambda one: one.update_timestamp)
    if last.dagster_run.status is dg.DagsterRunStatus.CANCELED:
        return False
    # Not by a power of a large number: what fails for weeks is tried a thousand times.
    doublings = min(len(tried) - MOST_ATTEMPTS, _LONGEST_PAUSE // _FIRST_PAUSE)
    pause: timedelta = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**doublings)
    return machine_now() - last.update_timestamp.replace(tzinfo=UTC) >= pause


def _kind(run: dg.DagsterRun) -> ErrorKind:
    told = run.tags.get(FAILURE_KIND_TAG)
    return next((kind for kind in TRIES if kind == told), "recoverable")


def _next_number(instance: dg.DagsterInstance, work: Work) -> int:
    """Return the number after the highest: a count of runs would fall when one is deleted, onto one that is taken."""
    numbers = [run.tags.get(_RUN_KEY, "").rpartition(":")[2] for run in _runs(instance, work)]
    return max((int(number) + 1 for number in numbers if number.isdecimal()), default=0)


def _runs(instance: dg.DagsterInstance, work: Work) -> Sequence[dg.DagsterRun]:
    return instance.get_runs(filters=_of(work))


def _of(work: Work) -> dg.RunsFilter:
    return dg.RunsFilter(tags={WORK_TAG: work.name})
