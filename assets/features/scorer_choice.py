"""Who scores headlines: the shipped word list, or a model of the sentences that settings name; and what else is set."""

from collections.abc import Mapping

from assets.features.learned_sentiment import LearnedSentiment
from assets.features.policy import FeaturePolicy
from assets.features.sentiment import HeadlineScorer, Lexicon
from execution.domain.canonical import canonical_bytes


def scorer_of(policy: FeaturePolicy) -> HeadlineScorer:
    """Return the scorer of the settings; both kinds are made once per process.

    Raises:
        DataError: the labelled sentences cannot teach anything.
    """
    path = policy.labelled_sentences_file
    return Lexicon.shipped() if path is None else LearnedSentiment.of_file(path)


def scorer_facts(scorer: HeadlineScorer) -> Mapping[str, str | int | float]:
    """Return what scored, and how often it is right where that was measured, for an asset's metadata."""
    if not isinstance(scorer, LearnedSentiment):
        return {"scored_by": "word list", "lexicon_hash": scorer.hash}
    return {
        "scored_by": f"a model of {scorer.sentences} labelled sentences",
        "sentences_hash": scorer.hash,
        "accuracy_on_unseen_sentences": round(scorer.accuracy, 4),
        "accuracy_of_word_list": round(scorer.lexicon_accuracy, 4),
    }


def feature_settings(policy: FeaturePolicy) -> dict[str, str]:
    """Return what the marts' features are made of, setting by setting; settings of one meaning give equal text.

    Raises:
        DataError: the labelled sentences cannot teach anything.
    """
    scorer = scorer_of(policy)
    # A weight of 1 says what saying nothing says.
    weights = {provider: weight for provider, weight in policy.news.weights.items() if weight != 1}
    return {
        "features.sets": ", ".join(sorted(set(policy.sets))) or "none",
        "features.labelled_sentences_file": f"{scorer_facts(scorer)['scored_by']} {scorer.hash[:12]}",
        "features.news": canonical_bytes(policy.news.model_copy(update={"weights": weights}).model_dump()).decode(),
    }
