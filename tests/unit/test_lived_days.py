"""The days of an account are made of its ledger: a backtest's own gives the very days the backtest yielded."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec import structs

from execution.artifact_files import FileArtifacts
from execution.backtest import Rules, backtest
from execution.domain.events import AccountAdjusted, CorporateActionBooked, PositionsMarked
from execution.domain.orders import CorporateActionEntry
from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.lived_days import CASH, LivedAccount, _shares_moved, lived_account
from execution.memory_artifacts import MemoryArtifacts
from execution.portfolio.exit_rules import ExitRule, NumberCondition
from execution.session import run_session
from execution.session.adjust import adjust_cash, adjust_shares
from execution.session.quarantine import lift_quarantine
from execution.session.reconcile import reconcile
from tests.builders import backtest_quarter as quarter
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, SYMBOLS, TradingDays, a_day_of
from tests.fakes.scripted_broker import ScriptedBroker
from tests.unit.session.test_reversals import fill_of, take_back
from tests.unit.test_backtest import DECIDED, RULES, tape

SECOND, THIRD = SESSIONS[1:3]
BY: dict[str, Any] = {"actor": "A. Person", "reason": "in the venue's statement"}
SOON = ExitRule(name="time_is_up", when=(NumberCondition(fact="held_sessions", at_least=Decimal(1)),))


def account_of(ledger: Any, artifacts: Any, rules: Rules = RULES) -> LivedAccount:
    events = [recorded.event for recorded in ledger.events()]
    found = lived_account(events, artifacts=artifacts, limits=rules.limits, mode=rules.mode)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(6))
def test_a_backtests_own_ledger_gives_the_days_it_yielded(tmp_path: Path, seed: int) -> None:
    drawn, days = Random(seed), TradingDays(tmp_path)  # noqa: S311 - a made market, not a secret
    batches = {
        session: days.a_batch(session, best=drawn.sample(SYMBOLS, len(SYMBOLS)))
        for session in DECIDED
        if drawn.random() < 0.8
    }
    told = [
        a_day_of("AAA", THIRD, dividend_usd="0.50", split_ratio="1.5", open_usd="28", low_usd="27.50"),
        a_day_of("BBB", SESSIONS[3], is_last_session=True),
        a_day_of("CCC", SECOND, low_usd="30"),
    ]
    rules = replace(
        RULES,
        sizing=RULES.sizing.model_copy(update={"entry_rungs": drawn.choice([1, 3]), "share_decimals": seed % 2 * 4}),
        exits=(SOON,) if drawn.random() < 0.5 else (),
    )
    ledger, artifacts = MemoryLedger(), MemoryArtifacts()
    yielded = list(
        backtest(
            rules,
            sessions=DECIDED,
            batch_of=batches.get,
            tape=tape(**{bar.symbol: bar for bar in told}),
            calendar=CALENDAR,
            artifacts=artifacts,
            ledger=ledger,
        )
    )
    assert account_of(ledger, artifacts, rules) == LivedAccount(
        account=RULES.account, opened_with_usd=RULES.initial_cash_usd, days=tuple(yielded)
    )


def test_a_quarter_on_files_gives_the_days_of_one_in_memory(tmp_path: Path) -> None:
    ledger, artifacts = SqliteLedger(tmp_path / "ledger.db"), FileArtifacts(tmp_path)
    rules = quarter.rules_of(quarter.DEAR)
    sessions = quarter.SESSIONS[:8]
    asked: dict[str, Any] = {"sessions": sessions, "batch_of": quarter.batch_of, "calendar": CALENDAR}
    on_files = list(backtest(rules, tape=quarter.quarter_tape(), artifacts=artifacts, ledger=ledger, **asked))
    assert account_of(ledger, artifacts, rules).days == tuple(on_files)
    assert on_files == list(backtest(rules, tape=quarter.quarter_tape(), **asked))
    assert sum(day.fills for day in on_files) > 3


def test_the_days_of_a_desk_are_those_of_its_ledger_up_to_the_newest_settle(tmp_path: Path) -> None:
    days = TradingDays(tmp_path)
    days.live(FIRST)
    (settled,) = account_of(days.desk.ledger, days.desk.artifacts).days
    days.plan(SECOND)
    days.submit(SECOND)
    account = account_of(days.desk.ledger, days.desk.artifacts)
    assert (account.account, account.days) == ("paper-1", (settled,))
    assert (settled.session, settled.entries, settled.fills) == (FIRST, 3, 3)
    assert {row.sector for row in settled.bought} == {"Sector AAA", "Sector BBB", "Sector CCC"}


def test_an_account_nobody_opened_has_no_days(tmp_path: Path) -> None:
    assert lived_account([], artifacts=FileArtifacts(tmp_path), limits=RULES.limits, mode="simulated") is None


def test_what_persons_booked_stands_with_the_day_it_is_first_marked_in(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker)
    days.live(FIRST)
    wire = days.desk.broker
    assert isinstance(wire, ScriptedBroker)
    held = days.desk.ledger.book().positions["AAA"]
    wire.cash_apart_usd = Decimal(25_000)
    adjust_cash(days.desk, cash_usd=Decimal(25_000), **BY)
    wire.positions_apart = {"AAA": -10}
    reconcile(days.desk)
    adjust_shares(days.desk, symbol="AAA", shares=-10, cost_usd=Decimal(0), **BY)
    wire.positions_apart = {"AAA": -10, "FFF": 30}
    reconcile(days.desk)
    adjust_shares(days.desk, symbol="FFF", shares=30, cost_usd=Decimal("1234.50"), **BY)
    for symbol in ("AAA", "FFF"):
        lift_quarantine(days.desk, symbol=symbol, **BY)
    run_session.plan(days.evening(SECOND), session=SECOND, batch_hash=None)
    days.settle(SECOND)
    first, second = account_of(days.desk.ledger, days.desk.artifacts).days
    assert first.paid_in_usd == {}
    assert second.paid_in_usd[CASH] == 25_000
    assert second.paid_in_usd["FFF"] == Decimal("1234.50")
    assert second.paid_in_usd["AAA"] == pytest.approx(-held.cost_usd * 10 / held.shares, abs=Decimal("0.01"))
    closes = [{held.symbol: held.close_usd for held in day.mark.positions} for day in (first, second)]
    # What went out last counted at the close before; what came in is first seen at the day's own.
    assert closes[0]["AAA"] != closes[1]["AAA"]
    assert second.shares_moved_usd == {"AAA": -10 * closes[0]["AAA"], "FFF": 30 * closes[1]["FFF"]}
    assert first.shares_moved_usd == {}
    paid_in = second.mark.paid_in_usd - first.mark.paid_in_usd
    assert sum(second.paid_in_usd.values()) == pytest.approx(paid_in, abs=Decimal("1e-9"))


def test_a_session_settled_too_late_to_be_marked_is_told_with_the_next_one(tmp_path: Path) -> None:
    days = TradingDays(tmp_path)
    days.live(FIRST)
    days.live(SECOND)
    events = [recorded.event for recorded in days.desk.ledger.events()]
    first_mark = next(event for event in events if isinstance(event, PositionsMarked))
    asked: dict[str, Any] = {"artifacts": days.desk.artifacts, "limits": RULES.limits, "mode": RULES.mode}
    both, late = lived_account(events, **asked), lived_account([e for e in events if e is not first_mark], **asked)
    assert both is not None
    assert late is not None
    (day,) = late.days
    assert (day.session, day.mark) == (SECOND, both.days[1].mark)
    assert day.executions == (*both.days[0].executions, *both.days[1].executions)
    assert day.bought == (*both.days[0].bought, *both.days[1].bought)
    assert day.entries == sum(one.entries for one in both.days)


def test_an_execution_that_was_taken_back_is_no_fill_and_no_dollar_traded(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker)
    days.plan()
    days.submit()
    taken = fill_of(days, "AAA")
    bust = take_back(days, taken)
    days.settle()
    late = fill_of(days, "BBB")
    (first,) = account_of(days.desk.ledger, days.desk.artifacts).days
    stand = [fill for fill in first.executions if fill not in (taken, bust)]
    assert len(stand) == len(first.executions) - 2
    assert first.fills == len(stand)
    assert first.traded_usd == sum(fill.quantity_shares * fill.price_usd for fill in stand)
    assert first.taken_back == {taken.execution_id, bust.execution_id}
    late_bust = take_back(days, late)
    run_session.plan(days.evening(SECOND), session=SECOND, batch_hash=None)
    days.settle(SECOND)
    again, second = account_of(days.desk.ledger, days.desk.artifacts).days
    assert again == first
    assert late_bust in second.executions
    assert second.fills == len(second.executions) - 1
    assert second.taken_back == {late.execution_id, late_bust.execution_id}


def test_shares_moved_beside_a_split_are_valued_as_the_shares_of_the_close_they_are_valued_at(tmp_path: Path) -> None:
    days = TradingDays(tmp_path)
    days.live(FIRST)
    before = days.desk.ledger.book()
    mark = before.marks[-1]
    held = next(position for position in mark.positions if position.symbol == "AAA")
    entry = CorporateActionEntry(
        entry_id="split",
        kind="split",
        symbol="AAA",
        session=SECOND,
        quantity_delta_shares=held.shares,
        cash_usd=Decimal(0),
        ratio=Decimal(2),
        booked_at=mark.at,
    )
    split = CorporateActionBooked(at=mark.at, entry=entry)
    blank: dict[str, Any] = {"at": mark.at, "symbol": "AAA", "cash_usd": Decimal(0), "cost_usd": Decimal(100), **BY}
    came, went = (AccountAdjusted(shares_delta=shares, **blank) for shares in (10, -10))
    at_half = replace(mark, positions=(replace(held, close_usd=held.close_usd / 2),))

    def moved(*moves: Any) -> Decimal:
        moves_in = {"AAA": (*before.moves_in["AAA"], *moves)}
        after = structs.replace(before, marks=(*before.marks, at_half), moves_in=moves_in)
        told = [move for move in moves if isinstance(move, AccountAdjusted)]
        return _shares_moved(before, after, told)["AAA"]

    close = held.close_usd
    assert (moved(came, split), moved(split, came)) == (10 * close, 5 * close)
    assert (moved(went, split), moved(split, went)) == (-10 * close, -5 * close)
