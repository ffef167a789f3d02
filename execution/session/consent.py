"""When a person's word must be signed, and whether the ledger holds one that still counts.

Asked twice by the same rules: when the word is given, and whenever an act reads what it let go. A row that somebody
wrote into the ledger without the person's key lets nothing go.
"""

from datetime import datetime
from typing import Final

from execution.domain.errors import NotArmed
from execution.domain.events import Matter, WordSigned
from execution.ledger.book import Book
from execution.session.desk import Desk
from execution.session.signed_word import believed

AUTOMATIC: Final = "auto"


def must_be_signed(desk: Desk) -> bool:
    """Return whether a person's word counts only with a signature: always for live money, elsewhere where asked."""
    return desk.mode == "live" or desk.approval.always_signed


def signed_word(desk: Desk, *, matter: Matter, subject: str, person: str, text: str) -> tuple[WordSigned, ...]:
    """Return what to write beside a person's word: its signed text, or nothing where none is wanted and none came.

    Args:
        desk: the desk at which it is given.
        matter: what it lets go.
        subject: which one.
        person: who gives it; the signer must be the same.
        text: the signed word; empty when none came. One that came is believed or refused in every mode.

    Raises:
        NotArmed: it is missing where it must be there, or is not believed.
    """
    if not text and not must_be_signed(desk):
        return ()
    now = desk.clock.now()
    if refusal := _refusal(desk, matter=matter, subject=subject, person=person, text=text, now=now):
        raise NotArmed(refusal)
    return (WordSigned(at=now, matter=matter, subject=subject, signer=person, word=text),)


def unsigned(desk: Desk, book: Book, *, matter: Matter, subject: str, person: str, now: datetime | None = None) -> str:
    """Return why a person's word in the ledger does not count; empty when it does, or needs no signature.

    Args:
        desk: the desk that would act on it.
        book: the ledger's book.
        matter: what it let go.
        subject: which one.
        person: who gave it, as the ledger tells.
        now: when it must hold; None for the instant it was given, where it has done its work by being given.
    """
    if not must_be_signed(desk):
        return ""
    told = book.words.get((matter, subject))
    given_at = told.at if told else desk.clock.now()
    return _refusal(
        desk, matter=matter, subject=subject, person=person, text=told.word if told else "", now=now or given_at
    )


def _refusal(desk: Desk, *, matter: Matter, subject: str, person: str, text: str, now: datetime) -> str:
    signers = desk.approval.signers
    if not text:
        nobody = "" if signers else "; approval.signers names nobody yet, `touchstone sign-key` makes a key"
        return (
            f"a person's word must be signed here: `touchstone sign {matter} {subject} --account {desk.account}`, "
            f"where the key is, prints what to give as --word{nobody}"
        )
    try:
        word = believed(text, matter=matter, subject=subject, account=desk.account, signers=signers, now=now)
    except NotArmed as refused:
        return str(refused)
    return "" if word.signer == person else f"the word is of {word.signer}, not of {person}: give it under that name"
