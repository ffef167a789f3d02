"""Settings to the concrete things analysis works with: sources, stores, policies, and who is running. No broker key."""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any, Final

import pyarrow as pa

from assets.features.dbt_bridge import DbtProject
from assets.features.feature_library import FeatureLibrary, switched_on
from assets.features.feature_parts import FeatureParts
from assets.features.policy import FeaturePolicy
from assets.features.scorer_choice import scorer_of
from assets.identity import RunIdentity
from assets.ingest.files_source import FilesSource
from assets.ingest.simulated_market import SimulatedMarket
from assets.ingest.sources import MarketSources, files_sources, simulated_sources
from assets.ingest.watchlist_file import WatchlistFile
from assets.maintenance.nights import upkept_sessions
from assets.mart_settings import require_built_by
from assets.ml.model_registry import ModelRegistry
from assets.quality.leakage import Recomputation
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS
from assets.snapshots import SnapshotStore
from assets.warehouse import Warehouse
from execution.artifact_files import FileArtifacts
from execution.backtest import Rules
from execution.domain.errors import SettingsRefused
from execution.lived_days import LivedAccount, lived_account
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar
from pipelines.code_hash import checkout_root, code_hash
from pipelines.due_trading import book_of
from pipelines.home import Home
from pipelines.ledger_opening import has_ledger, open_ledger
from pipelines.settings import Settings
from pipelines.stored_settings import mart_settings, stored_settings
from pipelines.trading_adapters import batches_of, clock_of
from pipelines.upkeep.adapters import upkeep_resources
from sensors.rules import AnalysisFacts
from sensors.trading_facts import settled_sessions

SESSIONS_BEFORE_THE_FIRST_CYCLE: Final = 504


def sources_of(settings: Settings, home: Home) -> MarketSources:
    """Return the sources of the mode, and news providers beside them. Nothing is asked of them yet.

    Raises:
        SettingsRefused: files mode names no folder, a mode that reads from Alpaca has no keys for it, Yahoo cannot be
            read, or there is no news provider of a name.
    """
    told = _sources_of_mode(settings, home)
    if not (settings.news_providers or settings.features.news.weights):
        return told
    from pipelines.news_adapters import with_news_providers  # noqa: PLC0415 - most homes have one source of headlines

    return with_news_providers(told, settings, home)


def _sources_of_mode(settings: Settings, home: Home) -> MarketSources:
    if settings.mode == "simulated":
        return simulated_sources(SimulatedMarket(settings.simulated), watchlists=_watchlists(settings))
    if settings.mode == "files":
        if settings.files is None:
            raise SettingsRefused("mode files needs section `files`: examples/real-data.yaml is one to learn from")
        return files_sources(FilesSource(settings.files))
    if settings.yahoo.use == "prices":
        from pipelines.yahoo_adapters import read_from_yahoo  # noqa: PLC0415 - an extra, seldom used

        return read_from_yahoo(settings, home, watchlists=_watchlists(settings))
    from pipelines.alpaca_data_adapters import read_from_alpaca  # noqa: PLC0415 - the simulation has no use for it

    return read_from_alpaca(settings, home, watchlists=_watchlists(settings))


def _watchlists(settings: Settings) -> WatchlistFile | None:
    path = settings.watchlists_file
    is_made = settings.mode == "simulated"
    first = settings.simulated.first_session if is_made else settings.alpaca_data.first_session
    return None if path is None else WatchlistFile(path, first_session=first)


def first_cycle_session(settings: Settings, sources: MarketSources) -> date:
    """Return the first session that is decided: the one settings name, else the first with two years before it.

    Raises:
        SettingsRefused: the named day is no session the sources can serve, or none is named and the market is too short
            for two years of history, a decision and a session to trade in.
    """
    calendar = TradingCalendar.shipped()
    named = settings.first_cycle_session
    if named is None:
        return _first_with_history(sources, calendar)
    is_served = sources.first_session <= named and (sources.last_session is None or named < sources.last_session)
    if not (calendar.is_session(named) and is_served):
        raise SettingsRefused(
            f"first_cycle_session is {named}: expected an exchange session from {sources.first_session} to before "
            f"{sources.last_session or 'today'}"
        )
    return named


def _first_with_history(sources: MarketSources, calendar: TradingCalendar) -> date:
    first, last = sources.first_session, sources.last_session or calendar.sessions[-1]
    sessions, needed = calendar.between(first, last), SESSIONS_BEFORE_THE_FIRST_CYCLE + 2
    if len(sessions) < needed:
        raise SettingsRefused(
            f"found {len(sessions)} sessions of data from {first} to {last}, expected at least {needed}: "
            f"{SESSIONS_BEFORE_THE_FIRST_CYCLE} of history, one to decide and one to trade in; give more data, or set "
            f"first_cycle_session to an exchange session from {first} to before {last}"
        )
    return sessions[SESSIONS_BEFORE_THE_FIRST_CYCLE]


