"""Alpaca's clock and calendar, to be compared with ours."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from execution.brokers.alpaca_mapping import NEW_YORK, day, instant, record, rows, text
from execution.brokers.alpaca_wire import AlpacaWire
from execution.domain.errors import BrokerAnswerRefused
from execution.ports import SessionHours


class AlpacaTime:
    """What Alpaca says of the time.

    Args:
        wire: the way to the trading API.
    """

    def __init__(self, wire: AlpacaWire) -> None:
        self._wire = wire

    def now(self) -> datetime:
        """Return the venue's instant in UTC."""
        return instant(record(self._wire.read("/clock"), of="clock"), "timestamp", of="clock")

    def sessions(self, first: date, last: date) -> tuple[SessionHours, ...]:
        """Return the venue's sessions from one day to another, both included, oldest first."""
        query = {"start": first.isoformat(), "end": last.isoformat()}
        told = [
            SessionHours(day(raw, "date", of="calendar"), _at(raw, "open"), _at(raw, "close"))
            for raw in rows(self._wire.read("/calendar", query), of="calendar")
        ]
        # An API that ignores the bounds answers with decades.
        return tuple(sorted((hours for hours in told if first <= hours.session <= last), key=lambda h: h.session))


def _at(raw: Mapping[str, Any], name: str) -> datetime:
    told = text(raw, name, of="calendar")
    try:
        wall = time.fromisoformat(told)
    except ValueError:
        raise BrokerAnswerRefused(f"Alpaca's calendar tells {name} {told!r}, expected a time of day") from None
    return datetime.combine(day(raw, "date", of="calendar"), wall, NEW_YORK).astimezone(UTC)
