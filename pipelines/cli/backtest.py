"""`touchstone backtest`: stored history traded again by the live session, with progress and a table at the end."""

import time
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import get_args

from assets.ml.another_future import check_orders
from assets.ml.backtest import FOLDER, Trial, live_through, numbers_of, summed_up
from assets.ml.backtest_files import store_report
from assets.ml.backtest_market import Scorer, recorded_world, scorer_named
from assets.ml.backtest_pages import figures, title, tried_sentence
from assets.ml.backtest_progress import Progress
from assets.ml.backtest_trials import counted
from assets.ml.model_registry import MODELS
from assets.ml.portfolios import Variant, side_by_side
from assets.ml.trial_log import TrialLog, choices
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS
from assets.warehouse import Warehouse
from execution.artifact_files import write_by_hash
from execution.domain.errors import DataError, SettingsRefused
from execution.lived_days import LivedDay
from execution.trading_calendar import TradingCalendar
from pipelines.analysis_adapters import desk_rules_of, identity_of, require_stored_days
from pipelines.cli.text_table import text_table
from pipelines.home import Home
from pipelines.settings import Settings, load_settings
from pipelines.trading_adapters import batches_of, clock_of


def run_backtest(
    settings: Settings, home: Home, trial: Trial, *, tell: Callable[[str], object], beside: Sequence[str] = ()
) -> str:
    """Live a trial and return a table of what it came to; it is counted, and the days are stored under their hashes.

    Args:
        settings: the whole tree; production's desk gets what a live one would.
        home: whose history is traded again; only artifacts are added.
        trial: what is tried.
        tell: prints one line.
        beside: variants, each a settings file or another way to score.

    Raises:
        DataError: the home lacks bars or rows of a session, or what was done depends on what came later.
        SettingsRefused: the trial makes no sense, a variant is neither, or other marts are asked for.
    """
    require_stored_days(settings, home, named="the settings of this backtest")
    identity = identity_of(settings)
    calendar = TradingCalendar.shipped()
    rules = desk_rules_of(settings)
    portfolios = side_by_side(
        rules,
        scorer=trial.scorer,
        policy=settings.learning,
        cost_multiples=trial.cost_multiples,
        variants=[_variant(one, settings, home, trial.scorer) for one in beside],
        capitals_usd=trial.capitals_usd,
    )
    lived: list[tuple[LivedDay, ...]] = []
    sessions, gate = trial.sessions(calendar), batches_of(home.artifacts)
    progress = Progress(len(sessions), now_seconds=time.monotonic)
    world = recorded_world(
        Warehouse(home.warehouse), RawStore(home.raw), first=sessions[0], last=sessions[-1], calendar=calendar
    )
    log = TrialLog(home.artifacts / MODELS)
    days = counted(
        live_through(
            trial,
            world=world,
            gate=gate,
            identity=identity,
            portfolios=portfolios,
            calendar=calendar,
            taught=lambda session: tell(f"{session}  a model was taught on what was known by then"),
        ),
        trial=trial,
        portfolios=portfolios,
        world=world,
        universe=settings.universe,
        log=log,
        at=clock_of(settings.mode, home).now(),
    )
    for day in days:
        lived.append(day)
        if told := progress.told(day[0]):
            tell(told)
    verdict = check_orders(
        trial,
        lived,
        world=world,
        gate=gate,
        identity=identity,
        portfolios=portfolios,
        calendar=calendar,
    )
    if not verdict.passed:
        raise DataError(f"{verdict.reason}: {verdict.value}, {verdict.threshold}; it was counted and not stored")
    tell(f"orders know no future: {verdict.value}, {verdict.threshold}")
    desks = summed_up(portfolios, lived)
    stored = [write_by_hash(home.artifacts / FOLDER, desk.content, suffix=".json") for desk in desks]
    report = store_report(
        trial,
        desks,
        warehouse=Warehouse(home.warehouse),
        raw=RawStore(home.raw),
        artifacts_root=home.artifacts,
        identity=identity,
    )
    rows = [(*figures(desk).values(), digest[:12]) for desk, digest in zip(desks, stored, strict=True)]
    table = text_table((*figures(desks[0]), "days"), rows)
    trials = log.trials()
    tried = f"choices tried: {choices(trials, of='account')} ({tried_sentence(trials)})"
    where = f"report: {FOLDER}/{report.html_hash}.html and {report.pdf_hash}.pdf among the artifacts"
    return f"{title(trial, is_synthetic=identity.is_synthetic)}\n\n{table}\n\n{tried}\n{where}"


