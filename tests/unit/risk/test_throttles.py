from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.risk.limits import RiskLimits
from execution.risk.throttles import TokenBucket, is_repeating, message_refusal

START = datetime(2024, 3, 6, 14, 31, tzinfo=UTC)
GAPS = st.lists(st.integers(0, 20_000), min_size=1, max_size=80)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_full_bucket_lets_its_size_through_at_once_and_then_one_a_refill() -> None:
    bucket = TokenBucket(size_tokens=3, refill_per_minute=6)
    assert bucket.has_token([START, START], START)
    assert not bucket.has_token([START] * 3, after(9.999999))
    assert bucket.has_token([START] * 3, after(10))


def test_a_clock_that_goes_back_refills_nothing() -> None:
    bucket = TokenBucket(size_tokens=1, refill_per_minute=60)
    assert not bucket.has_token([START], after(-3_600))
    assert not bucket.has_token([after(-3_600), START], after(0.5))


def test_a_thousand_restarts_refill_nothing() -> None:
    bucket, sent, refused = TokenBucket(size_tokens=5, refill_per_minute=60), [], 0
    for restart in range(1_000):
        now = after(restart * 0.1)
        # Each restart is a new bucket that reads the ledger's rows: nothing else is carried over.
        if TokenBucket(size_tokens=5, refill_per_minute=60).has_token(sent, now):
            sent.append(now)
        else:
            refused += 1
    assert len(sent) == 5 + 99  # What was in it, and one a second of the 99.9 seconds.
    assert refused == 1_000 - len(sent)
    assert not bucket.has_token(sent, sent[-1])


@settings(max_examples=150, deadline=None)
@given(gaps=GAPS, size=st.integers(1, 6), pace=st.integers(1, 240))
def test_no_stretch_of_time_sees_more_than_the_bucket_and_its_refill(gaps: list[int], size: int, pace: int) -> None:
    bucket, sent, now = TokenBucket(size_tokens=size, refill_per_minute=pace), [], START
    for gap in gaps:
        now += timedelta(milliseconds=gap)
        if bucket.has_token(sent, now):
            sent.append(now)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            seconds = (sent[last] - sent[first]).total_seconds()
            assert last - first + 1 <= size + pace * seconds / 60 + 1e-6


@settings(max_examples=150, deadline=None)
@given(gaps=GAPS, size=st.integers(1, 6), pace=st.integers(1, 240))
def test_a_bucket_that_waited_long_enough_never_starves(gaps: list[int], size: int, pace: int) -> None:
    bucket, sent, now = TokenBucket(size_tokens=size, refill_per_minute=pace), [], START
    for gap in gaps:
        now += timedelta(milliseconds=gap)
        if bucket.has_token(sent, now):
            sent.append(now)
    assert bucket.has_token(sent, now + timedelta(seconds=60 / pace + 0.001))


def test_messages_of_a_day_end_at_their_count() -> None:
    limits = RiskLimits(messages_per_day_max=2)
    assert message_refusal([START], now=after(60), limits=limits) is None
    assert (
        message_refusal([START, after(1)], now=after(60), limits=limits)
        == "2 messages were sent today, at most 2 may be"
    )


def test_messages_of_a_minute_end_at_their_pace() -> None:
    limits = RiskLimits(messages_per_minute_max=2)
    assert message_refusal([START], now=START, limits=limits) is None
    assert message_refusal([START, START], now=START, limits=limits) == (
        "2 messages were sent today, the newest too fast: at most 2 a minute"
    )


@pytest.mark.parametrize(("hours_ago", "is_repeated"), [((0, 1, 2), True), ((0, 1), False), ((0, 1, 12), False)])
def test_a_third_cycle_within_twelve_hours_is_one_too_many(hours_ago: tuple[int, ...], *, is_repeated: bool) -> None:
    sent = [START - timedelta(hours=hours) for hours in hours_ago]
    assert is_repeating(sent, now=START, enabled_at=None, limits=RiskLimits()) is is_repeated


def test_what_was_sent_before_a_named_resume_does_not_count() -> None:
    sent = [START - timedelta(minutes=minutes) for minutes in (30, 20, 10)]
    assert is_repeating(sent, now=START, enabled_at=START - timedelta(minutes=31), limits=RiskLimits())
    assert not is_repeating(sent, now=START, enabled_at=START - timedelta(minutes=30), limits=RiskLimits())
