"""An alert is told once, soon, with its count, by some channel; that nobody could be told is seen."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.alert_outbox import Alert, AlertOutbox
from execution.alert_sender import AlertPolicy, AppriseChannel, channels_of, deliver
from execution.domain.events import (
    AccountOpened,
    AuditNoted,
    ControlChanged,
    Event,
    OrderEnded,
    OutcomeUnknown,
    PlanMissed,
)
from execution.ledger_alerts import alert_of

NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)
ALERT = Alert(cause="stuck_order", severity="critical", title="an order is stuck", detail="t1abc: no answer")


@dataclass
class FakeChannel:
    """A channel that remembers what it told, or fails."""

    name: str = "primary"
    is_reachable: bool = True
    is_raising: bool = False
    told: list[tuple[str, str]] = field(default_factory=list)

    def tell(self, title: str, body: str) -> bool:
        if self.is_raising:
            raise ConnectionError("no route")
        if self.is_reachable:
            self.told.append((title, body))
        return self.is_reachable


@pytest.fixture
def outbox(tmp_path: Path) -> AlertOutbox:
    return AlertOutbox(tmp_path / "operations.db")


def sent(outbox: AlertOutbox, *channels: FakeChannel, after_seconds: float = 0) -> int:
    return deliver(outbox, channels, at=NOON + timedelta(seconds=after_seconds), retry_seconds=15)


def test_the_first_of_a_cause_is_told_at_once(outbox: AlertOutbox) -> None:
    channel = FakeChannel()
    outbox.raise_alert(ALERT, at=NOON)
    assert sent(outbox, channel) == 1
    ((title, body),) = channel.told
    assert title == "[critical] an order is stuck"
    assert body.startswith("t1abc: no answer\nfirst seen 2024-03-05T12:00:00+00:00")


def test_an_order_rejected_after_it_was_accepted_is_told_as_one_that_was_refused() -> None:
    ended = OrderEnded(at=NOON, client_order_id="t1abc", status="rejected", filled_shares=0, reason="")
    told = alert_of(ended)
    assert told is not None
    assert (told.cause, told.severity) == ("rejected_order", "warning")
    assert told.detail == "t1abc: rejected after it was accepted; `touchstone orders` lists it"
    worded = alert_of(OrderEnded(at=NOON, client_order_id="t1abc", status="rejected", filled_shares=0, reason="why"))
    assert worded is not None
    assert worded.detail.startswith("t1abc: rejected after it was accepted, why;")


@pytest.mark.parametrize("status", ["filled", "cancelled", "expired"])
def test_an_order_that_ends_otherwise_is_no_news(status: Any) -> None:
    ended = OrderEnded(at=NOON, client_order_id="t1abc", status=status, filled_shares=0, reason="")
    assert alert_of(ended) is None


def test_repeats_within_five_minutes_are_not_told_but_counted(outbox: AlertOutbox) -> None:
    channel = FakeChannel()
    outbox.raise_alert(ALERT, at=NOON)
    sent(outbox, channel)
    for second in range(1, 100):
        assert not outbox.raise_alert(ALERT, at=NOON + timedelta(seconds=second))
    assert sent(outbox, channel, after_seconds=299) == 0
    assert sent(outbox, channel, after_seconds=300) == 1
    assert channel.told[-1][1].endswith("seen 100 times by now")
    assert sent(outbox, channel, after_seconds=900) == 0


def test_another_cause_is_told_for_itself(outbox: AlertOutbox) -> None:
    channel = FakeChannel()
    outbox.raise_alert(ALERT, at=NOON)
    outbox.raise_alert(Alert(cause="low_disk", severity="warning", title="full", detail="1 GB"), at=NOON)
    assert sent(outbox, channel) == 2


def test_the_same_cause_after_the_window_is_told_again(outbox: AlertOutbox) -> None:
    channel = FakeChannel()
    outbox.raise_alert(ALERT, at=NOON)
    sent(outbox, channel)
    assert outbox.raise_alert(ALERT, at=NOON + timedelta(minutes=6))
    assert sent(outbox, channel, after_seconds=360) == 1


@pytest.mark.parametrize("first", [FakeChannel(is_reachable=False), FakeChannel(is_raising=True)])
def test_the_second_channel_tells_when_the_first_fails(outbox: AlertOutbox, first: FakeChannel) -> None:
    second = FakeChannel("secondary")
    outbox.raise_alert(ALERT, at=NOON)
    assert sent(outbox, first, second) == 1
    assert len(second.told) == 1


def test_an_alert_nobody_took_is_seen_and_tried_again(outbox: AlertOutbox) -> None:
    channel = FakeChannel(is_reachable=False)
    outbox.raise_alert(ALERT, at=NOON)
    assert sent(outbox, channel) == 0
    assert outbox.standing() == (1, 1)
    channel.is_reachable = True
    assert sent(outbox, channel, after_seconds=14) == 0
    assert sent(outbox, channel, after_seconds=15) == 1
    assert outbox.standing() == (0, 0)


def test_an_alert_survives_the_process_that_raised_it(outbox: AlertOutbox, tmp_path: Path) -> None:
    outbox.raise_alert(ALERT, at=NOON)
    channel = FakeChannel()
    assert sent(AlertOutbox(tmp_path / "operations.db"), channel) == 1


def test_without_channels_the_log_is_told(outbox: AlertOutbox) -> None:
    outbox.raise_alert(ALERT, at=NOON)
    assert sent(outbox) == 1
    assert channels_of(AlertPolicy()) == ()


def test_a_channel_with_an_address_nobody_knows_answers_no() -> None:
    (channel,) = channels_of(AlertPolicy.model_validate({"primary": "nosuchscheme"}))
    assert isinstance(channel, AppriseChannel)
    assert not channel.tell("a title", "a body")


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (ControlChanged(at=NOON, state="halted", actor="ann", reason="looks odd"), "control:halted"),
        (OutcomeUnknown(at=NOON, client_order_id="t1abc", reason="no answer"), "stuck_order"),
        (PlanMissed(at=NOON, cycle_id="c", session=date(2024, 3, 5), reason="nobody planned"), "missed_session"),
        (AuditNoted(at=NOON, topic="batch_refused", session=None, subject="b", detail="red"), "batch_refused"),
        (AuditNoted(at=NOON, topic="run", session=None, subject="b", detail="began"), None),
        (AccountOpened(at=NOON, account="main", cash_usd=Decimal(1)), None),
    ],
)
def test_what_went_wrong_in_the_ledger_is_told_and_the_rest_is_not(event: Event, cause: str | None) -> None:
    alert = alert_of(event)
    assert (alert.cause if alert else None) == cause
