"""Every pre-trade rule by name: one order it lets pass, one it stops, and one it stops for want of knowledge."""

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from execution.domain.orders import ProposedOrder
from execution.domain.signals import SymbolSignal
from execution.risk.limits import RiskLimits
from execution.risk.pre_trade import RULES, Blocked, Trimmed, review
from tests.builders.batches import SESSION, returns_of
from tests.builders.sizing import CALENDAR, EQUITY, a_context, a_working, an_entry, an_exit, plain

HELD: Final = {"positions_shares": {"AAA": 100}}
TWIN: Final = returns_of("AAA")
TWINS: Final = tuple(plain(symbol, returns_60d=TWIN) for symbol in ("AAA", "BBB", "CCC", "DDD"))
SENDING: Final[dict[str, Any]] = {"is_sending": True, "now": CALENDAR.submit_window(SESSION)[0]}
RISING: Final = (0.001, 0.003) * 30
LAST: Final = CALENDAR.sessions[-1]
HELD_THREE: Final = {"BBB": 10, "CCC": 10, "DDD": 10}
SIX: Final = tuple(plain(symbol, sector=symbol) for symbol in ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF"))


@dataclass(frozen=True)
class Case:
    """An order before an account; everything not said is plain."""

    order: ProposedOrder = field(default_factory=an_entry)
    signals: tuple[SymbolSignal, ...] = ()
    account: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)


def unsound(**changes: Any) -> Case:
    return Case(signals=(plain(**changes),))


def falling(symbol: str) -> SymbolSignal:
    """Return a symbol that lost a tenth in four of its last 60 sessions."""
    returns = tuple(-0.1 if day % 15 == 7 else value for day, value in enumerate(returns_of(symbol)))
    return plain(symbol, returns_60d=returns)


