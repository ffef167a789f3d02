from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from execution.domain.events import CorporateActionBooked, FillBooked, PositionsMarked, SubmissionStarted
from execution.domain.orders import BrokerFill
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.session.day_so_far import (
    closed_positions,
    cycles_sent_at,
    day_began_at,
    day_start_equity_usd,
    entries_sent,
    losses_in_a_row,
    messages_sent_at,
    unsettled_usd,
)
from execution.trading_calendar import TradingCalendar
from tests.builders.batches import SESSION
from tests.builders.orders import (
    AT,
    CYCLE,
    a_fill,
    an_action,
    an_adjustment,
    an_order,
    an_order_id,
    intended,
    plan_recorded,
    sent,
)

CALENDAR = TradingCalendar.shipped()
LATER = AT + timedelta(hours=1)


def a_book(*fills: BrokerFill, **changes: Any) -> Book:
    return replace(folded(Book(), [FillBooked(at=fill.filled_at, fill=fill) for fill in fills]), **changes)


def bought(symbol: str, **changes: Any) -> BrokerFill:
    return a_fill(f"b-{symbol}", symbol, price_usd=Decimal(50), fee_usd=Decimal(0), **changes)


def sold(symbol: str, price: int, at: datetime = LATER, **changes: Any) -> BrokerFill:
    fields: dict[str, Any] = {"side": "sell", "price_usd": Decimal(price), "fee_usd": Decimal(1), "filled_at": at}
    return a_fill(f"s-{symbol}-{at.isoformat()}", symbol, **{**fields, **changes})


def test_a_closed_position_earned_what_its_whole_life_brought() -> None:
    [closed] = closed_positions(a_book(bought("AAA"), sold("AAA", 52)), since=AT)
    assert (closed.symbol, closed.closed_at, closed.earned_usd) == ("AAA", LATER, Decimal(19))


def test_a_position_that_is_only_reduced_is_not_closed() -> None:
    assert closed_positions(a_book(bought("AAA"), sold("AAA", 52, quantity_shares=9)), since=AT) == ()


def test_a_position_closed_earlier_is_not_told_again() -> None:
    book = a_book(bought("AAA"), sold("AAA", 52), bought("BBB"), sold("BBB", 40, LATER + timedelta(days=1)))
    [closed] = closed_positions(book, since=LATER + timedelta(hours=1))
    assert (closed.symbol, closed.earned_usd) == ("BBB", Decimal(-101))


def test_dividends_and_splits_belong_to_the_position_they_came_to() -> None:
    split = an_action("c1", kind="split", quantity_delta_shares=10, cash_usd=Decimal(0), booked_at=AT)
    paid = an_action("c2", cash_usd=Decimal(30), booked_at=AT + timedelta(minutes=1))
    actions = {each.entry_id: CorporateActionBooked(at=AT, entry=each) for each in (split, paid)}
    early = bought("AAA", filled_at=AT - timedelta(hours=1))
    book = a_book(early, sold("AAA", 24, quantity_shares=20), actions=actions)
    [closed] = closed_positions(book, since=AT)
    assert closed.earned_usd == Decimal(20 * 24 - 500 + 30 - 1)


def test_shares_that_came_in_without_a_trade_are_earned_on_from_what_they_are_booked_at() -> None:
    came = an_adjustment("AAA", shares_delta=10, cost_usd=Decimal(450))
    [closed] = closed_positions(a_book(sold("AAA", 52), adjustments=(came,)), since=AT)
    assert (closed.symbol, closed.closed_at, closed.earned_usd) == ("AAA", LATER, Decimal(520 - 1 - 450))


def test_shares_that_were_carried_away_close_their_position_and_earn_nothing() -> None:
    went = an_adjustment("AAA", shares_delta=-10)
    cash, other = an_adjustment(cash_usd=Decimal(5)), an_adjustment("BBB", shares_delta=3, cost_usd=Decimal(9))
    # Bought and carried away at one instant: the purchase comes first.
    book = a_book(bought("AAA"), adjustments=(cash, went, other))
    [closed] = closed_positions(book, since=AT)
    assert (closed.symbol, closed.closed_at, closed.earned_usd) == ("AAA", AT, Decimal(0))


def test_a_position_that_turns_round_is_closed_with_what_it_earned_until_then() -> None:
    book = a_book(bought("AAA"), sold("AAA", 52, quantity_shares=15))
    [closed] = closed_positions(book, since=AT)
    assert (closed.symbol, closed.closed_at) == ("AAA", LATER)


def test_losses_are_counted_back_from_the_newest_until_one_that_won() -> None:
    minutes = [LATER + timedelta(minutes=minute) for minute in range(4)]
    names = ("AAA", "BBB", "CCC", "DDD")
    sales = [sold(name, price, at) for name, price, at in zip(names, (40, 60, 40, 40), minutes, strict=True)]
    book = a_book(*(bought(name) for name in names), *sales)
    assert losses_in_a_row(book, since=AT) == 2


