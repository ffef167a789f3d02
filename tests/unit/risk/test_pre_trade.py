from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from execution.domain.orders import ProposedOrder
from execution.risk.limits import RiskLimits
from execution.risk.pre_trade import RULES, Approved, Blocked, Trimmed, Verdict, review
from execution.risk.trading_context import TradingContext
from tests.builders.batches import SESSION
from tests.builders.sizing import CALENDAR, EQUITY, a_context, a_working, an_entry, an_exit, plain

LIMITS = RiskLimits.standard()
HELD = {"positions_shares": {"AAA": 100}}


def verdict(order: ProposedOrder, context: TradingContext | None = None, **limits: Any) -> Verdict:
    chosen = RiskLimits.model_validate({**LIMITS.model_dump(), **limits})
    [only] = review(orders=[order], context=context or a_context(), limits=chosen)
    return only


def blocked_by(order: ProposedOrder, context: TradingContext | None = None, **limits: Any) -> tuple[str, str]:
    only = verdict(order, context, **limits)
    assert isinstance(only, Blocked), only
    assert only.quantity_shares == 0
    return only.check, only.reason


def trimmed_to(order: ProposedOrder, context: TradingContext | None = None, **limits: Any) -> tuple[str, int]:
    only = verdict(order, context, **limits)
    assert isinstance(only, Trimmed), only
    return only.check, only.quantity_shares


def test_an_entry_no_rule_objects_to_is_approved_as_proposed() -> None:
    only = verdict(an_entry(100))
    assert isinstance(only, Approved)
    assert only.quantity_shares == 100


def test_an_exit_no_rule_objects_to_is_approved_as_proposed() -> None:
    assert isinstance(verdict(an_exit(100), a_context(**HELD)), Approved)


def test_verdicts_are_aligned_with_their_orders() -> None:
    orders = [an_entry(symbol="BBB"), an_entry(symbol="ZZZ"), an_entry(symbol="AAA")]
    context = a_context(plain("AAA"), plain("BBB"))
    verdicts = review(orders=orders, context=context, limits=LIMITS)
    assert [each.order for each in verdicts] == orders
    assert [type(each) for each in verdicts] == [Approved, Blocked, Approved]


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_a_verdict_says_what_was_found_and_what_is_allowed() -> None:
    only = verdict(an_entry(301))
    assert (only.check, only.found, only.allowed) == ("order_notional", "15050.00 USD", "at most 15000.00 USD")


@pytest.mark.parametrize("state", ["reducing", "halted"])
def test_an_account_that_is_not_active_enters_nothing(state: Any) -> None:
    assert blocked_by(an_entry(), a_context(trading_state=state)) == ("trading_state", f"the account is {state}")


def test_a_reducing_account_exits_and_a_halted_one_does_not() -> None:
    assert isinstance(verdict(an_exit(), a_context(trading_state="reducing", **HELD)), Approved)
    assert blocked_by(an_exit(), a_context(trading_state="halted", **HELD))[0] == "trading_state"


@pytest.mark.parametrize(
    "order",
    [
        an_entry(0),
        an_entry(-5),
        an_entry(side="sell"),
        an_exit(side="buy"),
        an_entry(limit_usd=Decimal("50.005")),
        an_entry(limit_usd=Decimal(0)),
        an_entry(reference_price_usd=Decimal(0)),
    ],
)
def test_a_malformed_order_is_blocked(order: ProposedOrder) -> None:
    assert blocked_by(order)[0] == "order_shape"


def test_an_order_at_the_hard_cap_goes_and_a_share_more_does_not() -> None:
    assert not isinstance(verdict(an_entry(300)), Blocked)
    assert blocked_by(an_entry(301))[0] == "order_notional"


def test_a_basket_above_the_hard_cap_lets_no_entry_go() -> None:
    orders = [an_entry(100, symbol) for symbol in ("AAA", "BBB", "CCC")]
    context = a_context(*[plain(order.symbol) for order in orders])
    limits = RiskLimits(order_notional_max_usd=Decimal(5_000), basket_notional_max_usd=Decimal(14_999))
    verdicts = review(orders=orders, context=context, limits=limits)
    assert {(type(each), each.check) for each in verdicts} == {(Blocked, "basket_notional")}


def test_a_basket_above_the_hard_cap_still_lets_exits_go() -> None:
    orders = [an_exit(100), an_entry(5_000, "BBB")]
    verdicts = review(orders=orders, context=a_context(plain(), plain("BBB"), **HELD), limits=LIMITS)
    assert [type(each) for each in verdicts] == [Approved, Blocked]


