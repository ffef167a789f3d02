"""The shipped word list on sentences somebody else labelled, none of which it was tuned on."""

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from assets.features.learned_sentiment import LearnedSentiment
from assets.features.sentiment import Lexicon, sentiment_milli

CHECKOUT = Path(__file__).parents[3]
SENTENCES = Path(os.environ.get("REAL_DATA_FOLDER", CHECKOUT.parent / "shared" / "data")) / (
    "sentiment_twitter_fin_train2000.parquet"
)

pytestmark = pytest.mark.skipif(not SENTENCES.exists(), reason="no labelled sentences: set REAL_DATA_FOLDER")


@pytest.fixture(scope="module")
def told_and_true() -> tuple[np.ndarray, np.ndarray]:
    table, lexicon = pq.read_table(SENTENCES), Lexicon.shipped()
    told = np.sign([sentiment_milli(text, lexicon) for text in table.column("sentence").to_pylist()])
    signs = {"negative": -1, "neutral": 0, "positive": 1}
    return told, np.array([signs[label] for label in table.column("label").to_pylist()])


def test_it_is_right_more_often_than_saying_nothing(told_and_true: tuple[np.ndarray, np.ndarray]) -> None:
    told, true = told_and_true
    assert (told == true).mean() == pytest.approx(0.681, abs=0.0005)
    assert (told == true).mean() > (true == 0).mean() + 0.1


def test_where_it_speaks_of_what_moved_the_sign_is_right_three_times_in_four(
    told_and_true: tuple[np.ndarray, np.ndarray],
) -> None:
    told, true = told_and_true
    both = (told != 0) & (true != 0)
    assert (told[both] == true[both]).mean() > 0.75


def test_a_model_of_words_taught_on_them_is_right_more_often_on_those_it_has_not_seen() -> None:
    learned = LearnedSentiment.of_file(SENTENCES)
    assert learned.sentences == 2_000
    assert learned.lexicon_accuracy == pytest.approx(0.681, abs=0.0005)
    assert learned.accuracy == pytest.approx(0.707, abs=0.01)


def test_vader_where_the_list_is_silent_makes_it_wrong_more_often(
    told_and_true: tuple[np.ndarray, np.ndarray],
) -> None:
    told, true = told_and_true
    scorer = SentimentIntensityAnalyzer()
    sentences = pq.read_table(SENTENCES).column("sentence").to_pylist()
    vader = np.array([scorer.polarity_scores(sentence)["compound"] for sentence in sentences])
    for least in (0.5, 0.7, 0.8):
        both = np.where(told != 0, told, np.where(np.abs(vader) > least, np.sign(vader), 0))
        assert (both == true).mean() < (told == true).mean()
