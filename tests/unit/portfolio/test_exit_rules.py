from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from execution.portfolio.exit_rules import ExitRules, PositionFacts, due_exit

RULES = TypeAdapter(ExitRules)
FACTS = PositionFacts(
    quantity_shares=101,
    price_usd=Decimal(54),
    entry_usd=Decimal(50),
    high_usd=Decimal(56),
    atr14_usd=Decimal(2),
    held_sessions=4,
    score=Decimal("0.3"),
    rank_fraction=Decimal("0.4"),
    expected_return_bps=Decimal(25),
    regime="bull_calm",
    vix_points=Decimal(18),
)
NUMBERS = {
    "held_sessions": Decimal(4),
    "gain_fraction": Decimal("0.08"),
    "gain_atr": Decimal(2),
    "drop_from_high_fraction": Decimal(2) / 56,
    "drop_from_high_atr": Decimal(1),
    "score": Decimal("0.3"),
    "rank_fraction": Decimal("0.4"),
    "expected_return_bps": Decimal(25),
    "vix_points": Decimal(18),
}
MADE_OF = {
    "gain_fraction": ("price_usd", "entry_usd"),
    "gain_atr": ("price_usd", "entry_usd", "atr14_usd"),
    "drop_from_high_fraction": ("price_usd", "high_usd"),
    "drop_from_high_atr": ("price_usd", "high_usd", "atr14_usd"),
    "score": ("score",),
    "rank_fraction": ("rank_fraction",),
    "expected_return_bps": ("expected_return_bps",),
    "vix_points": ("vix_points",),
}
TICK = Decimal("0.000001")


def rules(*given_rules):
    return RULES.validate_python(given_rules)


def one(fact, **bound):
    return rules({"name": "rule", "when": [{"fact": fact, **bound}]})


@pytest.mark.parametrize("fact", NUMBERS)
def test_a_fact_at_its_bound_is_due_from_both_sides(fact):
    assert due_exit(one(fact, at_least=NUMBERS[fact]), FACTS)
    assert due_exit(one(fact, at_most=NUMBERS[fact]), FACTS)


@pytest.mark.parametrize("fact", NUMBERS)
def test_a_fact_just_short_of_its_bound_is_not_due(fact):
    assert due_exit(one(fact, at_least=NUMBERS[fact] + TICK), FACTS) is None
    assert due_exit(one(fact, at_most=NUMBERS[fact] - TICK), FACTS) is None


@pytest.mark.parametrize(("fact", "missing"), [(fact, name) for fact, names in MADE_OF.items() for name in names])
def test_an_unknown_fact_never_sells(fact, missing):
    unknown = replace(FACTS, **{missing: None})
    assert due_exit(one(fact, at_least=-999_999), unknown) is None
    assert due_exit(one(fact, at_most=999_999), unknown) is None


def test_every_condition_of_a_rule_must_hold():
    when = [{"fact": "gain_atr", "at_least": 2}, {"fact": "regime", "one_of": ["bear_calm"]}]
    assert due_exit(rules({"name": "rule", "when": when}), FACTS) is None
    assert due_exit(rules({"name": "rule", "when": when}), replace(FACTS, regime="bear_calm"))


def test_an_unknown_regime_is_none_of_those_named():
    every = ["bull_calm", "bull_volatile", "bear_calm", "bear_volatile"]
    assert due_exit(one("regime", one_of=every), replace(FACTS, regime=None)) is None


def test_the_reason_names_the_rule_the_numbers_found_and_the_bounds():
    due = due_exit(one("gain_atr", at_least=Decimal("1.5")), FACTS)
    assert due is not None
    assert due.reason == "rule: gain_atr 2, at least 1.5"


def test_a_part_is_rounded_up_so_that_a_ladder_ends():
    target = rules({"name": "target", "when": [{"fact": "gain_atr", "at_least": 2}], "sell_fraction": "0.5"})
    due = due_exit(target, FACTS)
    assert due is not None
    assert due.sell_shares == 51
    last = due_exit(target, replace(FACTS, quantity_shares=1))
    assert last is not None
    assert last.sell_shares == 1


