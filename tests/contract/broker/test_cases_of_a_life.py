"""Conformance cases 39 to 56: orders that are replaced and end, what befalls the account, the time, odd answers."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.alpaca_amending import Amendment
from execution.domain.errors import BrokerAnswerRefused
from execution.domain.orders import Accepted, Refused, Unknown
from execution.session.time_agreement import TimeAgreement
from tests.builders.alpaca_account import AlpacaAccount, alpaca_account
from tests.builders.venue import CALENDAR, TUESDAY, WEDNESDAY, a_bar, buy, sell, stop

LONG = timedelta(days=5)
FAR = Decimal("30.00")


def replaced_by_hand(account: AlpacaAccount, client_order_id: str, **changes: str) -> str:
    """Let somebody replace an order at the venue, and return the new one's client order id."""
    row = account.venue.floor.row_of_client(client_order_id)
    return str(account.venue.floor.replace(row.order_id, changes)["client_order_id"])


def test_case_39_fills_of_a_chain_of_replacements_are_all_of_the_first_order(tmp_path: Path) -> None:
    with alpaca_account(tmp_path, (a_bar(TUESDAY, volume_shares=1_000),)) as account:
        # A twentieth of the volume, 50 shares, fills at once; the rest is replaced three times by hand.
        order = buy(100, limit_usd=Decimal("51.50"))
        account.accepted(order)
        newest = "buy-1"
        for limit in ("51.40", "51.30", "51.20"):
            newest = replaced_by_hand(account, newest, limit_price=limit)
        state = account.state(order)
        assert (state.client_order_id, state.quantity_shares) == ("buy-1", 100)
        assert (state.filled_shares, state.limit_usd, state.status) == (50, Decimal("51.20"), "open")
        account.world.at_close(TUESDAY)
        fills = account.other_client().broker.fills(since=account.world.clock.now() - LONG)
        assert {fill.client_order_id for fill in fills} == {"buy-1"}
        assert sum(fill.quantity_shares for fill in fills) == account.state(order).filled_shares


def test_case_39_a_replaced_order_works_once_under_its_own_id(account: AlpacaAccount) -> None:
    account.accepted(buy(10, limit_usd=FAR))
    replaced_by_hand(account, "buy-1", limit_price="31.00")
    [working] = account.broker.open_orders()
    assert (working.client_order_id, working.limit_usd) == ("buy-1", Decimal("31.00"))


def test_case_39_cancelling_a_replaced_order_cancels_what_took_its_place(account: AlpacaAccount) -> None:
    account.accepted(buy(10, limit_usd=FAR))
    replaced_by_hand(account, "buy-1", limit_price="31.00")
    account.broker.cancel("buy-1")
    assert account.broker.open_orders() == ()
    assert account.state(buy(10)).status == "cancelled"


def test_case_40_a_replacement_that_is_rejected_leaves_the_order_as_it_was(account: AlpacaAccount) -> None:
    account.accepted(buy(10, limit_usd=FAR))
    account.meets("reject_replacement", "PATCH", "/v2/orders")
    replaced_by_hand(account, "buy-1", limit_price="31.00")
    state = account.state(buy(10))
    assert (state.status, state.limit_usd) == ("open", FAR)


def test_case_39_40_an_order_we_change_ourselves_stays_one_order_under_its_id(account: AlpacaAccount) -> None:
    account.accepted(buy(10, limit_usd=FAR))
    for number, limit in enumerate(("31.00", "32.00"), start=1):
        assert isinstance(account.broker.amend("buy-1", Amendment(number=number, limit_usd=Decimal(limit))), Accepted)
    [working] = account.broker.open_orders()
    assert (working.client_order_id, working.limit_usd) == ("buy-1", Decimal("32.00"))
    account.broker.cancel("buy-1")
    assert account.broker.open_orders() == ()


def test_case_40_a_change_that_comes_after_the_fill_is_refused(account: AlpacaAccount) -> None:
    account.accepted(buy(10))
    assert isinstance(account.broker.amend("buy-1", Amendment(number=1, limit_usd=FAR)), Refused)
    assert account.state(buy(10)).status == "filled"


def test_case_41_a_change_while_the_order_is_not_at_work_yet_is_refused(tmp_path: Path) -> None:
    with alpaca_account(tmp_path) as account:
        account.world.at_close(TUESDAY)
        account.accepted(buy(10, limit_usd=FAR))
        outcome = account.broker.amend("buy-1", Amendment(number=1, limit_usd=Decimal("31.00")))
        assert isinstance(outcome, Refused)
        assert "cannot be replaced" in outcome.reason
        assert (account.state(buy(10)).status, account.state(buy(10)).limit_usd) == ("open", FAR)


