"""What cannot follow from what happened is refused by name, and nothing of it is written."""

from collections.abc import Sequence
from decimal import Decimal

import orjson
import pytest

from execution.domain.errors import IllegalTransition, LedgerError
from execution.domain.events import (
    AccountOpened,
    CorporateActionBooked,
    Event,
    OrderAccepted,
    PlanApproved,
    SubmitFinished,
)
from execution.ledger.event_codec import decoded, encoded
from execution.ledger.memory_ledger import MemoryLedger
from tests.builders.batches import SESSION
from tests.builders.orders import (
    AT,
    CYCLE,
    account_opened,
    an_action,
    an_adjustment,
    an_order,
    intended,
    plan_recorded,
    sent,
)

BEGUN = (account_opened(), plan_recorded())
BOOKED = CorporateActionBooked(at=AT, entry=an_action())
APPROVED = PlanApproved(at=AT, cycle_id=CYCLE, plan_hash="q" * 64, approver="ann", reason="looks right")


@pytest.mark.parametrize(
    ("before", "event", "told"),
    [
        (BEGUN, AccountOpened(at=AT, account="paper", cash_usd=Decimal(1)), "account paper is opened a second time"),
        (BEGUN, APPROVED, "q" * 8),
        (BEGUN, sent(an_order()), "SubmissionStarted of order .*, which nobody decided"),
        ((*BEGUN, BOOKED), BOOKED, "corporate action c1 is booked already"),
        (BEGUN, an_adjustment("AAA", shares_delta=-1), "AAA is 0 shares, moved were -1: only what is held goes out"),
        (BEGUN[:1], SubmitFinished(at=AT, cycle_id=CYCLE, session=SESSION), "SubmitFinished of cycle .* has no plan"),
        (
            (*BEGUN, intended(an_order())),
            OrderAccepted(at=AT, client_order_id=an_order().client_order_id, broker_order_id="v-1"),
            "OrderAccepted",
        ),
    ],
)
def test_an_event_that_does_not_follow_is_refused(before: Sequence[Event], event: Event, told: str) -> None:
    ledger = MemoryLedger()
    ledger.record(lambda _: before)
    head = ledger.head()
    with pytest.raises(IllegalTransition, match=told):
        ledger.record(lambda _: (event,))
    assert ledger.head() == head


def test_a_row_of_a_newer_program_is_not_guessed_at() -> None:
    body = orjson.dumps({"seq": 7, "kind": "PlanDreamed", "event": {}})
    with pytest.raises(LedgerError, match="row 7 is a PlanDreamed, which this program does not know"):
        decoded(body)


def test_a_row_with_fields_of_another_version_is_not_guessed_at() -> None:
    content = orjson.loads(encoded(1, account_opened()))
    content["event"].pop("cash_usd")
    with pytest.raises(LedgerError, match="row 1 is no AccountOpened of this version"):
        decoded(orjson.dumps(content))
