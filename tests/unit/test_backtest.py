"""A backtest is the live session on recorded time: same plans, marks and refusals, and no knowledge of later."""

import ast
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from execution import backtest as backtest_module
from execution.artifact_files import FileArtifacts
from execution.backtest import Rules, backtest
from execution.brokers.memory_tape import MemoryTape
from execution.brokers.tape import TapeRow
from execution.domain.events import PlanHeld, PlanRecorded
from execution.domain.signals import SignalBatch
from execution.lived_days import LivedDay
from execution.memory_artifacts import MemoryArtifacts
from execution.portfolio.cost_model import CostModel
from execution.portfolio.sizing_policy import SizingPolicy
from execution.risk.limits import RiskLimits
from execution.session import run_session
from tests.builders.trading_days import CALENDAR, CASH, FIRST, SESSIONS, SYMBOLS, TradingDays, a_day_of

COSTS = CostModel(slippage_bps=Decimal(10), commission_usd_per_share=Decimal("0.005"))
RULES = Rules(
    account="paper-1",
    strategy="momentum",
    mode="simulated",
    initial_cash_usd=CASH,
    sizing=SizingPolicy(entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.7")),
    costs=COSTS,
    settings_hash="5" * 64,
    code_hash="c" * 64,
)
DECIDED = SESSIONS[:4]


def tape(**changed: TapeRow) -> MemoryTape:
    given = {(bar.session, bar.symbol): bar for bar in changed.values()}
    return MemoryTape({day: [given.get((day, name)) or a_day_of(name, day) for name in SYMBOLS] for day in SESSIONS})


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return TradingDays(tmp_path)


def recorded(days: TradingDays) -> dict[date, SignalBatch]:
    """Return batches that like other names each session, and none on the third."""
    drawn = Random(7)  # noqa: S311 - a made ranking, not a secret
    return {
        session: days.a_batch(session, best=drawn.sample(SYMBOLS, len(SYMBOLS)))
        for session in DECIDED
        if session != DECIDED[2]
    }


def lived(
    batches: dict[date, SignalBatch], *, rules: Rules = RULES, world: MemoryTape | None = None, **options: Any
) -> list[LivedDay]:
    return list(
        backtest(rules, sessions=DECIDED, batch_of=batches.get, tape=world or tape(), calendar=CALENDAR, **options)
    )


@pytest.mark.parametrize("rungs", [1, 3])
def test_a_backtest_makes_the_very_plans_and_marks_of_the_live_days(tmp_path: Path, rungs: int) -> None:
    sizing = RULES.sizing.model_copy(update={"entry_rungs": rungs})
    days = TradingDays(tmp_path, desk_changes={"sizing": sizing})
    batches = recorded(days)
    for session in DECIDED:
        if session in batches:
            days.plan(session, batches[session])
        else:
            run_session.plan(days.morning(session), session=session, batch_hash=None)
        days.submit(session)
        days.cancel_rest(session)
        days.settle(session)
    book = days.desk.ledger.book()
    artifacts = FileArtifacts(tmp_path / "backtest")
    tried = lived(batches, rules=replace(RULES, sizing=sizing), artifacts=artifacts)
    plans = [cycle.plan for cycle in book.cycles.values() if isinstance(cycle.plan, PlanRecorded | PlanHeld)]
    assert [plan.plan_hash for plan in plans] == [path.stem for path in plans_of(tmp_path / "backtest", plans)]
    assert [day.mark for day in tried] == list(book.marks)
    assert sum(day.entries for day in tried) > 3


def plans_of(root: Path, plans: list[Any]) -> list[Path]:
    """Return the backtest's files of the plans, in order; missing ones are missing in the list too."""
    return [path for plan in plans if (path := root / "plans" / f"{plan.plan_hash}.json").exists()]


def test_the_same_recording_gives_the_same_days(days: TradingDays) -> None:
    assert lived(recorded(days)) == lived(recorded(days))


def test_prices_of_later_sessions_change_nothing_before_them(days: TradingDays) -> None:
    batches = recorded(days)
    last = SESSIONS[4]
    crash = {
        name: a_day_of(
            name, last, open_usd="20.00", high_usd="21.00", low_usd="10.00", close_usd="11.00", volume_shares=5_000
        )
        for name in SYMBOLS
    }
    before, after = lived(batches), lived(batches, world=tape(**crash))
    assert before[:-1] == after[:-1]
    assert before[-1].mark != after[-1].mark


def test_equity_is_what_cash_flows_and_closes_say(days: TradingDays) -> None:
    tried = lived(recorded(days))
    world = tape()
    for day in tried:
        rows = world.rows(CALENDAR.next(day.session))
        held = sum(position.shares * rows[position.symbol].close_usd for position in day.mark.positions)
        assert day.mark.equity_usd == day.mark.cash_usd + held
    assert any(day.fees_usd > 0 for day in tried)


def test_dearer_trading_leaves_less(days: TradingDays) -> None:
    batches = recorded(days)
    ends = [
        lived(batches, rules=replace(RULES, costs=COSTS.times(Decimal(multiple))))[-1].mark.equity_usd
        for multiple in (0, 1, 3)
    ]
    assert ends[0] > ends[1] > ends[2]


def test_a_limit_of_the_settings_stops_a_backtest_as_it_stops_a_desk(days: TradingDays) -> None:
    batches = recorded(days)
    tight = replace(RULES, limits=RiskLimits(order_notional_max_usd=Decimal(100)))
    tried = lived(batches, rules=tight)
    assert sum(day.fills for day in tried) == 0
    assert any(stage.startswith("guard:") for day in tried for stage in day.stages)


def test_a_backtest_owns_no_sizing_and_no_check() -> None:
    tree = ast.parse(Path(backtest_module.__file__).read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    policies = {
        "execution.portfolio.cost_model",
        "execution.portfolio.exit_rules",
        "execution.portfolio.sizing_policy",
        "execution.risk.limits",
        "execution.risk.trading_context",
    }
    deciding = {name for name in imported if name.startswith(("execution.portfolio", "execution.risk"))}
    assert deciding <= policies
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "run_session"
    }
    assert called == {"plan", "submit", "cancel_rest", "watch", "settle"}


def test_kept_values_have_the_same_names_in_every_run() -> None:
    names = [[MemoryArtifacts().keep("rows", value, repr, suffix=".x") for value in (1, 2)] for _ in range(2)]  # type: ignore[arg-type]  # nothing is encoded
    assert names[0] == names[1]


def test_the_first_session_decides_on_cash_alone(days: TradingDays) -> None:
    (first, *_) = lived(recorded(days))
    assert first.session == FIRST
    assert first.trading_state == "active"