# Rule: what it stops (blocked or cut), and what it stops for want of knowledge; None where the order and the settings
# say all it needs, so that nothing can be missing.
CASES: Final[dict[str, tuple[Case, Case | None]]] = {
    "trading_state": (Case(account={"trading_state": "reducing"}), None),
    "market_hours": (
        Case(account={"now": CALENDAR.submit_window(SESSION)[1]}),
        Case(account={"session": LAST, "now": CALENDAR.as_of(LAST)}),
    ),
    "order_shape": (Case(an_entry(0)), None),
    "basket_notional": (
        Case(limits={"basket_notional_max_usd": 4_999, "order_notional_max_usd": 4_999}),
        None,
    ),
    "order_notional": (Case(an_entry(301)), None),
    "order_quantity": (Case(limits={"order_quantity_max_shares": 99}), None),
    "price_collar": (Case(an_entry(limit_usd=Decimal("52.51"))), Case(account={"closes_usd": {}})),
    "self_match": (Case(account={"open_orders": (a_working("sell"),)}), None),
    "exit_size": (Case(an_exit(101), account=HELD), Case(an_exit(1))),
    "restricted": (Case(limits={"restricted_symbols": ("AAA",)}), None),
    "quarantined": (Case(account={"quarantined": {"AAA": "a foreign fill"}}), None),
    "tradable": (
        unsound(is_halted=True),
        Case(signals=(plain("BBB"),), account={"closes_usd": {"AAA": Decimal(50)}}),
    ),
    "duplicate_position": (Case(account=HELD), None),
    "cooldown": (Case(account={"last_trade_at": {"AAA": a_context().now - timedelta(minutes=4)}}), None),
    "earnings_blackout": (
        unsound(next_event_at=CALENDAR.opens_at(CALENDAR.next(SESSION))),
        unsound(is_event_calendar_known=False),
    ),
    "macro_blackout": (
        Case(
            account={"next_macro_at": CALENDAR.opens_at(CALENDAR.next(SESSION)) - timedelta(hours=1)},
            limits={"macro_blackout_sessions": 1},
        ),
        Case(account={"is_macro_calendar_known": False}, limits={"macro_blackout_sessions": 1}),
    ),
    "atr": (unsound(atr14_usd=Decimal("3.01")), unsound(atr14_usd=None)),
    "trend": (
        Case(signals=(plain(returns_60d=(-0.001,) * 60),), limits={"trend_weeks": 10}),
        Case(signals=(plain(returns_60d=(0.001,) * 49),), limits={"trend_weeks": 10}),
    ),
    "entries_per_day": (Case(account={"entries_today": 20}), None),
    "messages_per_day": (Case(account={"messages_today": 1_000}), Case(account={"messages_today": None})),
    "losses_in_a_row": (Case(account={"losses_in_a_row": 4}), Case(account={"losses_in_a_row": None})),
    "names": (
        Case(signals=(plain(), plain("BBB")), account={"positions_shares": {"BBB": 1}}, limits={"names_max": 1}),
        None,
    ),
    "daily_loss": (
        Case(account={"equity_usd": EQUITY - 1_500}),
        Case(account={"day_start_equity_usd": Decimal(0)}),
    ),
    "adv_share": (unsound(adv20_shares=4_999), unsound(adv20_shares=None)),
    "position_weight": (Case(an_entry(201)), None),
    "sector_weight": (
        Case(signals=(plain(), plain("BBB")), account={"positions_shares": {"BBB": 550}}),
        unsound(sector=None),
    ),
    "gross": (
        Case(
            signals=(plain(), plain("BBB", sector="Utilities")),
            account={"positions_shares": {"BBB": -1_980}},
            limits={"concentration_max_weight": 1},
        ),
        Case(account={"positions_shares": {"XXX": 1}}),
    ),
    "net": (
        Case(
            signals=(plain(), plain("BBB", sector="Utilities")),
            account={"positions_shares": {"BBB": 980}},
            limits={"net_max_weight": Decimal("0.5"), "concentration_max_weight": 1},
        ),
        None,
    ),
    "concentration": (
        Case(signals=SIX, account={"positions_shares": dict.fromkeys(("BBB", "CCC", "DDD", "EEE", "FFF"), 295)}),
        None,
    ),
    "cash": (Case(account={"cash_usd": Decimal(4_500)}), Case(account={"unsettled_usd": None})),
    "correlation": (
        Case(signals=TWINS, account={"positions_shares": HELD_THREE}),
        unsound(returns_60d=returns_of("AAA")[1:]),
    ),
    "value_at_risk": (
        Case(
            an_entry(80),
            signals=(falling("AAA"), falling("BBB")),
            account={"positions_shares": {"BBB": 800}},
            limits={"correlation_threshold": 1, "sector_max_weight": 1, "concentration_max_weight": 1},
        ),
        Case(
            signals=(plain(), plain("BBB", returns_60d=())),
            account={"positions_shares": {"BBB": 1}},
        ),
    ),
}
# What an operator reads of each: the rule, the shares left, what was found, what is allowed, and why.
REFUSALS: Final[dict[str, list[Any]]] = json.loads(
    (Path(__file__).parents[2] / "data" / "risk" / "refusals.json").read_bytes()
)
# Without the input an earlier rule stops the order already; the reason is the same.
EARLIER: Final = {"net": "gross", "concentration": "gross"}


def judged(case: Case) -> Any:
    account = dict(case.account)
    limits = RiskLimits.model_validate(case.limits)
    [verdict] = review(orders=[case.order], context=a_context(*case.signals, **account), limits=limits)
    return verdict


def test_every_rule_has_its_cases() -> None:
    assert set(CASES) == {rule.name for rule in RULES}


@pytest.mark.parametrize("name", CASES)
def test_a_rule_stops_what_it_is_for(name: str) -> None:
    verdict = judged(CASES[name][0])
    assert isinstance(verdict, (Blocked, Trimmed))
    assert verdict.check == name
    assert not verdict.reason.startswith("unknown")
    assert verdict.found
    assert verdict.allowed


@pytest.mark.parametrize("told", REFUSALS)
def test_a_refusal_says_what_was_found_what_is_allowed_and_why(told: str) -> None:
    name, _, kind = told.partition(" ")
    case = CASES[name][0 if kind == "stops" else 1]
    assert case is not None
    verdict = judged(case)
    assert [verdict.check, verdict.quantity_shares, verdict.found, verdict.allowed, verdict.reason] == REFUSALS[told]


def test_every_refusal_is_written_down() -> None:
    blind = {f"{name} blind" for name, (_, unknown) in CASES.items() if unknown is not None}
    assert set(REFUSALS) == blind | {f"{name} stops" for name in CASES}


