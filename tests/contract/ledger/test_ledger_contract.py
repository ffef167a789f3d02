"""What trading may rely on of any ledger. An adapter joins by adding its rig to `rigs.py`; nothing here knows one."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from execution.domain.errors import Fenced, IllegalTransition, LedgerError, SameIdOtherOrder
from execution.domain.events import AuditNoted, BatchSuperseded, Event, FillBooked, WordSigned
from execution.ledger.book import Book
from execution.ledger.hash_chain import GENESIS, ChainHead
from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.store import LedgerStore
from tests.builders.batches import SESSION
from tests.builders.orders import (
    AT,
    CYCLE,
    a_fill,
    accepted,
    account_opened,
    an_order,
    intended,
    plan_recorded,
    sent,
)
from tests.contract.ledger.rigs import RIGS, LedgerRig

ORDER = an_order()
STORY: tuple[Event, ...] = (account_opened(), plan_recorded(), intended(ORDER), sent(ORDER), accepted(ORDER))
FILL = FillBooked(at=AT, fill=a_fill())


@pytest.fixture(params=RIGS, ids=lambda make: make.__name__)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LedgerRig]:
    with request.param(tmp_path) as made:
        yield made


@pytest.fixture
def ledger(rig: LedgerRig) -> LedgerStore:
    told = rig.opened()
    append(told, *STORY)
    return told


def append(ledger: LedgerStore, *events: Event) -> None:
    ledger.record(lambda _: events)


def raising(error: Exception) -> Sequence[Event]:
    raise error


def test_an_empty_ledger_ends_where_it_begins(rig: LedgerRig) -> None:
    ledger = rig.opened()
    assert (ledger.verify_chain(), ledger.head(), list(ledger.events())) == (ChainHead(0, GENESIS),) * 2 + ([],)


def test_events_are_read_back_as_they_were_written(ledger: LedgerStore) -> None:
    assert tuple(recorded.event for recorded in ledger.events()) == STORY
    assert [recorded.sequence for recorded in ledger.events()] == [1, 2, 3, 4, 5]


def test_every_ledger_has_the_same_chain_and_the_same_trading_hash(ledger: LedgerStore) -> None:
    memory = MemoryLedger()
    append(memory, *STORY)
    assert ledger.verify_chain() == memory.verify_chain()
    assert ledger.trading_hash() == memory.trading_hash()


def test_another_process_sees_the_same_book(rig: LedgerRig, ledger: LedgerStore) -> None:
    assert rig.opened().book() == ledger.book()


def test_what_another_process_appended_is_seen_before_deciding(rig: LedgerRig, ledger: LedgerStore) -> None:
    ledger.book()
    append(rig.opened(), FILL)
    seen: list[Book] = []
    ledger.record(lambda book: seen.append(book) or ())
    assert "x1" in seen[0].fills


def test_the_head_is_the_last_row(ledger: LedgerStore) -> None:
    assert ledger.head() == ledger.verify_chain() == ChainHead(5, ledger.hash_at(5) or "")


@pytest.mark.parametrize("sequence", [0, -1, 6])
def test_a_row_that_is_not_there_has_no_hash(ledger: LedgerStore, sequence: int) -> None:
    assert ledger.hash_at(sequence) is None


def test_what_was_recorded_is_returned(ledger: LedgerStore) -> None:
    assert ledger.record(lambda _: [FILL]) == (FILL,)
    assert ledger.record(lambda _: ()) == ()


def test_an_append_that_does_not_follow_leaves_nothing(ledger: LedgerStore) -> None:
    before = ledger.verify_chain()
    with pytest.raises(IllegalTransition):
        append(ledger, FILL, FILL)
    assert (ledger.verify_chain(), ledger.book().fills) == (before, {})


def test_a_decision_that_fails_leaves_nothing_and_blocks_nobody(rig: LedgerRig, ledger: LedgerStore) -> None:
    with pytest.raises(RuntimeError, match="crashed"):
        ledger.record(lambda _: raising(RuntimeError("crashed")))
    append(rig.opened(), FILL)
    assert "x1" in ledger.book().fills


def test_a_value_without_a_canonical_form_leaves_nothing(ledger: LedgerStore) -> None:
    before = ledger.verify_chain()
    with pytest.raises(ValueError, match="canonical"):
        append(ledger, FillBooked(at=AT, fill=a_fill("x2", client_order_id="foreign", price_usd=Decimal("NaN"))))
    assert ledger.verify_chain() == before


def test_an_event_that_could_not_be_read_back_is_not_written(ledger: LedgerStore) -> None:
    before = ledger.verify_chain()
    with pytest.raises(LedgerError, match="no OrderIntended of this version"):
        append(ledger, intended(an_order("BBB", leg="a leg nobody knows")))
    assert ledger.verify_chain() == before


def test_a_fill_is_booked_once_for_ever(ledger: LedgerStore) -> None:
    append(ledger, FILL)
    with pytest.raises(LedgerError, match="x1"):
        append(ledger, FILL)


def test_an_order_id_is_intended_once_for_ever(ledger: LedgerStore) -> None:
    with pytest.raises(SameIdOtherOrder):
        append(ledger, intended(an_order(quantity_shares=11)))


def test_a_leg_exists_once_per_cycle_symbol_and_side(ledger: LedgerStore) -> None:
    with pytest.raises(LedgerError, match="exists already"):
        append(ledger, intended(an_order(client_order_id="t1other")))
    with pytest.raises(LedgerError, match="exists already"):
        append(ledger, intended(an_order("BBB")), intended(an_order("BBB", client_order_id="t1other")))


def test_a_refused_leg_may_be_decided_afterwards(ledger: LedgerStore) -> None:
    with pytest.raises(IllegalTransition):
        append(ledger, intended(an_order("BBB")), sent(ORDER))
    append(ledger, intended(an_order("BBB")))
    assert len(ledger.book().orders) == 2


def test_a_cycle_is_planned_once_for_ever(ledger: LedgerStore) -> None:
    with pytest.raises(IllegalTransition, match="has a plan already"):
        append(ledger, plan_recorded(plan_hash="q" * 64))


def test_a_submission_starts_once_for_ever(ledger: LedgerStore) -> None:
    with pytest.raises(IllegalTransition, match="SubmissionStarted"):
        append(ledger, sent(ORDER))


def test_notes_do_not_change_the_trading_hash(ledger: LedgerStore) -> None:
    before = ledger.trading_hash()
    append(
        ledger,
        BatchSuperseded(at=AT, cycle_id=CYCLE, session=SESSION, batch_hash="c" * 64, reason="late"),
        AuditNoted(at=AT, topic="not_tradable", session=SESSION, subject="c", detail="late", run_id="run-1"),
        WordSigned(at=AT, matter="plan", subject="p" * 64, signer="ann", word="as signed"),
    )
    assert ledger.trading_hash() == before


def test_the_newest_signed_word_for_a_thing_is_the_one_that_is_read(ledger: LedgerStore) -> None:
    for word in ("first", "second"):
        append(ledger, WordSigned(at=AT, matter="plan", subject="p" * 64, signer="ann", word=word))
    append(ledger, WordSigned(at=AT, matter="release", subject="p" * 64, signer="ann", word="of something else"))
    assert ledger.book().words["plan", "p" * 64].word == "second"


def test_a_trading_event_changes_the_trading_hash(ledger: LedgerStore) -> None:
    before = ledger.trading_hash()
    append(ledger, FILL)
    assert ledger.trading_hash() != before


def test_a_lease_is_held_by_one(rig: LedgerRig) -> None:
    first, second = rig.opened(), rig.opened()
    assert first.take_lease("trading", holder="one", ttl_seconds=600) is not None
    assert second.take_lease("trading", holder="two", ttl_seconds=600) is None
    assert second.take_lease("other", holder="two", ttl_seconds=600) is not None


def test_an_expired_lease_goes_to_another_with_a_higher_token(rig: LedgerRig) -> None:
    ledger = rig.opened()
    first = ledger.take_lease("trading", holder="one", ttl_seconds=600)
    rig.expire("trading")
    second = ledger.take_lease("trading", holder="two", ttl_seconds=600)
    assert first is not None
    assert second is not None
    assert (first.token, second.token) == (1, 2)


def test_the_token_rises_over_releases_for_ever(rig: LedgerRig) -> None:
    ledger, tokens = rig.opened(), []
    for holder in ("one", "two", "three"):
        lease = ledger.take_lease("trading", holder=holder, ttl_seconds=600)
        assert lease is not None
        tokens.append(lease.token)
        ledger.release_lease(lease)
    assert tokens == [1, 2, 3]


def test_a_holder_that_asks_again_fences_off_its_former_self(rig: LedgerRig) -> None:
    ledger = rig.opened()
    former = ledger.take_lease("trading", holder="one", ttl_seconds=600)
    again = ledger.take_lease("trading", holder="one", ttl_seconds=600)
    assert former is not None
    assert again is not None
    with pytest.raises(Fenced):
        ledger.fenced(former).record(lambda _: STORY)
    assert ledger.fenced(again).record(lambda _: STORY) == STORY


def test_a_fenced_writer_writes_nothing_and_does_not_even_decide(rig: LedgerRig) -> None:
    ledger = rig.opened()
    lease = ledger.take_lease("trading", holder="one", ttl_seconds=600)
    assert lease is not None
    late = ledger.fenced(lease)
    late.record(lambda _: STORY)
    rig.expire("trading")
    rig.opened().take_lease("trading", holder="two", ttl_seconds=600)
    with pytest.raises(Fenced, match="another executor"):
        late.record(lambda _: raising(AssertionError("decided")))
    assert late.verify_chain().sequence == len(STORY)


def test_an_expired_lease_that_nobody_took_still_writes(rig: LedgerRig) -> None:
    ledger = rig.opened()
    lease = ledger.take_lease("trading", holder="one", ttl_seconds=600)
    assert lease is not None
    rig.expire("trading")
    assert ledger.fenced(lease).record(lambda _: STORY) == STORY


def test_a_renewed_lease_keeps_its_token_and_others_out(rig: LedgerRig) -> None:
    ledger = rig.opened()
    lease = ledger.take_lease("trading", holder="one", ttl_seconds=600)
    assert lease is not None
    rig.expire("trading")
    renewed = ledger.renew_lease(lease, ttl_seconds=600)
    assert (renewed.token, renewed.expires_at_seconds > lease.expires_at_seconds) == (lease.token, True)
    assert ledger.take_lease("trading", holder="two", ttl_seconds=600) is None


def test_a_lost_lease_cannot_be_renewed(rig: LedgerRig) -> None:
    ledger = rig.opened()
    lease = ledger.take_lease("trading", holder="one", ttl_seconds=600)
    assert lease is not None
    rig.expire("trading")
    ledger.take_lease("trading", holder="two", ttl_seconds=600)
    with pytest.raises(Fenced):
        ledger.renew_lease(lease, ttl_seconds=600)


def test_a_lease_given_back_is_free_and_writes_no_more(rig: LedgerRig) -> None:
    ledger = rig.opened()
    lease = ledger.take_lease("trading", holder="one", ttl_seconds=600)
    assert lease is not None
    ledger.release_lease(lease)
    with pytest.raises(Fenced):
        ledger.fenced(lease).record(lambda _: STORY)
    with pytest.raises(Fenced):
        ledger.renew_lease(lease, ttl_seconds=600)
    assert ledger.take_lease("trading", holder="two", ttl_seconds=600) is not None


def test_giving_back_a_lost_lease_leaves_the_new_holder_alone(rig: LedgerRig) -> None:
    ledger = rig.opened()
    lost = ledger.take_lease("trading", holder="one", ttl_seconds=600)
    rig.expire("trading")
    held = ledger.take_lease("trading", holder="two", ttl_seconds=600)
    assert lost is not None
    assert held is not None
    ledger.release_lease(lost)
    assert ledger.fenced(held).record(lambda _: STORY) == STORY


def test_leases_are_no_part_of_the_chain(ledger: LedgerStore) -> None:
    before = ledger.verify_chain()
    lease = ledger.take_lease("trading", holder="one", ttl_seconds=600)
    assert lease is not None
    ledger.release_lease(ledger.renew_lease(lease, ttl_seconds=600))
    assert ledger.verify_chain() == before


def test_a_fenced_ledger_reads_and_leases_like_the_ledger_itself(ledger: LedgerStore) -> None:
    lease = ledger.take_lease("trading", holder="one", ttl_seconds=600)
    assert lease is not None
    fenced = ledger.fenced(lease)
    assert (fenced.book(), fenced.head(), fenced.verify_chain()) == (ledger.book(), ledger.head(), ledger.head())
    assert (list(fenced.events()), fenced.hash_at(3)) == (list(ledger.events()), ledger.hash_at(3))
    assert fenced.trading_hash() == ledger.trading_hash()
    assert fenced.take_lease("trading", holder="two", ttl_seconds=600) is None
    again = fenced.renew_lease(lease, ttl_seconds=1200)
    assert again.expires_at_seconds > lease.expires_at_seconds
    assert fenced.fenced(again).record(lambda _: [FILL]) == (FILL,)
    fenced.release_lease(again)
    with pytest.raises(Fenced):
        fenced.record(lambda _: ())