def _variant(named: str, settings: Settings, home: Home, scorer: Scorer) -> Variant:
    """Return the variant a person named: another way to score by the same settings, or other settings.

    Raises:
        SettingsRefused: it is neither, or the other settings are of another mode or other marts.
    """
    if named in get_args(Scorer):
        return Variant(name=named, rules=desk_rules_of(settings), scorer=scorer_named(named), policy=settings.learning)
    path = Path(named)
    if not path.is_file():
        raise SettingsRefused(f"--beside {named}: expected a settings file, or one of {', '.join(get_args(Scorer))}")
    other = load_settings(path)
    if other.mode != settings.mode:
        raise SettingsRefused(
            f"--beside {named} is of mode {other.mode}, production of {settings.mode}: expected the same world to trade"
        )
    require_stored_days(other, home, named=f"--beside {named}")
    return Variant(name=path.stem, rules=desk_rules_of(other), scorer=scorer, policy=other.learning)


def stored_sessions(home: Home, *, first: date | None, last: date | None, sessions: int) -> tuple[date, date]:
    """Return the first and last decision session to try; by default the newest so many that can be traded.

    Args:
        home: whose stored bars are traded again.
        first: begin on this day, or with the first session after it.
        last: end on this day, or with the last session before it.
        sessions: how many, where no first day is named.

    Raises:
        SettingsRefused: nothing is stored yet, or a named day leaves no session to try.
    """
    calendar = TradingCalendar.shipped()
    newest = RawStore(home.raw).latest_session(DAILY_BARS)
    if newest is None:
        raise SettingsRefused("this home has no bars yet: `make demo`, or `touchstone cycle`, takes them in")
    tradable, earliest = calendar.previous(newest), calendar.sessions[0]
    if last is not None and not earliest <= last <= tradable:
        raise SettingsRefused(
            f"found --last {last}, expected a day from {earliest} to {tradable}, the newest session whose orders the "
            "stored bars can trade"
        )
    until = calendar.between(earliest, last or tradable)
    if first is None:
        return until[-sessions:][0], until[-1]
    if not (chosen := calendar.between(first, until[-1])):
        raise SettingsRefused(
            f"found --first {first}, expected a day up to the last session, {until[-1]}: no session lies between"
        )
    return chosen[0], chosen[-1]


def trial_of(span: tuple[date, date], *, scores: str, every: int, retrain: int, costs: str, capital: str = "") -> Trial:
    """Return the trial a person asked for.

    Raises:
        SettingsRefused: nobody of that name scores, or a multiple or a capital is no number above zero.
    """
    cost_multiples = _numbers_above_zero("--costs", costs)
    if not cost_multiples:
        raise SettingsRefused(f"found --costs {costs!r}, expected at least one multiple of the costs, as 1,2,3")
    return Trial(
        first=span[0],
        last=span[1],
        scorer=scorer_named(scores),
        every_sessions=every,
        retrain_sessions=retrain,
        cost_multiples=cost_multiples,
        capitals_usd=_numbers_above_zero("--capital", capital),
    )


def _numbers_above_zero(option: str, text: str) -> tuple[Decimal, ...]:
    try:
        numbers = numbers_of(text)
    except SettingsRefused as refused:
        raise SettingsRefused(f"{option}: {refused}") from None
    wrong = [number for number in numbers if not (number.is_finite() and number > 0)]
    if wrong:
        raise SettingsRefused(f"found {option} {wrong[0]}, expected numbers above zero with commas between, as 1,2,3")
    return numbers