@pytest.mark.parametrize("fault", ["drop_after", "truncate"])
def test_case_11_41_a_change_whose_answer_is_lost_is_made_once(account: AlpacaAccount, fault: str) -> None:
    account.accepted(buy(10, limit_usd=FAR))
    change = Amendment(number=1, limit_usd=Decimal("31.00"))
    account.meets(fault, "PATCH", "/v2/orders")
    assert isinstance(account.broker.amend("buy-1", change), Unknown)
    assert account.state(buy(10)).limit_usd == Decimal("31.00")
    assert isinstance(account.broker.amend("buy-1", change), Accepted)
    assert len(account.venue.accepted) == 2


def test_case_41_another_change_under_a_used_number_is_refused(account: AlpacaAccount) -> None:
    account.accepted(buy(10, limit_usd=FAR))
    account.broker.amend("buy-1", Amendment(number=1, limit_usd=Decimal("31.00")))
    outcome = account.broker.amend("buy-1", Amendment(number=1, limit_usd=Decimal("33.00")))
    assert isinstance(outcome, Refused)
    assert account.state(buy(10)).limit_usd == Decimal("31.00")


def test_case_42_a_cancel_that_loses_to_the_fill_leaves_the_fill(account: AlpacaAccount) -> None:
    waiting = buy(10, limit_usd=Decimal("49.00"))
    account.accepted(waiting)
    account.meets("lose_cancel", "DELETE", "/v2/orders")
    account.broker.cancel("buy-1")
    account.world.at_close(TUESDAY)
    assert account.state(waiting).status == "filled"


@pytest.mark.parametrize("status", [204, 404, 422])
def test_case_43_cancelling_what_has_ended_is_harmless_whatever_is_answered(
    account: AlpacaAccount, status: int
) -> None:
    account.accepted(buy(10))
    account.meets("answer", "DELETE", "/v2/orders", status=status, body='{"message": "order is not cancelable"}')
    account.broker.cancel("buy-1")
    assert account.state(buy(10)).status == "filled"


@pytest.mark.parametrize("status", ["done_for_day", "calculated", "held", "stopped", "suspended", "pending_cancel"])
def test_case_45_a_state_that_may_go_on_is_open(account: AlpacaAccount, status: str) -> None:
    account.accepted(buy(10, limit_usd=FAR))
    account.meets("edit", "GET", "/v2/orders:by_client_order_id", fields={"status": status})
    state = account.state(buy(10))
    assert (state.status, state.reason) == ("open", status)


def test_case_50_an_order_in_a_state_nobody_has_heard_of_is_open(account: AlpacaAccount) -> None:
    account.accepted(buy(10, limit_usd=FAR))
    account.meets("edit", "GET", "/v2/orders:by_client_order_id", fields={"status": "in_orbit"})
    assert account.state(buy(10)).status == "open"


def test_case_51_an_execution_that_is_no_plain_fill_is_not_booked(account: AlpacaAccount) -> None:
    account.accepted(buy(10))
    account.meets("edit", "GET", "/v2/account/activities", fields={"type": "trade_bust"})
    with pytest.raises(BrokerAnswerRefused, match="FILL of type 'trade_bust'"):
        account.broker.fills(since=account.world.clock.now() - LONG)


def test_case_53_a_split_overnight_is_told_with_its_ratio(tmp_path: Path) -> None:
    split = a_bar(WEDNESDAY, split_ratio=Decimal(2))
    with alpaca_account(tmp_path, (split,)) as account:
        account.accepted(buy(10))
        account.world.at_open(WEDNESDAY)
        [entry] = account.broker.corporate_actions(since=CALENDAR.opens_at(TUESDAY))
        assert (entry.kind, entry.symbol, entry.quantity_delta_shares, entry.ratio) == ("split", "AAA", 10, Decimal(2))
        assert dict(account.broker.account().positions_shares) == {"AAA": 20}


def test_case_53_a_dividend_is_told_with_its_cash(tmp_path: Path) -> None:
    paying = a_bar(WEDNESDAY, dividend_usd=Decimal("0.25"))
    with alpaca_account(tmp_path, (paying,)) as account:
        account.accepted(buy(10))
        account.world.at_open(WEDNESDAY)
        [entry] = account.broker.corporate_actions(since=CALENDAR.opens_at(TUESDAY))
        assert (entry.kind, entry.cash_usd, entry.quantity_delta_shares) == ("dividend", Decimal("2.50"), 0)


