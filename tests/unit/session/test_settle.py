"""The act after the close: to the cent, named when it cannot be, and finished rows for every symbol."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Literal

import pytest

from execution.domain.decisions import WhyRow
from execution.domain.errors import ChainBroken, LedgerError, MissingQuote
from execution.domain.events import CancelRequested, SettleFinished
from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.why_rows import read_why_rows, why_table
from execution.portfolio.exit_rules import ExitRule, NumberCondition
from execution.portfolio.sizing_policy import SizingPolicy
from execution.session import run_session
from execution.session.day_orders import working_stops
from execution.session.flatten import FlattenPolicy, arming_phrase, flatten
from execution.session.lease_of_act import ACT_LEASE, BUSY
from execution.session.protect import unprotected
from execution.session.send_policy import SendPolicy
from tests.builders.trading_days import CALENDAR, CASH, FIRST, SESSIONS, SYMBOLS, TradingDays, a_day_of
from tests.fakes.overtaken_ledger import OvertakenLedger
from tests.fakes.scripted_broker import ScriptedBroker

SECOND = SESSIONS[1]


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    return TradingDays(tmp_path)


def finished(days: TradingDays, report: run_session.SettleReport) -> dict[str, WhyRow]:
    assert report.why_rows_hash is not None
    return {row.symbol: row for row in read_why_rows(days.desk.artifacts, report.why_rows_hash)}


def a_day_whose_watch_sells(
    folder: Path, volume_shares: int = 1_000_000, *, wrap_broker: Any = None, **changes: Any
) -> TradingDays:
    """Return the second day before its settle: AAA jumps to a gain, and as much is sold as a thin day takes."""
    jump = {"open_usd": "50", "high_usd": "50.5", "low_usd": "49.9", "close_usd": "50", "volume_shares": volume_shares}
    gain = ExitRule(name="gain", when=(NumberCondition(fact="gain_fraction", at_least=Decimal("0.05")),))
    days = TradingDays(
        folder,
        bars=[a_day_of("AAA", SESSIONS[2], **jump)],
        wrap_broker=wrap_broker,
        desk_changes={"exits": (gain,), **changes},
    )
    days.live()
    days.plan(SECOND)
    days.submit(SECOND)
    days.cancel_rest(SECOND)
    run_session.watch(days.desk, session=SECOND)
    return days


def test_equity_is_the_venues_cash_and_shares_at_the_official_closes(days: TradingDays) -> None:
    report = days.live()
    account = days.venue.account()
    value = sum(shares * days.world[SECOND, symbol].close_usd for symbol, shares in account.positions_shares.items())
    assert report.marked_session == SECOND
    assert report.cash_usd == account.cash_usd
    assert report.equity_usd == account.cash_usd + value


def test_equity_is_opening_cash_and_all_profit(days: TradingDays) -> None:
    days.live()
    report = days.live(SECOND, days.a_batch(SECOND, best=("DDD", "EEE", "FFF", "CCC", "BBB", "AAA")))
    assert report.realised_usd != 0
    assert report.equity_usd is not None
    assert report.unrealised_usd is not None
    assert report.equity_usd == CASH + report.realised_usd + report.unrealised_usd


def test_settling_again_changes_nothing(days: TradingDays) -> None:
    first = days.live()
    before = days.desk.ledger.verify_chain()
    again = run_session.settle(days.desk, session=FIRST)
    assert again.status == "already_settled"
    assert (again.equity_usd, again.why_rows_hash) == (first.equity_usd, first.why_rows_hash)
    assert days.desk.ledger.verify_chain() == before


def test_a_session_that_has_not_closed_is_not_settled(days: TradingDays) -> None:
    days.plan()
    days.submit()
    assert run_session.settle(days.desk, session=FIRST).status == "too_early"


def test_a_session_without_plan_is_not_settled(days: TradingDays) -> None:
    assert days.settle().status == "no_plan"


def test_a_day_settles_though_its_orders_were_never_sent(days: TradingDays) -> None:
    days.plan()
    report = days.settle()
    assert (report.status, report.fills, report.equity_usd) == ("settled", 0, CASH)
    assert finished(days, report)["AAA"].outcome == "not_filled"
    assert {record.state for record in days.desk.ledger.book().orders.values()} == {"voided"}


def test_a_day_is_not_settled_before_the_venue_has_ended_its_orders(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, bars=[a_day_of("AAA", SECOND, volume_shares=400)], wrap_broker=ScriptedBroker)
    days.plan()
    days.submit()
    days.desk.broker.never_ends = True
    report = days.settle()
    assert report.status == "pending"
    assert "AAA" in report.reason
    days.desk.broker.never_ends = False
    assert days.settle().status == "settled"


def test_of_two_processes_that_settle_at_once_one_is_told_to_ask_again(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, wrap_ledger=OvertakenLedger)
    days.plan()
    days.submit()
    rival, desk = replace(days.restarted(), run_id="rival"), days.restarted()
    days.next_close(FIRST)
    told = []
    desk.ledger.overtake(SettleFinished, lambda: told.append(run_session.settle(rival, session=FIRST).status))
    assert run_session.settle(desk, session=FIRST).status == "settled"
    assert (told, len(desk.ledger.book().marks)) == (["busy"], 1)
    assert run_session.settle(rival, session=FIRST).status == "already_settled"


def test_bought_rows_carry_their_fills(days: TradingDays) -> None:
    row = finished(days, days.live())["AAA"]
    book = days.desk.ledger.book()
    entry = next(r for r in book.orders.values() if (r.order.symbol, r.leg) == ("AAA", "entry"))
    assert (row.outcome, row.stage) == ("bought", "fill")
    assert (row.filled_shares, row.fee_usd) == (entry.filled_shares, entry.fee_usd)
    assert row.average_fill_usd == entry.average_fill_usd
    assert row.not_filled_reason is None


def test_a_part_filled_row_says_what_is_missing(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, bars=[a_day_of("AAA", SECOND, volume_shares=400)])
    row = finished(days, days.live())["AAA"]
    assert row.filled_shares == 20
    assert row.not_filled_reason is not None
    assert f"{row.shares - 20} of {row.shares} shares not filled" in row.not_filled_reason


def test_a_position_sold_by_its_stop_says_so(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, bars=[a_day_of("BBB", SESSIONS[2], low_usd="35.00", close_usd="36.00")])
    days.live()
    row = finished(days, days.live(SECOND))["BBB"]
    assert row.outcome == "sold"
    assert "sold by the protective stop" in row.reason


def test_a_row_bought_and_stopped_the_same_day_tells_the_price_it_was_bought_at(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, bars=[a_day_of("AAA", SECOND, low_usd="30.00")])
    row = finished(days, days.live())["AAA"]
    entry, stop = (
        next(record for record in days.desk.ledger.book().orders_in("AAA") if record.leg == leg)
        for leg in ("entry", "stop")
    )
    assert entry.average_fill_usd != stop.average_fill_usd
    assert (row.filled_shares, row.average_fill_usd) == (0, entry.average_fill_usd)
    assert row.fee_usd == entry.fee_usd + stop.fee_usd


def test_a_row_without_an_order_tells_the_price_its_stop_got(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, bars=[a_day_of("BBB", SESSIONS[2], low_usd="35.00", close_usd="36.00")])
    days.live()
    row = finished(days, days.live(SECOND))["BBB"]
    stop = next(record for record in days.desk.ledger.book().orders_in("BBB") if record.leg == "stop")
    assert (row.client_order_id, row.average_fill_usd) == (None, stop.average_fill_usd)


def test_a_position_sold_by_the_watch_names_its_exit_rule(tmp_path: Path) -> None:
    days = a_day_whose_watch_sells(tmp_path)
    row = finished(days, days.settle(SECOND))["AAA"]
    sale = next(record for record in days.desk.ledger.book().orders_in("AAA") if record.leg == "monitor")
    assert (row.outcome, row.client_order_id) == ("sold", None)
    told = f"{-row.filled_shares} shares were sold by an exit rule while the market was open: {sale.reason}"  # type: ignore[operator] # told
    assert row.reason.endswith(told)
    assert "gain: gain_fraction" in told


def test_a_position_that_was_delisted_says_so(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, bars=[a_day_of("AAA", SESSIONS[2], is_last_session=True)])
    days.live(batch=days.a_batch(best=("AAA",)))
    held, row = days.desk.ledger.book().held_shares["AAA"], finished(days, days.live(SECOND))["AAA"]
    (entry,) = [booked.entry for booked in days.desk.ledger.book().actions.values()]
    assert (row.outcome, row.stage) == ("sold", "delisting")
    assert row.reason.endswith(f"; {held} shares went with its delisting, for {entry.cash_usd} USD")


def test_a_position_closed_by_a_person_says_so(tmp_path: Path) -> None:
    days = TradingDays(tmp_path)
    days.live()
    days.plan(SECOND)
    days.submit(SECOND)
    flatten(days.desk, policy=FlattenPolicy(), arm=arming_phrase(days.desk), actor="ada", reason="going home")
    row = finished(days, days.settle(SECOND))["AAA"]
    assert row.reason.endswith("shares were sold by the order to close everything: flatten by ada: going home")


def test_a_position_whose_profit_was_taken_says_so(tmp_path: Path) -> None:
    sizing = SizingPolicy(
        entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.7"), protective_stop="bracket"
    )
    days = TradingDays(tmp_path, bars=[a_day_of("AAA", SECOND, high_usd="60.00")], desk_changes={"sizing": sizing})
    row = finished(days, days.live())["AAA"]
    assert (row.outcome, row.filled_shares) == ("bought", 0)
    assert row.reason.endswith(f"{row.shares} shares were then sold by its take-profit")


@pytest.mark.parametrize(("volume_shares", "sold_shares"), [(10, 0), (400, 20)])
def test_what_a_watch_could_not_sell_has_its_stop_again_before_the_night(
    tmp_path: Path, volume_shares: int, sold_shares: int
) -> None:
    days = a_day_whose_watch_sells(tmp_path, volume_shares)
    book = days.desk.ledger.book()
    first_stop = next(record for record in book.orders_in("AAA") if record.order.leg == "stop")
    assert first_stop.state == "cancelled"
    days.settle(SECOND)
    book = days.desk.ledger.book()
    sale = next(record for record in book.orders_in("AAA") if record.order.leg == "monitor")
    assert (sale.filled_shares, sale.is_unproven) == (sold_shares, False)
    assert unprotected(book) == ()
    (stop,) = working_stops(book, "AAA")
    assert (stop.order.quantity_shares, stop.order.stop_usd) == (book.held_shares["AAA"], first_stop.order.stop_usd)
    assert stop.order.time_in_force == "gtc"


def test_a_stop_that_a_settle_gave_back_ends_before_the_next_plan_sells(tmp_path: Path) -> None:
    days = a_day_whose_watch_sells(tmp_path, 400)
    days.settle(SECOND)
    (stop,) = working_stops(days.desk.ledger.book(), "AAA")
    days.plan(SESSIONS[2], days.a_batch(SESSIONS[2]))
    days.submit(SESSIONS[2])
    orders = days.desk.ledger.book().orders
    sale = next(r for r in orders.values() if (r.order.symbol, r.leg, r.session) == ("AAA", "exit", SESSIONS[2]))
    assert orders[stop.order.client_order_id].state == "cancelled"
    assert sale.sent_at is not None


def test_a_stop_that_a_pause_kept_back_at_settle_is_sent_by_the_next_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = a_day_whose_watch_sells(tmp_path, 400)
    paused = count(0.0, 1.5)
    with monkeypatch.context() as slow:
        slow.setattr(type(days.clock), "monotonic_seconds", lambda _clock: float(next(paused)))
        days.settle(SECOND)
    book = days.desk.ledger.book()
    assert unprotected(book) == ("AAA",)
    assert [r.state for r in book.orders_in("AAA") if r.leg.startswith("stop")][-1] == "voided"
    days.desk = replace(days.restarted(), exits=())
    days.plan(SESSIONS[2], days.a_batch(SESSIONS[2], best=("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")))
    report = days.submit(SESSIONS[2])
    (stop,) = working_stops(days.desk.ledger.book(), "AAA")
    assert (report.unprotected, stop.session) == ((), SESSIONS[2])


@pytest.mark.parametrize(("policy", "is_sent_again"), [("same_id", True), ("never", False)])
def test_a_stop_lost_on_its_way_at_settle_is_sent_again_next_morning_where_that_is_safe(
    tmp_path: Path, policy: Literal["same_id", "never"], *, is_sent_again: bool
) -> None:
    days = a_day_whose_watch_sells(
        tmp_path, 400, wrap_broker=ScriptedBroker, sending=SendPolicy(unknown_outcome_policy=policy)
    )
    wire = days.desk.broker
    assert isinstance(wire, ScriptedBroker)
    wire.faults["AAA", "stop"] = "lose_request"
    days.settle(SECOND)
    wire.faults.clear()
    (lost,) = (r for r in days.desk.ledger.book().orders_in("AAA") if r.order.leg == "stop" and r.is_unproven)
    assert (lost.state, [order for order in days.venue.open_orders() if order.symbol == "AAA"]) == ("unknown", [])
    days.desk = replace(days.desk, exits=())
    days.plan(SESSIONS[2], days.a_batch(SESSIONS[2], best=("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")))
    days.submit(SESSIONS[2])
    works = [order.client_order_id for order in days.venue.open_orders() if order.symbol == "AAA"]
    assert works == ([lost.order.client_order_id] if is_sent_again else [])


def test_a_settle_under_a_halt_sends_no_stop_and_the_next_act_does(tmp_path: Path) -> None:
    days = a_day_whose_watch_sells(tmp_path, 400)
    switch = days.desk.kill_switch
    switch.engage(reason="a person said so", actor="ada", at=days.clock.now())
    report = days.settle(SECOND)
    assert (report.status, unprotected(days.desk.ledger.book())) == ("settled", ("AAA",))
    assert not [record for record in days.desk.ledger.book().orders.values() if record.state == "intended"]
    (tmp_path / "KILL").unlink()
    days.desk = days.restarted()
    days.plan(SESSIONS[2], days.a_batch(SESSIONS[2]))
    days.submit(SESSIONS[2])
    days.cancel_rest(SESSIONS[2])
    assert unprotected(days.desk.ledger.book()) == ()


def test_rows_nobody_traded_stay_as_planned(days: TradingDays) -> None:
    row = finished(days, days.live(batch=days.a_batch(best=("AAA", "BBB"))))["FFF"]
    assert (row.outcome, row.stage, row.filled_shares) == ("none", "no_data", 0)


def test_the_finished_rows_name_the_plans_rows(days: TradingDays) -> None:
    plan = days.plan()
    report = days.settle()
    assert report.why_rows_hash is not None
    table = why_table(days.desk.artifacts, report.why_rows_hash)
    assert table.schema.metadata[b"previous"].decode() == plan.why_rows_hash


def test_a_halted_holding_is_marked_at_its_last_close(tmp_path: Path) -> None:
    class HaltedQuotes:
        """The venue's quotes, but nothing of AAA from the third session on."""

        def __init__(self, days: TradingDays) -> None:
            self._days = days

        def close_usd(self, symbol: str, session: object) -> Decimal | None:
            is_halted = symbol == "AAA" and session >= SESSIONS[2]
            return None if is_halted else self._days.venue.close_usd(symbol, session)

    days = TradingDays(tmp_path)
    days.live()
    days.desk_changes = {"quotes": HaltedQuotes(days)}
    days.restarted()
    run_session.plan(days.evening(SECOND), session=SECOND, batch_hash=None)
    days.settle(SECOND)
    mark = days.desk.ledger.book().marks[-1]
    halted = next(one for one in mark.positions if one.symbol == "AAA")
    assert (halted.close_usd, halted.closed_session) == (days.world[SECOND, "AAA"].close_usd, SECOND)


