"""A backtest among all trials: each choice it lives is written down before anybody sees what came of it.

A choice is what somebody could keep because its figures are the better ones: who scores and how it learned, the rhythm,
sizing, limits, costs, exits and the screen of the universe. Not the span, which is the evidence and no setting; not
multiples of the costs nor other opening cash, which are told beside production in one table and never in its place.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from assets.mart_settings import built_by
from assets.ml.backtest import Trial, summed_up
from assets.ml.backtest_market import World
from assets.ml.dataset import offered_features
from assets.ml.evidence import DailyRecord
from assets.ml.judgement import sharpe_record
from assets.ml.lived_facts import daily_returns, growth_returns
from assets.ml.lived_market import every_stock
from assets.ml.portfolios import Portfolio
from assets.ml.trial_log import BacktestLook, TrialLog
from assets.ml.trial_log import Trial as Line
from assets.ml.trials import learning_hash
from assets.universe_policy import UniversePolicy
from execution.domain.canonical import content_hash
from execution.lived_days import LivedDay

_CHOSEN = frozenset({"production", "beside"})


def counted(
    days: Iterable[tuple[LivedDay, ...]],
    *,
    trial: Trial,
    portfolios: Sequence[Portfolio],
    world: World,
    universe: UniversePolicy,
    log: TrialLog,
    at: datetime,
) -> Iterator[tuple[LivedDay, ...]]:
    """Yield a backtest's days; each of its choices is in the log before the first is seen, and again with all of them.

    So a look counts that was killed on its way, refused at its end or thrown away. The two lines are one choice.

    Args:
        days: days by session, then by portfolio.
        trial: what is tried.
        portfolios: who lives them.
        world: what it is tried in.
        universe: the screen of the stored marts.
        log: every trial so far.
        at: the clock's instant, in UTC.
    """
    lived: list[tuple[LivedDay, ...]] = []
    for session in days:
        lived.append(session)
        if len(lived) == 1:
            _note(lived, trial=trial, portfolios=portfolios, world=world, universe=universe, log=log, at=at)
        yield session
    if len(lived) > 1:
        _note(lived, trial=trial, portfolios=portfolios, world=world, universe=universe, log=log, at=at)


def backtest_choice(
    portfolio: Portfolio,
    *,
    trial: Trial,
    universe: UniversePolicy,
    offered: Sequence[str],
    built_by: Mapping[str, str],
) -> tuple[str, str | None]:
    """Return what a portfolio is counted as, and the way to learn behind it; None where a rule scores.

    Args:
        portfolio: at its settings' own costs.
        trial: for its rhythm.
        universe: the screen of the stored marts.
        offered: features a model may learn from.
        built_by: settings the stored marts were built by, by name.
    """
    learned = learning_hash(portfolio.policy, offered, built_by) if portfolio.scorer == "model" else None
    rules = portfolio.rules
    chosen = {
        "scorer": portfolio.scorer,
        "learning": learned,
        "retrain_sessions": trial.retrain_sessions if learned else None,
        "horizon_sessions": portfolio.policy.horizon_sessions,
        "every_sessions": trial.every_sessions,
        "sizing": rules.sizing.model_dump(),
        "limits": rules.limits.model_dump(),
        "costs": rules.costs.model_dump(),
        "exits": [rule.model_dump() for rule in rules.exits],
        "universe": universe.model_dump(),
    }
    return content_hash(chosen), learned


def _note(
    lived: Sequence[tuple[LivedDay, ...]],
    *,
    trial: Trial,
    portfolios: Sequence[Portfolio],
    world: World,
    universe: UniversePolicy,
    log: TrialLog,
    at: datetime,
) -> None:
    sessions = tuple(days[0].mark.marked_session for days in lived)
    alike, offered = growth_returns(every_stock(world.warehouse, sessions)), offered_features(world.warehouse)
    built = built_by(world.warehouse)
    views = tuple(one.name for one in portfolios if one.role not in _CHOSEN)
    for one, desk in zip(portfolios, summed_up(portfolios, lived), strict=True):
        if one.role in _CHOSEN:
            choice, learned = backtest_choice(one, trial=trial, universe=universe, offered=offered, built_by=built)
            over = daily_returns(desk) - alike
            log.add(
                Line(
                    choice_hash=choice,
                    dataset_hash=world.snapshot_hash,
                    model_hash="",
                    spread=sharpe_record(over),
                    at=at,
                    returns_hash=log.keep_returns(DailyRecord(days=sessions, model=tuple(over.tolist()), rules={})),
                    backtest=BacktestLook(
                        scorer=one.scorer,
                        learning_hash=learned,
                        settings_hash=one.rules.settings_hash,
                        first=trial.first,
                        last=trial.last,
                        views=views if one.role == "production" else (),
                    ),
                )
            )
