"""Each choice a backtest lives is counted before anybody sees what came of it."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from assets.mart_settings import built_by
from assets.ml.backtest import Trial
from assets.ml.backtest_market import World
from assets.ml.backtest_trials import backtest_choice, counted
from assets.ml.dataset import offered_features
from assets.ml.judgement import sharpe_record
from assets.ml.policy import LearningPolicy
from assets.ml.portfolios import Portfolio, Variant, side_by_side
from assets.ml.trial_log import Trial as Line
from assets.ml.trial_log import TrialLog, choices
from assets.ml.trials import learning_hash
from assets.universe_policy import UniversePolicy
from execution.brokers.memory_tape import MemoryTape
from execution.lived_days import LivedDay
from execution.portfolio.sizing_policy import SizingPolicy
from tests.builders.backtest_quarter import CALENDAR, CASH, DEAR, FREE, SESSIONS, lived, rules_of
from tests.unit.ml.marts_builder import a_market

POLICY = LearningPolicy()
AT = CALENDAR.as_of(SESSIONS[-1])
TRIAL = Trial(first=SESSIONS[0], last=SESSIONS[-2], every_sessions=5)
PORTFOLIOS = side_by_side(
    rules_of(FREE),
    scorer="momentum_12_1",
    policy=POLICY,
    cost_multiples=(Decimal(1), Decimal(2)),
    variants=[Variant(name="taught", rules=rules_of(DEAR), scorer="model", policy=POLICY)],
    capitals_usd=(10 * CASH,),
)


@pytest.fixture(scope="module")
def days() -> list[tuple[LivedDay, ...]]:
    free, dear = lived(FREE), lived(DEAR)
    return list(zip(free, dear, dear, free, strict=True))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    market = replace(a_market(symbols=8, sessions=len(SESSIONS)), sessions=SESSIONS)
    warehouse = market.write(tmp_path_factory.mktemp("marts") / "w.duckdb")
    with warehouse.connect(read_only=False) as connection:
        connection.execute("create schema request")
        connection.execute("create table request.feature_settings as select 'features.news' as setting, '{}' as value")
    return World(warehouse=warehouse, tape=MemoryTape({}), snapshot_hash="5" * 64)


def told(
    days: list[tuple[LivedDay, ...]], world: World, root: Path, *, trial: Trial = TRIAL
) -> Iterator[tuple[LivedDay, ...]]:
    return counted(
        days,
        trial=trial,
        portfolios=PORTFOLIOS,
        world=world,
        universe=UniversePolicy(),
        log=TrialLog(root),
        at=AT,
    )


def test_production_and_each_variant_are_counted_and_views_of_production_are_named_on_its_line(
    days: list[tuple[LivedDay, ...]], world: World, tmp_path: Path
) -> None:
    assert list(told(days, world, tmp_path)) == days
    lines = TrialLog(tmp_path).trials()
    assert choices(lines, of="account") == 2
    production, variant = (line.backtest for line in lines[-2:])
    assert production is not None
    assert variant is not None
    assert production.views == ("2x costs", "1,000,000 USD")
    assert (variant.views, variant.scorer) == ((), "model")
    assert {line.dataset_hash for line in lines} == {world.snapshot_hash}
    assert production.settings_hash == PORTFOLIOS[0].rules.settings_hash


def test_a_look_that_is_given_up_after_its_first_day_is_counted(
    days: list[tuple[LivedDay, ...]], world: World, tmp_path: Path
) -> None:
    looking = told(days, world, tmp_path)
    assert TrialLog(tmp_path).trials() == ()
    next(looking)
    assert choices(TrialLog(tmp_path).trials(), of="account") == 2


def test_the_line_of_a_whole_look_holds_what_the_account_earned_over_every_stock_alike(
    days: list[tuple[LivedDay, ...]], world: World, tmp_path: Path
) -> None:
    list(told(days, world, tmp_path))
    log = TrialLog(tmp_path)
    line = log.trials()[-2]
    assert line.returns_hash is not None
    record = log.returns(line.returns_hash)
    assert record.days == tuple(day[0].mark.marked_session for day in days)
    assert line.spread == sharpe_record(np.array(record.model))


def test_the_same_choice_again_or_over_another_span_is_another_line_and_no_further_choice(
    days: list[tuple[LivedDay, ...]], world: World, tmp_path: Path
) -> None:
    list(told(days, world, tmp_path))
    before = TrialLog(tmp_path).trials()
    list(told(days[:20], world, tmp_path, trial=replace(TRIAL, last=SESSIONS[19])))
    after = TrialLog(tmp_path).trials()
    assert after[: len(before)] == before
    assert len(after) == 2 * len(before)
    assert choices(after, of="account") == choices(before, of="account") == 2


def choice_of(
    portfolio: Portfolio = PORTFOLIOS[0], *, trial: Trial = TRIAL, price_usd: int = 5, news: str = "{}"
) -> str:
    universe, built = UniversePolicy(min_close_usd=Decimal(price_usd)), {"features.news": news}
    return backtest_choice(portfolio, trial=trial, universe=universe, offered=("a", "b"), built_by=built)[0]


def with_rules(**changes: object) -> Portfolio:
    return replace(PORTFOLIOS[0], rules=replace(PORTFOLIOS[0].rules, **changes))  # type: ignore[arg-type]  # changes are by name


TAUGHT = PORTFOLIOS[2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (choice_of(), choice_of(replace(PORTFOLIOS[0], scorer="reversal_5d"))),
        (choice_of(), choice_of(with_rules(sizing=SizingPolicy(entry_top_fraction=Decimal("0.1"))))),
        (choice_of(), choice_of(with_rules(costs=DEAR))),
        (choice_of(), choice_of(trial=replace(TRIAL, every_sessions=1))),
        (choice_of(), choice_of(price_usd=10)),
        (choice_of(TAUGHT), choice_of(replace(TAUGHT, policy=LearningPolicy(num_leaves=3)))),
        (choice_of(TAUGHT), choice_of(TAUGHT, trial=replace(TRIAL, retrain_sessions=21))),
        (choice_of(TAUGHT), choice_of(TAUGHT, news="other weights")),
    ],
    ids=["scorer", "sizing", "costs", "rhythm", "universe", "learning", "retraining", "headlines a model learned from"],
)
def test_what_somebody_could_keep_for_its_figures_is_another_choice(one: str, other: str) -> None:
    assert one != other


@pytest.mark.parametrize(
    "other",
    [
        choice_of(trial=replace(TRIAL, first=SESSIONS[9])),
        choice_of(trial=replace(TRIAL, cost_multiples=(Decimal(1),), capitals_usd=(CASH,))),
        choice_of(with_rules(initial_cash_usd=2 * CASH)),
        choice_of(with_rules(settings_hash="6" * 64, account="another")),
        choice_of(trial=replace(TRIAL, retrain_sessions=21)),
        choice_of(replace(PORTFOLIOS[0], policy=LearningPolicy(num_leaves=3))),
        choice_of(news="other weights"),
    ],
    ids=[
        "span",
        "views",
        "opening cash",
        "names",
        "retraining no rule knows",
        "learning no rule knows",
        "headlines no rule reads",
    ],
)
def test_a_view_of_the_same_choice_is_no_other_one(other: str) -> None:
    assert other == choice_of()


def test_a_backtest_by_models_names_the_way_to_learn_as_a_training_of_it_is_counted(
    days: list[tuple[LivedDay, ...]], world: World, tmp_path: Path
) -> None:
    list(told(days, world, tmp_path))
    lines = TrialLog(tmp_path).trials()
    taught = learning_hash(POLICY, offered_features(world.warehouse), built_by(world.warehouse))
    assert {line.backtest.learning_hash for line in lines if line.backtest is not None} == {None, taught}
    trained = Line(choice_hash=taught, dataset_hash="d", model_hash="m", spread=lines[0].spread, at=AT)
    assert choices(lines) == choices([*lines, trained]) == 1
    assert choices([*lines, trained], of="account") == 2
