"""`touchstone tune`: search the learner's settings on the newest training set, and say what to write down."""

from collections.abc import Callable

from assets.ml.dataset import training_cut_off
from assets.ml.model_registry import MODELS, ModelRegistry
from assets.ml.training_sets import TrainingSetStore
from assets.ml.trial_log import TrialLog
from assets.ml.tuning.defs import TRAINING_SETS
from assets.ml.tuning.pages import settings_lines
from assets.ml.tuning.search import FOLDER, search
from assets.warehouse import Warehouse
from execution.artifact_files import write_by_hash
from execution.domain.canonical import canonical_bytes
from execution.trading_calendar import TradingCalendar
from pipelines.analysis_adapters import identity_of, require_stored_marts
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of


def run_search(settings: Settings, home: Home, *, tell: Callable[[str], object]) -> str:
    """Try choices one after the other and return what the best one was.

    Args:
        settings: the whole tree; `learning.search` has the space and the number of choices.
        home: whose newest training set is searched; models and trials are added, and nothing is promoted.
        tell: prints one line.

    Raises:
        DataError: there is no training set.
        SettingsRefused: the space makes no sense, or the settings ask for other marts than are stored.
    """
    require_stored_marts(settings, home, named="the settings of this search")
    calendar, identity = TradingCalendar.shipped(), identity_of(settings)
    now = clock_of(settings.mode, home).now()
    cut_off = training_cut_off(Warehouse(home.warehouse), now=now, calendar=calendar)
    found = search(
        TrainingSetStore(home.artifacts / TRAINING_SETS).newest(cut_off),
        registry=ModelRegistry(home.artifacts),
        log=TrialLog(home.artifacts / MODELS),
        policy=settings.learning,
        trained_as_of=calendar.as_of(cut_off),
        code_hash=identity.code_hash,
        is_synthetic=identity.is_synthetic,
        at=now,
        tell=tell,
    )
    digest = write_by_hash(home.artifacts / FOLDER, canonical_bytes(found), suffix=".json")
    return (
        f"\nbest of {len(found.tried)} choices on {cut_off}: rank IC {found.best.rank_ic:+.4f}, the first one's "
        f"{found.tried[0].rank_ic:+.4f}; {found.choices} choices ever tried here now count against any model\n\n"
        f"{settings_lines(found)}\n\nWrite these lines into the settings if you believe them; `touchstone train` then "
        f"asks the gate.\nsearch: {FOLDER}/{digest}.json among the artifacts"
    )
