"""Sentences a user labelled teach how headlines are scored: refused where they teach nothing, and never mixed."""

from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets import schemas
from assets.features.build import write_news_sentiment
from assets.features.feature_parts import NEWS_SENTIMENT, FeatureParts
from assets.features.headline_scores import SCORE_SCHEMA
from assets.features.learned_sentiment import LABELS, LearnedSentiment
from assets.features.policy import FeaturePolicy, NewsWeighing
from assets.features.scorer_choice import scorer_facts, scorer_of
from assets.features.sentiment import HeadlineScorer, Lexicon
from assets.raw_store import RawStore
from assets.warehouse import Warehouse
from execution.domain.errors import DataError
from tests.builders import raw_rows
from tests.builders.raw_rows import CALENDAR

# Words that the shipped list knows nothing of.
WORDS = {"negative": "zorp", "neutral": "plim", "positive": "quax"}
DAYS = CALENDAR.between(date(2024, 1, 3), date(2024, 1, 9))


def labelled(path: Path, *, each: int = 60) -> Path:
    rows = [(f"{word} number {place % 7} of the day", label) for label, word in WORDS.items() for place in range(each)]
    table = pa.table({"sentence": [text for text, _ in rows], "label": [label for _, label in rows]})
    pq.write_table(table, path)
    return path


def told_on(day: date) -> dict[str, object]:
    at = CALENDAR.opens_at(day)
    text = "shares rise on a quax"
    return {"news_id": f"n-{day}", "symbol": "AAA", "published_at": at, "known_at": at, "headline": text}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> LearnedSentiment:
    return LearnedSentiment.of_file(labelled(tmp_path_factory.mktemp("labelled") / "own.parquet"))


def test_it_knows_the_words_it_was_taught_and_says_how_often_it_is_right(learned: LearnedSentiment) -> None:
    assert learned.milli("a quax at last") > 500
    assert learned.milli("such a zorp") < -500
    assert abs(learned.milli("plim again")) < 200
    assert learned.accuracy == 1.0
    assert learned.lexicon_accuracy == pytest.approx(1 / 3)
    assert scorer_facts(learned)["accuracy_of_word_list"] == 0.3333


def test_the_same_sentences_teach_the_same_scores(learned: LearnedSentiment, tmp_path: Path) -> None:
    again = LearnedSentiment.of_file(labelled(tmp_path / "copy.parquet"))
    assert again.hash == learned.hash
    assert again.milli("quax or zorp") == learned.milli("quax or zorp")


def test_without_sentences_the_word_list_scores() -> None:
    assert scorer_of(FeaturePolicy()) is Lexicon.shipped()
    assert scorer_facts(Lexicon.shipped())["scored_by"] == "word list"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("absent.csv", None, "name a CSV or Parquet file"),
        ("columns.csv", "text,label\nup,positive\n", "lack sentence"),
        ("labels.csv", "sentence,label\nup,good\n", r"found labels \['good'\]"),
        ("few.csv", "sentence,label\nup,positive\n", "too few of"),
        ("broken.parquet", "not a table", "expected CSV, or Parquet"),
    ],
)
def test_sentences_that_teach_nothing_are_refused_by_name(
    tmp_path: Path, name: str, text: str | None, told: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=told):
        LearnedSentiment.of_file(path)


def test_another_scorer_scores_the_whole_history_anew_and_the_same_one_only_what_is_missing(
    learned: LearnedSentiment, tmp_path: Path
) -> None:
    raw, parts, warehouse = RawStore(tmp_path / "raw"), FeatureParts(tmp_path / "features"), tmp_path / "w.duckdb"
    news = raw_rows.rows(schemas.NEWS, [told_on(day) for day in DAYS])
    raw.append(schemas.NEWS, news, session=DAYS[-1], recorded_at=CALENDAR.as_of(DAYS[-1]))
    snapshot = raw.snapshot(session=DAYS[-1], as_of=CALENDAR.as_of(DAYS[-1]))
    (part,) = snapshot.hashes("news")
    staged = news.rename_columns({"source": "source_name"}).append_column("part", pa.array([part] * len(news)))
    with duckdb.connect(str(warehouse)) as connection:
        connection.register("news_in", staged)
        connection.execute("create schema staging; create table staging.stg_raw__news as select * from news_in")

    def written(scorer: HeadlineScorer, **weights: int) -> tuple[date, ...]:
        made = write_news_sentiment(
            warehouse=Warehouse(warehouse),
            snapshot=snapshot,
            feature_parts=parts,
            calendar=CALENDAR,
            scorer=scorer,
            weighing=NewsWeighing(weights=weights),
        )
        return tuple(made.sessions)

    assert written(Lexicon.shipped()) == DAYS
    assert written(Lexicon.shipped()) == DAYS[-1:]
    assert written(Lexicon.shipped(), test=2) == DAYS
    assert written(learned) == DAYS
    served = parts.in_force(NEWS_SENTIMENT, schema=SCORE_SCHEMA, last=DAYS[-1])
    scored_by = {one for part in served for one in pq.read_table(part.path)["lexicon_hash"].to_pylist()}
    assert scored_by == {learned.hash}
    assert set(LABELS) == set(WORDS)
