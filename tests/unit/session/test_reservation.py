"""What lets an order out: what the world is asked for, and what of the newest book the last look is shown."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from execution.domain.events import CorporateActionBooked, Event, FillBooked, OrderMissed, SymbolQuarantined
from execution.domain.orders import AccountSnapshot, OrderState, ProposedOrder
from execution.ledger.book import Book
from execution.ledger.folding import folded
from execution.ledger.order_record import OrderRecord
from execution.risk.limits import RiskLimits
from execution.risk.trading_context import TradingContext
from execution.session import reservation
from execution.session.account_view import as_if_open
from execution.session.desk import Desk
from execution.session.reconcile import Reconciled
from execution.session.reservation import SendView, refused_at_send, reserved_usd, view_at_send
from execution.trading_calendar import TradingCalendar
from tests.builders.batches import SESSION
from tests.builders.memory_desk import a_memory_desk
from tests.builders.orders import (
    AT,
    a_fill,
    an_action,
    an_order,
    an_order_id,
    intended,
    plan_recorded,
    sent,
)
from tests.builders.orders import account_opened as opened
from tests.fakes.listed_prices import ListedPrices

CALENDAR = TradingCalendar.shipped()
NOW = CALENDAR.submit_window(SESSION)[0]
FIFTY = Decimal(50)
FEES = Decimal("1.001")


def a_desk(quotes: ListedPrices | None = None, **limits: Any) -> Desk:
    return a_memory_desk(NOW, quotes=quotes or ListedPrices(), limits=RiskLimits(**limits))


def a_book(*events: Event, equity_usd: int = 0) -> Book:
    return folded(Book(), [opened(), plan_recorded(equity_usd=Decimal(equity_usd)), *events])


def decided(symbol: str, **changes: Any) -> Event:
    return intended(an_order(symbol, **changes), reference_price_usd=FIFTY, protective_stop_usd=Decimal(47))


def held(symbol: str, shares: int = 10, at: Any = AT) -> Event:
    fill = a_fill(f"held-{symbol}", symbol, client_order_id="before", quantity_shares=shares, filled_at=at)
    return FillBooked(at=AT, fill=fill)


def record_of(book: Book, symbol: str = "AAA") -> OrderRecord:
    return book.orders[an_order_id(symbol)]


def a_view(**changes: Any) -> SendView:
    fields: dict[str, Any] = {
        "session": SESSION,
        "apart_shares": {},
        "apart_usd": Decimal(0),
        "foreign_orders": (),
        "closes_usd": {"AAA": FIFTY, "BBB": FIFTY},
        "quotes_usd": {"AAA": FIFTY},
    }
    return SendView(**{**fields, **changes})


def a_foreign_order(symbol: str = "CCC") -> OrderState:
    return OrderState(
        client_order_id="by-hand",
        broker_order_id="v-9",
        symbol=symbol,
        side="buy",
        quantity_shares=7,
        filled_shares=0,
        status="open",
        order_type="limit",
        limit_usd=FIFTY,
        stop_usd=None,
    )


def seen(book: Book, view: SendView, symbol: str = "AAA", **limits: Any) -> TradingContext:
    return reservation._context(a_desk(**limits), view, book, record_of(book, symbol), NOW)


def looked(book: Book, view: SendView, *, shares: int = 10, symbol: str = "AAA", **limits: Any) -> str:
    """Return the rule that refused, or nothing."""
    record = record_of(book, symbol)
    blocked = refused_at_send(a_desk(**limits), view, book, record, quantity_shares=shares, now=NOW)
    return "" if blocked is None else f"{blocked.check}: {blocked.found}"


# What the last look is shown.


def test_the_last_look_sees_the_newest_account_whole() -> None:
    quarantine = SymbolQuarantined(at=AT, symbol="DDD", reason="not ours")
    book = a_book(held("BBB"), decided("AAA"), decided("CCC"), sent(an_order("CCC")), quarantine, equity_usd=90_000)
    view = a_view(foreign_orders=(a_foreign_order(),), apart_shares={"BBB": -3, "EEE": 4}, apart_usd=Decimal(-250))
    assert seen(book, view) == TradingContext(
        session=SESSION,
        now=NOW,
        calendar=CALENDAR,
        trading_state="active",
        equity_usd=Decimal(90_000),
        day_start_equity_usd=Decimal(90_000),
        drawdown_fraction=Decimal(0),
        cash_usd=book.cash_usd - 250,
        unsettled_usd=Decimal(0),
        positions_shares={"BBB": 7, "EEE": 4},
        closes_usd=view.closes_usd,
        signals={},
        messages_today=None,
        losses_in_a_row=None,
        open_orders=(a_foreign_order(), as_if_open(record_of(book, "CCC"))),
        entries_today=1,
        quotes_usd=view.quotes_usd,
        quarantined={"DDD": "not ours"},
        is_sending=True,
    )


def test_cash_only_the_venue_shows_is_not_counted_on() -> None:
    book = a_book(decided("AAA"))
    assert seen(book, a_view(apart_usd=Decimal(500))).cash_usd == book.cash_usd


def test_proceeds_that_have_not_settled_are_told_apart() -> None:
    sale = a_fill("s1", "BBB", side="sell", client_order_id="before", filled_at=CALENDAR.opens_at(SESSION))
    today = a_fill("s2", "BBB", side="sell", client_order_id="before", filled_at=NOW)
    book = a_book(held("BBB", 20), decided("AAA"), FillBooked(at=AT, fill=sale), FillBooked(at=AT, fill=today))
    assert seen(book, a_view()).unsettled_usd == Decimal("500.65")


def test_an_order_whose_day_went_by_unseen_does_not_work_any_more() -> None:
    lost = OrderMissed(at=AT, client_order_id=an_order_id("CCC"), reason="its day is over")
    book = a_book(decided("AAA"), decided("CCC"), sent(an_order("CCC")), lost)
    assert seen(book, a_view()).open_orders == ()


def test_an_order_of_a_single_share_still_works() -> None:
    book = a_book(decided("AAA"), decided("CCC", quantity_shares=1), sent(an_order("CCC", quantity_shares=1)))
    assert [order.symbol for order in seen(book, a_view()).open_orders] == ["CCC"]


# Against which equity.


def test_limits_are_reckoned_from_the_equity_the_plan_was_made_with() -> None:
    book = a_book(held("BBB"), decided("AAA"), equity_usd=1)
    assert seen(book, a_view()).equity_usd == 1


def test_a_plan_of_an_older_version_is_reckoned_from_cash_and_closes() -> None:
    book = a_book(held("BBB"), held("ZZZ"), decided("AAA"))
    view = a_view(apart_usd=Decimal(-40), apart_shares={"BBB": 2})
    # What has no close counts nothing: less equity lets less out.
    assert seen(book, view).equity_usd == book.cash_usd - 40 + 12 * FIFTY


# What an entry is refused for.


def test_an_entry_the_account_can_carry_goes() -> None:
    assert looked(a_book(decided("AAA"), equity_usd=100_000), a_view()) == ""


def test_the_shares_that_would_go_out_are_judged_not_those_decided() -> None:
    book = a_book(decided("AAA", quantity_shares=100), equity_usd=100_000)
    limits: dict[str, Any] = {"order_quantity_max_shares": 10}
    assert looked(book, a_view(), shares=10, **limits) == ""
    assert looked(book, a_view(), shares=11, **limits).startswith("order_quantity")


def test_entries_of_the_cycle_that_went_out_count_in_its_basket_and_others_do_not() -> None:
    went = (decided("BBB"), sent(an_order("BBB")))
    waits = decided("CCC")
    exit_order = an_order("DDD", side="sell", leg="exit", quantity_shares=5)
    sold = (held("DDD"), intended(exit_order), sent(exit_order))
    book = a_book(*went, waits, *sold, decided("AAA"), equity_usd=100_000)
    view = a_view(closes_usd=dict.fromkeys(("AAA", "BBB", "DDD"), FIFTY))
    # Two entries of 510 USD at their limits.
    assert looked(book, view, order_notional_max_usd=600, basket_notional_max_usd=1_020) == ""
    assert looked(book, view, order_notional_max_usd=600, basket_notional_max_usd=1_019).startswith("basket")


def test_an_exit_is_never_refused() -> None:
    order = an_order("BBB", side="sell", leg="exit")
    book = a_book(held("BBB"), intended(order), equity_usd=100_000)
    record = book.orders[order.client_order_id]
    desk = a_desk(order_notional_max_usd=1)
    assert refused_at_send(desk, a_view(closes_usd={}), book, record, quantity_shares=10, now=NOW) is None


# What is reserved.


def test_a_buy_reserves_its_worst_price_and_its_fees() -> None:
    book = a_book(decided("AAA"))
    assert reserved_usd(a_desk(fee_allowance_bps=Decimal(10)), record_of(book), 4) == 4 * Decimal("51.00") * FEES


def test_a_sale_reserves_nothing() -> None:
    record = OrderRecord.intended(intended(an_order(side="sell", leg="exit")), SESSION)
    assert reserved_usd(a_desk(), record, 10) == 0


@pytest.mark.parametrize(
    ("changes", "reference", "expected"),
    [
        ({}, Decimal(49), Decimal(49)),
        ({}, None, Decimal("51.00")),
        ({"order_type": "stop", "limit_usd": None, "stop_usd": Decimal(46)}, None, Decimal(46)),
        ({"order_type": "market", "limit_usd": None}, None, Decimal(0)),
    ],
)
def test_an_order_is_known_by_the_first_price_there_is(
    changes: dict[str, Any], reference: Decimal | None, expected: Decimal
) -> None:
    event = intended(an_order(**changes), reference_price_usd=reference, protective_stop_usd=Decimal(44))
    proposed = reservation._proposed(OrderRecord.intended(event, SESSION), 7)
    assert proposed == ProposedOrder(
        symbol="AAA",
        side="buy",
        leg="entry",
        quantity_shares=7,
        reference_price_usd=expected,
        limit_usd=event.order.limit_usd,
        stop_usd=Decimal(44),
        reason="the test wants",
    )


# What the world is asked.


def asked(book: Book, quotes: ListedPrices, **changes: Any) -> SendView:
    fields: dict[str, Any] = {
        "book": book,
        "account": AccountSnapshot(cash_usd=book.cash_usd, positions_shares=dict(book.held_shares)),
        "open_orders": (),
        "apart_shares": {},
        "differences": (),
    }
    return view_at_send(a_desk(quotes), Reconciled(**{**fields, **changes}), SESSION)


def closing(**closes: str) -> Mapping[tuple[str, Any], Decimal]:
    return {(symbol, SESSION): Decimal(usd) for symbol, usd in closes.items()}


def test_what_is_held_ordered_or_to_be_bought_is_priced() -> None:
    book = a_book(held("BBB"), decided("AAA"), decided("CCC"), sent(an_order("CCC")))
    quotes = ListedPrices(
        {"AAA": Decimal(51), "CCC": Decimal(61)}, closing(AAA="50", BBB="40", CCC="60", DDD="30", EEE="20")
    )
    account = AccountSnapshot(cash_usd=book.cash_usd, positions_shares={"BBB": 10, "DDD": 5})
    view = asked(book, quotes, account=account)
    assert view.closes_usd == {"AAA": Decimal(50), "BBB": Decimal(40), "CCC": Decimal(60), "DDD": Decimal(30)}
    assert view.quotes_usd == {"AAA": Decimal(51), "CCC": Decimal(61)}
    assert quotes.asked == ["AAA", "BBB", "CCC", "DDD"]


@pytest.mark.parametrize("book", [a_book(held("BBB")), a_book(held("BBB"), decided("AAA"), sent(an_order("AAA")))])
def test_where_no_entry_is_to_go_no_price_is_asked(book: Book) -> None:
    quotes = ListedPrices({"AAA": FIFTY}, closing(AAA="50", BBB="40"))
    view = asked(book, quotes)
    assert (view.closes_usd, view.quotes_usd, quotes.asked) == ({}, {}, [])


def test_an_exit_to_be_sent_asks_for_no_price() -> None:
    exit_order = an_order("BBB", side="sell", leg="exit")
    quotes = ListedPrices({"BBB": FIFTY}, closing(BBB="40"))
    assert asked(a_book(held("BBB"), intended(exit_order)), quotes).closes_usd == {}


def test_a_symbol_that_did_not_trade_keeps_its_newest_close_and_one_that_never_did_has_none() -> None:
    quotes = ListedPrices({}, {("AAA", CALENDAR.offset(SESSION, -3)): Decimal(48)})
    assert asked(a_book(held("ZZZ"), decided("AAA")), quotes).closes_usd == {"AAA": Decimal(48)}


def test_what_is_not_ours_is_told_beside_the_ledger() -> None:
    book = a_book(decided("AAA"), sent(an_order("AAA")))
    ours = as_if_open(record_of(book))
    account = AccountSnapshot(cash_usd=book.cash_usd - 30, positions_shares={})
    view = asked(book, ListedPrices(), account=account, open_orders=(ours, a_foreign_order()), apart_shares={"CCC": 7})
    assert view == SendView(
        session=SESSION,
        apart_shares={"CCC": 7},
        apart_usd=Decimal(-30),
        foreign_orders=(a_foreign_order(),),
        closes_usd={},
        quotes_usd={},
    )


@pytest.mark.parametrize(
    ("changes", "close"),
    [
        ({}, Decimal(10)),
        ({"session": SESSION}, Decimal(40)),
        ({"kind": "dividend", "ratio": None}, Decimal(40)),
        ({"kind": "delisting"}, Decimal(40)),
        ({"symbol": "CCC"}, Decimal(40)),
    ],
)
def test_a_close_before_a_split_is_told_in_todays_shares(changes: dict[str, Any], close: Decimal) -> None:
    fields: dict[str, Any] = {
        "symbol": "BBB",
        "kind": "split",
        "ratio": Decimal(4),
        "quantity_delta_shares": 0,
        "session": CALENDAR.next(SESSION),
    }
    entry = replace(an_action("split-1"), **{**fields, **changes})
    book = a_book(held("BBB"), CorporateActionBooked(at=AT, entry=entry), decided("AAA"))
    assert asked(book, ListedPrices({}, closing(BBB="40"))).closes_usd["BBB"] == close
