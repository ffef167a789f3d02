"""Tell people: waiting alerts to the first channel that takes them, the second when it does not, again until one does.

A channel is a set of apprise addresses (mail, Slack, Telegram, PagerDuty, webhook). That nobody could be told is itself
written to the log each time and shown by `touchstone status`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from execution.alert_outbox import AlertOutbox, Waiting

_LONGEST_WAIT: Final = timedelta(minutes=10)


class AlertPolicy(BaseModel):
    """Where alerts go, and what else is worth one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    primary: SecretStr | None = Field(
        default=None, min_length=4, description="Apprise addresses of the first channel, separated by spaces."
    )
    secondary: SecretStr | None = Field(
        default=None, min_length=4, description="Apprise addresses that are told when the first channel fails."
    )
    window_seconds: int = Field(
        default=300, ge=1, le=86_400, description="How long repeats of a cause are counted instead of told, in seconds."
    )
    poll_seconds: float = Field(
        default=0.5, ge=0.05, le=60, description="Pause between two looks of the alert process, in seconds."
    )
    retry_seconds: int = Field(
        default=15, ge=1, le=3600, description="Pause before an alert is tried again, in seconds; doubled each time."
    )
    disk_free_min_bytes: int = Field(
        default=2 * 1024**3,
        ge=0,
        le=2**60,
        description="Free space of the home's disk below which an alert is raised, in bytes.",
    )


class Channel(Protocol):
    """A way to tell people."""

    @property
    def name(self) -> str:
        """What it is called in the log; holds no address."""
        ...

    def tell(self, title: str, body: str) -> bool:
        """Return whether it was told; a channel that cannot be reached answers False."""
        ...


@dataclass(frozen=True, slots=True)
class AppriseChannel:
    """Addresses of the library apprise, all told together.

    Attributes:
        name: what it is called in the log.
        addresses: with their tokens; never shown.
    """

    name: str
    addresses: SecretStr

    def tell(self, title: str, body: str) -> bool:
        """Return whether every address took it."""
        import apprise  # noqa: PLC0415 - a second to import, and only the alert process tells anybody

        told = apprise.Apprise()
        for address in self.addresses.get_secret_value().split():
            if not told.add(address):
                return False
        return bool(told.notify(title=title, body=body))


def channels_of(policy: AlertPolicy) -> tuple[Channel, ...]:
    """Return the channels of a policy, first choice first; none when none is named."""
    named = (("primary", policy.primary), ("secondary", policy.secondary))
    return tuple(AppriseChannel(name, addresses) for name, addresses in named if addresses is not None)


def deliver(outbox: AlertOutbox, channels: Sequence[Channel], *, at: datetime, retry_seconds: int) -> int:
    """Tell what waits and return how many alerts a channel took.

    Killed between the channel and the note, an alert is told twice, never not at all.

    Args:
        outbox: where alerts wait.
        channels: first choice first; with none, alerts go to the log alone and count as told.
        at: the machine's instant.
        retry_seconds: pause before the next try, doubled with each up to ten minutes.
    """
    log, taken = structlog.get_logger("alerts"), 0
    for waiting in outbox.waiting(at=at):
        alert = waiting.alert
        facts = {"cause": alert.cause, "severity": alert.severity, "title": alert.title, "count": waiting.count}
        channel = _told_by(channels, waiting) if channels else "log"
        if channel is None:
            pause = min(_LONGEST_WAIT, timedelta(seconds=retry_seconds * 2 ** min(waiting.attempts, 10)))
            outbox.not_told(waiting, again_at=at + pause)
            log.error("alert_not_told", attempts=waiting.attempts + 1, **facts)
            continue
        outbox.told(waiting, channel=channel)
        log.warning("alert_told", channel=channel, detail=alert.detail, **facts)
        taken += 1
    return taken


def message(waiting: Waiting) -> tuple[str, str]:
    """Return title and body of an alert as a person reads them."""
    alert = waiting.alert
    lines = [alert.detail, f"first seen {waiting.first_at.isoformat(timespec='seconds')}"]
    if waiting.count > 1:
        lines.append(f"seen {waiting.count} times by now")
    return f"[{alert.severity}] {alert.title}", "\n".join(lines)


def _told_by(channels: Sequence[Channel], waiting: Waiting) -> str | None:
    title, body = message(waiting)
    for channel in channels:
        try:
            if channel.tell(title, body):
                return channel.name
        except Exception as error:  # noqa: BLE001 - whatever a channel raises, the next one must hear of the alert
            structlog.get_logger("alerts").error("channel_failed", channel=channel.name, kind=type(error).__name__)
    return None