@pytest.mark.parametrize("name", [name for name, (_, unknown) in CASES.items() if unknown is not None])
def test_a_rule_stops_what_it_knows_too_little_of(name: str) -> None:
    case = CASES[name][1]
    assert case is not None
    verdict = judged(case)
    assert isinstance(verdict, Blocked)
    assert verdict.check == name
    if name != "exit_size":  # A position nobody knows of is none: nothing can be sold.
        assert verdict.reason.startswith("unknown: ")


@pytest.mark.parametrize("name", EARLIER)
def test_what_a_later_rule_lacks_an_earlier_one_lacks_too(name: str) -> None:
    order = [rule.name for rule in RULES]
    assert order.index(EARLIER[name]) < order.index(name)


@pytest.mark.parametrize(
    "case",
    [
        Case(),
        Case(an_exit(100), account=HELD),
        Case(an_exit(100), account={"trading_state": "reducing", **HELD}),
        Case(account={"now": CALENDAR.submit_window(SESSION)[1] - timedelta(seconds=1)}),
        Case(account=SENDING),
        Case(limits={"basket_notional_max_usd": 5_000, "order_notional_max_usd": 5_000}),
        Case(an_entry(200)),
        Case(limits={"order_quantity_max_shares": 100}),
        Case(limits={"restricted_symbols": ("BBB",)}),
        Case(account={"quarantined": {"BBB": "a foreign fill"}}),
        Case(account={"is_macro_calendar_known": False}),
        Case(account={"next_macro_at": None}, limits={"macro_blackout_sessions": 1}),
        Case(
            account={"next_macro_at": CALENDAR.closes_at(CALENDAR.next(SESSION)) + timedelta(minutes=1)},
            limits={"macro_blackout_sessions": 1},
        ),
        Case(signals=(plain(returns_60d=RISING),), limits={"trend_weeks": 12, "trend_sessions": 60}),
        Case(account={"entries_today": 19}),
        Case(account={"messages_today": 999}),
        Case(account={"losses_in_a_row": 3}),
        Case(account={"equity_usd": EQUITY - 749}),
        Case(signals=(plain(adv20_shares=5_000),)),
        Case(account={"cash_usd": Decimal(7_005)}),
        Case(signals=TWINS, account={"positions_shares": {"BBB": 10, "CCC": 10}}),
        Case(signals=(falling("AAA"),)),
    ],
)
def test_an_order_at_the_edge_of_a_rule_goes_whole(case: Case) -> None:
    verdict = judged(case)
    assert (verdict.check, verdict.quantity_shares) == ("all", case.order.quantity_shares)


def test_a_halt_names_who_when_and_why() -> None:
    verdict = judged(Case(account={"trading_state": "halted", "state_reason": "set to halted by ann"}))
    assert verdict.reason == "the account is halted: set to halted by ann"


def test_no_order_is_sent_while_the_exchange_is_closed() -> None:
    early = CALENDAR.opens_at(CALENDAR.next(SESSION)) - timedelta(seconds=1)
    verdict = judged(Case(an_exit(1), account={"is_sending": True, "now": early, **HELD}))
    assert (verdict.check, verdict.reason) == ("market_hours", "outside regular trading hours")


def test_an_instant_beyond_the_calendar_is_unknown() -> None:
    late = datetime(2999, 1, 1, tzinfo=UTC)
    verdict = judged(Case(account={"is_sending": True, "now": late}))
    assert (verdict.check, verdict.reason) == (
        "market_hours",
        f"unknown: the calendar does not cover {late.isoformat()}",
    )


def test_sales_that_have_not_settled_pay_for_nothing() -> None:
    verdict = judged(Case(account={"cash_usd": Decimal(7_005), "unsettled_usd": Decimal(2_002)}))
    assert (verdict.check, verdict.quantity_shares) == ("cash", 60)


def test_a_foreign_position_of_unknown_returns_moves_with_everything() -> None:
    signals = (*TWINS[:3], plain("XXX", returns_60d=()))
    account = {"positions_shares": {"BBB": 10, "CCC": 10, "XXX": 1}}
    verdict = judged(Case(signals=signals, account=account))
    assert (verdict.check, verdict.found) == ("correlation", "4 with BBB, CCC, XXX")


