"""One story told by two providers counts once: for whoever told it first, as far as was known then."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from assets import schemas
from assets.features.same_stories import told_before
from tests.builders import raw_rows
from tests.builders.raw_rows import CALENDAR, FIRST_SESSION

NOON = CALENDAR.opens_at(FIRST_SESSION)
DAY = timedelta(days=1)
Telling = Mapping[str, object]


def telling(
    news_id: str, source: str, *, hours: float = 0, symbol: str = "AAA", text: str = "Acme wins contract"
) -> Telling:
    at = NOON + timedelta(hours=hours)
    return {
        "news_id": news_id,
        "symbol": symbol,
        "source": source,
        "headline": text,
        "published_at": at,
        "known_at": at,
    }


def repeats(*tellings: Telling, within: timedelta = DAY) -> dict[str, str]:
    found = told_before(raw_rows.rows(schemas.NEWS, tellings), within=within)
    return {news_id: first for (news_id, _), first in found.items()}


def test_the_earlier_telling_counts_whatever_order_the_rows_stand_in() -> None:
    early, late = telling("b1", "b"), telling("a1", "a", hours=3)
    assert repeats(late, early) == repeats(early, late) == {"a1": "b1"}


def test_case_punctuation_and_spacing_make_no_other_story() -> None:
    assert repeats(telling("a1", "a"), telling("b1", "b", text="  ACME: wins -- contract! ")) == {"b1": "a1"}


def test_headlines_without_a_letter_or_digit_are_one_story_only_as_they_stand() -> None:
    assert repeats(telling("a1", "a", text="!!!"), telling("b1", "b", text="???")) == {}
    assert repeats(telling("a1", "a", text="!!!"), telling("b1", "b", text="!!!")) == {"b1": "a1"}


@pytest.mark.parametrize(
    "other",
    [
        telling("b1", "b", symbol="BBB"),
        telling("b1", "b", text="Acme wins a contract"),
        telling("b1", "b", hours=24.01),
        telling("a2", "a"),
    ],
    ids=["another symbol", "another text", "too late", "the same provider"],
)
def test_it_is_another_story(other: Telling) -> None:
    assert repeats(telling("a1", "a"), other, telling("c1", "c", text="unrelated")) == {}


def test_of_tellings_at_one_instant_the_first_by_name_counts() -> None:
    assert repeats(telling("b1", "b"), telling("a1", "a")) == {"b1": "a1"}


def test_a_third_teller_is_held_against_the_first_not_the_second() -> None:
    told = [telling("a1", "a"), telling("b1", "b", hours=20), telling("c1", "c", hours=30)]
    assert repeats(*told) == {"b1": "a1"}


def test_what_comes_later_changes_no_decision() -> None:
    told = [
        telling("a1", "a"),
        telling("b1", "b", hours=1),
        telling("b2", "b", hours=2),
        telling("a2", "a", hours=20),
        telling("c1", "c", hours=30),
    ]
    whole = repeats(*told)
    for known in range(2, len(told)):
        ids = {row["news_id"] for row in told[:known]}
        assert repeats(*told[:known]) == {news_id: first for news_id, first in whole.items() if news_id in ids}


def test_a_later_version_of_a_headline_does_not_make_it_a_repetition() -> None:
    own = [telling("b1", "b", text="Acme opens an office"), telling("b1", "b", hours=5)]
    assert repeats(telling("a1", "a"), *own) == {}


def test_a_span_of_zero_counts_every_telling() -> None:
    assert repeats(telling("a1", "a"), telling("b1", "b"), within=timedelta(0)) == {}
