"""How a run is executed: all steps in its own process, with the run's ids on every line that process logs meanwhile."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster._core.execution.retries import RetryMode

# The class behind `dg.in_process_executor` has no public name; `pyproject.toml` pins the version.
from dagster._core.executor.in_process import InProcessExecutor

from pipelines.logging_setup import bind_run
from sensors.attempts import session_of


class _RunExecutor(InProcessExecutor):
    """Dagster's own, between two moments at which the log learns of the run and forgets it."""

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        """Execute the steps, resources included, and yield what happens."""
        run = plan_context.dagster_run
        of = session_of(run.tags)
        session = None if of is None else of.isoformat()
        # A decision is named by its session, as in the lines that faces write.
        with bind_run(run_id=run.run_id, job=run.job_name, session=session, decision_id=session):
            yield from super().execute(plan_context, execution_plan)


@dg.executor(name="in_process")
def run_executor(_context: dg.InitExecutorContext) -> InProcessExecutor:
    """Execute all steps in one process: a step process costs seconds of start-up, and DuckDB has one writer."""
    return _RunExecutor(retries=RetryMode.ENABLED)
