"""`touchstone results`: the honest table of a home's history, the same bytes for the same history."""

from collections.abc import Callable

from assets.ml.dataset import build_training_set, offered_features, training_cut_off
from assets.ml.lived_market import stamps_of
from assets.ml.model_registry import MODELS
from assets.ml.results import FOLDER, MODEL, results_of
from assets.ml.results_page import leak_row, results_page
from assets.ml.trial_log import TrialLog
from assets.ml.yearly_results import SpanResult
from assets.raw_store import RawStore
from assets.warehouse import Warehouse
from execution.artifact_files import write_by_hash
from execution.trading_calendar import TradingCalendar
from pipelines.analysis_adapters import identity_of, require_stored_marts
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of


def make_results(
    settings: Settings,
    home: Home,
    *,
    retrain_sessions: int,
    has_leaks: bool,
    tell: Callable[[str], object],
) -> str:
    """Return the table as Markdown; it stands among the artifacts under the hash of its content.

    Args:
        settings: the whole tree; the learner's section says how it is taught.
        home: whose history is looked at.
        retrain_sessions: sessions from one teaching to the next.
        has_leaks: whether leaks are tried too.
        tell: prints one line: what is done next, and each line of figures as soon as it is known.

    Raises:
        DataError: the home's history is too short.
        SettingsRefused: the settings ask for other marts than are stored.
    """
    require_stored_marts(settings, home, named="the settings of this table")
    calendar, warehouse = TradingCalendar.shipped(), Warehouse(home.warehouse)
    now = clock_of(settings.mode, home).now()
    cut_off = training_cut_off(warehouse, now=now, calendar=calendar)
    policy = settings.learning
    rows = build_training_set(
        warehouse,
        cut_off=cut_off,
        feature_names=offered_features(warehouse),
        policy=policy.model_copy(update={"max_history_sessions": calendar.index(cut_off) + 1}),
        calendar=calendar,
    )
    known: dict[str, SpanResult] = {}

    def hear(name: str, found: SpanResult) -> None:
        known[name] = found
        tell(leak_row(name, found, honest=known[MODEL]))

    made = results_of(
        rows,
        policy=policy,
        retrain_sessions=retrain_sessions,
        log=TrialLog(home.artifacts / MODELS),
        at=now,
        has_leaks=has_leaks,
        tell=tell,
        hear=hear,
    )
    sessions = calendar.between(made.judged_first, made.judged_last)
    stamps = stamps_of(RawStore(home.raw), sessions, is_synthetic=identity_of(settings).is_synthetic)
    page = results_page(made, stamps=stamps)
    digest = write_by_hash(home.artifacts / FOLDER, made.content, suffix=".json")
    write_by_hash(home.artifacts / FOLDER, page.encode(), suffix=".md")
    return f"{page}\nresults {digest}"
