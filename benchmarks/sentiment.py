"""How often is the shipped word list right? Judged on labelled sentences that nobody tuned it on.

A word list has no training text, so every sentence judges it. A model of words learns from four fifths of them and is
judged on the fifth it has not seen, in turn. Always saying "neutral" is what both must beat.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from measuring import conditions, print_table, write_result
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from assets.features.sentiment import Lexicon, sentiment_milli

DATA: Final = Path(__file__).parents[1].parent / "shared" / "data" / "sentiment_twitter_fin_train2000.parquet"
NAMES: Final = ("negative", "positive", "neutral")
NEUTRAL: Final = 2
FOLDS: Final = 5
SEED: Final = 7


def of_lexicon(texts: Sequence[str]) -> Any:
    lexicon = Lexicon.shipped()
    scores = np.array([sentiment_milli(text, lexicon) for text in texts])
    return np.where(scores < 0, 0, np.where(scores > 0, 1, NEUTRAL))


def of_vader(texts: Sequence[str]) -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415 - left out where it is absent

    scorer = SentimentIntensityAnalyzer()
    scores = np.array([scorer.polarity_scores(text)["compound"] for text in texts])
    # The bounds its authors give for a verdict.
    return np.where(scores <= -0.05, 0, np.where(scores >= 0.05, 1, NEUTRAL))


def of_tf_idf(texts: Sequence[str], labels: Any) -> Any:
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = make_pipeline(words, LogisticRegression(max_iter=1000, class_weight="balanced", C=3.0))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    return cross_val_predict(model, list(texts), labels, cv=folds)


def judged(told: Any, labels: Any) -> dict[str, Any]:
    """Return accuracy with its 95 % interval, macro F1, and how often it speaks and is then right."""
    is_right = told == labels
    drawn = np.random.default_rng(SEED).choice(is_right, (2_000, len(is_right))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    speaks = told != NEUTRAL
    return {
        "accuracy": float(is_right.mean()),
        "low": float(low),
        "high": float(high),
        "macro_f1": float(np.mean([_f1(told == label, labels == label) for label in range(len(NAMES))])),
        "speaks": float(speaks.mean()),
        "right_when_it_speaks": float(is_right[speaks].mean()) if speaks.any() else None,
        "wrong_sign_when_it_speaks": float((labels[speaks] == 1 - told[speaks]).mean()) if speaks.any() else None,
    }


def _f1(told: Any, true: Any) -> float:
    hits = float((told & true).sum())
    return 2 * hits / float(told.sum() + true.sum()) if hits else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="Parquet of sentences with their labels.")
    table = pq.read_table(parser.parse_args().data)
    texts = table.column("sentence").to_pylist()
    labels = np.array([NAMES.index(name) for name in table.column("label").to_pylist()])
    ways: dict[str, Callable[[], Any]] = {
        "always neutral": lambda: np.full(len(labels), NEUTRAL),
        "shipped word list": lambda: of_lexicon(texts),
        "VADER": lambda: of_vader(texts),
        f"TF-IDF, {FOLDS} folds": lambda: of_tf_idf(texts, labels),
    }
    results = {}
    for name, way in ways.items():
        try:
            results[name] = judged(way(), labels)
        except ImportError as missing:
            print(f"{name} is left out: {missing}")
    shown = ("accuracy", "low", "high", "macro_f1", "speaks", "right_when_it_speaks", "wrong_sign_when_it_speaks")
    rows = [
        (name, *("-" if found[key] is None else f"{found[key]:.3f}" for key in shown))
        for name, found in results.items()
    ]
    print_table(f"{len(labels)} labelled sentences", ("way", *shown), rows)
    share = {name: round(float((labels == label).mean()), 3) for label, name in enumerate(NAMES)}
    write_result("sentiment", {"conditions": conditions(), "sentences": len(labels), "labels": share, "ways": results})


if __name__ == "__main__":
    main()
