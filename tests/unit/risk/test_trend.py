"""The longer span must confirm an entry: by weekly closes, by daily ones, by both; off unless somebody asks."""

from decimal import Decimal
from typing import Any

import pytest

from execution.domain.canonical import content_hash
from execution.risk.limits import RiskLimits
from execution.risk.pre_trade import Verdict, review
from tests.builders.sizing import a_context, an_entry, an_exit, plain

FALL_THEN_RISE = (-0.02,) * 50 + (0.01,) * 10
RISE_THEN_FALL = (0.02,) * 50 + (-0.01,) * 10


def judged(returns: tuple[float, ...], *, is_exit: bool = False, **limits: Any) -> Verdict:
    order = an_exit(10) if is_exit else an_entry()
    held = {"positions_shares": {"AAA": 10}} if is_exit else {}
    context = a_context(plain(returns_60d=returns), **held)
    # What moves alike is another rule's question.
    [verdict] = review(orders=[order], context=context, limits=RiskLimits(var95_max_fraction=Decimal(1), **limits))
    return verdict


@pytest.mark.parametrize(
    ("returns", "limits", "verdict"),
    [
        (FALL_THEN_RISE, {"trend_sessions": 10}, "all"),
        (FALL_THEN_RISE, {"trend_weeks": 12}, "trend"),
        (RISE_THEN_FALL, {"trend_weeks": 12}, "all"),
        (RISE_THEN_FALL, {"trend_sessions": 10}, "trend"),
        (RISE_THEN_FALL, {"trend_weeks": 12, "trend_sessions": 10}, "trend"),
        (FALL_THEN_RISE, {"trend_weeks": 12, "trend_sessions": 10}, "trend"),
        (FALL_THEN_RISE, {"trend_weeks": 1}, "all"),
        (RISE_THEN_FALL, {}, "all"),
    ],
)
def test_each_span_that_is_named_must_agree(returns: tuple[float, ...], limits: dict[str, int], verdict: str) -> None:
    assert judged(returns, **limits).check == verdict


def test_why_an_entry_waits_is_told_with_the_distance_and_the_span() -> None:
    verdict = judged((-0.01,) * 60, trend_weeks=1)
    # Five falls of 1 %: the close of a week ago was 1 / 0.99^5.
    assert verdict.found == "-4.90 % above"
    assert verdict.allowed == "above the mean of the weekly close before"
    assert verdict.reason == "the weekly trend is not up"


def test_a_close_at_the_mean_confirms_nothing() -> None:
    assert judged((0.0,) * 60, trend_sessions=20).check == "trend"


def test_one_session_too_few_is_unknown_and_blocks() -> None:
    verdict = judged((0.01,) * 59, trend_weeks=12)
    assert verdict.check == "trend"
    assert verdict.reason == "unknown: 59 sessions of returns of AAA, 60 are needed"


def test_older_returns_than_the_span_change_nothing() -> None:
    told = {judged((first,) * 40 + (0.01,) * 20, trend_sessions=20).found for first in (-0.1, 0.0, 0.1)}
    assert len(told) == 1


def test_a_share_that_lost_everything_has_no_trend() -> None:
    assert judged((0.01,) * 59 + (-1.0,), trend_sessions=20).check == "trend"


def test_nothing_keeps_a_position_from_being_sold() -> None:
    assert judged((-0.01,) * 60, is_exit=True, trend_weeks=12).check == "all"


def test_a_plan_made_without_it_keeps_its_hash_and_one_made_with_it_has_another() -> None:
    plain_limits = {name: value for name, value in RiskLimits().model_dump().items() if not name.startswith("trend")}
    assert content_hash(RiskLimits().told()) == content_hash(plain_limits)
    assert RiskLimits(trend_weeks=4).told() == {**plain_limits, "trend_weeks": 4}
