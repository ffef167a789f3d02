"""Sizes grow by stages while nothing objects and fall back when something does, as the ledger alone says."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from execution.artifact_files import FileArtifacts
from execution.domain.events import ControlChanged, Event, PositionsMarked, SymbolQuarantined
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.portfolio.capital_ramp import CapitalRamp, RampStage
from execution.portfolio.sizing_policy import SizingPolicy
from execution.replay import replay_plan
from execution.session.ramp_stage import ramp_stage
from tests.builders.orders import AT, CYCLE, account_opened
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays

STAGES = (Decimal("0.1"), Decimal("0.5"), Decimal(1))
RAMP = CapitalRamp(stages=STAGES, sessions=2)
OPENED = account_opened()
LIKED = (("AAA", "BBB", "CCC"), ("CCC", "DDD", "EEE"), ("EEE", "FFF", "AAA"), ("AAA", "BBB", "CCC"))


def a_mark(number: int, equity: int) -> PositionsMarked:
    return PositionsMarked(
        at=AT + timedelta(days=number),
        cycle_id=CYCLE,
        marked_session=CALENDAR.offset(FIRST, number),
        positions=(),
        cash_usd=Decimal(equity),
        equity_usd=Decimal(equity),
        realised_usd=Decimal(0),
        unrealised_usd=Decimal(equity) - OPENED.cash_usd,
    )


def halted(day: float) -> ControlChanged:
    return ControlChanged(at=AT + timedelta(days=day), state="halted", actor="ann", reason="a look")


def lived(folder: Path, *, days: int = len(LIKED), **ramp: Any) -> TradingDays:
    """Live sessions in which something is traded each day, at costs of about 11 bps."""
    sizing = SizingPolicy(
        entry_top_fraction=Decimal("0.5"),
        hold_top_fraction=Decimal("0.7"),
        horizon_sessions=1,
        capital_ramp=CapitalRamp(**{"stages": STAGES, "sessions": 1, **ramp}),
    )
    found = TradingDays(folder, desk_changes={"sizing": sizing})
    for session, liked in zip(SESSIONS[:days], LIKED, strict=False):
        found.live(session, found.a_batch(session, best=liked))
    return found


def stage_of(days: TradingDays) -> RampStage:
    found = ramp_stage(days.desk.ledger.book(), days.desk.sizing.capital_ramp)
    assert found is not None
    return found


def bought(days: TradingDays, session: Any = FIRST) -> dict[str, Any]:
    orders = days.desk.ledger.book().orders_of(days.desk.cycle_id(session))
    return {record.order.symbol: record for record in orders if record.leg == "entry"}


def untraded(*events: Event, ramp: CapitalRamp = RAMP) -> RampStage:
    found = ramp_stage(folded(Book(), [OPENED, *events]), ramp)
    assert found is not None
    return found


def test_there_is_no_stage_without_a_ramp() -> None:
    assert ramp_stage(folded(Book(), [OPENED]), CapitalRamp()) is None


def test_an_account_begins_at_the_first_stage() -> None:
    found = untraded()
    assert (found.number, found.stages, found.share) == (1, 3, Decimal("0.1"))
    assert found.reason == "since the beginning: the first; 0 of 2 sessions without an objection"


def test_entries_get_their_share_of_full_size_and_say_so(tmp_path: Path) -> None:
    full = bought(lived(tmp_path / "full", days=1, stages=()))
    small = bought(lived(tmp_path / "small", days=1))
    assert small.keys() == full.keys()
    for symbol, record in small.items():
        assert record.order.quantity_shares == full[symbol].order.quantity_shares // 10
        assert "cut by stage 1 of 3 of the capital ramp, 10.00% of full size" in record.reason
        assert "ramp" not in full[symbol].reason


def test_green_sessions_raise_it_stage_by_stage_to_the_last(tmp_path: Path) -> None:
    stages = [stage_of(lived(tmp_path / str(count), days=count)).number for count in (0, 1, 2, 3, 4)]
    assert stages == [1, 2, 3, 3, 3]


def test_why_it_rose_tells_what_its_trades_cost(tmp_path: Path) -> None:
    told = stage_of(lived(tmp_path, days=1)).reason
    assert told.startswith(f"since {SESSIONS[1]}: 1 sessions without an objection at 1")
    assert told.endswith("bps; 0 of 1 sessions without an objection")


def test_a_stage_lasts_as_many_sessions_as_it_says(tmp_path: Path) -> None:
    stages = [stage_of(lived(tmp_path / str(count), days=count, sessions=2)) for count in (1, 2, 3, 4)]
    assert [found.number for found in stages] == [1, 2, 2, 3]


def test_trades_that_cost_too_much_never_leave_the_first_stage(tmp_path: Path) -> None:
    found = stage_of(lived(tmp_path, max_cost_bps=Decimal(5)))
    assert found.number == 1
    assert "bps, at most 5" in found.reason


def test_a_stage_without_a_trade_proves_nothing_and_goes_on() -> None:
    found = untraded(*(a_mark(number, 100_000) for number in range(9)))
    assert found.number == 1
    assert found.reason.endswith("2 of 2 sessions without an objection")


@pytest.mark.parametrize(
    ("alarm", "told"),
    [
        (halted(0.5), "halted by ann at "),
        (SymbolQuarantined(at=AT + timedelta(hours=12), symbol="AAA", reason="a foreign fill"), "AAA went into quar"),
    ],
)
def test_an_alarm_since_the_last_mark_falls_back_at_once_and_once(
    tmp_path: Path, alarm: ControlChanged | SymbolQuarantined, told: str
) -> None:
    days = lived(tmp_path)
    book, end = days.desk.ledger.book(), days.clock.now()
    alarmed = folded(book, [replace(alarm, at=end + timedelta(minutes=5))])
    ramp = days.desk.sizing.capital_ramp
    before, after = ramp_stage(book, ramp), ramp_stage(alarmed, ramp)
    assert before is not None
    assert after is not None
    assert (before.number, after.number) == (3, 2)
    assert told in after.reason
    marked = folded(alarmed, [replace(book.marks[-1], at=end + timedelta(days=1), marked_session=SESSIONS[-1])])
    later = ramp_stage(marked, ramp)
    assert later is not None
    assert (later.number, told in later.reason) == (2, True)


def test_a_halt_that_a_person_ended_still_counts() -> None:
    resumed = ControlChanged(at=AT + timedelta(days=0.6), state="active", actor="bob", reason="seen")
    assert "halted by ann" in untraded(a_mark(0, 100_000), halted(0.5), resumed, a_mark(1, 100_000)).reason


def test_a_drawdown_beyond_the_bound_falls_back_and_the_bound_itself_does_not(tmp_path: Path) -> None:
    days = lived(tmp_path, max_cost_bps=Decimal(100))
    book, ramp = days.desk.ledger.book(), days.desk.sizing.capital_ramp
    newest = book.marks[-1]

    def after_a_fall_of(fraction: str) -> RampStage:
        equity = newest.equity_usd * (1 - Decimal(fraction))
        fallen = replace(
            newest,
            at=newest.at + timedelta(days=1),
            marked_session=SESSIONS[-1],
            equity_usd=equity,
            unrealised_usd=newest.unrealised_usd + equity - newest.equity_usd,
        )
        found = ramp_stage(folded(book, [fallen]), ramp)
        assert found is not None
        return found

    assert after_a_fall_of("0.03").number == 3
    assert after_a_fall_of("0.0301").number == 2
    assert "3.01 % below the highest equity of the stage, at most 3.00 %" in after_a_fall_of("0.0301").reason


def test_money_paid_out_is_no_drawdown() -> None:
    paid_out = replace(a_mark(1, 50_000), unrealised_usd=Decimal(0))
    assert paid_out.paid_in_usd == 50_000
    assert "below the highest equity" not in untraded(a_mark(0, 100_000), paid_out).reason


def test_nothing_falls_below_the_first_stage() -> None:
    assert untraded(a_mark(0, 100_000), halted(0.5), a_mark(1, 90_000), a_mark(2, 80_000)).number == 1


def test_a_ramp_that_begins_later_forgets_what_was_before(tmp_path: Path) -> None:
    days = lived(tmp_path)
    book = days.desk.ledger.book()
    anew = CapitalRamp(stages=STAGES, sessions=1, counts_from=SESSIONS[4])
    found = ramp_stage(book, anew)
    assert found is not None
    assert found.number == 2
    later = ramp_stage(book, anew.model_copy(update={"counts_from": CALENDAR.next(SESSIONS[-1])}))
    assert later is not None
    assert later.number == 1


def test_the_ledgers_events_folded_again_tell_the_same_stage(tmp_path: Path) -> None:
    days = lived(tmp_path)
    again = folded(Book(), [recorded.event for recorded in days.desk.ledger.events()])
    assert ramp_stage(again, days.desk.sizing.capital_ramp) == stage_of(days)


def test_each_plan_of_a_ramp_is_made_again_to_the_byte(tmp_path: Path) -> None:
    days = lived(tmp_path)
    for cycle in days.desk.ledger.book().cycles.values():
        assert all(step.is_equal for step in replay_plan(days.desk, cycle, beside=FileArtifacts(tmp_path / "again")))


@pytest.mark.parametrize("stages", [(0.5, 0.5), (0.5, 0.1), (0,), (1.5,)])
def test_stages_that_do_not_rise_within_full_size_are_refused(stages: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        CapitalRamp.model_validate({"stages": stages})