def test_a_holding_without_any_price_is_named(tmp_path: Path) -> None:
    class NoQuotes:
        def close_usd(self, symbol: str, session: object) -> None:
            return None

    days = TradingDays(tmp_path)
    days.plan()
    days.submit()
    days.desk_changes = {"quotes": NoQuotes()}
    days.restarted()
    with pytest.raises(MissingQuote, match="AAA has no close"):
        days.settle()
    assert FIRST not in days.facts.settled


def test_a_split_and_a_dividend_reach_position_stop_and_cash(tmp_path: Path) -> None:
    halved = {"open_usd": "20.25", "high_usd": "20.75", "low_usd": "20.00", "close_usd": "20.50"}
    split = a_day_of("AAA", SESSIONS[2], split_ratio=Decimal(2), dividend_usd="0.10", **halved)
    after = a_day_of("AAA", SESSIONS[3], **halved)
    days = TradingDays(tmp_path, bars=[split, after])
    days.live()
    bought = days.desk.ledger.book().held_shares["AAA"]
    stop_before = next(r for r in days.desk.ledger.book().orders.values() if (r.order.symbol, r.leg) == ("AAA", "stop"))
    days.live(SECOND)
    book = days.desk.ledger.book()
    stop = book.orders[stop_before.order.client_order_id]
    assert book.held_shares["AAA"] == 2 * bought
    assert stop.order.quantity_shares == 2 * bought
    assert stop_before.order.stop_usd is not None
    assert stop.order.stop_usd is not None
    assert abs(stop.order.stop_usd - stop_before.order.stop_usd / 2) <= Decimal("0.01")
    assert book.positions["AAA"].realised_usd == bought * Decimal("0.10")
    assert book.cash_usd == days.venue.account().cash_usd


