"""How often a piece of work was tried: from run tags to a run key.

A run key is remembered as long as its run, so a failed run with a bare key would never be started again and the day
would be lost. The key therefore ends with the number of the attempt, and attempts are bounded.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import dagster as dg

from assets.run_tags import BUSY_TAG, FAILURE_KIND_TAG
from execution.domain.error_kinds import TRIES, ErrorKind
from sensors.rules import Work

WORK_TAG: Final = "touchstone/work"
MOST_ATTEMPTS: Final = max(TRIES.values())

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
    """Return whether the work was tried as often as its failures allow; a busy run tried nothing."""
    tried = [run for run in _runs(instance, work) if run.status in _ENDED and BUSY_TAG not in run.tags]
    most = min((TRIES[_kind(run)] for run in tried), default=MOST_ATTEMPTS)
    return len(tried) >= most


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


def _kind(run: dg.DagsterRun) -> ErrorKind:
    told = run.tags.get(FAILURE_KIND_TAG)
    return next((kind for kind in TRIES if kind == told), "recoverable")


def _next_number(instance: dg.DagsterInstance, work: Work) -> int:
    """Return the number after the highest: a count of runs would fall when one is deleted, onto one that is taken."""
    numbers = [run.tags.get(_RUN_KEY, "").rpartition(":")[2] for run in _runs(instance, work)]
    return max((int(number) + 1 for number in numbers if number.isdecimal()), default=0)


def _runs(instance: dg.DagsterInstance, work: Work) -> Sequence[dg.DagsterRun]:
    return instance.get_runs(filters=dg.RunsFilter(tags={WORK_TAG: work.name}))