@pytest.mark.parametrize("limit", ["52.50", "47.50"])
def test_a_limit_at_the_edge_of_the_collar_goes(limit: str) -> None:
    assert isinstance(verdict(an_entry(limit_usd=Decimal(limit))), Approved)


@pytest.mark.parametrize("limit", ["52.51", "47.49", "500.00", "5.00"])
def test_a_limit_outside_the_collar_never_leaves(limit: str) -> None:
    assert blocked_by(an_entry(1, limit_usd=Decimal(limit)))[0] == "price_collar"
    assert blocked_by(an_exit(1, limit_usd=Decimal(limit)), a_context(**HELD))[0] == "price_collar"


def test_a_limit_far_from_a_known_quote_never_leaves() -> None:
    check, reason = blocked_by(an_entry(), a_context(quotes_usd={"AAA": Decimal("25.00")}))
    assert (check, reason) == ("price_collar", "the limit price lies too far from the quote")


def test_an_entry_needs_a_limit_and_an_exit_does_not() -> None:
    assert blocked_by(an_entry(limit_usd=None))[0] == "price_collar"
    assert isinstance(verdict(an_exit(limit_usd=None), a_context(**HELD)), Approved)


def test_no_order_meets_our_own_on_the_other_side() -> None:
    assert blocked_by(an_entry(), a_context(open_orders=(a_working("sell"),)))[0] == "self_match"
    assert blocked_by(an_exit(), a_context(open_orders=(a_working("buy"),), **HELD))[0] == "self_match"


def test_an_entry_after_an_exit_of_the_same_review_is_a_self_match() -> None:
    verdicts = review(orders=[an_exit(100), an_entry(100)], context=a_context(**HELD), limits=LIMITS)
    assert [(type(each), each.check) for each in verdicts] == [(Approved, "all"), (Blocked, "self_match")]


def test_an_exit_is_cut_to_what_is_held_and_not_yet_being_sold() -> None:
    assert trimmed_to(an_exit(101), a_context(**HELD)) == ("exit_size", 100)
    working = a_working("sell", quantity_shares=60, filled_shares=20)
    assert trimmed_to(an_exit(100), a_context(open_orders=(working,), **HELD)) == ("exit_size", 60)


@pytest.mark.parametrize("kind", ["stop", "stop_limit", "trailing_stop"])
def test_a_protective_stop_does_not_stand_in_the_way_of_an_exit(kind: str) -> None:
    protective = a_working("sell", order_type=kind, limit_usd=None, stop_usd=Decimal(45))
    assert isinstance(verdict(an_exit(100), a_context(open_orders=(protective,), **HELD)), Approved)


@pytest.mark.parametrize("held", [0, -10])
def test_an_exit_of_nothing_is_blocked(held: int) -> None:
    assert blocked_by(an_exit(1), a_context(positions_shares={"AAA": held}))[0] == "exit_size"


def test_two_exits_never_sell_more_than_is_held() -> None:
    verdicts = review(orders=[an_exit(60), an_exit(60)], context=a_context(**HELD), limits=LIMITS)
    assert [each.quantity_shares for each in verdicts] == [60, 40]


@pytest.mark.parametrize(
    ("changes", "check", "reason"),
    [
        ({"is_tradable": False, "missing_reason": "left the index"}, "tradable", "left the index"),
        ({"is_halted": True}, "tradable", "halted"),
        ({"is_event_calendar_known": False}, "earnings_blackout", "unknown"),
        ({"atr14_usd": None}, "atr", "unknown"),
        ({"atr14_usd": Decimal("3.01")}, "atr", "moves too much"),
        ({"adv20_shares": None}, "adv_share", "unknown"),
        ({"adv20_shares": 0}, "adv_share", "unknown"),
        ({"adv20_shares": 49}, "adv_share", "too large"),
        ({"sector": None}, "sector_weight", "unknown"),
        ({"sector": ""}, "sector_weight", "unknown"),
        ({"close_usd": None}, "price_collar", "unknown"),
    ],
)
def test_a_symbol_that_is_wild_closed_or_unknown_is_not_entered(
    changes: dict[str, Any], check: str, reason: str
) -> None:
    found, told = blocked_by(an_entry(), a_context(plain(**changes)))
    assert found == check
    assert reason in told


