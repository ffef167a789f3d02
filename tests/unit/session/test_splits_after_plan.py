"""A split between plan and open: the planned price and size mean something else, so the order does not go out."""

from decimal import Decimal
from pathlib import Path

from execution.ledger.order_record import OrderRecord
from tests.builders.trading_days import FIRST, SESSIONS, SYMBOLS, TradingDays, a_day_of
from tests.fakes.scripted_broker import ScriptedBroker

SECOND = SESSIONS[1]


def split_of(symbol: str, session: object, ratio: int = 2) -> list[object]:
    """Return a symbol's bars in new shares from the session of its split on."""
    bars = []
    for day in SESSIONS[SESSIONS.index(session) :]:  # type: ignore[arg-type]  # a session of the small world
        bar = a_day_of(symbol, day)
        prices = {
            name: str((getattr(bar, name) / ratio).quantize(Decimal("0.01")))
            for name in ("open_usd", "high_usd", "low_usd", "close_usd")
        }
        bars.append(a_day_of(symbol, day, **prices, split_ratio=Decimal(ratio) if day == session else Decimal(1)))
    return bars


def order_of(days: TradingDays, leg: str) -> OrderRecord:
    return next(record for record in reversed(days.desk.ledger.book().orders_in("AAA")) if record.leg == leg)


def sent(days: TradingDays, leg: str) -> int:
    broker = days.desk.broker
    assert isinstance(broker, ScriptedBroker)
    return sum((order.symbol, order.leg) == ("AAA", leg) for order in broker.submitted)


def test_an_entry_planned_before_a_split_is_voided_and_the_others_go(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, bars=split_of("AAA", SECOND), wrap_broker=ScriptedBroker)
    days.plan(FIRST)
    report = days.submit(FIRST)
    assert (order_of(days, "entry").state, sent(days, "entry"), report.voided) == ("voided", 0, 1)
    assert order_of(days, "entry").note.startswith("last look, price_collar: the limit price lies too far from the")
    assert sorted(days.desk.ledger.book().held_shares) == ["BBB", "CCC"]


def test_an_entry_planned_before_a_reverse_split_is_voided(tmp_path: Path) -> None:
    bars = [a_day_of("AAA", SECOND, open_usd="400.00", high_usd="410.00", low_usd="399.00", close_usd="405.00")]
    days = TradingDays(tmp_path, bars=bars, wrap_broker=ScriptedBroker)
    days.plan(FIRST)
    days.submit(FIRST)
    assert (order_of(days, "entry").state, sent(days, "entry")) == ("voided", 0)


def test_an_exit_planned_before_a_split_is_voided_and_every_new_share_stays_protected(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, bars=split_of("AAA", SESSIONS[2]), wrap_broker=ScriptedBroker)
    days.live(FIRST)
    bought = days.desk.ledger.book().held_shares["AAA"]
    days.plan(SECOND, days.a_batch(SECOND, best=(*SYMBOLS[1:], "AAA")))
    report = days.submit(SECOND)
    assert (order_of(days, "exit").state, sent(days, "exit"), report.unprotected) == ("voided", 0, ())
    assert "AAA was split 2 for 1 on 2024-03-07, after the plan" in order_of(days, "exit").note
    stop = order_of(days, "stop")
    assert (stop.state, stop.order.quantity_shares) == ("open", 2 * bought)


def test_what_a_split_kept_back_is_planned_again_in_new_shares(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, bars=split_of("AAA", SESSIONS[2]), wrap_broker=ScriptedBroker)
    days.live(FIRST)
    bought = days.desk.ledger.book().held_shares["AAA"]
    days.live(SECOND, days.a_batch(SECOND, best=(*SYMBOLS[1:], "AAA")))
    days.plan(SESSIONS[2], days.a_batch(SESSIONS[2], best=(*SYMBOLS[1:], "AAA")))
    exit_order = order_of(days, "exit").order
    assert exit_order.quantity_shares == 2 * bought
    days.submit(SESSIONS[2])
    assert "AAA" not in days.desk.ledger.book().held_shares


def test_a_split_of_something_held_does_not_shrink_the_room_for_entries(tmp_path: Path) -> None:
    days = TradingDays(tmp_path, bars=split_of("AAA", SESSIONS[2], ratio=10), wrap_broker=ScriptedBroker)
    days.live(FIRST)
    # New shares at old prices would count ten times, and no entry would fit beside them.
    days.plan(SECOND, days.a_batch(SECOND, best=("AAA", "DDD", "BBB", "CCC", "EEE", "FFF")))
    days.submit(SECOND)
    assert "DDD" in days.desk.ledger.book().held_shares


def test_a_reverse_split_that_leaves_no_share_ends_the_stop_and_every_later_act_goes_on(tmp_path: Path) -> None:
    prices = {"open_usd": "40000", "high_usd": "41000", "low_usd": "39900", "close_usd": "40500"}
    bars = [a_day_of("AAA", day, **prices, split_ratio="0.001" if day == SESSIONS[2] else "1") for day in SESSIONS[2:]]
    days = TradingDays(tmp_path, bars=bars)
    days.live(FIRST)
    asked = order_of(days, "stop").order.quantity_shares
    days.plan(SECOND)
    days.submit(SECOND)
    days.cancel_rest(SECOND)
    assert days.settle(SECOND).status == "settled"
    days.plan(SESSIONS[2])
    stop = order_of(days, "stop")
    assert (stop.state, stop.order.quantity_shares) == ("cancelled", asked)
    assert "AAA" not in days.desk.ledger.book().held_shares