def test_a_delisted_holding_is_paid_out_and_gone(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, bars=[a_day_of("AAA", SESSIONS[2], is_last_session=True)])
    days.live()
    days.live(SECOND)
    report = days.live(SESSIONS[2], days.a_batch(SESSIONS[2], best=SYMBOLS[1:]))
    assert "AAA" not in days.desk.ledger.book().held_shares
    assert report.cash_usd == days.venue.account().cash_usd


def test_a_day_without_batch_still_marks_what_is_held(days: TradingDays) -> None:
    days.live()
    run_session.plan(days.evening(SECOND), session=SECOND, batch_hash=None)
    days.submit(SECOND)
    report = days.settle(SECOND)
    assert (report.status, report.positions, report.marked_session) == ("settled", 3, SESSIONS[2])


def test_holdings_without_a_batch_are_sold_when_their_horizon_is_over(tmp_path: Path) -> None:
    days = TradingDays(tmp_path)
    days.live()
    for session in SESSIONS[1:5]:
        run_session.plan(days.evening(session), session=session, batch_hash=None)
        days.submit(session)
        days.cancel_rest(session)
    # Bought on the second session, five sessions held by the evening of the sixth.
    assert len(days.desk.ledger.book().held_shares) == 3
    run_session.plan(days.evening(SESSIONS[5]), session=SESSIONS[5], batch_hash=None)
    exits = [r for r in days.desk.ledger.book().orders.values() if r.leg == "exit"]
    assert len(exits) == 3


