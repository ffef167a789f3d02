"""One HTTP exchange with Alpaca over its SDK, with what is dangerous in the SDK taken out.

The SDK (alpaca-py 0.44) tries a POST again after 429 and 504, waits for ever, follows proxy variables, and parses
answers into types only after the venue has acted. Here every request goes out once, within bounded time, to the
address it was made for; the answer is handed back as it is. Reads may be asked again, by `read` alone.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeVar, cast

import stamina
from alpaca.common.rest import RESTClient
from requests import RequestException, Response
from requests.exceptions import ChunkedEncodingError, ReadTimeout
from urllib3.exceptions import HTTPError

from execution.brokers.alpaca_policy import AlpacaPolicy
from execution.domain.errors import AccessDenied, BrokerAnswerRefused, VenueUnavailable
from execution.ports import Clock
from execution.request_budget import RequestBudget, Urgency
from execution.shared_breaker import SharedBreaker

T = TypeVar("T")
_MASK: Final = "**********"
_PIECE_BYTES: Final = 65_536
_TOLD_CHARS: Final = 300
_WAIT_MAX_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever it says.

    Attributes:
        status: HTTP status.
        body: parsed JSON, numbers as Decimal; None where there is none.
        is_json: whether the body could be read; an empty one cannot.
        told: beginning of the body as text, without keys.
        wait_seconds: how long the venue asks to wait; None where it does not say.
    """

    status: int
    body: Any
    is_json: bool
    told: str
    wait_seconds: float | None

    @property
    def is_silence(self) -> bool:
        """Whether it says nothing about what was asked: a redirect, a gateway's page, an overload."""
        is_error = self.status in (408, 429) or not 200 <= self.status < 500 or 300 <= self.status < 400
        return is_error or (self.status >= 400 and not self.is_json)

    @property
    def message(self) -> str:
        """What the venue says, with its number."""
        said = self.body if isinstance(self.body, dict) else {}
        return f"{self.status} {said.get('code', '')} {said.get('message') or self.told}".replace("  ", " ").strip()


