"""Prices after a moment are anything at all, and every order up to that moment is the one it was."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from execution.artifact_files import FileArtifacts
from execution.backtest import Rules, backtest
from execution.brokers.memory_tape import MemoryTape
from execution.brokers.tape import TapeRow
from execution.lived_days import LivedDay
from execution.portfolio.sizing_policy import SizingPolicy
from tests.builders.trading_days import CALENDAR, CASH, SESSIONS, SYMBOLS, TradingDays, a_day_of

RULES = Rules(
    account="paper-1",
    strategy="momentum",
    mode="simulated",
    initial_cash_usd=CASH,
    sizing=SizingPolicy(entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.7")),
    settings_hash="5" * 64,
    code_hash="c" * 64,
)
DECIDED = SESSIONS[:-1]
Rows = dict[tuple[date, str], TapeRow]


def a_world(seed: int) -> Rows:
    random = Random(seed)  # noqa: S311 - made prices, not a secret
    return {
        (day, name): scaled(a_day_of(name, day), Decimal(random.randint(990, 1010)) / 1000)
        for day in SESSIONS
        for name in SYMBOLS
    }


def scaled(row: TapeRow, factor: Decimal) -> TapeRow:
    prices = {
        name: (getattr(row, name) * factor).quantize(Decimal("0.01"))
        for name in ("open_usd", "high_usd", "low_usd", "close_usd")
    }
    return replace(row, **prices)


def with_another_future(rows: Rows, *, after: date, seed: int) -> Rows:
    random = Random(seed)  # noqa: S311 - made prices, not a secret
    return {
        (day, name): scaled(row, Decimal(random.randint(300, 3000)) / 1000) if day > after else row
        for (day, name), row in rows.items()
    }


def lived(rows: Rows, folder: Path, *, sessions_ahead: int) -> tuple[list[LivedDay], dict[date, bytes]]:
    """Return the days, and by decision session the plan's bytes; what rose most so far is liked best."""
    days = TradingDays(folder / "days", bars=rows.values())

    def batch_of(session: date):
        seen = CALENDAR.offset(session, sessions_ahead)
        liked = sorted(SYMBOLS, key=lambda name: rows[seen, name].close_usd / rows[SESSIONS[0], name].open_usd)
        return days.a_batch(session, best=liked)

    tape = MemoryTape({day: [rows[day, name] for name in SYMBOLS] for day in SESSIONS})
    artifacts = FileArtifacts(folder / "backtest")
    told = list(backtest(RULES, sessions=DECIDED, batch_of=batch_of, tape=tape, calendar=CALENDAR, artifacts=artifacts))
    plans = {}
    for path in (folder / "backtest" / "plans").glob("*.json"):
        data = path.read_bytes()
        plans[date.fromisoformat(json.loads(data)["session"])] = data
    return told, plans


def compared(seed: int, moment: date, *, sessions_ahead: int = 0) -> tuple[int, bool]:
    """Return how many plans up to a moment were compared and equal, and whether the future came out differently."""
    rows = a_world(seed)
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        days, plans = lived(rows, Path(one), sessions_ahead=sessions_ahead)
        others, other_plans = lived(
            with_another_future(rows, after=moment, seed=seed + 1), Path(two), sessions_ahead=sessions_ahead
        )
    early = [session for session in plans if session <= moment]
    assert [plans[session] for session in early] == [other_plans[session] for session in early]
    # A decision session trades in the next one: a day is over before the future begins where that one is not after it.
    for day, other in zip(days, others, strict=True):
        if CALENDAR.next(day.session) <= moment:
            assert day == other
    return len(early), days[-1].mark != others[-1].mark


@pytest.mark.parametrize("moment", DECIDED[1:-1])
def test_orders_up_to_a_moment_do_not_depend_on_prices_after_it(moment):
    plans, is_another_future = compared(17, moment)
    assert plans > 1
    assert is_another_future


def test_a_ranking_by_the_next_close_is_caught():
    with pytest.raises(AssertionError):
        compared(17, DECIDED[2], sessions_ahead=1)


@pytest.mark.campaign
def test_orders_up_to_any_moment_do_not_depend_on_prices_after_it(record_property):
    counted = [compared(seed, moment) for seed in range(25) for moment in DECIDED[:-1]]
    record_property("futures", len(counted))
    record_property("plans_compared", sum(plans for plans, _ in counted))
    # A desk that happens to hold nothing at the end has the same future whatever prices do.
    assert sum(is_another for _, is_another in counted) > len(counted) / 2