def test_a_part_of_a_position_of_parts_is_no_finer_than_the_position():
    target = rules({"name": "target", "when": [{"fact": "gain_atr", "at_least": 2}], "sell_fraction": "0.5"})
    due = due_exit(target, replace(FACTS, quantity_shares=Decimal("0.25")))
    assert due is not None
    assert due.sell_shares == Decimal("0.13")


def test_a_ladder_goes_on_to_its_next_target_once_the_first_was_sold():
    ladder = rules(
        {"name": "first", "when": [{"fact": "gain_atr", "at_least": 1}], "sell_fraction": "0.5"},
        {"name": "second", "when": [{"fact": "gain_atr", "at_least": 2}], "sell_fraction": "0.5"},
    )
    names = [
        due.rule if (due := due_exit(ladder, replace(FACTS, parts_sold=frozenset(sold)))) else None
        for sold in ((), ("first",), ("first", "second"))
    ]
    assert names == ["first", "second", None]


def test_a_rule_that_sells_everything_speaks_before_one_that_sells_a_part():
    both = rules(
        {"name": "part", "when": [{"fact": "gain_atr", "at_least": 1}], "sell_fraction": "0.5"},
        {"name": "whole", "when": [{"fact": "held_sessions", "at_least": 4}]},
    )
    due = due_exit(both, FACTS)
    assert due is not None
    assert (due.rule, due.sell_shares) == ("whole", 101)


@settings(deadline=None, max_examples=60)
@given(shares=st.integers(1, 10_000_000), fraction=st.decimals("0.001", 1, places=3))
def test_a_due_exit_sells_at_least_one_share_and_never_more_than_is_held(shares, fraction):
    rule = rules({"name": "rule", "when": [{"fact": "held_sessions", "at_least": 0}], "sell_fraction": fraction})
    due = due_exit(rule, replace(FACTS, quantity_shares=shares))
    assert due is not None
    assert 1 <= due.sell_shares <= shares
    assert due.sell_shares - 1 < shares * fraction <= due.sell_shares


@pytest.mark.parametrize(
    "bad",
    [
        {"name": "rule", "when": []},
        {"name": "rule", "when": [{"fact": "gain_atr"}]},
        {"name": "rule", "when": [{"fact": "gain_atr", "at_least": 1, "at_most": 2}]},
        {"name": "rule", "when": [{"fact": "gain_atr", "at_least": "NaN"}]},
        {"name": "rule", "when": [{"fact": "gain_atr", "at_least": "Infinity"}]},
        {"name": "rule", "when": [{"fact": "gain_atr", "at_least": "1e9"}]},
        {"name": "rule", "when": [{"fact": "gain_percent", "at_least": 1}]},
        {"name": "rule", "when": [{"fact": "regime", "one_of": ["sideways"]}]},
        {"name": "rule", "when": [{"fact": "regime", "one_of": []}]},
        {"name": "rule", "when": [{"fact": "regime", "at_least": 1}]},
        {"name": "Rule 1", "when": [{"fact": "gain_atr", "at_least": 1}]},
        {"name": "rule", "when": [{"fact": "gain_atr", "at_least": 1}], "sell_fraction": 0},
        {"name": "rule", "when": [{"fact": "gain_atr", "at_least": 1}], "sell_fraction": "1.01"},
        {"name": "rule", "when": [{"fact": "gain_atr", "at_least": 1}], "sell_fraction": "NaN"},
        {"name": "rule", "when": [{"fact": "gain_atr", "at_least": 1, "eval": "x"}]},
    ],
)
def test_a_rule_that_could_be_misread_is_refused(bad):
    with pytest.raises(ValidationError):
        rules(bad)


def test_two_rules_of_one_name_are_refused():
    rule = {"name": "rule", "when": [{"fact": "gain_atr", "at_least": 1}]}
    with pytest.raises(ValidationError, match="exit rules rule are named twice"):
        rules(rule, rule)
