"""`touchstone backtest`: stored history traded again by the live session, with progress and a table at the end."""

import time
from collections.abc import Callable
from datetime import date
from typing import Final, cast, get_args

from assets.ml.backtest import FOLDER, Trial, live_through, multiples_of, summed_up
from assets.ml.backtest_files import store_report
from assets.ml.backtest_market import Scorer
from assets.ml.backtest_pages import figures, title
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS
from assets.warehouse import Warehouse
from execution.artifact_files import write_by_hash
from execution.backtest import BacktestDay
from execution.domain.errors import SettingsRefused
from execution.trading_calendar import TradingCalendar
from pipelines.analysis_adapters import desk_rules_of, identity_of
from pipelines.cli.text_table import text_table
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.trading_adapters import batches_of

_PROGRESS_SECONDS: Final = 5.0


def run_backtest(settings: Settings, home: Home, trial: Trial, *, tell: Callable[[str], object]) -> str:
    """Live a trial and return a table of what it came to; the days are stored under their hashes.

    Args:
        settings: the whole tree; a desk of the trial gets what a live one would.
        home: whose history is traded again; only artifacts are added.
        trial: what is tried.
        tell: prints one line.

    Raises:
        DataError: the home lacks bars or rows of a session.
        SettingsRefused: the trial makes no sense.
    """
    identity = identity_of(settings)
    calendar = TradingCalendar.shipped()
    sessions = trial.sessions(calendar)
    lived: list[tuple[BacktestDay, ...]] = []
    began = said = time.monotonic()
    days = live_through(
        trial,
        warehouse=Warehouse(home.warehouse),
        raw=RawStore(home.raw),
        gate=batches_of(home.artifacts),
        identity=identity,
        policy=settings.learning,
        rules=desk_rules_of(settings),
        calendar=calendar,
        taught=lambda session: tell(f"{session}  a model was taught on what was known by then"),
    )
    for day in days:
        lived.append(day)
        now = time.monotonic()
        if now - said >= _PROGRESS_SECONDS:
            said = now
            left = (now - began) / len(lived) * (len(sessions) - len(lived))
            tell(f"{day[0].session}  equity {day[0].mark.equity_usd:,.2f} USD, about {left:.0f} s left")
    desks = summed_up(trial, lived, initial_cash_usd=settings.initial_cash_usd)
    stored = [write_by_hash(home.artifacts / FOLDER, desk.content, suffix=".json") for desk in desks]
    report = store_report(
        trial,
        desks,
        initial_cash_usd=settings.initial_cash_usd,
        warehouse=Warehouse(home.warehouse),
        raw=RawStore(home.raw),
        artifacts_root=home.artifacts,
        identity=identity,
    )
    rows = [(*figures(desk).values(), digest[:12]) for desk, digest in zip(desks, stored, strict=True)]
    table = text_table((*figures(desks[0]), "days"), rows)
    told = f"report: {FOLDER}/{report.html_hash}.html and {report.pdf_hash}.pdf among the artifacts"
    return f"{title(trial, is_synthetic=identity.is_synthetic)}\n\n{table}\n\n{told}"


def stored_sessions(home: Home, *, first: date | None, last: date | None, sessions: int) -> tuple[date, date]:
    """Return the first and last decision session to try; by default the newest so many that can be traded.

    Raises:
        SettingsRefused: nothing is stored yet.
    """
    calendar = TradingCalendar.shipped()
    newest = RawStore(home.raw).latest_session(DAILY_BARS)
    if newest is None:
        raise SettingsRefused("this home has no bars yet: `make demo`, or `touchstone cycle`, takes them in")
    chosen = last or calendar.previous(newest)
    return first or calendar.offset(chosen, 1 - sessions), chosen


def trial_of(span: tuple[date, date], *, scores: str, every: int, retrain: int, costs: str) -> Trial:
    """Return the trial a person asked for.

    Raises:
        SettingsRefused: nobody of that name scores, or a multiple is no number.
    """
    if scores not in get_args(Scorer):
        raise SettingsRefused(f"--scores {scores}: expected one of {', '.join(get_args(Scorer))}")
    return Trial(
        first=span[0],
        last=span[1],
        scorer=cast("Scorer", scores),
        every_sessions=every,
        retrain_sessions=retrain,
        cost_multiples=multiples_of(costs),
    )