def analysis_facts_of(settings: Settings, home: Home, sources: MarketSources) -> AnalysisFacts:
    """Return what is so on the data side: asked of our own stores, never of run history."""
    batches = batches_of(home.artifacts)
    models = ModelRegistry(home.artifacts).history()
    return AnalysisFacts(
        first_session=first_cycle_session(settings, sources),
        last_session=sources.last_session,
        ingested=RawStore(home.raw).latest_session(DAILY_BARS),
        decided=frozenset(session for session in batches.sessions() if _is_decided(batches, session)),
        scored=frozenset(session for session in batches.sessions() if _is_scored(batches, session)),
        judged_as_of=max((entry.trained_as_of for entry in models), default=None),
        settled=frozenset(settled_sessions(book_of(settings, home))),
        reported=frozenset(date.fromisoformat(page.stem) for page in home.reports.glob("*-*-*.html")),
        upkept=upkept_sessions(home.upkeep) if settings.backup.is_scheduled else None,
        is_demoted=bool(models) and models[-1].verdict == "demoted",
    )


def _is_scored(batches: SignalBatchStore, session: date) -> bool:
    """Return whether a session's data passed and scoring came to its end: in a batch, or in a reason to hold."""
    return bool(batches.published(session) or batches.held(session))


def _is_decided(batches: SignalBatchStore, session: date) -> bool:
    """Return whether a session's cycle has ended: in a batch, in a hold, or in a refusal by the gate."""
    if _is_scored(batches, session):
        return True
    certificates = batches.certificates(session)
    return bool(certificates) and not certificates[-1].is_green


def resources_of(settings: Settings, home: Home) -> dict[str, Any]:
    """Return every resource the analysis faces name, bound to one home. Making them opens nothing.

    Raises:
        SettingsRefused: a setting names what there is not.
    """
    library = switched_on(settings.features.sets)
    return {
        "sources": sources_of(settings, home),
        "raw_store": RawStore(home.raw),
        "snapshots": SnapshotStore(home.snapshots),
        "warehouse": Warehouse(home.warehouse),
        "batches": batches_of(home.artifacts),
        "dbt": DbtProject(checkout_root() / "dbt_project", home.root),
        "feature_parts": FeatureParts(home.features),
        "feature_library": library,
        "feature_policy": settings.features,
        "recompute_features": _recomputed(RawStore(home.raw), library, settings.features),
        "models": ModelRegistry(home.artifacts),
        "clock": clock_of(settings.mode, home),
        "universe_policy": settings.universe,
        "stored_settings": partial(stored_settings, settings),
        "gate_policy": settings.gates,
        "learning_policy": settings.learning,
        "identity": identity_of(settings),
        "desk_rules": desk_rules_of(settings),
        "account_reader": partial(account_of, settings, home),
        "tape_root": home.tape,
        "artifacts_root": home.artifacts,
        "reports_root": home.reports,
        **upkeep_resources(settings, home),
    }


def _recomputed(raw_store: RawStore, library: FeatureLibrary, policy: FeaturePolicy) -> Recomputation:
    """Return how the leakage check computes a session's features again, from what its cut-off knew and nothing else."""

    def rows(sessions: Sequence[date], symbols: Sequence[str]) -> Iterator[pa.Table]:
        from assets.features.recompute import recompute_moments  # noqa: PLC0415 - numba loads only when a gate asks

        return recompute_moments(
            raw_store=raw_store,
            sessions=sessions,
            symbols=symbols,
            library=library,
            scorer=scorer_of(policy),
            weighing=policy.news,
        )

    return rows


def require_stored_marts(settings: Settings, home: Home, *, named: str) -> None:
    """Refuse a screen, or features, that the home's marts were not built by: who looks back reads what is stored.

    Raises:
        SettingsRefused: a setting differs from the newest build's; `named` says whose it is.
    """
    require_built_by(Warehouse(home.warehouse), mart_settings(settings), named=named)


def require_stored_days(settings: Settings, home: Home, *, named: str) -> None:
    """Refuse as `require_stored_marts` does, and a gate too: lived sessions are traded again by their certificates.

    Raises:
        SettingsRefused: a setting differs from the newest build's; `named` says whose it is.
    """
    require_built_by(Warehouse(home.warehouse), stored_settings(settings), named=named)


def desk_rules_of(settings: Settings) -> Rules:
    """Return what a desk of a backtest trades by: the sections that a live one gets."""
    return Rules(
        account=settings.account,
        strategy=settings.strategy,
        mode=settings.mode,
        initial_cash_usd=settings.initial_cash_usd,
        sizing=settings.sizing,
        limits=settings.limits,
        costs=settings.costs,
        exits=settings.exits,
        settings_hash=settings.settings_hash,
        code_hash=code_hash(checkout_root()),
    )


def account_of(settings: Settings, home: Home) -> LivedAccount | None:
    """Return the traded account's days, read from its ledger; None before it was opened.

    Raises:
        CorruptArtifact: why-rows the ledger names are missing or were changed.
        LedgerError: the ledger cannot be read.
    """
    if not has_ledger(settings, home):
        return None
    events = (recorded.event for recorded in open_ledger(settings, home).events())
    artifacts = FileArtifacts(home.artifacts)
    return lived_account(events, artifacts=artifacts, limits=settings.limits, mode=settings.mode)


def identity_of(settings: Settings) -> RunIdentity:
    """Return who is running: what every artifact carries."""
    return RunIdentity(
        mode=settings.mode,
        is_synthetic=settings.mode == "simulated",
        strategy=settings.strategy,
        account=settings.account,
        settings_hash=settings.settings_hash,
        code_hash=code_hash(checkout_root()),
    )