@pytest.mark.parametrize(("skew", "differs"), [(90.0, True), (-90.0, True), (3.0, False), (0.0, False)])
def test_case_54_a_clock_that_is_apart_is_noticed(account: AlpacaAccount, skew: float, differs: bool) -> None:  # noqa: FBT001 - a column of the table
    account.venue.faults.clock_skew_seconds = skew
    agreement = TimeAgreement(account.side.time, apart_max_seconds=10)
    found = agreement.difference(account.world.clock, CALENDAR)
    assert found.endswith("set this machine's clock") == differs


@pytest.mark.parametrize(
    "around",
    [date(2023, 11, 24), date(2024, 3, 8), date(2024, 3, 11), date(2024, 7, 3), date(2024, 11, 1), date(2024, 11, 4)],
)
def test_case_55_sessions_agree_across_changes_of_the_clock_and_early_closes(
    account: AlpacaAccount, around: date
) -> None:
    told = account.side.time.sessions(around - timedelta(days=3), around + timedelta(days=3))
    assert [hours.session for hours in told] == list(
        CALENDAR.between(around - timedelta(days=3), around + timedelta(days=3))
    )
    assert all(hours.opens_at == CALENDAR.opens_at(hours.session) for hours in told)
    assert all(hours.closes_at == CALENDAR.closes_at(hours.session) for hours in told)


def test_case_55_an_early_close_is_at_one_in_the_afternoon(account: AlpacaAccount) -> None:
    [hours] = account.side.time.sessions(date(2023, 11, 24), date(2023, 11, 24))
    assert hours.closes_at == datetime(2023, 11, 24, 18, 0, tzinfo=UTC)


ODD: dict[str, dict[str, Any]] = {
    "unknown_asset_class": {"fields": {"asset_class": "lunar_equity"}},
    "unknown_exchange": {"fields": {"exchange": "MOON"}},
    "no_submitted_at": {"fields": {"submitted_at": None}},
    "nothing_but_what_is_needed": {
        "without": ("asset_id", "asset_class", "created_at", "updated_at", "submitted_at", "hwm", "legs", "notional")
    },
    "no_flags_of_the_account": {
        "without": ("trading_blocked", "account_blocked", "trade_suspended_by_user", "status_of", "multiplier")
    },
    "a_field_nobody_has_heard_of": {"fields": {"symbol_of_luck": "clover"}},
}
READS: tuple[Callable[[AlpacaAccount], Any], ...] = (
    lambda account: account.broker.order("buy-1"),
    lambda account: account.broker.open_orders(),
    lambda account: account.broker.account(),
    lambda account: account.broker.fills(since=account.world.clock.now() - LONG),
)


@pytest.mark.parametrize("odd", ODD)
def test_case_56_fields_that_come_and_go_change_nothing(account: AlpacaAccount, odd: str) -> None:
    account.accepted(buy(10))
    account.accepted(stop(10, "40.00"))
    plain = [read(account) for read in READS]
    account.meets("edit", "GET", "/v2", times=99, **ODD[odd])
    assert [read(account) for read in READS] == plain


def test_case_56_an_accepted_order_in_an_odd_form_is_accepted(account: AlpacaAccount) -> None:
    account.meets("edit", fields={"status": "in_orbit", "asset_class": "lunar", "submitted_at": None})
    assert account.accepted(buy(10)).status == "filled"


def test_case_56_nanoseconds_are_cut_to_microseconds(account: AlpacaAccount) -> None:
    account.accepted(buy(10))
    at = account.world.clock.now().replace(microsecond=0)
    told = f"{at:%Y-%m-%dT%H:%M:%S}.123456789Z"
    account.meets("edit", "GET", "/v2/account/activities", fields={"transaction_time": told})
    [fill] = account.broker.fills(since=at - LONG)
    assert fill.filled_at == at.replace(microsecond=123_456)


@pytest.mark.parametrize("field", ["cash"])
@pytest.mark.parametrize("value", [None, "NaN", "Infinity", "", "a lot", True, [], {}])
def test_case_56_money_that_is_no_number_is_refused(account: AlpacaAccount, field: str, value: Any) -> None:
    account.meets("edit", "GET", "/v2/account", fields={field: value}, times=9)
    with pytest.raises(BrokerAnswerRefused, match="expected a number"):
        account.broker.account()


def test_a_sold_position_is_not_told(account: AlpacaAccount) -> None:
    account.accepted(buy(10))
    account.accepted(sell(10))
    assert dict(account.broker.account().positions_shares) == {}
