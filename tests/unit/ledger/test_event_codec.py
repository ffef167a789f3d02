"""Rows as bytes: what is written, what is refused, and the bytes by which two homes compare their trading."""

import hashlib
import re
from dataclasses import replace

import orjson
import pytest

from execution.domain.errors import LedgerError
from execution.domain.events import AuditNoted, Event
from execution.ledger.event_codec import decoded, encoded, trading_hash
from tests.builders.batches import SESSION
from tests.builders.orders import AT, account_opened, an_order, intended, plan_recorded, sent

NOTED = AuditNoted(at=AT, topic="test", session=SESSION, subject="AAA", detail="whatever", actor="ann")
OPENED_BYTES = (
    b'{"event":{"account":"paper","at":"2024-03-06T14:31:00.000000Z","cash_usd":"100000"},"kind":"AccountOpened"'
)


def test_a_row_is_the_canonical_form_of_number_kind_and_event() -> None:
    assert encoded(7, account_opened()) == OPENED_BYTES + b',"seq":7}'


def test_an_event_that_would_come_back_as_another_is_not_written() -> None:
    # A text where a number belongs reads back as the number.
    event = replace(sent(an_order()), reserved_usd="5")
    told = f"SubmissionStarted would be read back as another event: nothing was written: {event}"
    with pytest.raises(LedgerError, match=re.escape(told)):
        encoded(1, event)


def test_a_row_of_a_newer_program_says_what_to_do() -> None:
    with pytest.raises(LedgerError) as refused:
        decoded(orjson.dumps({"seq": 7, "kind": "PlanDreamed", "event": {}}))
    assert str(refused.value) == (
        "row 7 is a PlanDreamed, which this program does not know: a newer version wrote it, use that version"
    )


def test_the_trading_hash_covers_the_kind_and_content_of_each_trading_event() -> None:
    rows = [OPENED_BYTES + b"}", encoded(1, plan_recorded()).replace(b',"seq":1}', b"}")]
    digests = sorted(hashlib.sha256(row).digest() for row in rows)
    assert trading_hash([account_opened(), plan_recorded()]) == hashlib.sha256(b"".join(digests)).hexdigest()


def test_the_order_in_which_facts_were_written_does_not_count() -> None:
    events: list[Event] = [account_opened(), plan_recorded(), intended(an_order()), sent(an_order())]
    assert trading_hash(events) == trading_hash(reversed(events))


def test_what_people_and_attempts_left_does_not_count() -> None:
    assert trading_hash([account_opened(), NOTED]) == trading_hash([account_opened()])


def test_a_fact_told_twice_counts_twice() -> None:
    assert trading_hash([account_opened(), account_opened()]) != trading_hash([account_opened()])
