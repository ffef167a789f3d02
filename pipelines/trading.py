"""Code location 2, the trading half: the desk as a resource, the trading face, and the sensors that start its acts.

It imports no warehouse and no model, holds the broker's keys, and is the only writer of the ledger.
"""

from collections.abc import Mapping

import dagster as dg

from assets.trading.defs import DEFINITIONS as TRADING
from execution.session.run_session import Desk
from pipelines.due_trading import due_trading_work
from pipelines.freshness import with_freshness
from pipelines.home import Home
from pipelines.jobs import job_definitions
from pipelines.logging_setup import configure_logging
from pipelines.masked_errors import without_secrets
from pipelines.run_audit import note_runs, note_settings, system_user
from pipelines.run_executor import run_executor
from pipelines.stopping import beating, open_acting_desk
from pipelines.trading_adapters import is_clock_told
from pipelines.trading_settings import TradingSettings, load_trading_settings
from sensors.due_work import due_work_sensor
from sensors.rules import Act, Work

_SENSORS = (
    ("signal_batches", (Act.PLAN,), "Asks for the order plan of a session until the ledger has one."),
    ("approved_plans", (Act.SUBMIT,), "Sends an approved plan's orders once its submit window opens."),
    ("held_positions", (Act.WATCH,), "Has the exit rules asked while the market is open, if the strategy has any."),
    ("open_orders", (Act.CANCEL_REST, Act.SETTLE), "Cancels entries past the deadline; settles after the close."),
)


def build_definitions(settings: TradingSettings, home: Home) -> dg.Definitions:
    """Return the trading location bound to one home."""
    jobs = job_definitions("trading")
    due = without_secrets(beating(home, due_trading_work(settings, home)))
    desk = dg.ResourceDefinition(lambda context: _audited_desk(settings, home, context))
    sensors = [
        due_work_sensor(
            name=name,
            description=description,
            jobs={act: jobs[act] for act in acts},
            due=due,
            run_config=run_config,
            starts_running=True,
        )
        for name, acts, description in _SENSORS
    ]
    own = dg.Definitions(
        jobs=list(jobs.values()),
        sensors=sensors,
        resources={"desk": desk, "artifacts_root": home.artifacts},
        executor=run_executor,
    )
    location = dg.Definitions.merge(TRADING, own)
    return location if is_clock_told(settings.mode) else with_freshness(location)


def _audited_desk(settings: TradingSettings, home: Home, context: dg.InitResourceContext) -> Desk:
    """Return the desk of a run, after the ledger was told of the run and of the settings it works under."""
    desk = open_acting_desk(settings, home, run_id=context.run.run_id if context.run else "", actor=system_user())
    note_settings(desk)
    if context.instance is not None:
        note_runs(desk, context.instance)
    return desk


def run_config(work: Work) -> Mapping[str, object]:
    """Return the run configuration of a piece of trading work."""
    if work.act is not Act.PLAN:
        return {}
    config: dict[str, object] = {"batch_hash": work.batch_hash} if work.batch_hash else {"is_hold": True}
    return {"ops": {"trading__order_plan": {"config": config}}}


@dg.definitions
def defs() -> dg.Definitions:
    """Return what Dagster loads: settings and home are read here, once."""
    settings, home = load_trading_settings(), Home.from_environment()
    configure_logging(home, level=settings.log.level, secrets=settings.secrets(), console=False)
    return build_definitions(settings, home)