def test_losses_of_an_earlier_day_are_over() -> None:
    book = a_book(bought("AAA"), sold("AAA", 40), bought("BBB"), sold("BBB", 40, LATER + timedelta(days=1)))
    assert losses_in_a_row(book, since=LATER + timedelta(hours=1)) == 1


def test_of_positions_closed_at_one_instant_the_losses_count() -> None:
    book = a_book(bought("AAA"), sold("AAA", 40), bought("BBB"), sold("BBB", 60))
    assert losses_in_a_row(book, since=AT) == 1


def test_an_execution_taken_back_never_was() -> None:
    sale = sold("AAA", 40)
    back = a_fill("r", "AAA", price_usd=Decimal(40), fee_usd=Decimal(-1), filled_at=LATER, reverses=sale.execution_id)
    book = a_book(bought("AAA"), sale, back)
    assert closed_positions(book, since=AT) == ()
    assert unsettled_usd(book, CALENDAR, on_session=CALENDAR.next(SESSION)) == 0


def test_a_sale_settles_a_session_later() -> None:
    book = a_book(bought("AAA"), sold("AAA", 40))
    traded = CALENDAR.next(SESSION)
    assert unsettled_usd(book, CALENDAR, on_session=traded) == Decimal(399)
    assert unsettled_usd(book, CALENDAR, on_session=CALENDAR.next(traded)) == 0


def test_a_sale_before_a_holiday_settles_on_the_session_after_it() -> None:
    thursday = CALENDAR.sessions[CALENDAR.index(SESSION) + 17]  # 28 March 2024, before Good Friday.
    book = a_book(bought("AAA"), sold("AAA", 40, CALENDAR.opens_at(thursday)))
    assert unsettled_usd(book, CALENDAR, on_session=thursday) == Decimal(399)
    assert unsettled_usd(book, CALENDAR, on_session=CALENDAR.next(thursday)) == 0


def test_messages_and_cycles_are_what_went_out() -> None:
    orders = [an_order("AAA"), an_order("BBB"), an_order("CCC", side="sell", leg="exit"), an_order("DDD")]
    started = [
        SubmissionStarted(
            at=AT + timedelta(minutes=n),
            client_order_id=order.client_order_id,
            quantity_shares=order.quantity_shares,
            reserved_usd=Decimal(0),
        )
        for n, order in enumerate(orders[:3])
    ]
    book = folded(Book(), [plan_recorded(), *map(intended, orders), *started])
    assert messages_sent_at(book, since=AT + timedelta(minutes=1)) == (
        AT + timedelta(minutes=1),
        AT + timedelta(minutes=2),
    )
    assert cycles_sent_at(book, since=AT) == (AT,)
    assert cycles_sent_at(book, since=AT + timedelta(days=1)) == ()
    assert book.orders[orders[0].client_order_id].cycle_id == CYCLE


def test_entries_that_ever_went_out_are_counted_and_several_limits_of_one_are_one() -> None:
    first, second, leave, kept = (
        an_order("AAA"),
        an_order("BBB"),
        an_order("CCC", side="sell", leg="exit"),
        an_order("DDD"),
    )
    next_limit = an_order("AAA", client_order_id=an_order_id("AAA", leg="entry_2"))
    out = [first, second, leave, next_limit]
    book = folded(Book(), [plan_recorded(), *map(intended, [*out, kept]), *map(sent, out)])
    assert entries_sent(book, SESSION) == 2
    assert entries_sent(book, CALENDAR.next(SESSION)) == 0
    # An entry is not in its own way, whichever of its limits asks; what is no entry takes none of them out.
    assert entries_sent(book, SESSION, beside=book.orders[first.client_order_id]) == 1
    assert entries_sent(book, SESSION, beside=book.orders[next_limit.client_order_id]) == 1
    assert entries_sent(book, SESSION, beside=book.orders[leave.client_order_id]) == 2


def marked(session: date, equity_usd: int, *, earned_usd: int) -> PositionsMarked:
    return PositionsMarked(
        at=AT,
        cycle_id=CYCLE,
        marked_session=session,
        positions=(),
        cash_usd=Decimal(0),
        equity_usd=Decimal(equity_usd),
        realised_usd=Decimal(earned_usd),
        unrealised_usd=Decimal(0),
    )


def test_a_day_starts_with_the_equity_of_the_close_before_it_and_what_was_paid_in_since() -> None:
    first, second = SESSION, CALENDAR.next(SESSION)
    marks = (marked(first, 1_100, earned_usd=100), marked(second, 1_300, earned_usd=300))
    book = replace(Book(), marks=marks, paid_in_usd=Decimal(1_050))
    assert day_start_equity_usd(book, first) == 1_050
    assert day_start_equity_usd(book, second) == 1_100 + 50
    assert day_start_equity_usd(book, CALENDAR.next(second)) == 1_300 + 50


def test_an_exchange_day_runs_from_one_open_to_the_next() -> None:
    opens_at = CALENDAR.opens_at(SESSION)
    assert day_began_at(CALENDAR, opens_at) == opens_at
    assert day_began_at(CALENDAR, CALENDAR.opens_at(CALENDAR.next(SESSION)) - timedelta(seconds=1)) == opens_at
