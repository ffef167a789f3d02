"""`touchstone retain`: what would leave the home; with `--apply`, it does."""

import dagster as dg

from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.upkeep.retention import Retention


def retention_page(settings: Settings, home: Home, *, is_applied: bool) -> str:
    """Return what is old enough to leave, and what became of it.

    Args:
        settings: the whole tree.
        home: the home to look at.
        is_applied: archive and prune; otherwise nothing is changed.

    Raises:
        DataError: a decision inside the replay horizon stands on something the plan names.
    """
    keeper = Retention(settings=settings, home=home)
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        plan = keeper.plan(instance)
        lines = [plan.table()]
        lines += [f"held: {item.name} by the decision of {session}" for item, session in plan.held[-5:]]
        if not is_applied:
            return "\n".join([*lines, "nothing was changed; `touchstone retain --apply` archives and prunes"])
        facts = keeper.carry_out(instance, plan)
    return "\n".join([*lines, *(f"{name.replace('_', ' ')}: {count:,}" for name, count in facts.items())])
