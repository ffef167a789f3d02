"""Whatever is compared with production has to know no future either."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from assets.ml import another_future
from assets.ml.another_future import check_orders, moment_of
from assets.ml.backtest import Trial
from assets.ml.backtest_market import World
from assets.ml.policy import LearningPolicy
from assets.ml.portfolios import Portfolio, Variant, side_by_side
from execution.brokers.memory_tape import MemoryTape
from execution.signal_batch_store import SignalBatchStore
from tests.builders.backtest_quarter import CALENDAR, CASH, DEAR, FREE, SESSIONS, lived, rules_of
from tests.unit.ml.marts_builder import IDENTITY, a_market

TRIAL = Trial(first=SESSIONS[0], last=SESSIONS[20])


@pytest.mark.parametrize("is_knowing", [False, True])
def test_a_variant_that_knows_the_future_fails_the_backtest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_knowing: bool
) -> None:
    portfolios = side_by_side(
        rules_of(FREE),
        scorer="momentum_12_1",
        policy=LearningPolicy(),
        cost_multiples=(Decimal(1), Decimal(2)),
        variants=[Variant(name="seer", rules=rules_of(DEAR), scorer="reversal_5d", policy=LearningPolicy())],
        capitals_usd=(10 * CASH,),
    )
    free, dear = lived(FREE), lived(DEAR)
    moment = moment_of(TRIAL.decided(CALENDAR))

    def again(trial: Trial, *, portfolios: list[Portfolio], **_: Any) -> Iterator[tuple[Any, ...]]:
        assert [one.name for one in portfolios] == ["1x costs", "seer"]
        for own, other in zip(free, dear, strict=True):
            if own.session <= trial.last:
                is_other = is_knowing and own.session == CALENDAR.previous(moment)
                yield own, replace(other, entries=99) if is_other else other

    monkeypatch.setattr(another_future, "live_through", again)
    found = check_orders(
        TRIAL,
        list(zip(free, free, dear, free, strict=True)),
        world=World(
            warehouse=a_market(sessions=5, symbols=2).write(tmp_path / "w.duckdb"),
            tape=MemoryTape({}),
            snapshot_hash="",
        ),
        gate=SignalBatchStore(tmp_path),
        identity=IDENTITY,
        portfolios=portfolios,
        calendar=CALENDAR,
    )
    assert found.passed != is_knowing
    assert found.reason == (
        f"what seer did on {CALENDAR.previous(moment)} depends on what came later" if is_knowing else ""
    )
