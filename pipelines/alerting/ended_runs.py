"""What runs that ended leave for somebody to hear: that they failed or were terminated, and which checks failed."""

from collections.abc import Iterator, Sequence

import dagster as dg

from execution.alert_outbox import Alert

_PARTITION = "dagster/partition"


def alerts_of_runs(instance: dg.DagsterInstance, records: Sequence[dg.RunRecord]) -> Iterator[Alert]:
    """Yield an alert for each run that failed or was terminated, and each asset whose checks failed in one that ended.

    A red gate, a champion the world has left and a promise that does not hold are failed checks.
    """
    for record in records:
        run = record.dagster_run
        session = run.tags.get(_PARTITION, "no session")
        if run.status is dg.DagsterRunStatus.FAILURE:
            title = f"{run.job_name} of {session} failed"
            detail = f"run {run.run_id}; its steps say why, in `make ui` and in the log"
            yield Alert(cause=f"run_failed:{run.job_name}", severity="critical", title=title, detail=detail)
        if run.status is dg.DagsterRunStatus.CANCELED:
            # It counts as an attempt: terminated as often as a failure is tried again, its work is given up.
            title = f"{run.job_name} of {session} was terminated"
            detail = f"run {run.run_id}; what is still due is asked for again, unless its attempts are used up"
            yield Alert(cause=f"run_terminated:{run.job_name}", severity="warning", title=title, detail=detail)
        yield from _failed_checks(instance, run.run_id, session)


def _failed_checks(instance: dg.DagsterInstance, run_id: str, session: str) -> Iterator[Alert]:
    failed: dict[str, list[dg.AssetCheckEvaluation]] = {}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        found = entry.get_dagster_event().asset_check_evaluation_data
        if not found.passed:
            failed.setdefault(found.asset_key.to_user_string(), []).append(found)
    for asset, checks in failed.items():
        is_error = any(check.severity is dg.AssetCheckSeverity.ERROR for check in checks)
        names = ", ".join(check.check_name for check in checks)
        told = "; ".join(check.description for check in checks if check.description)
        yield Alert(
            cause=f"failed_check:{asset}",
            severity="critical" if is_error else "warning",
            title=f"{names} of {asset} failed for {session}",
            detail=told or f"run {run_id}; the page shows each value with its threshold",
        )