def test_an_approved_entry_moves_with_the_ones_after_it() -> None:
    orders = [an_entry(10, signal.symbol) for signal in TWINS]
    verdicts = review(orders=orders, context=a_context(*TWINS), limits=RiskLimits())
    assert [verdict.check for verdict in verdicts] == ["all", "all", "all", "correlation"]


def test_a_value_at_risk_is_counted_with_what_was_approved_before() -> None:
    signals = [falling(symbol) for symbol in ("AAA", "BBB", "CCC", "DDD", "EEE")]
    orders = [an_entry(180, signal.symbol) for signal in signals]
    limits = RiskLimits(correlated_positions_max=9, sector_max_weight=Decimal(1))
    verdicts = review(orders=orders, context=a_context(*signals), limits=limits)
    assert [verdict.check for verdict in verdicts] == ["all", "all", "all", "all", "value_at_risk"]


@pytest.mark.parametrize("day", [date(2024, 7, 3), date(2024, 11, 29)])
def test_an_early_close_ends_the_day_early(day: date) -> None:
    close = CALENDAR.closes_at(day)
    account = {"is_sending": True, "session": CALENDAR.previous(day)}
    assert judged(Case(account={"now": close - timedelta(seconds=1), **account})).check == "all"
    assert judged(Case(account={"now": close, **account})).check == "market_hours"


def test_every_symbol_of_unknown_returns_is_named() -> None:
    signals = (plain(), plain("BBB", returns_60d=()), plain("CCC", returns_60d=()))
    verdict = judged(Case(signals=signals, account={"positions_shares": {"BBB": 1, "CCC": 1}}))
    assert (verdict.check, verdict.reason) == ("value_at_risk", "unknown: no 60 returns of BBB, CCC")


def test_a_value_at_risk_of_exactly_the_limit_passes() -> None:
    # The third worst of 60 sessions loses a tenth of 4,000 USD, at most 4 % of 10,000 USD.
    signals = (falling("AAA"),)
    limits = {"position_max_weight": Decimal("0.5"), "sector_max_weight": Decimal("0.5")}
    account = {"equity_usd": Decimal(10_000), "day_start_equity_usd": Decimal(10_000)}
    assert judged(Case(an_entry(80), signals, account, limits)).check == "all"
    assert judged(Case(an_entry(81), signals, account, limits)).check == "value_at_risk"


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (Case(an_entry(limit_usd=None)), ["price_collar", "no limit price", "within 500 bps"]),
        (Case(account={"closes_usd": {"AAA": Decimal(0)}}), ["price_collar", "unknown", "within 500 bps"]),
        (
            Case(account={"open_orders": (a_working("buy"),)}),
            ["duplicate_position", "a working buy order", "no working entry"],
        ),
        (
            Case(signals=(plain(is_tradable=False),)),
            ["tradable", "not tradable", "in the universe and not halted"],
        ),
        (
            Case(an_exit(1), account={"trading_state": "halted", **HELD}),
            ["trading_state", "halted", "an active or reducing account"],
        ),
    ],
)
def test_other_refusals_tell_what_was_found_and_what_is_allowed(case: Case, told: list[str]) -> None:
    verdict = judged(case)
    assert [verdict.check, verdict.found, verdict.allowed] == told
    assert verdict.reason


def test_an_order_that_passes_says_how_many_rules_looked_at_it() -> None:
    verdict = judged(Case())
    assert (verdict.found, verdict.allowed, verdict.reason) == (
        f"{len(RULES) - 2} rules passed",
        "as proposed",
        "no rule objected",
    )


def test_a_rule_that_came_later_is_counted_only_where_it_is_on() -> None:
    found = [
        judged(Case(signals=(plain(returns_60d=RISING),), limits=limits)).found
        for limits in ({}, {"trend_sessions": 20})
    ]
    assert found == [f"{len(RULES) - 2} rules passed", f"{len(RULES) - 1} rules passed"]


def test_where_nobody_tells_sectors_the_check_can_be_switched_off() -> None:
    assert judged(Case(signals=(plain(sector=None),))).check == "sector_weight"
    assert judged(Case(signals=(plain(sector=None),), limits={"sector_max_weight": 1})).check == "all"
