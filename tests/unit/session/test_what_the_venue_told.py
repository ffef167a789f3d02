"""One look at a venue, on a ledger in memory: what is asked, what is written of the answers, and what is left open."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.clock import MovedClock
from execution.domain.errors import BrokerAnswerRefused, LedgerError
from execution.domain.events import (
    AccountOpened,
    CancelRequested,
    CorporateActionBooked,
    Event,
    FillBooked,
    OrderAccepted,
    OrderAmended,
    OrderEnded,
    OrderMissed,
    OutcomeUnknown,
    SettleFinished,
    SymbolQuarantined,
)
from execution.domain.orders import BrokerFill, OrderRequest
from execution.domain.positions import cash_flow_usd
from execution.ledger.memory_ledger import MemoryLedger
from execution.session.day_orders import end_day_orders
from execution.session.reconcile import Reconciled, reconcile, still_known
from execution.trading_calendar import TradingCalendar
from tests.builders.batches import SESSION
from tests.builders.memory_desk import a_memory_desk
from tests.builders.orders import (
    AT,
    CYCLE,
    a_fill,
    accepted,
    account_opened,
    an_action,
    an_order,
    intended,
    plan_recorded,
    sent,
)
from tests.fakes.telling_venue import CASH, TellingVenue, at_venue

CALENDAR = TradingCalendar.shipped()
CLOSE = CALENDAR.closes_at(CALENDAR.next(SESSION))
NOW = AT + timedelta(minutes=2)
ORDER = an_order()
ID = ORDER.client_order_id


class Morning:
    """A desk of one cycle, and what a reconcile writes on it."""

    def __init__(self, *events: Event, at: datetime = NOW) -> None:
        self.venue, self.clock, self.ledger = TellingVenue(), MovedClock(at), MemoryLedger()
        self.ledger.append(account_opened(), plan_recorded(), *events)
        self.desk = a_memory_desk(at, broker=self.venue, clock=self.clock, ledger=self.ledger)

    def reconciled(self) -> tuple[list[Event], Reconciled]:
        """Look once, and return what was written and what is known."""
        before = self.ledger.head().sequence
        known = reconcile(self.desk)
        return [recorded.event for recorded in self.ledger.events()][before:], known

    def written(self) -> list[Event]:
        return self.reconciled()[0]


def an_order_out(order: OrderRequest = ORDER) -> tuple[Event, ...]:
    return intended(order), sent(order)


UNKNOWN = OutcomeUnknown(at=AT, client_order_id=ID, reason="lost")
ACCEPTED = OrderAccepted(at=NOW, client_order_id=ID, broker_order_id="v-1")
CANCEL = CancelRequested(at=NOW, client_order_id=ID, reason="over")
MISSED = OrderMissed(at=AT, client_order_id=ID, reason="over")

# Opening.


def test_the_ledger_of_a_new_account_is_opened_with_its_cash_and_once() -> None:
    morning = Morning()
    morning.ledger = MemoryLedger()
    morning.desk = replace(morning.desk, ledger=morning.ledger)
    assert morning.written() == [AccountOpened(at=NOW, account="paper", cash_usd=CASH)]
    assert morning.written() == []


# Looking again.


def test_what_was_looked_up_stays_known_until_something_is_written() -> None:
    morning = Morning(*an_order_out(), ACCEPTED)
    morning.venue.orders[ID] = at_venue()
    known = reconcile(morning.desk)
    asked = len(morning.venue.asked)
    assert still_known(morning.desk, known) is known
    assert len(morning.venue.asked) == asked
    morning.ledger.append(CANCEL)
    morning.venue.orders[ID] = at_venue(status="cancelled")
    again = still_known(morning.desk, known)
    assert again.book.orders[ID].state == "cancelled"
    assert known.book.orders[ID].state == "open"


def test_where_venue_and_ledger_differed_a_second_look_is_worth_its_time() -> None:
    morning = Morning(*an_order_out(), ACCEPTED)
    morning.venue.orders[ID] = at_venue(filled_shares=4)
    morning.venue.shares_apart = {"AAA": 4}
    known = reconcile(morning.desk)
    assert known.apart_shares == {"AAA": 4}
    morning.venue.shares_apart = {}
    morning.venue.executions.append(a_fill(quantity_shares=4))
    again = still_known(morning.desk, known)
    assert (again.apart_shares, again.book.held_shares) == ({}, {"AAA": 4})


def test_an_end_that_is_asked_for_once_more_is_worth_another_look_though_it_writes_no_row() -> None:
    morning = Morning(*an_order_out(), ACCEPTED, CANCEL)
    morning.venue.orders[ID] = at_venue()
    before = morning.ledger.head()
    assert end_day_orders(morning.desk, session=SESSION, before="its end")
    assert (morning.venue.cancelled, morning.ledger.head()) == ([ID], before)


def test_where_no_order_works_no_end_is_asked_for() -> None:
    morning = Morning(intended(ORDER))
    assert not end_day_orders(morning.desk, session=SESSION, before="its end")
    assert (morning.venue.cancelled, morning.ledger.book().orders[ID].state) == ([], "voided")


# Orders.


@pytest.mark.parametrize("before", [(), (UNKNOWN,), (UNKNOWN, MISSED)], ids=["in flight", "unknown", "missed"])
def test_an_order_the_venue_has_is_accepted_whatever_was_thought_of_it(before: tuple[Event, ...]) -> None:
    morning = Morning(*an_order_out(), *before)
    morning.venue.orders[ID] = at_venue()
    assert morning.written() == [ACCEPTED]
    assert morning.written() == []


def test_an_order_that_is_known_to_work_is_no_news() -> None:
    morning = Morning(*an_order_out(), accepted(ORDER))
    morning.venue.orders[ID] = at_venue()
    assert morning.written() == []


def test_an_order_the_venue_does_not_know_is_unknown_and_told_once() -> None:
    morning = Morning(*an_order_out())
    reason = "no answer was recorded and the venue does not know the order"
    assert morning.written() == [OutcomeUnknown(at=NOW, client_order_id=ID, reason=reason)]
    assert morning.written() == []
    assert morning.ledger.book().orders[ID].state == "unknown"


def test_an_order_the_venue_accepted_and_does_not_find_stays_open() -> None:
    morning = Morning(*an_order_out(), accepted(ORDER), at=CLOSE)
    assert morning.written() == []


@pytest.mark.parametrize("before", [(), (UNKNOWN,)], ids=["in flight", "unknown"])
def test_an_order_nobody_knows_is_missed_when_its_session_closes_and_not_earlier(before: tuple[Event, ...]) -> None:
    early = Morning(*an_order_out(), *before, at=CLOSE - timedelta(microseconds=1))
    assert not any(isinstance(event, OrderMissed) for event in early.written())
    morning = Morning(*an_order_out(), *before, at=CLOSE)
    reason = "its session is over and the venue does not know it; it is still looked up, never sent again"
    assert morning.written()[-1] == OrderMissed(at=CLOSE, client_order_id=ID, reason=reason)
    assert morning.written() == []
    assert ("order", ID) in morning.venue.asked


def test_an_order_sent_after_its_session_closed_is_waited_for_through_the_next_one() -> None:
    # A stop that a settle sends: missed at once, another would go out beside it while a slow venue has the first.
    sent_late = replace(sent(ORDER), at=CLOSE + timedelta(minutes=20))
    next_close = CALENDAR.closes_at(CALENDAR.next(CALENDAR.next(SESSION)))
    early = Morning(intended(ORDER), sent_late, UNKNOWN, at=next_close - timedelta(microseconds=1))
    assert not any(isinstance(event, OrderMissed) for event in early.written())
    late = Morning(intended(ORDER), sent_late, UNKNOWN, at=next_close)
    assert isinstance(late.written()[-1], OrderMissed)


def test_whatever_was_sent_and_is_not_proven_ended_is_looked_up_and_nothing_else() -> None:
    cancelled, waiting, ended = an_order("BBB"), an_order("CCC"), an_order("DDD")
    wish = CancelRequested(at=AT, client_order_id=cancelled.client_order_id, reason="enough")
    end = OrderEnded(
        at=AT, client_order_id=ended.client_order_id, status="cancelled", filled_shares=0, reason="the day is over"
    )
    morning = Morning(
        *an_order_out(),
        UNKNOWN,
        MISSED,
        *an_order_out(cancelled),
        wish,
        intended(waiting),
        *an_order_out(ended),
        accepted(ended),
        end,
    )
    morning.written()
    looked_up = {of for what, of in morning.venue.asked if what == "order"}
    assert looked_up == {ID, cancelled.client_order_id}


def test_orders_are_asked_before_fills_so_that_an_end_never_outruns_its_fills() -> None:
    morning = Morning(*an_order_out())
    morning.written()
    assert [what for what, _ in morning.venue.asked] == ["order", "fills", "actions", "account", "open orders"]


@pytest.mark.parametrize(
    "change",
    [{"quantity_shares": 4}, {"limit_usd": Decimal("50.50")}, {"stop_usd": Decimal(44)}],
    ids=lambda change: next(iter(change)),
)
def test_terms_the_venue_changed_are_taken_over_once(change: dict[str, Any]) -> None:
    morning = Morning(*an_order_out(), accepted(ORDER))
    morning.venue.orders[ID] = at_venue(**change)
    terms = {"quantity_shares": 10, "limit_usd": ORDER.limit_usd, "stop_usd": None, **change}
    assert morning.written() == [OrderAmended(at=NOW, client_order_id=ID, **terms)]
    assert morning.written() == []


def test_every_order_gets_its_own_news() -> None:
    second, third = an_order("BBB"), an_order("CCC")
    morning = Morning(*an_order_out(), *an_order_out(second), *an_order_out(third))
    morning.venue.orders = {order.client_order_id: at_venue(order) for order in (ORDER, third)}
    told = {(type(event), getattr(event, "client_order_id", "")) for event in morning.written()}
    assert told == {
        (OrderAccepted, ID),
        (OutcomeUnknown, second.client_order_id),
        (OrderAccepted, third.client_order_id),
    }


# Fills and ends.


def test_a_fill_is_booked_once_and_the_end_with_the_last_of_them() -> None:
    morning = Morning(*an_order_out())
    part, rest = a_fill("x1", quantity_shares=4), a_fill("x2", quantity_shares=6, filled_at=AT + timedelta(seconds=1))
    morning.venue.orders[ID] = at_venue(filled_shares=10, status="filled", reason="all of it")
    morning.venue.executions = [part]
    assert morning.written() == [ACCEPTED, FillBooked(at=NOW, fill=part)]
    assert morning.ledger.book().orders[ID].state == "open"
    morning.venue.executions = [rest, part]
    end = OrderEnded(at=NOW, client_order_id=ID, status="filled", filled_shares=10, reason="all of it")
    assert morning.written() == [FillBooked(at=NOW, fill=rest), end]
    assert morning.written() == []


@pytest.mark.parametrize("status", ["cancelled", "expired", "rejected"])
def test_an_order_that_ends_half_filled_ends_as_the_venue_says(status: Any) -> None:
    morning = Morning(*an_order_out(), accepted(ORDER))
    part = a_fill(quantity_shares=4)
    morning.venue.orders[ID] = at_venue(filled_shares=4, status=status, reason="said the venue")
    morning.venue.executions = [part]
    assert morning.written() == [
        FillBooked(at=NOW, fill=part),
        OrderEnded(at=NOW, client_order_id=ID, status=status, filled_shares=4, reason="said the venue"),
    ]


def test_more_fills_than_the_venue_counts_end_nothing() -> None:
    morning = Morning(*an_order_out(), accepted(ORDER))
    morning.venue.orders[ID] = at_venue(filled_shares=4, status="cancelled")
    morning.venue.executions = [a_fill(quantity_shares=6)]
    assert not any(isinstance(event, OrderEnded) for event in morning.written())


def test_an_order_that_works_on_is_not_ended_by_its_fills() -> None:
    morning = Morning(*an_order_out(), accepted(ORDER))
    morning.venue.orders[ID] = at_venue(filled_shares=10)
    morning.venue.executions = [a_fill()]
    assert [type(event) for event in morning.written()] == [FillBooked]


def test_what_happened_is_booked_in_the_order_of_time_and_an_action_before_a_fill_of_its_instant() -> None:
    late, early, same = (a_fill(key, quantity_shares=1) for key in ("x1", "x2", "x3"))
    late, early = (
        replace(late, filled_at=AT + timedelta(seconds=9)),
        replace(early, filled_at=AT - timedelta(seconds=1)),
    )
    morning = Morning(*an_order_out(), accepted(ORDER))
    morning.venue.orders[ID] = at_venue(filled_shares=3)
    morning.venue.executions = [late, same, early]
    action = an_action("z1", booked_at=AT)
    morning.venue.actions = [action]
    assert morning.written() == [
        FillBooked(at=NOW, fill=early),
        CorporateActionBooked(at=NOW, entry=action),
        FillBooked(at=NOW, fill=same),
        FillBooked(at=NOW, fill=late),
    ]
    assert morning.written() == []


def test_fills_of_one_instant_are_booked_by_their_ids() -> None:
    fills = [a_fill(key, quantity_shares=1) for key in ("x3", "x1", "x2")]
    morning = Morning(*an_order_out(), accepted(ORDER))
    morning.venue.orders[ID], morning.venue.executions = at_venue(filled_shares=3), fills
    booked = [event.fill.execution_id for event in morning.written() if isinstance(event, FillBooked)]
    assert booked == ["x1", "x2", "x3"]


def test_a_fill_worse_than_its_limit_books_nothing_at_all() -> None:
    morning = Morning(*an_order_out())
    morning.venue.orders[ID] = at_venue(filled_shares=10, status="filled")
    morning.venue.executions = [a_fill(price_usd=Decimal("51.01"))]
    before = morning.ledger.head()
    with pytest.raises(BrokerAnswerRefused, match="limit 51"):
        morning.written()
    assert morning.ledger.head() == before


# What was booked by somebody else while the venue was asked.


def test_what_another_process_booked_meanwhile_is_not_booked_again() -> None:
    morning = Morning(*an_order_out())
    fill = a_fill()
    morning.venue.orders[ID] = at_venue(filled_shares=10, status="filled")
    morning.venue.executions = [fill]
    elsewhere = [(OrderAccepted(at=AT, client_order_id=ID, broker_order_id="v-1"), FillBooked(at=AT, fill=fill))]
    morning.venue.while_asked = lambda what: morning.ledger.append(
        *(elsewhere.pop() if what == "actions" and elsewhere else ())
    )
    written = [event for event in morning.written() if event.at == NOW]
    assert [type(event) for event in written] == [OrderEnded]


def test_an_order_that_went_out_while_the_venue_was_asked_is_not_called_unknown() -> None:
    morning, later = Morning(*an_order_out()), an_order("BBB")
    morning.venue.orders[ID] = at_venue()
    going = [an_order_out(later)]
    morning.venue.while_asked = lambda what: morning.ledger.append(*(going.pop() if what == "fills" and going else ()))
    morning.written()
    assert morning.ledger.book().orders[later.client_order_id].state == "in_flight"


# From when on the venue is asked.


def asked_since(morning: Morning) -> set[datetime]:
    morning.written()
    return {of for what, of in morning.venue.asked if what in ("fills", "actions")}


def settled(at: datetime) -> Event:
    return SettleFinished(at=at, cycle_id=CYCLE, session=SESSION)


def test_a_young_ledger_asks_from_its_opening_on() -> None:
    assert asked_since(Morning()) == {AT}
    assert asked_since(Morning(settled(AT + timedelta(days=1)), at=AT + timedelta(days=2))) == {AT}


def test_a_settled_ledger_asks_five_days_back_from_its_newest_settle() -> None:
    newest = AT + timedelta(days=30)
    assert asked_since(Morning(settled(newest), at=newest + timedelta(days=1))) == {newest - timedelta(days=5)}


def test_an_order_that_is_still_unproven_is_asked_for_from_its_sending_on() -> None:
    newest = AT + timedelta(days=30)
    morning = Morning(*an_order_out(), accepted(ORDER), settled(newest), at=newest + timedelta(days=1))
    morning.venue.orders[ID] = at_venue()
    assert asked_since(morning) == {AT}
    young = replace(sent(ORDER), at=newest)
    recent = Morning(intended(ORDER), young, accepted(ORDER), settled(newest), at=newest + timedelta(days=1))
    recent.venue.orders[ID] = at_venue()
    assert asked_since(recent) == {newest - timedelta(days=5)}


# What is not ours, or not explained.


def test_a_strangers_fill_is_booked_and_puts_its_symbol_in_quarantine_once() -> None:
    morning = Morning()
    fills = [
        a_fill(f"x{number}", symbol, client_order_id="by-hand") for number, symbol in enumerate(("BBB", "AAA", "AAA"))
    ]
    morning.venue.executions = fills
    written = morning.written()
    assert [event.symbol for event in written if isinstance(event, SymbolQuarantined)] == ["AAA", "BBB"]
    assert all("which is not ours" in event.reason for event in written if isinstance(event, SymbolQuarantined))
    assert sum(isinstance(event, FillBooked) for event in written) == 3
    morning.venue.executions.append(a_fill("x9", "AAA", client_order_id="by-hand"))
    assert [type(event) for event in morning.written()] == [FillBooked]


def test_a_strangers_order_puts_its_symbol_in_quarantine() -> None:
    morning = Morning()
    morning.venue.strangers = (at_venue(an_order("BBB"), client_order_id="by-hand"),)
    written, known = morning.reconciled()
    reason = "order by-hand works at the venue and is not ours"
    assert written == [SymbolQuarantined(at=NOW, symbol="BBB", reason=reason)]
    assert (set(known.book.quarantined), known.open_orders) == ({"BBB"}, morning.venue.strangers)
    assert morning.written() == []


def test_shares_nobody_explains_are_told_beside_the_account() -> None:
    morning = Morning()
    morning.venue.shares_apart = {"FFF": 5}
    written, known = morning.reconciled()
    assert [event.symbol for event in written if isinstance(event, SymbolQuarantined)] == ["FFF"]
    assert (known.apart_shares, known.account.positions_shares) == ({"FFF": 5}, {"FFF": 5})


def a_late_fill(morning: Morning, look: int) -> BrokerFill:
    """Let the venue's account hold a stranger's shares before it tells of the fill, which it does at a look."""
    fill, looks = a_fill("x1", "FFF", client_order_id="by-hand"), [0]
    morning.venue.shares_apart, morning.venue.cash_apart_usd = {"FFF": 10}, cash_flow_usd(fill)

    def tell(what: str) -> None:
        if what == "fills":
            looks[0] += 1
            if looks[0] == look:
                morning.venue.executions = [fill]
                morning.venue.shares_apart, morning.venue.cash_apart_usd = {}, Decimal(0)

    morning.venue.while_asked = tell
    return fill


@pytest.mark.parametrize("look", [1, 2, 3])
def test_a_venue_that_has_not_told_all_yet_is_asked_three_times(look: int) -> None:
    morning = Morning()
    a_late_fill(morning, look)
    _, known = morning.reconciled()
    assert (known.apart_shares, known.differences) == ({}, ())
    assert sum(what == "fills" for what, _ in morning.venue.asked) == look


def test_a_venue_that_contradicts_itself_three_times_is_believed_to_differ() -> None:
    morning = Morning()
    a_late_fill(morning, 4)
    _, known = morning.reconciled()
    assert known.apart_shares == {"FFF": 10}
    assert sum(what == "fills" for what, _ in morning.venue.asked) == 3


def test_cash_that_nothing_explains_lets_nothing_go_and_says_what_to_compare() -> None:
    morning = Morning()
    morning.venue.cash_apart_usd = Decimal("-0.01")
    _, known = morning.reconciled()
    assert known.differences == ("cash is 100000 USD in the ledger, 99999.99 at the venue",)
    with pytest.raises(LedgerError) as refused:
        known.refuse_differences()
    assert str(refused.value) == (
        "ledger and venue differ: cash is 100000 USD in the ledger, 99999.99 at the venue. Nothing is sent while they "
        "do; compare the venue's activity with `touchstone ledger`"
    )


def test_several_differences_are_told_together() -> None:
    known = Morning().reconciled()[1]
    apart: Sequence[str] = ("cash is apart", "AAA is apart")
    with pytest.raises(LedgerError, match=r"differ: cash is apart; AAA is apart\. Nothing"):
        replace(known, differences=tuple(apart)).refuse_differences()


def test_where_all_agrees_nothing_is_refused() -> None:
    written, known = Morning().reconciled()
    assert (written, known.apart_shares, known.differences) == ([], {}, ())
    known.refuse_differences()
