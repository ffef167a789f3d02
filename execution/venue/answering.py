"""From a request to a page and back: keys, quota, body, and refusals told the way Alpaca tells them.

A page is a plain function of what was asked; it runs in a thread, because the engine waits for its file.
"""

import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from execution.ports import Clock
from execution.venue.floor import VenueFloor
from execution.venue.order_words import INVALID, Refusal

_MINUTE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is asked: the floor, the path's names, the query, and the JSON object that came."""

    floor: VenueFloor
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What a page answers when it is not a plain 200."""

    status: int
    body: object = None


Page = Callable[[Asked], object]


@dataclass(slots=True)
class Quota:
    """Requests allowed in one minute of the machine's own time; without a limit they are counted against 200.

    Attributes:
        clock: the machine's own; a client's waits go by it, whatever time the venue lives in.
        per_minute: requests of one minute; None when none is refused.
    """

    clock: Clock
    per_minute: int | None = None
    _minute: int = field(default=0)
    _used: int = field(default=0)

    def take(self) -> tuple[bool, dict[str, str]]:
        """Count a request and return whether it may pass, and the headers that tell what is left."""
        minute = int(self.clock.now().timestamp()) // _MINUTE_SECONDS
        if minute != self._minute:
            self._minute, self._used = minute, 0
        self._used += 1
        limit = self.per_minute or 200
        resets_at = (minute + 1) * _MINUTE_SECONDS
        headers = {
            "X-RateLimit-Limit": str(limit),
            # Where nothing is limited nothing runs out.
            "X-RateLimit-Remaining": str(limit if self.per_minute is None else max(0, limit - self._used)),
            "X-RateLimit-Reset": str(resets_at),
        }
        return self.per_minute is None or self._used <= limit, headers


def answered(page: Page) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a page."""

    async def endpoint(request: Request) -> Response:
        state = request.app.state
        may_pass, headers = state.quota.take()
        if not _is_known(request, state.keys):
            return _json({"code": 40110000, "message": "request is not authorized"}, 401, headers)
        if not may_pass:
            return _json({"code": 42910000, "message": "rate limit exceeded"}, 429, headers)
        try:
            asked = Asked(state.floor, request.path_params, request.query_params, _object(await request.body()))
            told = await run_in_threadpool(page, asked)
        except Refusal as refusal:
            return _json(refusal.body, refusal.status_code, headers)
        if not isinstance(told, Told):
            return _json(told, 200, headers)
        if told.body is None:
            return Response(status_code=told.status, headers=headers)
        return _json(told.body, told.status, headers)

    return endpoint


def instant_asked(asked: Asked, name: str) -> datetime | None:
    """Return an instant of the query, in UTC; a date is its midnight in UTC; None when it is not there.

    Raises:
        Refusal: it is no instant.
    """
    text = asked.query.get(name)
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise Refusal(422, INVALID, f"invalid {name} {text}: expected an RFC 3339 instant or a date") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def day_asked(asked: Asked, name: str) -> date | None:
    """Return a day of the query; None when it is not there.

    Raises:
        Refusal: it is no day.
    """
    instant = instant_asked(asked, name)
    return None if instant is None else instant.date()


def count_asked(asked: Asked, name: str, *, default: int, most: int) -> int:
    """Return a count of the query, between 1 and the most a page holds.

    Raises:
        Refusal: it is no such number.
    """
    text = asked.query.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise Refusal(422, INVALID, f"invalid {name} {text}: expected a number from 1 to {most}")
    return int(text)


def _is_known(request: Request, pairs: Iterable[tuple[str, str]]) -> bool:
    given = (request.headers.get("APCA-API-KEY-ID", ""), request.headers.get("APCA-API-SECRET-KEY", ""))
    told = "\n".join(given).encode()
    return any(hmac.compare_digest(told, "\n".join(pair).encode()) for pair in tuple(pairs))


def _object(body: bytes) -> Mapping[str, Any]:
    if not body:
        return {}
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal(400, INVALID, "request body format is invalid") from None
    if not isinstance(parsed, dict):
        raise Refusal(400, INVALID, f"request body must be an object, found {type(parsed).__name__}")
    return parsed


def _json(body: object, status: int, headers: Mapping[str, str]) -> Response:
    return Response(orjson.dumps(body), status, headers=dict(headers), media_type="application/json")