def test_a_session_settled_long_after_marks_nothing_twice(days: TradingDays) -> None:
    days.plan()
    days.submit()
    days.live(SECOND)
    report = run_session.settle(days.desk, session=FIRST)
    assert (report.status, report.marked_session) == ("settled", None)
    assert [mark.marked_session for mark in days.desk.ledger.book().marks] == [SESSIONS[2]]


def test_the_sensors_are_told_of_each_act_that_is_done(days: TradingDays) -> None:
    days.plan()
    assert (days.facts.planned, days.facts.open_entries, days.facts.submitted) == ({FIRST}, {FIRST}, set())
    days.submit()
    assert (days.facts.open_entries, days.facts.submitted, days.facts.settled) == (set(), {FIRST}, set())
    days.settle()
    assert days.facts.settled == {FIRST}


def test_a_desk_trades_a_session_from_its_cut_off_to_its_deadline_and_then_nothing(days: TradingDays) -> None:
    deadline, next_cut_off = CALENDAR.submit_window(FIRST)[1], CALENDAR.as_of(SECOND)
    instants = (deadline - timedelta(seconds=1), deadline, next_cut_off - timedelta(seconds=1), next_cut_off)
    tradable = []
    for instant in instants:
        days.clock.move_to(instant)
        tradable.append(days.desk.tradable_session())
    assert tradable == [FIRST, None, None, SECOND]


