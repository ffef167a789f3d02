"""Write on a failed run what its failure asks for; the sensors read it and begin the work again, or leave it."""

import dagster as dg

from assets.run_tags import FAILURE_KIND_TAG
from execution.domain.error_kinds import kind_of


@dg.failure_hook(name="failure_kind")
def failure_kind(context: dg.HookContext) -> None:
    """Tag the run with the kind of its step's error."""
    error = context.op_exception
    if error is not None and context.instance is not None:
        context.instance.add_run_tags(context.run_id, {FAILURE_KIND_TAG: kind_of(error)})