class AlpacaWire:
    """The way to one of Alpaca's two APIs.

    Args:
        address: scheme and host, from the policy's own list.
        key_id: public half of the keys.
        secret_key: secret half of the keys.
        policy: time-outs and attempts.
        budget: the quota, shared across processes.
        breaker: shared across processes.
        clock: the time.
    """

    def __init__(
        self,
        address: str,
        *,
        key_id: str,
        secret_key: str,
        policy: AlpacaPolicy,
        budget: RequestBudget,
        breaker: SharedBreaker,
        clock: Clock,
    ) -> None:
        self._client = _OneAttempt(address, key_id=key_id, secret_key=secret_key, policy=policy)
        self._keys = (key_id, secret_key)
        self._policy = policy
        self._budget = budget
        self._breaker = breaker
        self._clock = clock

    def read(self, path: str, fields: Mapping[str, str] | None = None, *, may_be_absent: bool = False) -> Any:
        """Return the JSON of a GET, asked again with growing, jittered pauses while the venue is silent.

        Args:
            path: path below `/v2`.
            fields: query fields.
            may_be_absent: return None where the venue says that there is no such thing.

        Raises:
            AccessDenied: keys or permissions are refused.
            BrokerAnswerRefused: the venue calls the question wrong.
            VenueUnavailable: no answer in all attempts.
        """

        def ask() -> Any:
            self._budget.wait(longest_seconds=self._policy.read_patience_seconds)
            return self._told(self._exchange("GET", path, fields), path, may_be_absent=may_be_absent)

        return self._again(lambda: self._breaker.call(ask))

    def act(self, method: str, path: str, fields: Mapping[str, Any] | None = None, *, urgency: Urgency) -> Answer:
        """Send what changes something, once, and return the answer; see `may_act` for the quota.

        Raises:
            AccessDenied: the keys are refused, so the venue did nothing.
            VenueUnavailable: nobody knows whether the venue acted.
        """

        def ask() -> Answer:
            answer = self._exchange(method, path, fields)
            if answer.status == 401:
                raise self._denied(answer)
            if answer.is_silence or (200 <= answer.status < 300 and method == "POST" and not answer.is_json):
                raise VenueUnavailable(f"{method} {path}: {answer.message}", wait_seconds=answer.wait_seconds)
            return answer

        # Whoever cancels is not held back by what others found.
        return ask() if urgency == "cancel" else self._breaker.call(ask)

    def held_back(self, urgency: Urgency) -> str:
        """Count a request that changes something and return empty, or say why it may not go out now."""
        if urgency != "cancel" and self._breaker.is_open:
            return "the venue did not answer several times in a row"
        wait = self._budget.take(urgency)
        return f"the request budget is used up for {wait:.1f} s" if wait else ""

    def _again(self, ask: Callable[[], T]) -> T:
        patience = self._policy.read_patience_seconds

        def pause(error: Exception) -> bool | float:
            # Behind an open breaker nobody is asked, so asking again soon would only wait.
            if not isinstance(error, VenueUnavailable) or self._breaker.is_open:
                return False
            wait = error.wait_seconds
            return True if wait is None else (wait if wait <= patience else False)

        for attempt in stamina.retry_context(
            on=pause, attempts=self._policy.read_attempts, timeout=patience, wait_initial=0.2, wait_max=5.0
        ):
            with attempt:
                return ask()
        raise AssertionError("a retry ends with an answer or an error")  # pragma: no cover - for the type checker

    def _exchange(self, method: str, path: str, fields: Mapping[str, Any] | None) -> Answer:
        try:
            came = self._client.exchange(method, path, dict(fields) if fields else None)
        except RequestException as error:
            # The error's own text names the address with its query; its kind is enough.
            raise VenueUnavailable(f"{method} {path}: {type(error).__name__}") from error
        answer = self._answer(**came)
        if answer.status == 429:
            self._budget.pause(1.0 if answer.wait_seconds is None else answer.wait_seconds)
        elif came["headers"].get("X-RateLimit-Remaining") == "0":
            # Others may use the account too: what is used up is known before anybody is refused.
            self._budget.pause(_asked_wait(came["headers"], self._clock.now().timestamp()) or 0.0)
        return answer

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> Answer:
        text = content.decode("utf-8", errors="replace")
        # Before it is parsed: what a venue echoes ends in reasons that are written down.
        for key in self._keys:
            text = text.replace(key, _MASK)
        try:
            body, is_json = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant), True
        except ValueError:
            body, is_json = None, False
        wait = _asked_wait(headers, self._clock.now().timestamp()) if status == 429 else None
        return Answer(status, body, is_json, text[:_TOLD_CHARS], wait)

    def _told(self, answer: Answer, path: str, *, may_be_absent: bool) -> Any:
        if answer.status == 401 or (answer.status == 403 and answer.is_json):
            raise self._denied(answer)
        if may_be_absent and answer.status == 404 and answer.is_json:
            return None
        if answer.is_silence or not answer.is_json:
            raise VenueUnavailable(f"GET {path}: {answer.message}", wait_seconds=answer.wait_seconds)
        if answer.status >= 400:
            raise BrokerAnswerRefused(f"GET {path} was answered {answer.message}: the question is wrong, or changed")
        return answer.body

    def _denied(self, answer: Answer) -> AccessDenied:
        return AccessDenied(
            f"Alpaca refuses access: {answer.message}. Nothing is sent; look whether the keys are those of this "
            "account and mode, and what they permit"
        )


class _OneAttempt(RESTClient):
    """The SDK's client, with its one way to the network replaced."""

    def __init__(self, address: str, *, key_id: str, secret_key: str, policy: AlpacaPolicy) -> None:
        super().__init__(base_url=address, api_key=key_id, secret_key=secret_key, raw_data=True)
        # Proxy variables and .netrc are somebody else's settings.
        self._session.trust_env = False
        self._timeouts = (policy.connect_timeout_seconds, policy.answer_timeout_seconds)

    def exchange(self, method: str, path: str, fields: dict[str, Any] | None) -> dict[str, Any]:
        """Return status, headers and content of one exchange; the SDK makes address, headers and body."""
        return cast("dict[str, Any]", self._request(method, path, fields))

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> dict[str, Any]:  # noqa: ARG002 - the SDK's signature: it would count attempts
        if method != "GET":
            # A kept connection may have been closed at the other end: what is sent over it has an unknown fate.
            self._session.close()
        deadline = time.monotonic() + sum(self._timeouts)
        with self._session.request(method, url, timeout=self._timeouts, stream=True, **opts) as response:
            content = _read_whole(response, deadline)
            return {"status": response.status_code, "headers": response.headers, "content": content}


def _read_whole(response: Response, deadline: float) -> bytes:
    # The library's time-out starts again with each piece, and it waits for a piece to be full: a body that drips would
    # never end. `read1` gives what has come.
    content = bytearray()
    try:
        while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
            content += piece
            if time.monotonic() > deadline:
                raise ReadTimeout
    except HTTPError as error:
        raise ChunkedEncodingError from error
    return bytes(content)


def _asked_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds to wait that an answer asks for, by either of its headers, within reason."""
    for name, begins in (("Retry-After", now), ("X-RateLimit-Reset", 0.0)):
        try:
            wait = begins + float(headers[name]) - now
        except (KeyError, ValueError):
            continue
        return min(max(wait, 0.0), _WAIT_MAX_SECONDS)
    return None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
