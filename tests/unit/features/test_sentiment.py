import pytest

from assets.features.sentiment import Lexicon, sentiment_milli
from execution.domain.errors import DataError

LEXICON = Lexicon.shipped()


@pytest.mark.parametrize(
    ("headline", "sign"),
    [
        # A direction alone.
        ("Acme shares rise on demand", 1),
        ("Acme stock tumbles", -1),
        ("Revenue grew in all regions", 1),
        # What moved decides whether up is good.
        ("Costs fell at Acme", 1),
        ("Acme losses widen as debt rises", -1),
        ("Net loss narrowed at Acme", 1),
        ("Unemployment drops", 1),
        # Good or bad in itself.
        ("Acme beats quarterly earnings estimates", 1),
        ("Acme misses estimates", -1),
        ("Analysts downgrade Acme", -1),
        ("Regulator approves Acme drug", 1),
        ("Acme sued over recall", -1),
        # Denied.
        ("Acme did not beat estimates", -1),
        ("Acme avoids bankruptcy", 1),
        ("Acme can't win approval", -1),
        ("Acme isn\u2019t profitable", -1),
        # Silent, or torn.
        ("Acme names new head of operations", 0),
        ("What to know about Acme", 0),
        ("Acme wins order but cuts outlook", 0),
        ("", 0),
        ("12.5% $ACME https://example.invalid", 0),
    ],
)
def test_headline_has_the_sign_a_reader_gives_it(headline, sign):
    score = sentiment_milli(headline, LEXICON)
    assert (score > 0) - (score < 0) == sign


def test_score_is_the_balance_of_what_was_counted():
    assert sentiment_milli("Shares rise as orders grow but outlook weak", LEXICON) == 333


def test_word_inside_another_is_not_found():
    assert sentiment_milli("Acme uprights its downtown cutlery", LEXICON) == 0


def test_case_changes_nothing():
    assert sentiment_milli("ACME SHARES RISE", LEXICON) == sentiment_milli("acme shares rise", LEXICON) == 1000


def test_lexicon_is_named_by_its_bytes():
    words = b"up: [rise]\ndown: [fall]\nadverse: [loss]\ngood: [win]\nbad: [lose]\nnegations: [not]\nreach_words: 3\n"
    assert Lexicon.of(words).hash != Lexicon.of(words + b"# changed\n").hash


def test_word_that_yaml_reads_as_false_is_refused():
    words = b"up: [rise]\ndown: [fall]\nadverse: [loss]\ngood: [win]\nbad: [lose]\nnegations: [no]\nreach_words: 3\n"
    with pytest.raises(DataError, match="negations"):
        Lexicon.of(words)


def test_lexicon_without_a_reach_is_refused():
    with pytest.raises(DataError, match="reach_words"):
        Lexicon.of(b"up: [rise]\ndown: [fall]\nadverse: [loss]\ngood: [win]\nbad: [lose]\nnegations: [not]\n")
