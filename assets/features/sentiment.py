"""A headline as a number: direction words, what they move, and what is said not to be so.

A rule of a few lines with our own word list, no model and no training text. It is often silent and sometimes wrong:
a weak feature that must earn its place. Scores are whole thousandths, so that sums over sessions are exact.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final, Protocol, Self

import yaml

from execution.domain.errors import DataError

_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)?|n't")
_LISTS: Final = ("up", "down", "adverse", "good", "bad", "negations")


class HeadlineScorer(Protocol):
    """Whatever makes a number of a headline: the shipped word list, or a model a user's sentences taught."""

    @property
    def hash(self) -> str:
        """SHA-256 of what it scores by: another hash, other scores."""
        ...

    def milli(self, headline: str) -> int:
        """Return a headline's sentiment in thousandths, -1000 to 1000."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Word lists of the rule, each as one pattern over a headline's words.

    Attributes:
        hash: SHA-256 of the file the lists came from.
        reach_words: how many words a direction word or negation reaches over.
        patterns: per list its words as one regular expression for a whole word, or for a pair of words.
        pair_starts: first words of the pairs in the lists.
    """

    hash: str
    reach_words: int
    pair_starts: frozenset[str]
    patterns: tuple[tuple[str, "re.Pattern[str]"], ...]

    @classmethod
    @cache
    def shipped(cls) -> Self:
        """Return the lexicon that comes with the program, read once per process."""
        return cls.of((files("assets.features") / "lexicon.yaml").read_bytes())

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Return the lexicon of a YAML file's bytes.

        Raises:
            DataError: a list is missing, or the reach is no positive whole number.
        """
        told: Any = yaml.safe_load(body)
        missing = [name for name in _LISTS if not _is_words(told.get(name))]
        reach = told.get("reach_words")
        if missing or not isinstance(reach, int) or reach < 1:
            raise DataError(
                f"lexicon lacks {missing or 'a positive reach_words'}: expected lists of words {', '.join(_LISTS)} and "
                "reach_words; quote words that YAML reads as true or false"
            )
        patterns = tuple((name, _pattern(told[name])) for name in _LISTS)
        starts = frozenset(word.split()[0] for name in _LISTS for word in told[name] if " " in word)
        return cls(sha256(body).hexdigest(), reach, starts, patterns)

    def milli(self, headline: str) -> int:
        """Return a headline's sentiment in thousandths, by `sentiment_milli`."""
        return sentiment_milli(headline, self)

    def kinds(self, words: Sequence[str]) -> list[frozenset[str]]:
        """Return per word the lists it, or it and the word after it, stands in."""
        return [
            _kinds(self, word) | (_kinds(self, f"{word} {after}") if word in self.pair_starts else frozenset())
            for word, after in zip(words, [*words, ""][1:], strict=True)
        ]


@lru_cache(maxsize=65_536)
def _kinds(lexicon: Lexicon, phrase: str) -> frozenset[str]:
    # Headlines repeat their words: looking each up once makes scoring a history ten times faster.
    return frozenset(name for name, pattern in lexicon.patterns if pattern.fullmatch(phrase))


def sentiment_milli(headline: str, lexicon: Lexicon) -> int:
    """Return a headline's sentiment in thousandths, -1000 to 1000; 0 where the rule is silent or torn.

    Each direction word counts for what it moves (an adverse noun turns it), each good or bad word for itself; a
    negation before either turns it. The score is the balance of good over all that was counted.
    """
    words = _WORD.findall(headline.lower().replace("\u2019", "'").replace("n't", " n't"))
    kinds = lexicon.kinds(words)
    votes = [vote for place in range(len(words)) if (vote := _vote(kinds, place, lexicon.reach_words)) != 0]
    return round(1000 * sum(votes) / len(votes)) if votes else 0


def _vote(kinds: list[frozenset[str]], place: int, reach: int) -> int:
    own = kinds[place]
    if "good" in own or "bad" in own:
        vote = 1 if "good" in own else -1
    elif "up" in own or "down" in own:
        vote = 1 if "up" in own else -1
        near = kinds[max(0, place - reach) : place] + kinds[place + 1 : place + 1 + reach]
        if any("adverse" in other for other in near):
            vote = -vote
    else:
        return 0
    before = kinds[max(0, place - reach) : place]
    is_negated = any("negations" in other for other in before)
    return -vote if is_negated else vote


def _is_words(value: Any) -> bool:
    # YAML reads an unquoted `no` as false: a word list with anything but text in it is a mistake.
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) for word in value)


def _pattern(words: Sequence[str]) -> "re.Pattern[str]":
    return re.compile("|".join(re.escape(word).replace(r"\*", "[a-z]*").replace(r"\ ", " ") for word in words))
