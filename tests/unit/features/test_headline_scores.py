from datetime import timedelta

from assets.features.headline_scores import SCORE_SCHEMA, scored_headlines
from assets.features.sentiment import Lexicon
from assets.schemas import NEWS
from tests.builders import raw_rows
from tests.builders.raw_rows import CALENDAR

FIRST, SECOND, THIRD = raw_rows.sessions(3)


def headline(known_at, *, news_id="n1", text="Acme shares rise"):
    return {"news_id": news_id, "symbol": "AAA", "published_at": known_at, "headline": text, "known_at": known_at}


def scored(*records, sessions=(FIRST, SECOND, THIRD)):
    news = raw_rows.rows(NEWS, records)
    return scored_headlines(news, sessions=sessions, calendar=CALENDAR, scorer=Lexicon.shipped())


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
