"""`touchstone cycle` and `touchstone train`: one analysis job of one session in this process, without the daemon."""

from datetime import date
from typing import Final

import dagster as dg

from execution.domain.errors import SettingsRefused, TouchstoneError
from execution.trading_calendar import NotASession, TradingCalendar
from pipelines.cli.text_table import text_table
from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of

# Every event stands in the instance already; a person at a terminal wants the table below.
_QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class RunFailed(TouchstoneError):
    """A run in this process failed; the message says at which step and where to look."""


def run_analysis(act: str, settings: Settings, home: Home, session: date | None) -> str:
    """Run one analysis job for a session and return a table of its steps.

    The run is recorded in the home's instance like any other, so the page shows it.

    Args:
        act: the job, `cycle` or `train`.
        settings: the whole tree.
        home: the home to work in; `touchstone init` made it.
        session: the decision session; None for the newest whose cut-off has come.

    Raises:
        SettingsRefused: the day is no session, or its cut-off has not come yet.
        RunFailed: a step failed, or a gate closed.
    """
    from pipelines.analysis import build_definitions  # noqa: PLC0415 - imports the whole data half

    calendar, now = TradingCalendar.shipped(), clock_of(settings.mode, home).now()
    try:
        chosen = session or calendar.last_closed(now)
        if chosen is not None and session is None and calendar.as_of(chosen) > now:
            chosen = calendar.previous(chosen)
        if chosen is None or calendar.as_of(chosen) > now:
            raise SettingsRefused(
                f"the cut-off of {chosen} has not come: the clock stands at {now.isoformat()}; "
                "move it with `touchstone clock advance`, or name an earlier session"
            )
    except NotASession as error:
        raise SettingsRefused(str(error)) from None
    job = build_definitions(settings, home).resolve_job_def(act)
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        result = job.execute_in_process(
            instance=instance,
            partition_key=chosen.isoformat(),
            raise_on_error=False,
            tags={"touchstone/by": "command line"},
            run_config=_QUIET,
        )
    return _told(act, chosen, result)


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
    failed = ", ".join(str(event.step_key) for event in ended if event.is_step_failure) or "before its first step"
    raise RunFailed(f"{act} of {session} failed at {failed}; run {result.run_id} in `make ui` says why")