def test_a_symbol_the_batch_does_not_know_is_not_entered() -> None:
    context = a_context(closes_usd={"ZZZ": Decimal("50.00")})
    assert blocked_by(an_entry(symbol="ZZZ"), context) == ("tradable", "unknown: the batch says nothing of ZZZ")


def test_exits_ask_nothing_of_the_symbol() -> None:
    silent = plain(
        is_tradable=False, is_halted=True, atr14_usd=None, adv20_shares=None, sector=None, is_event_calendar_known=False
    )
    assert isinstance(verdict(an_exit(), a_context(silent, **HELD)), Approved)


def test_a_range_at_the_limit_goes() -> None:
    assert isinstance(verdict(an_entry(), a_context(plain(atr14_usd=Decimal("3.00")))), Approved)


@pytest.mark.parametrize(("sessions_after_entry", "is_blocked"), [(0, True), (1, True), (3, True), (4, False)])
def test_no_entry_within_three_sessions_of_earnings(sessions_after_entry: int, *, is_blocked: bool) -> None:
    entry_session = CALENDAR.next(SESSION)
    release = CALENDAR.closes_at(CALENDAR.offset(entry_session, sessions_after_entry)) + timedelta(minutes=5)
    only = verdict(an_entry(), a_context(plain(next_event_at=release)))
    assert isinstance(only, Blocked) == is_blocked
    assert only.check == ("earnings_blackout" if is_blocked else "all")


def test_a_release_before_the_open_counts_to_the_session_before() -> None:
    release = CALENDAR.opens_at(CALENDAR.offset(SESSION, 5)) - timedelta(hours=1)
    assert blocked_by(an_entry(), a_context(plain(next_event_at=release)))[0] == "earnings_blackout"


def test_a_release_between_the_cut_off_and_the_entry_blocks() -> None:
    release = CALENDAR.as_of(SESSION) + timedelta(minutes=30)
    assert blocked_by(an_entry(), a_context(plain(next_event_at=release)))[0] == "earnings_blackout"


def test_a_blackout_of_no_sessions_needs_no_calendar_of_events() -> None:
    silent = a_context(plain(is_event_calendar_known=False))
    assert isinstance(verdict(an_entry(), silent, earnings_blackout_sessions=0), Approved)


def test_an_entry_never_adds_to_a_position() -> None:
    assert blocked_by(an_entry(), a_context(**HELD))[0] == "duplicate_position"


def test_one_entry_per_symbol_is_on_its_way() -> None:
    assert blocked_by(an_entry(), a_context(open_orders=(a_working("buy"),)))[0] == "duplicate_position"
    verdicts = review(orders=[an_entry(10), an_entry(10)], context=a_context(), limits=LIMITS)
    assert [each.check for each in verdicts] == ["all", "duplicate_position"]


@pytest.mark.parametrize(("minutes", "is_blocked"), [(4, True), (5, False)])
def test_a_symbol_rests_five_minutes_after_a_trade(minutes: int, *, is_blocked: bool) -> None:
    now = a_context().now
    only = verdict(an_entry(), a_context(last_trade_at={"AAA": now - timedelta(minutes=minutes)}))
    assert isinstance(only, Blocked) == is_blocked


def test_entries_of_a_day_are_counted_and_exits_are_not() -> None:
    context = a_context(entries_today=20, **HELD)
    assert blocked_by(an_entry(), a_context(entries_today=20))[0] == "entries_per_day"
    assert isinstance(verdict(an_exit(), context), Approved)


def test_approved_entries_count_for_the_ones_after_them() -> None:
    orders = [an_entry(10, symbol) for symbol in ("AAA", "BBB", "CCC")]
    context = a_context(*[plain(order.symbol) for order in orders])
    limits = RiskLimits(entries_per_day_max=2)
    assert [each.check for each in review(orders=orders, context=context, limits=limits)] == [
        "all",
        "all",
        "entries_per_day",
    ]


def test_names_held_ordered_and_being_sold_take_their_places() -> None:
    context = a_context(
        plain(),
        plain("BBB"),
        plain("CCC"),
        positions_shares={"BBB": 10},
        open_orders=(a_working("buy", "CCC"), a_working("sell", "BBB")),
    )
    assert blocked_by(an_entry(), context, names_max=2)[0] == "names"
    assert isinstance(verdict(an_entry(), context, names_max=3), Approved)


