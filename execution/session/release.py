"""Which version of program, settings, ledger and model may trade: the one approved last, and no other.

Play money and paper approve themselves, in the rule's name; live money waits for a person, whose signed word is
verified each time the release is read.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from execution.domain.canonical import content_hash
from execution.domain.errors import LedgerError, ReleaseRefused
from execution.domain.events import Event, ReleaseApproved, WordSigned
from execution.ledger.book import Book
from execution.ledger.migrating import SCHEMA_VERSION
from execution.session.consent import AUTOMATIC, signed_word, unsigned
from execution.session.desk import Desk

_ANY_MODEL: Final = object()


def refuse_unreleased(desk: Desk, *, model_hash: Any = _ANY_MODEL) -> None:
    """Do nothing when what would act is the approved release; outside of live mode it is approved here.

    Args:
        desk: the desk that would act.
        model_hash: the model whose batch would be planned, None for a rule's; left out where no model decides.

    Raises:
        ReleaseRefused: it is not, and only a person may approve it.
    """
    book = desk.ledger.book()
    approved = book.release
    is_any = model_hash is _ANY_MODEL
    model = (approved.model_hash if approved else None) if is_any else model_hash
    wanted = _release(desk, model_hash=model, approver=AUTOMATIC)
    if approved is not None and approved.release_id == wanted.release_id:
        if unproven := _unproven(desk, book, approved):
            raise ReleaseRefused(f"the approval of release {approved.release_id} does not count: {unproven}")
        return
    if desk.mode == "live":
        raise ReleaseRefused(
            f"this is not the approved release: {_unlike(approved, wanted)}; go back to the approved one, or let a "
            "person approve this one with `touchstone release approve`"
        )
    _record(desk, wanted)


def approve_release(desk: Desk, *, model_hash: str | None, approver: str, word: str = "") -> ReleaseApproved:
    """Let this program, these settings, this ledger and a model trade, in a person's name; again changes nothing.

    Args:
        desk: the desk whose release it is.
        model_hash: the model that may decide; None for a rule.
        approver: the person's name, not empty and not `auto`.
        word: the person's signed word, where one is wanted.

    Raises:
        LedgerError: nobody is named.
        NotArmed: the word is missing where it must be signed, or is not believed.
    """
    if not approver.strip() or approver == AUTOMATIC:
        raise LedgerError(f"approver {approver!r}: expected the name of a person")
    release = _release(desk, model_hash=model_hash, approver=approver)
    proof = signed_word(desk, matter="release", subject=release.release_id, person=approver, text=word)
    _record(desk, release, proof)
    return desk.ledger.book().release or release


def _release(desk: Desk, *, model_hash: str | None, approver: str) -> ReleaseApproved:
    return ReleaseApproved(
        at=desk.clock.now(),
        release_id=_release_id(desk.code_hash, desk.settings_hash, SCHEMA_VERSION, model_hash),
        code_hash=desk.code_hash,
        settings_hash=desk.settings_hash,
        schema_version=SCHEMA_VERSION,
        model_hash=model_hash,
        approver=approver,
    )


@lru_cache(maxsize=16)
def _release_id(code_hash: str, settings_hash: str, schema_version: int, model_hash: str | None) -> str:
    parts = {"code_hash": code_hash, "settings_hash": settings_hash, "model_hash": model_hash}
    return content_hash({**parts, "schema_version": schema_version})


def _record(desk: Desk, release: ReleaseApproved, proof: tuple[WordSigned, ...] = ()) -> None:
    def unless_approved(book: Book) -> Sequence[Event]:
        found = book.release
        holds = found is not None and found.release_id == release.release_id and not _unproven(desk, book, found)
        return [] if holds else [*proof, release]

    desk.ledger.record(unless_approved)


def _unproven(desk: Desk, book: Book, release: ReleaseApproved) -> str:
    """Return why an approval does not count; outside of live mode the rule approves, and no key signs its word."""
    if desk.mode != "live":
        return ""
    return unsigned(desk, book, matter="release", subject=release.release_id, person=release.approver)


def _unlike(approved: ReleaseApproved | None, wanted: ReleaseApproved) -> str:
    if approved is None:
        return "none was ever approved"
    parts = ("code_hash", "settings_hash", "schema_version", "model_hash")
    unlike = [part for part in parts if getattr(approved, part) != getattr(wanted, part)]
    return "; ".join(f"{part} is {getattr(wanted, part)}, approved is {getattr(approved, part)}" for part in unlike)