def test_two_homes_that_live_the_same_days_have_the_same_trading_hash(tmp_path: Path) -> None:
    first, second = TradingDays(tmp_path / "one"), TradingDays(tmp_path / "two", desk_changes={"run_id": "another"})
    for days in (first, second):
        days.live()
        days.live(SECOND)
    run_session.plan(second.evening(SESSIONS[2]), session=FIRST, batch_hash="0" * 64)
    assert first.desk.ledger.trading_hash() == second.desk.ledger.trading_hash()


# What is told, word by word.


def at_close(days: TradingDays, off: timedelta = timedelta(0)) -> run_session.SettleReport:
    days.clock.move_to(CALENDAR.closes_at(SECOND) + off)
    return run_session.settle(days.desk, session=FIRST)


def test_a_session_is_settled_from_the_close_on_and_not_a_microsecond_earlier(days: TradingDays) -> None:
    days.plan()
    days.submit()
    early = at_close(days, -timedelta(microseconds=1))
    assert (early.status, early.reason) == ("too_early", f"session {SECOND} has not closed")
    assert at_close(days).status == "settled"


def test_what_is_not_settled_yet_is_told_as_the_book_has_it(days: TradingDays) -> None:
    days.plan()
    days.submit()
    early = at_close(days, -timedelta(hours=1))
    book = days.desk.ledger.book()
    assert (early.session, early.marked_session, early.equity_usd, early.unrealised_usd) == (FIRST, None, None, None)
    assert (early.cash_usd, early.realised_usd, early.positions) == (book.cash_usd, book.realised_usd, 3)
    assert (early.fills, early.why_rows_hash) == (3, None)


