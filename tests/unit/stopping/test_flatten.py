"""Close everything: armed, in market hours, under its own cap, never a share more than is held, never twice."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.domain.errors import Halted, NotArmed
from execution.domain.events import ControlChanged, OrderIntended, SymbolQuarantined
from execution.domain.orders import BrokerFill, OrderRequest, OrderState
from execution.ledger.order_record import OrderRecord
from execution.portfolio.sizing_policy import SizingPolicy
from execution.risk.limits import RiskLimits
from execution.session.flatten import FlattenPolicy, FlattenReport, arming_phrase, flatten
from execution.session.lease_of_act import BUSY, leased
from execution.session.quarantine import lift_quarantine
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays, a_day_of
from tests.fakes.named_prices import NamedPrices
from tests.fakes.scripted_broker import ScriptedBroker

POLICY = FlattenPolicy()


@pytest.fixture
def days(tmp_path: Path) -> TradingDays:
    """Return a desk in session that holds three symbols, each with a stop."""
    return in_session(tmp_path)


def in_session(folder: Path, **changes: Any) -> TradingDays:
    days = TradingDays(folder, **{"wrap_broker": ScriptedBroker, **changes})
    days.plan()
    days.submit()
    wire(days).submitted.clear()
    return days


def wire(days: TradingDays) -> ScriptedBroker:
    assert isinstance(days.desk.broker, ScriptedBroker)
    return days.desk.broker


def close(days: TradingDays, policy: FlattenPolicy = POLICY, **changes: Any) -> FlattenReport:
    given = {"arm": arming_phrase(days.desk), "actor": "ada", "reason": "going home", **changes}
    return flatten(days.desk, policy=policy, **given)


def held(days: TradingDays) -> dict[str, int]:
    return dict(days.desk.broker.account().positions_shares)


def sold(days: TradingDays) -> list[OrderRequest]:
    return wire(days).submitted


def test_everything_is_sold_and_nothing_works_any_more(days: TradingDays) -> None:
    assert len(held(days)) == 3
    assert close(days).status == "flat"
    assert held(days) == {}
    assert days.desk.broker.open_orders() == ()


def test_it_closes_for_as_long_as_the_exchange_is_open(days: TradingDays) -> None:
    days.clock.move_to(days.desk.calendar.closes_at(SESSIONS[1]) - timedelta(minutes=5))
    close(days)
    assert held(days) == {}


def test_the_ledger_agrees_when_all_is_closed(days: TradingDays) -> None:
    close(days)
    assert days.desk.ledger.book().held_shares == {}
    days.desk.ledger.verify_chain()


def test_only_market_orders_that_reduce_go_out_each_for_all_that_is_held(days: TradingDays) -> None:
    before = held(days)
    close(days)
    assert {(o.symbol, o.side, o.order_type, o.quantity_shares, o.is_reduce_only) for o in sold(days)} == {
        (symbol, "sell", "market", shares, True) for symbol, shares in before.items()
    }


def test_the_ledger_says_who_closed_and_why(days: TradingDays) -> None:
    close(days)
    control = days.desk.ledger.book().control
    assert control is not None
    assert (control.state, control.actor) == ("reducing", "ada")
    assert "going home" in control.reason


def test_nothing_new_is_opened_afterwards(days: TradingDays) -> None:
    close(days)
    days.cancel_rest()
    days.settle()
    days.plan(SESSIONS[1])
    days.submit(SESSIONS[1])
    assert {order.side for order in sold(days)} == {"sell"}


@pytest.mark.parametrize(
    "missing", [{"arm": ""}, {"arm": "close every position of another"}, {"actor": " "}, {"reason": ""}]
)
def test_without_phrase_name_and_reason_nothing_happens(days: TradingDays, missing: dict[str, str]) -> None:
    with pytest.raises(NotArmed, match="close every position of paper-1"):
        close(days, **missing)
    assert sold(days) == []


def test_an_engaged_kill_switch_closes_nothing(days: TradingDays) -> None:
    (days.folder / "KILL").touch()
    with pytest.raises(Halted):
        close(days)
    assert sold(days) == []


def test_a_halt_in_the_ledger_closes_nothing(days: TradingDays) -> None:
    halted = ControlChanged(at=days.clock.now(), state="halted", actor="bob", reason="stop")
    days.desk.ledger.record(lambda _: (halted,))
    with pytest.raises(Halted):
        close(days)


@pytest.mark.parametrize(
    "at",
    [
        CALENDAR.opens_at(SESSIONS[1]) - timedelta(seconds=1),
        CALENDAR.closes_at(SESSIONS[1]),
    ],
)
def test_outside_of_market_hours_nothing_is_sold_and_every_stop_stays(tmp_path: Path, at: Any) -> None:
    days = in_session(tmp_path) if at == CALENDAR.closes_at(SESSIONS[1]) else TradingDays(tmp_path)
    days.clock.move_to(at)
    works = days.venue.open_orders()
    report = close(days)
    assert (report.status, "closed" in report.reason) == ("refused", True)
    assert days.venue.open_orders() == works


def test_above_its_own_cap_nothing_is_sold_and_every_stop_stays(days: TradingDays) -> None:
    works = days.venue.open_orders()
    report = close(days, FlattenPolicy(notional_max_usd=Decimal(1_000)))
    assert report.status == "refused"
    assert "notional_max_usd" in report.reason
    assert days.venue.open_orders() == works
    assert days.desk.ledger.book().control is None


def test_closing_again_sends_nothing_twice(days: TradingDays) -> None:
    close(days)
    count = len(sold(days))
    assert close(days).status == "flat"
    assert len(sold(days)) == count


def test_a_stop_that_is_not_proven_gone_holds_its_symbol_back_until_the_next_asking(days: TradingDays) -> None:
    wire(days).ignores_cancel = lambda _: True
    report = close(days)
    assert (report.status, sorted(report.left)) == ("pending", ["AAA", "BBB", "CCC"])
    assert sold(days) == []
    wire(days).ignores_cancel = lambda _: False
    for order_id in report.cancelled:
        days.venue.cancel(order_id)
    assert close(days).status == "flat"


def test_an_unknown_outcome_is_never_sent_again(days: TradingDays) -> None:
    wire(days).faults["AAA", "flatten"] = "lose_request"
    close(days)
    count = len(sold(days))
    report = close(days)
    assert report.status == "working"
    assert len(sold(days)) == count


def test_a_lost_answer_is_looked_up_not_repeated(days: TradingDays) -> None:
    wire(days).faults["AAA", "flatten"] = "lose_answer"
    assert close(days).status == "flat"
    assert [order.symbol for order in sold(days)].count("AAA") == 1


def test_a_position_whose_sale_was_refused_stands_behind_a_stop_again(days: TradingDays) -> None:
    shares = held(days)["AAA"]
    wire(days).faults["AAA", "flatten"] = "refuse"
    report = close(days)
    (stop,) = days.desk.broker.open_orders()
    assert (stop.symbol, stop.order_type, stop.quantity_shares) == ("AAA", "stop", shares)
    assert report.left == {"AAA": "not sold yet: an order is in the way, or the venue refused; ask again"}


def test_a_refused_sale_may_be_asked_for_again_under_a_new_id(days: TradingDays) -> None:
    wire(days).faults["AAA", "flatten"] = "refuse"
    assert close(days).status == "pending"
    wire(days).faults.clear()
    assert close(days).status == "flat"
    legs = [(order.leg, order.client_order_id) for order in sold(days) if order.symbol == "AAA"]
    assert [leg for leg, _ in legs] == ["flatten", "stop", "flatten"]
    assert len(set(legs)) == 3


def test_a_sale_in_a_halted_symbol_works_on_and_is_not_sent_again(tmp_path: Path) -> None:
    days = in_session(tmp_path, bars=[a_day_of("AAA", SESSIONS[2], is_halted=True)])
    days.cancel_rest()
    days.settle()
    days.clock.move_to(CALENDAR.submit_window(SESSIONS[1])[0])
    assert close(days).status == "working"
    assert list(held(days)) == ["AAA"]
    count = len(sold(days))
    assert close(days).status == "working"
    assert len(sold(days)) == count


def test_a_symbol_in_quarantine_stays_with_its_stop_and_is_named(days: TradingDays) -> None:
    quarantined = SymbolQuarantined(at=days.clock.now(), symbol="AAA", reason="somebody else traded it")
    days.desk.ledger.record(lambda _: (quarantined,))
    report = close(days)
    assert report.status == "held_back"
    assert "somebody else traded it" in report.left["AAA"]
    assert [(order.symbol, order.order_type) for order in days.desk.broker.open_orders()] == [("AAA", "stop")]


def test_a_day_without_a_plan_can_be_closed_too(days: TradingDays) -> None:
    days.cancel_rest()
    days.settle()
    days.clock.move_to(CALENDAR.submit_window(SESSIONS[1])[0])
    assert days.desk.cycle_id(SESSIONS[1]) not in days.desk.ledger.book().cycles
    assert close(days).status == "flat"


def test_entries_that_still_work_are_cancelled(tmp_path: Path) -> None:
    opens_too_high = a_day_of("AAA", SESSIONS[1], open_usd="42", high_usd="42.5", low_usd="41.5", close_usd="42")
    days = in_session(tmp_path, bars=[opens_too_high])
    works = [order.client_order_id for order in days.desk.broker.open_orders() if order.side == "buy"]
    assert len(works) == 1
    report = close(days)
    assert set(works) <= set(report.cancelled)
    assert report.status == "flat"
    assert days.desk.broker.open_orders() == ()


def test_a_phrase_names_the_account(days: TradingDays) -> None:
    assert arming_phrase(days.desk) == "close every position of paper-1"


def test_no_order_of_the_plan_is_sold_beyond_what_is_held_when_both_are_asked(days: TradingDays) -> None:
    close(days)
    days.submit(FIRST)
    assert held(days) == {}


def test_while_another_process_acts_nothing_is_closed(days: TradingDays) -> None:
    with leased(replace(days.desk, run_id="rival")):
        report = close(days)
    assert (report.status, report.reason) == ("refused", BUSY)
    assert sold(days) == []


def priced(days: TradingDays, **named: Decimal | None) -> TradingDays:
    days.desk = replace(days.desk, quotes=NamedPrices(days.venue, named))
    return days


def flattens(days: TradingDays, *, of: date = FIRST) -> dict[str, list[OrderRecord]]:
    """Return by symbol what was decided to close, in its order."""
    found: dict[str, list[OrderRecord]] = {}
    for record in days.desk.ledger.book().orders_of(days.desk.cycle_id(of)):
        if record.order.leg == "flatten":
            found.setdefault(record.order.symbol, []).append(record)
    return found


def worth_usd(days: TradingDays) -> Decimal:
    prices = {symbol: days.venue.last_usd(symbol) or Decimal(0) for symbol in held(days)}
    return sum((shares * prices[symbol] for symbol, shares in held(days).items()), Decimal(0))


def stop_of(days: TradingDays, symbol: str) -> OrderState:
    [stop] = [order for order in days.venue.open_orders() if (order.symbol, order.order_type) == (symbol, "stop")]
    return stop


class PartlyStopped(ScriptedBroker):
    """Counts the fills a test adds in the orders it shows, as a venue does."""

    def order(self, client_order_id: str) -> OrderState | None:
        state = super().order(client_order_id)
        added = sum(fill.quantity_shares for fill in self.adds_fills if fill.client_order_id == client_order_id)
        return replace(state, filled_shares=state.filled_shares + added) if state is not None else None


def stop_trades(days: TradingDays, symbol: str, shares: int) -> None:
    """Let the venue tell that a stop sold, just as it is asked to end."""
    stop, price = stop_of(days, symbol), Decimal(39)

    def told(client_order_id: str) -> bool:
        if client_order_id == stop.client_order_id:
            fill = BrokerFill(
                execution_id="stopped out",
                client_order_id=client_order_id,
                symbol=symbol,
                side="sell",
                quantity_shares=shares,
                price_usd=price,
                fee_usd=Decimal(0),
                filled_at=days.clock.now(),
            )
            wire(days).adds_fills = (fill,)
            wire(days).positions_apart, wire(days).cash_apart_usd = {symbol: -shares}, shares * price
        return False

    wire(days).ignores_cancel = told


def test_the_exchange_is_open_from_the_first_instant_of_its_session(days: TradingDays) -> None:
    days.cancel_rest()
    days.settle()
    days.clock.move_to(CALENDAR.opens_at(SESSIONS[2]))
    assert close(days).status == "flat"


def test_a_closed_market_is_told_as_such(tmp_path: Path) -> None:
    report = close(TradingDays(tmp_path))
    assert report.reason == "the market is closed: positions are closed in market hours only"


def test_the_report_names_what_was_sent_and_what_was_asked_to_end(days: TradingDays) -> None:
    works = {order.client_order_id for order in days.venue.open_orders()}
    report = close(days)
    assert report.sent == tuple(order.client_order_id for order in sold(days))
    assert (set(report.cancelled), len(report.cancelled), report.left) == (works, 3, {})


def test_each_first_sale_is_the_leg_flatten_under_its_derived_id_at_the_price_it_was_judged_by(
    days: TradingDays,
) -> None:
    close(days)
    told = {symbol: [(r.leg, r.order.client_order_id) for r in records] for symbol, records in flattens(days).items()}
    assert told == {
        symbol: [("flatten", days.desk.order_id(FIRST, symbol=symbol, side="sell", leg="flatten"))]
        for symbol in ("AAA", "BBB", "CCC")
    }
    assert flattens(days)["AAA"][0].reference_price_usd == days.venue.last_usd("AAA")
    assert flattens(days)["AAA"][0].reason == "flatten by ada: going home"


def test_a_sale_after_a_refusal_is_a_leg_of_its_own(days: TradingDays) -> None:
    wire(days).faults["BBB", "flatten"] = "refuse"
    report = close(days)
    assert report.left == {"BBB": "not sold yet: an order is in the way, or the venue refused; ask again"}
    wire(days).faults.clear()
    close(days)
    legs = {symbol: [record.leg for record in records] for symbol, records in flattens(days).items()}
    assert legs == {"AAA": ["flatten"], "BBB": ["flatten", "flatten_2"], "CCC": ["flatten"]}


def test_what_was_decided_and_kept_from_the_wire_by_a_stop_is_taken_up_again(days: TradingDays) -> None:
    kill = days.folder / "KILL"
    wire(days).before_submit = lambda _: kill.touch()
    with pytest.raises(Halted):
        close(days)
    assert [record.state for record in flattens(days)["BBB"]] == ["intended"]
    kill.unlink()
    wire(days).before_submit = lambda _: None
    assert close(days).status == "flat"
    assert [(record.leg, record.state) for record in flattens(days)["BBB"]] == [("flatten", "filled")]


def test_exactly_its_cap_may_be_sold(days: TradingDays) -> None:
    assert close(days, FlattenPolicy(notional_max_usd=worth_usd(days))).status == "flat"


def test_above_its_cap_it_says_how_much_what_may_be_raised_and_what_else_is_in_the_way(days: TradingDays) -> None:
    worth = worth_usd(days)
    report = close(priced(days, BBB=None), FlattenPolicy(notional_max_usd=Decimal(1_000)))
    rest = worth - held(days)["BBB"] * (days.venue.last_usd("BBB") or 0)
    told = f"{rest:f} USD would be sold, one flatten may sell 1000 USD: raise flatten.notional_max_usd"
    assert (report.reason, report.left) == (told, {"BBB": "no price: it is halted or delisted"})


def test_a_symbol_without_a_price_keeps_its_stop_and_is_named(days: TradingDays) -> None:
    report = close(priced(days, BBB=None))
    assert (report.status, report.left) == ("held_back", {"BBB": "no price: it is halted or delisted"})
    assert (list(held(days)), stop_of(days, "BBB").status) == (["BBB"], "open")


def test_a_symbol_priced_at_nothing_is_held_back_by_the_checks_and_the_others_are_sold(days: TradingDays) -> None:
    report = close(priced(days, BBB=Decimal(0)))
    assert report.status == "held_back"
    assert report.left["BBB"].startswith("order_shape: ")
    assert list(held(days)) == ["BBB"]


def test_a_symbol_in_which_ledger_and_venue_differ_is_left_alone_and_named(days: TradingDays) -> None:
    # Of an order whose outcome nobody knows, the difference may be its fill: no quarantine yet.
    wire(days).hides_orders_of, wire(days).positions_apart = "BBB", {"BBB": 5}
    report = close(days)
    assert report.left == {"BBB": "ledger and venue differ in it"}
    assert {order.symbol for order in sold(days)} == {"AAA", "CCC"}


def test_while_a_stop_may_still_trade_no_sale_of_its_symbol_is_even_decided(days: TradingDays) -> None:
    stop = stop_of(days, "AAA")
    wire(days).ignores_cancel = lambda client_order_id: client_order_id == stop.client_order_id
    report = close(days)
    assert (report.status, list(report.left)) == ("pending", ["AAA"])
    assert list(flattens(days)) == ["BBB", "CCC"]


def test_a_position_its_stop_sold_meanwhile_is_not_sold_again_and_the_others_are(days: TradingDays) -> None:
    stop_trades(days, "AAA", held(days)["AAA"])
    assert close(days).status == "flat"
    assert list(flattens(days)) == ["BBB", "CCC"]


def test_of_a_position_its_stop_sold_in_part_only_the_rest_is_decided_and_sold(tmp_path: Path) -> None:
    days = in_session(tmp_path, wrap_broker=PartlyStopped)
    rest = held(days)["AAA"] - 40
    stop_trades(days, "AAA", 40)
    assert close(days).sent[0] == flattens(days)["AAA"][0].order.client_order_id
    decided = [recorded.event for recorded in days.desk.ledger.events()]
    [intent] = [e for e in decided if isinstance(e, OrderIntended) and (e.order.symbol, e.leg) == ("AAA", "flatten")]
    assert intent.order.quantity_shares == sold(days)[0].quantity_shares == rest


def thin_day(folder: Path, volume_shares: int) -> TradingDays:
    """Return a desk that holds AAA as far as one thin session after the next let it, on the second of them."""
    bars = [a_day_of("AAA", SESSIONS[2], volume_shares=volume_shares)]
    days = in_session(folder, bars=bars)
    days.cancel_rest()
    days.settle()
    days.clock.move_to(CALENDAR.submit_window(SESSIONS[1])[0])
    return days


def test_what_is_being_sold_is_not_named_nor_counted_against_the_cap_again(tmp_path: Path) -> None:
    days = thin_day(tmp_path, volume_shares=200)
    close(days)
    report = close(days, FlattenPolicy(notional_max_usd=Decimal(1)))
    assert (report.status, report.left, report.cancelled, report.sent) == ("working", {}, (), ())


def test_what_the_venue_left_out_of_a_sale_that_works_is_sold_beside_it(tmp_path: Path) -> None:
    days = thin_day(tmp_path, volume_shares=200)
    wire(days).faults["AAA", "flatten"] = "take_less"
    close(days)
    wire(days).faults.clear()
    # The stop that stood behind the five meanwhile.
    stop = days.desk.order_id(SESSIONS[1], symbol="AAA", side="sell", leg="stop")
    report = close(days)
    assert (report.cancelled, len(report.sent)) == ((stop,), 1)
    assert [record.leg for record in flattens(days, of=SESSIONS[1])["AAA"]] == ["flatten", "flatten_2"]
    assert sold(days)[-1].quantity_shares == 5


def test_a_single_share_is_closed_too(tmp_path: Path) -> None:
    days = in_session(tmp_path, bars=[a_day_of("AAA", SESSIONS[1], volume_shares=20)])
    days.cancel_rest()
    days.settle()
    days.clock.move_to(CALENDAR.submit_window(SESSIONS[1])[0])
    assert held(days)["AAA"] == 1
    stop = stop_of(days, "AAA").client_order_id
    report = close(days)
    assert (report.status, stop in report.cancelled) == ("flat", True)


def test_a_part_of_a_share_is_closed_too(tmp_path: Path) -> None:
    parts = SizingPolicy(
        entry_top_fraction=Decimal("0.5"),
        hold_top_fraction=Decimal("0.7"),
        share_decimals=9,
        position_max_weight=Decimal("0.0003"),
        position_min_weight=Decimal(0),
    )
    days = in_session(tmp_path, desk_changes={"sizing": parts})
    assert 0 < held(days)["AAA"] < 1
    assert close(days).status == "flat"


def test_a_short_position_that_a_person_let_stand_is_left_to_that_person(days: TradingDays) -> None:
    short = BrokerFill(
        execution_id="by hand",
        client_order_id="by-hand",
        symbol="FFF",
        side="sell",
        quantity_shares=5,
        price_usd=Decimal(50),
        fee_usd=Decimal(0),
        filled_at=days.clock.now(),
    )
    wire(days).adds_fills, wire(days).positions_apart, wire(days).cash_apart_usd = (short,), {"FFF": -5}, Decimal(250)
    assert "which is not ours" in close(days).left["FFF"]
    lift_quarantine(days.desk, symbol="FFF", actor="ada", reason="it is a hedge")
    report = close(days)
    assert (report.status, report.left) == (
        "held_back",
        {"FFF": "short 5 shares, which are not ours: close them at the venue"},
    )


def test_a_symbol_still_being_bought_is_sold_as_far_as_it_is_held(tmp_path: Path) -> None:
    days = in_session(tmp_path, bars=[a_day_of("AAA", SESSIONS[1], volume_shares=200)])
    [buy] = [order for order in days.venue.open_orders() if order.side == "buy"]
    report = close(days)
    assert buy.client_order_id in report.cancelled
    assert (report.left, sold(days)[0].symbol) == ({}, "AAA")


def fallen_day(folder: Path) -> TradingDays:
    """Return a desk of paper money on a morning without a plan, after a loss that its breaker halts for."""
    fallen = a_day_of("AAA", SESSIONS[1], low_usd="39.00", close_usd="39.25")
    limits = RiskLimits(drawdown_max_fraction=Decimal("0.001"))
    days = in_session(folder, bars=[fallen], desk_changes={"limits": limits})
    days.cancel_rest()
    days.settle()
    days.desk = replace(days.desk, mode="paper")
    days.clock.move_to(CALENDAR.submit_window(SESSIONS[1])[0])
    return days


def test_where_the_breaker_halts_what_was_to_be_closed_every_stop_stays(tmp_path: Path) -> None:
    days = fallen_day(tmp_path)
    works = days.venue.open_orders()
    with pytest.raises(Halted):
        close(days)
    assert (len(works), days.venue.open_orders()) == (3, works)
    assert sold(days) == []


def test_a_person_who_lets_the_account_reduce_again_closes_what_the_drawdown_still_halts(tmp_path: Path) -> None:
    days = fallen_day(tmp_path)
    with pytest.raises(Halted):
        close(days)
    allowed = ControlChanged(at=days.clock.now(), state="reducing", actor="ada", reason="seen")
    days.desk.ledger.record(lambda _: (allowed,))
    assert close(days).status == "flat"
