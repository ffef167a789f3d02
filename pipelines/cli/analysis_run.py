"""`touchstone cycle` and `touchstone train`: one analysis job of one session in this process, without the daemon."""

from datetime import date, datetime
from typing import Final

import dagster as dg

# What a run is named by has no public name; `pyproject.toml` pins the version.
from dagster._core.utils import make_new_run_id

from assets.ml.dataset import training_cut_off
from assets.ml.model_registry import ModelRegistry
from assets.warehouse import Warehouse
from execution.domain.errors import SettingsRefused, TouchstoneError
from execution.trading_calendar import NotASession, TradingCalendar
from pipelines.analysis_adapters import first_cycle_session, sources_of
from pipelines.cli.text_table import text_table
from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.logging_setup import bind_run
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of

# Every event stands in the instance already; a person at a terminal wants the table below.
_QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_REASON_LINES: Final = 4


class RunFailed(TouchstoneError):
    """A run in this process failed; the message says at which step and where to look."""


def run_analysis(act: str, settings: Settings, home: Home, session: date | None) -> str:
    """Run one analysis job for a session and return a table of its steps; of a training also what became of it.

    The run is recorded in the home's instance like any other, so the page shows it.

    Args:
        act: the job, `cycle` or `train`.
        settings: the whole tree.
        home: the home to work in; `touchstone init` made it.
        session: the decision session; None for the newest whose cut-off has come. A `train` is of the newest session
            with features by then, and of no other.

    Raises:
        SettingsRefused: the day is no session, its cut-off has not come yet, or no training is of it.
        DataError: a `train` in a home without features.
        RunFailed: a step failed, or a gate closed.
    """
    from pipelines.analysis import build_definitions  # noqa: PLC0415 - imports the whole data half

    now, calendar = clock_of(settings.mode, home).now(), TradingCalendar.shipped()
    if act == "train":
        # The job has no partition: it learns by the cut-off its own first step finds.
        newest = training_cut_off(Warehouse(home.warehouse), now=now, calendar=calendar)
        chosen = trained_session(session, newest=newest)
    else:
        first = first_cycle_session(settings, sources_of(settings, home))
        chosen = decided_session(session, first=first, now=now, calendar=calendar)
    job = build_definitions(settings, home).resolve_job_def(act)
    # In-process execution takes the place of the location's executor, which does this for a launched run.
    run_id, named = make_new_run_id(), chosen.isoformat()
    with (
        bind_run(run_id=run_id, job=act, session=named, decision_id=named),
        dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance,
    ):
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            partition_key=chosen.isoformat() if job.partitions_def is not None else None,
            raise_on_error=False,
            tags={"touchstone/by": "command line"},
            run_config=_QUIET,
        )
    told = _told(act, chosen, result)
    return f"{told}\n{taught(ModelRegistry(home.artifacts))}" if act == "train" else told


def decided_session(named: date | None, *, first: date, now: datetime, calendar: TradingCalendar) -> date:
    """Return the session to run: the named one, else the newest whose cut-off has come.

    Args:
        named: what the person named; None for the newest.
        first: the first session a decision is made for; an earlier one is run only where it is named.
        now: where the clock stands.
        calendar: exchange sessions.

    Raises:
        SettingsRefused: the named day is no session, or no cut-off has come.
    """
    newest = calendar.last_closed(now)
    if named is None and newest is not None and calendar.as_of(newest) > now:
        newest = calendar.previous(newest)
    chosen = named or (newest and max(newest, first))
    try:
        has_come = chosen is not None and calendar.as_of(chosen) <= now
    except NotASession as error:
        raise SettingsRefused(str(error)) from None
    if chosen is None or not has_come:
        raise SettingsRefused(
            f"the cut-off of {chosen or 'any session'} has not come: the clock stands at {now.isoformat()}; wait for "
            f"it (`touchstone clock advance --to {chosen or first}` moves a told clock), or name an earlier session"
        )
    return chosen


def trained_session(named: date | None, *, newest: date) -> date:
    """Return the session whose cut-off a training learns by, which is the newest with features.

    Args:
        named: what the person named; None for whichever it is.
        newest: the newest session with features whose cut-off has come.

    Raises:
        SettingsRefused: another session is named.
    """
    if named is not None and named != newest:
        raise SettingsRefused(
            f"found --session {named}, expected {newest}: a training learns what is known at the newest cut-off with "
            "features and is of no other session; leave --session away"
        )
    return newest


def taught(registry: ModelRegistry) -> str:
    """Return what the newest verdict says: a training that taught nothing, or a model nobody promoted, is done too."""
    newest = registry.newest_verdict()
    if newest is None:
        return "newest verdict: none yet, nothing was taught"
    of = f"model {newest.model_hash[:12]}" if newest.model_hash else "nothing was taught"
    return f"newest verdict: {newest.verdict}, {of}, known up to {newest.trained_as_of.isoformat()}: {newest.reason}"


def _told(act: str, session: date, result: dg.ExecuteInProcessResult) -> str:
    ended = [event for event in result.all_events if event.is_step_success or event.is_step_failure]
    table = text_table(
        ("step", "result", "seconds"),
        [
            (
                event.step_key,
                "done" if event.is_step_success else "failed",
                f"{event.step_success_data.duration_ms / 1000:.2f}" if event.is_step_success else None,
            )
            for event in ended
        ],
    )
    if result.success:
        return f"{table}\n{act} of {session} is done, run {result.run_id}"
    failed = [event for event in ended if event.is_step_failure]
    at = ", ".join(str(event.step_key) for event in failed) or "before its first step"
    reason = _refused_by(result) or (_reason(failed[0]) if failed else "")
    raise RunFailed(f"{act} of {session} failed at {at}: {reason}; run {result.run_id} in `make ui` has the rest")


def _refused_by(result: dg.ExecuteInProcessResult) -> str:
    """Return the blocking checks that failed, each with what it says; empty where none did."""
    judged = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    red = [one for one in judged if one.blocking and not one.passed]
    return "; ".join(f"{one.check_name} is red ({one.description})" for one in red)


def _reason(failure: dg.DagsterEvent) -> str:
    """Return the first lines of the innermost error, which are what our own code said."""
    error = failure.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return "" if error is None else " / ".join(error.message.strip().splitlines()[:_REASON_LINES])