def test_a_session_without_a_plan_says_so_and_tells_the_account(days: TradingDays) -> None:
    report = days.settle()
    assert report.reason == f"session {FIRST} has no plan"
    assert (report.fills, report.positions, report.why_rows_hash) == (0, 0, None)


def test_while_another_process_acts_a_settle_asks_to_be_asked_again(days: TradingDays) -> None:
    days.plan()
    days.desk.ledger.take_lease(ACT_LEASE, holder="another", ttl_seconds=600)
    report = days.settle()
    assert (report.session, report.status, report.reason) == (FIRST, "busy", BUSY)
    assert days.desk.ledger.book().marks == ()


def test_what_the_venue_has_not_ended_is_named(tmp_path: Path) -> None:
    thin = [a_day_of(symbol, SECOND, volume_shares=400) for symbol in ("AAA", "BBB")]
    days = TradingDays(tmp_path, bars=thin, wrap_broker=ScriptedBroker)
    days.plan()
    days.submit()
    days.desk.broker.never_ends = True  # type: ignore[attr-defined] # of the scripted one
    report = days.settle()
    assert report.reason == "the venue has not ended the day's orders in AAA, BBB"
    reasons = [r.event.reason for r in days.desk.ledger.events() if isinstance(r.event, CancelRequested)]
    assert reasons == ["not filled before the end of its session"] * 2


def test_what_was_never_sent_ends_with_its_session(days: TradingDays) -> None:
    days.plan()
    days.settle()
    assert {record.note for record in days.desk.ledger.book().orders.values()} == {
        "not sent before the end of its session"
    }


