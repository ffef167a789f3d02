from datetime import timedelta

from assets.features.headline_scores import SCORE_SCHEMA, scored_by, scored_headlines
from assets.features.policy import NewsWeighing
from assets.features.sentiment import Lexicon
from assets.schemas import NEWS
from tests.builders import raw_rows
from tests.builders.raw_rows import CALENDAR

FIRST, SECOND, THIRD = raw_rows.sessions(3)


def headline(known_at, *, news_id="n1", text="Acme shares rise", **more):
    return {
        "news_id": news_id,
        "symbol": "AAA",
        "published_at": known_at,
        "headline": text,
        "known_at": known_at,
        **more,
    }


def scored(*records, sessions=(FIRST, SECOND, THIRD), weighing=NewsWeighing()):  # noqa: B008 - frozen
    news = raw_rows.rows(NEWS, records)
    return scored_headlines(news, sessions=sessions, calendar=CALENDAR, scorer=Lexicon.shipped(), weighing=weighing)


def test_headline_belongs_to_the_first_session_whose_cut_off_knows_it():
    cut_off = CALENDAR.as_of(FIRST)
    rows = scored(headline(cut_off), headline(cut_off + timedelta(microseconds=1), news_id="n2"))
    assert list(zip(rows["news_id"].to_pylist(), rows["session"].to_pylist(), strict=True)) == [
        ("n1", FIRST),
        ("n2", SECOND),
    ]


def test_correction_is_a_row_of_its_own_with_the_age_of_the_first():
    rows = scored(
        headline(CALENDAR.opens_at(FIRST)), headline(CALENDAR.opens_at(THIRD), text="Corrected: Acme shares fall")
    )
    assert rows["session"].to_pylist() == [FIRST, THIRD]
    assert rows["sentiment_milli"].to_pylist() == [1000, -1000]
    assert set(rows["first_position"].to_pylist()) == {CALENDAR.index(FIRST)}


def test_only_wanted_sessions_are_scored():
    rows = scored(headline(CALENDAR.opens_at(FIRST)), sessions=(SECOND,))
    assert rows.num_rows == 0
    assert rows.schema == SCORE_SCHEMA


def test_every_row_names_its_lexicon():
    assert scored(headline(CALENDAR.opens_at(FIRST)))["lexicon_hash"].to_pylist() == [Lexicon.shipped().hash]


def test_a_headline_weighs_what_its_provider_does_and_1_where_nobody_said():
    first, second = headline(CALENDAR.opens_at(FIRST), source="wire"), headline(CALENDAR.opens_at(SECOND), news_id="n2")
    assert scored(first, second, weighing=NewsWeighing(weights={"wire": 7}))["weight"].to_pylist() == [7, 1]


def test_a_story_told_again_by_another_provider_is_kept_and_names_who_told_it_first():
    first = headline(CALENDAR.opens_at(FIRST))
    again = headline(CALENDAR.opens_at(SECOND), news_id="wire:1", source="wire")
    rows = scored(first, again)
    assert rows["session"].to_pylist() == [FIRST, SECOND]
    assert rows["same_story_as"].to_pylist() == [None, "n1"]


def test_other_weights_are_another_history_of_scores_and_a_weight_of_1_said_aloud_is_not():
    lexicon = Lexicon.shipped()
    assert scored_by(lexicon, NewsWeighing(weights={"wire": 1})) == lexicon.hash
    assert scored_by(lexicon, NewsWeighing(weights={"wire": 2})) != lexicon.hash
    assert scored_by(lexicon, NewsWeighing(same_story_minutes=60)) != lexicon.hash
