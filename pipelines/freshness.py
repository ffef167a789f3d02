"""How old an asset may get before the orchestrator's page calls it stale, in modes that run on the machine's own time.

The page counts hours and knows no exchange: the windows span the longest run of closed days, so a stale asset is stale
indeed, and one that is not may still be a session late. That is judged by sessions, in `upkeep/health` and by alerts.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import dagster as dg

from assets import keys

# From a Friday's evening to a Tuesday's, and an evening's work.
_EACH_SESSION: Final = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(days=4, hours=12), warn_window=timedelta(days=4, hours=3)
)
_EACH_WEEK: Final = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=15), warn_window=timedelta(days=9))
POLICIES: Final[Mapping[keys.Key, dg.FreshnessPolicy]] = {
    **dict.fromkeys(
        (
            *keys.RAW_TABLES,
            keys.RAW_SNAPSHOT,
            keys.FEATURES_MART,
            keys.FEATURES_GATE_CERTIFICATE,
            keys.ML_SCORES,
            keys.ML_SIGNAL_BATCH,
            keys.TRADING_ORDER_PLAN,
            keys.TRADING_FILLS,
            keys.TRADING_POSITIONS,
            keys.REPORTS_DAILY,
            keys.UPKEEP_BACKUP,
            keys.UPKEEP_RESTORE_DRILL,
            keys.UPKEEP_HEALTH,
        ),
        _EACH_SESSION,
    ),
    keys.ML_MODEL: _EACH_WEEK,
}


def with_freshness(definitions: dg.Definitions) -> dg.Definitions:
    """Return definitions whose assets carry their policy."""
    return dg.Definitions(
        assets=dg.map_asset_specs(_with_policy, _made(definitions)),
        asset_checks=definitions.asset_checks,
        jobs=definitions.jobs,
        sensors=definitions.sensors,
        schedules=definitions.schedules,
        resources=definitions.resources,
        executor=definitions.executor,
        loggers=definitions.loggers,
    )


def _made(definitions: dg.Definitions) -> list[dg.AssetsDefinition]:
    """Return the assets; nothing else but what makes them is among ours."""
    return [one for one in definitions.assets or () if isinstance(one, dg.AssetsDefinition)]


def _with_policy(spec: dg.AssetSpec) -> dg.AssetSpec:
    policy = POLICIES.get(tuple(spec.key.path))
    return spec if policy is None else dg.apply_freshness_policy(spec, policy)
