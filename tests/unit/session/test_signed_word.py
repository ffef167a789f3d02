"""A signed word is believed for exactly what was signed, by whom the settings know, and while it holds."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from execution.domain.canonical import canonical_bytes
from execution.domain.errors import NotArmed
from execution.session.send_policy import ApprovalPolicy
from execution.session.signed_word import PREFIX, Word, believed, signed
from tests.builders.signers import ANN, BOB, KEYS, SIGNERS, a_word

NOW = datetime(2024, 3, 5, 21, 30, tzinfo=UTC)
PLAN, OTHER = "a" * 64, "b" * 64


def asked(text: str, *, at: datetime = NOW, **changes: Any) -> Word:
    given: dict[str, Any] = {"matter": "plan", "subject": PLAN, "account": "paper-1", "signers": SIGNERS}
    return believed(text, now=at, **{**given, **changes})


def test_a_word_says_what_was_signed() -> None:
    assert asked(a_word(PLAN, at=NOW)) == Word(
        matter="plan",
        subject=PLAN,
        account="paper-1",
        signer=ANN,
        made_at=NOW,
        expires_at=NOW + timedelta(hours=24),
    )


def test_a_word_is_one_line_without_a_space_and_without_the_key() -> None:
    text = a_word(PLAN, at=NOW)
    assert not set(text) & set(" \n\"'\\$")
    assert base64.urlsafe_b64encode(KEYS[ANN].private_bytes_raw()).decode().rstrip("=") not in text


def test_a_word_that_a_terminal_ended_with_a_line_is_believed() -> None:
    assert asked(a_word(PLAN, at=NOW) + "\n").signer == ANN


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"subject": OTHER}, f"for another subject: {PLAN}, not {OTHER}"),
        ({"account": "paper-2"}, "for another account: paper-1, not paper-2"),
        ({"matter": "release"}, "for another matter: plan, not release"),
        ({"signers": {BOB: SIGNERS[BOB]}}, "of a stranger: approval.signers does not name 'Ann Person'"),
        ({"signers": {}}, "of a stranger"),
        ({"signers": {ANN: SIGNERS[BOB]}}, "forged: the key of Ann Person did not sign it"),
    ],
    ids=["another plan", "another account", "another matter", "a stranger", "nobody is known", "another key"],
)
def test_a_word_is_believed_for_nothing_else_and_from_nobody_else(changes: dict[str, Any], refusal: str) -> None:
    with pytest.raises(NotArmed) as refused:
        asked(a_word(PLAN, at=NOW), **changes)
    assert refusal in str(refused.value)


def test_who_signs_in_another_name_is_refused() -> None:
    with pytest.raises(NotArmed, match=r"forged: the key of Ann Person did not sign it"):
        asked(a_word(PLAN, at=NOW, signer=ANN, key=KEYS[BOB]))


def test_a_word_holds_until_its_last_microsecond() -> None:
    text = a_word(PLAN, at=NOW, hours=1)
    assert asked(text, at=NOW + timedelta(hours=1, microseconds=-1)).signer == ANN
    with pytest.raises(NotArmed, match=r"has expired: Ann Person gave it until 2024-03-05T22:30:00"):
        asked(text, at=NOW + timedelta(hours=1))


def test_a_word_from_a_clock_two_minutes_ahead_is_believed_and_from_one_further_ahead_is_not() -> None:
    text = a_word(PLAN, at=NOW + timedelta(minutes=2))
    assert asked(text).signer == ANN
    with pytest.raises(NotArmed, match="early"):
        asked(text, at=NOW - timedelta(microseconds=1))


@pytest.mark.parametrize("hours", [0, -1, 96.001])
def test_nobody_signs_a_word_that_holds_too_long_or_not_at_all(hours: float) -> None:
    with pytest.raises(NotArmed, match="at most 96 h"):
        a_word(PLAN, at=NOW, hours=hours)


def by_hand(word: Word, key: Ed25519PrivateKey = KEYS[ANN]) -> str:
    said = f"{PREFIX}.{base64.urlsafe_b64encode(canonical_bytes(word)).decode().rstrip('=')}"
    return f"{said}.{base64.urlsafe_b64encode(key.sign(said.encode())).decode().rstrip('=')}"


def test_a_word_that_another_program_signed_for_a_year_is_refused() -> None:
    word = asked(a_word(PLAN, at=NOW))
    for_a_year = Word(**{name: getattr(word, name) for name in Word.__slots__} | {"expires_at": NOW.replace(year=2025)})
    assert asked(by_hand(word)) == word
    with pytest.raises(NotArmed, match="at most 96 h"):
        asked(by_hand(for_a_year))


@pytest.mark.parametrize("name", ["subject", "account", "signer"])
def test_nobody_signs_a_word_that_leaves_something_open(name: str) -> None:
    given: dict[str, Any] = {"matter": "plan", "subject": PLAN, "account": "main", "signer": ANN, name: " "}
    with pytest.raises(NotArmed, match="names its subject, its account and the person"):
        signed(Word(made_at=NOW, expires_at=NOW + timedelta(hours=1), **given), KEYS[ANN])


def without_zone(text: str) -> str:
    head, _, _ = text.rpartition(".")
    body = base64.urlsafe_b64decode(head.rpartition(".")[2] + "===").replace(b"Z", b"")
    said = f"{PREFIX}.{base64.urlsafe_b64encode(body).decode().rstrip('=')}"
    return f"{said}.{base64.urlsafe_b64encode(KEYS[ANN].sign(said.encode())).decode().rstrip('=')}"


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "",
        lambda _: "yes",
        lambda text: text[:-60],
        lambda text: text.replace("word.v1", "word.v2"),
        lambda text: text.partition(".v1.")[2],
        lambda text: text.replace("v1.", "v1.!"),
        lambda _: f"{PREFIX}.e30.e30",
        lambda _: f"{PREFIX}.WzFd.",
        without_zone,
    ],
)
def test_what_is_no_whole_word_is_refused_by_name(change: Callable[[str], str]) -> None:
    with pytest.raises(NotArmed, match=r"the word is (malformed|forged)"):
        asked(change(a_word(PLAN, at=NOW)))


def test_not_one_letter_of_a_word_can_be_changed() -> None:
    text = a_word(PLAN, at=NOW)
    # The last letter of a signature carries two bits that mean nothing.
    for place in range(len(text) - 1):
        for letter in {"A", "z"} - {text[place]}:
            with pytest.raises(NotArmed):
                asked(text[:place] + letter + text[place + 1 :])


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    far = NOW.astimezone(timezone(timedelta(hours=-5)))
    assert asked(a_word(PLAN, at=far)).made_at == NOW


@pytest.mark.parametrize("key", ["", "short", "!" * 44, SIGNERS[ANN][:-4], SIGNERS[ANN] + "AAAA"])
def test_settings_take_no_signer_without_a_key(key: str) -> None:
    with pytest.raises(ValueError, match="not the public half of a signer's key"):
        ApprovalPolicy(signers={ANN: key})


@pytest.mark.parametrize("name", ["", " ", "A. Person"])
def test_settings_take_no_signer_whose_name_they_cannot_hold(name: str) -> None:
    with pytest.raises(ValueError, match="expected a name without a dot"):
        ApprovalPolicy(signers={name: SIGNERS[ANN]})
