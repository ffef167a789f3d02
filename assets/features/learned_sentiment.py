"""A headline as a number by a model of words, taught on sentences that a user labelled: TF-IDF and logistic regression.

It is taught anew from the file in each process, so that no model file has to be believed. It tells how often it is
right on sentences it was not taught on, beside the word list on the same ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from assets.features.sentiment import Lexicon
from execution.domain.errors import DataError

LABELS: Final = ("negative", "neutral", "positive")
_COLUMNS: Final = ("sentence", "label")
_SENTENCES_PER_LABEL_MIN: Final = 50
_FOLDS: Final = 5
_SEED: Final = 7


@dataclass(frozen=True, slots=True, eq=False)
class LearnedSentiment:
    """A taught model of words.

    Attributes:
        hash: SHA-256 of the labelled sentences it was taught on.
        sentences: how many there were.
        accuracy: share of sentences it is right on, each judged by a model that was not taught on it.
        lexicon_accuracy: share of the same sentences the shipped word list is right on.
    """

    hash: str
    sentences: int
    accuracy: float
    lexicon_accuracy: float
    _model: Any

    @classmethod
    def of_file(cls, path: Path) -> "LearnedSentiment":
        """Return the model of a CSV or Parquet file with columns `sentence` and `label`; taught once per process.

        Raises:
            DataError: the file cannot be read, a column or a label is another, or a label has too few sentences.
        """
        try:
            body = path.read_bytes()
        except OSError as error:
            raise DataError(f"labelled sentences {path}: {error.strerror}; name a CSV or Parquet file") from error
        return _taught(body, path.name)

    def milli(self, headline: str) -> int:
        """Return the probability of positive less that of negative, in thousandths, -1000 to 1000."""
        negative, _, positive = self._model.predict_proba([headline])[0]
        return round(1000 * float(positive - negative))


@lru_cache(maxsize=2)
def _taught(body: bytes, name: str) -> LearnedSentiment:
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415 - loads where it is asked for

    sentences, labels = _read(body, name)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
    told = cross_val_predict(_untaught(), sentences, labels, cv=folds)
    lexicon = Lexicon.shipped()
    by_words = np.array([1 + int(np.sign(lexicon.milli(sentence))) for sentence in sentences])
    return LearnedSentiment(
        hash=sha256(body).hexdigest(),
        sentences=len(sentences),
        accuracy=float((told == labels).mean()),
        lexicon_accuracy=float((by_words == labels).mean()),
        _model=_untaught().fit(sentences, labels),
    )


def _untaught() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - as above
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - as above
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - as above

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    return make_pipeline(words, LogisticRegression(max_iter=1000, class_weight="balanced", C=3.0))


def _read(body: bytes, name: str) -> tuple[list[str], Any]:
    try:
        is_parquet = name.endswith(".parquet")
        table = pq.read_table(BytesIO(body), use_threads=False) if is_parquet else csv.read_csv(BytesIO(body))
    except pa.ArrowInvalid as error:
        raise DataError(f"labelled sentences {name}: {error}; expected CSV, or Parquet by its ending") from error
    missing = [column for column in _COLUMNS if column not in table.column_names]
    if missing:
        raise DataError(f"labelled sentences {name} lack {', '.join(missing)}: expected columns {', '.join(_COLUMNS)}")
    sentences, labels = (table.column(column).to_pylist() for column in _COLUMNS)
    _refuse_labels(labels, name)
    return [str(sentence) for sentence in sentences], np.array([LABELS.index(label) for label in labels])


def _refuse_labels(labels: Sequence[object], name: str) -> None:
    others = sorted({str(label) for label in labels} - set(LABELS))
    few = [label for label in LABELS if labels.count(label) < _SENTENCES_PER_LABEL_MIN]
    if others or few:
        raise DataError(
            f"labelled sentences {name}: found {f'labels {others[:5]}' if others else f'too few of {few}'}, expected "
            f"at least {_SENTENCES_PER_LABEL_MIN} sentences of each of {', '.join(LABELS)}"
        )