@pytest.mark.parametrize(
    ("loss", "shares"), [("749.99", 100), ("750", 50), ("1124.99", 50), ("1125", 25), ("1499.99", 25)]
)
def test_entries_shrink_as_the_day_loses(loss: str, shares: int) -> None:
    assert verdict(an_entry(100), a_context(equity_usd=EQUITY - Decimal(loss))).quantity_shares == shares


def test_a_cut_of_a_part_of_a_share_is_no_finer_than_the_order_was() -> None:
    lost = a_context(equity_usd=EQUITY - Decimal(750))
    assert verdict(an_entry(Decimal("10.255")), lost).quantity_shares == Decimal("5.127")
    assert verdict(an_entry(Decimal("100.5")), a_context(plain(adv20_shares=4_999))).quantity_shares == Decimal("99.9")
    assert verdict(an_entry(Decimal("200.55"))).quantity_shares == 200


def test_a_cut_of_whole_shares_is_whole() -> None:
    assert verdict(an_entry(15), a_context(equity_usd=EQUITY - Decimal(750))).quantity_shares == 7


def test_entries_end_at_the_hard_loss_and_exits_do_not() -> None:
    lost = {"equity_usd": EQUITY - 1_500}
    assert blocked_by(an_entry(100), a_context(**lost))[0] == "daily_loss"
    assert isinstance(verdict(an_exit(100), a_context(**lost, **HELD)), Approved)


def test_a_day_without_a_starting_equity_is_unknown() -> None:
    assert blocked_by(an_entry(), a_context(day_start_equity_usd=Decimal(0)))[1].startswith("unknown")


def test_an_entry_is_cut_to_its_share_of_the_usual_volume() -> None:
    assert trimmed_to(an_entry(100), a_context(plain(adv20_shares=4_999))) == ("adv_share", 99)


def test_an_entry_is_cut_to_the_weight_of_a_position() -> None:
    assert trimmed_to(an_entry(201)) == ("position_weight", 200)


def test_an_entry_is_cut_to_the_room_in_its_sector() -> None:
    context = a_context(
        plain(), plain("BBB"), plain("CCC", sector="Utilities"), positions_shares={"BBB": 550, "CCC": 200}
    )
    assert trimmed_to(an_entry(100), context) == ("sector_weight", 50)


def test_a_holding_of_unknown_sector_counts_against_every_sector() -> None:
    context = a_context(plain(), plain("BBB", sector=None), positions_shares={"BBB": 550})
    assert trimmed_to(an_entry(100), context) == ("sector_weight", 50)


def test_an_entry_is_cut_to_the_room_in_the_whole_account() -> None:
    context = a_context(plain(), plain("BBB", sector="Utilities"), positions_shares={"BBB": -1_980})
    assert trimmed_to(an_entry(100), context, concentration_max_weight=Decimal(1)) == ("gross", 20)


def test_a_foreign_position_nobody_can_price_blocks_entries() -> None:
    check, reason = blocked_by(an_entry(), a_context(positions_shares={"XXX": 1}))
    assert (check, reason) == ("gross", "unknown: no price of XXX, which the account holds or orders")


def test_an_entry_is_cut_to_the_cash_in_hand_less_the_reserve() -> None:
    # 2,500 USD over 50.05 a share: ten basis points are kept for fees.
    assert trimmed_to(an_entry(100), a_context(cash_usd=Decimal(4_500))) == ("cash", 49)
    assert trimmed_to(an_entry(100), a_context(cash_usd=Decimal(4_500)), fee_allowance_bps=0) == ("cash", 50)
    assert blocked_by(an_entry(100), a_context(cash_usd=Decimal(2_000)))[0] == "cash"


def test_cash_set_aside_for_working_buys_is_not_spent_again() -> None:
    context = a_context(plain(), plain("BBB"), cash_usd=Decimal(7_000), open_orders=(a_working("buy", "BBB"),))
    assert blocked_by(an_entry(100), context)[0] == "cash"


def test_an_approved_sale_pays_for_nothing() -> None:
    context = a_context(plain(), plain("BBB"), cash_usd=Decimal(2_000), **HELD)
    verdicts = review(orders=[an_exit(100), an_entry(10, "BBB")], context=context, limits=LIMITS)
    assert [each.check for each in verdicts] == ["all", "cash"]


def test_the_rule_that_leaves_the_fewest_shares_is_named() -> None:
    context = a_context(plain(adv20_shares=4_000), cash_usd=Decimal(4_500))
    assert trimmed_to(an_entry(100), context) == ("cash", 49)