def test_a_mark_holds_every_position_at_its_close(days: TradingDays) -> None:
    report = days.live()
    book = days.desk.ledger.book()
    [mark] = book.marks
    assert (mark.at, mark.cycle_id, mark.marked_session) == (days.clock.now(), days.desk.cycle_id(FIRST), SECOND)
    assert [position.symbol for position in mark.positions] == ["AAA", "BBB", "CCC"]
    for told in mark.positions:
        held = book.positions[told.symbol]
        assert (told.shares, told.cost_usd, told.realised_usd) == (held.shares, held.cost_usd, held.realised_usd)
        assert (told.close_usd, told.closed_session) == (days.world[SECOND, told.symbol].close_usd, SECOND)
    value = sum(told.shares * told.close_usd for told in mark.positions)
    cost = sum(told.cost_usd for told in mark.positions)
    assert (mark.cash_usd, mark.equity_usd, mark.unrealised_usd) == (book.cash_usd, book.cash_usd + value, value - cost)
    assert (report.equity_usd, report.unrealised_usd, report.positions) == (mark.equity_usd, mark.unrealised_usd, 3)


def test_a_settle_is_written_down_once_with_its_cycle(days: TradingDays) -> None:
    days.live()
    run_session.settle(days.desk, session=FIRST)
    finished_events = [r.event for r in days.desk.ledger.events() if isinstance(r.event, SettleFinished)]
    assert finished_events == [SettleFinished(at=days.clock.now(), cycle_id=days.desk.cycle_id(FIRST), session=FIRST)]


def test_an_earlier_session_keeps_its_own_figures(days: TradingDays) -> None:
    first = days.live()
    second = days.live(SECOND)
    again = run_session.settle(days.desk, session=FIRST)
    assert replace(again, status=first.status) == first
    assert (again.status, again.reason) == ("already_settled", "")
    assert second.marked_session == SESSIONS[2]


def test_nothing_is_marked_while_cash_differs(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, wrap_broker=ScriptedBroker)
    days.plan()
    days.submit()
    days.desk.broker.cash_apart_usd = Decimal("-5.00")  # type: ignore[attr-defined] # of the scripted one
    with pytest.raises(LedgerError, match="ledger and venue differ"):
        days.settle()
    cycle = days.desk.ledger.book().cycles[days.desk.cycle_id(FIRST)]
    assert (cycle.settled, days.desk.ledger.book().marks) == (None, ())


def test_nothing_is_settled_on_a_broken_chain(days: TradingDays, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ChainBroken("row 3 was changed")

    days.plan()
    monkeypatch.setattr(MemoryLedger, "verify_chain", broken)
    with pytest.raises(ChainBroken):
        days.settle()
    assert days.desk.ledger.book().marks == ()


def test_a_session_that_moved_on_after_its_close_is_not_marked_at_it(days: TradingDays) -> None:
    # Nobody settled the first session before the second traded: its close would value what was bought later.
    days.plan()
    days.submit()
    days.cancel_rest()
    days.plan(SECOND, days.a_batch(SECOND, best=("DDD", "EEE", "FFF", "CCC", "BBB", "AAA")))
    days.submit(SECOND)
    days.cancel_rest(SECOND)
    days.next_close(SECOND)
    late = run_session.settle(days.desk, session=FIRST)
    assert (late.status, late.marked_session) == ("settled", None)
    assert days.settle(SECOND).marked_session == SESSIONS[2]


def test_a_single_share_that_may_still_trade_keeps_the_day_open(tmp_path: Path) -> None:
    plain = TradingDays(tmp_path / "plain")
    plain.plan()
    wanted = next(r.order.quantity_shares for r in plain.desk.ledger.book().orders.values() if r.order.symbol == "AAA")
    # A twentieth of the volume fills.
    thin = a_day_of("AAA", SECOND, volume_shares=20 * (int(wanted) - 1))
    days = TradingDays(tmp_path / "thin", bars=[thin], wrap_broker=ScriptedBroker)
    days.plan()
    days.submit()
    days.desk.broker.never_ends = True  # type: ignore[attr-defined] # of the scripted one
    report = days.settle()
    assert (report.status, report.reason) == ("pending", "the venue has not ended the day's orders in AAA")
