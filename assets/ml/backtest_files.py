"""A backtest's report, made from what a home has stored and put beside the days under the hash of its content."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.identity import RunIdentity
from assets.ml.backtest import FOLDER, Lived, Trial
from assets.ml.backtest_report import Report, drawn
from assets.ml.lived_factors import factor_returns
from assets.ml.lived_facts import drawn_trips, facts_of, growth_returns
from assets.ml.lived_market import EVERY_STOCK, closes_of, every_stock, identity_told, indices, stamps_of
from assets.ml.model_registry import MODELS
from assets.ml.trial_log import TrialLog
from assets.raw_store import RawStore
from assets.warehouse import Warehouse
from execution.artifact_files import write_by_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFiles:
    """The hashes under which a report stands in `backtests/`, as a page and as a PDF."""

    html_hash: str
    pdf_hash: str


def store_report(
    trial: Trial,
    desks: Sequence[Lived],
    *,
    warehouse: Warehouse,
    raw: RawStore,
    artifacts_root: Path,
    identity: RunIdentity,
) -> ReportFiles:
    """Write the report of a trial and return its hashes; the same days on the same parts give the same bytes.

    Args:
        trial: what was tried.
        desks: what came of it, production first.
        warehouse: for what the stocks themselves came to, factors and closes.
        raw: for the list of securities and the indices.
        artifacts_root: where the files go.
        identity: who ran.
    """
    sessions = [day.mark.marked_session for day in desks[0].days]
    facts, alike = facts_of(desks[0]), every_stock(warehouse, sessions)
    report = Report(
        trial=trial,
        desks=desks,
        facts=facts,
        benchmarks={EVERY_STOCK: alike, **indices(raw, sessions)},
        factors=factor_returns(warehouse, sessions, growth_returns(alike)),
        closes=closes_of(warehouse, {trip.symbol for trip in drawn_trips(facts)}),
        trials=TrialLog(artifacts_root / MODELS).trials(),
        stamps=stamps_of(raw, sessions, is_synthetic=identity.is_synthetic),
        identity=identity_told(identity),
    )
    folder, told = artifacts_root / FOLDER, drawn(report)
    return ReportFiles(
        html_hash=write_by_hash(folder, told.html().encode(), suffix=".html"),
        pdf_hash=write_by_hash(folder, told.pdf(), suffix=".pdf"),
    )
