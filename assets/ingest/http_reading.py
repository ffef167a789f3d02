"""Reading from a provider over HTTP, once for every source: bounded time, patient, never followed elsewhere.

A read may be asked again, so silence (no answer, an overload, half a body) is met with growing, jittered pauses; a
refusal is told at once. Quota and breaker are shared with every other process of the home. No key reaches a message.
"""

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx2
import stamina

from execution.domain.errors import AccessDenied, DataError, VenueUnavailable
from execution.ports import Clock
from execution.request_budget import RequestBudget
from execution.shared_breaker import SharedBreaker

_TOLD_CHARS: Final = 300
_WAIT_MAX_SECONDS: Final = 120.0
_MASK: Final = "**********"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingPatience:
    """How long one read may take.

    Attributes:
        connect_seconds: longest wait for a connection.
        answer_seconds: longest silence while an answer comes.
        whole_seconds: longest time for a whole answer, silent or not.
        attempts: how often a read is asked at most.
        longest_seconds: longest time all attempts together may wait.
    """

    connect_seconds: float = 3.05
    answer_seconds: float = 20.0
    whole_seconds: float = 60.0
    attempts: int = 5
    longest_seconds: float = 120.0


class HttpReader:
    """The way to one provider.

    Args:
        address: scheme and host, without a path.
        headers: sent with every request; their values are kept out of messages.
        secrets: what must not be told.
        budget: the provider's quota.
        breaker: shared with the provider's other readers.
        clock: the time, for what a provider asks to wait.
        patience: bounds of one read.
    """

    def __init__(
        self,
        address: str,
        *,
        headers: Mapping[str, str],
        secrets: Sequence[str] = (),
        budget: RequestBudget,
        breaker: SharedBreaker,
        clock: Clock,
        patience: ReadingPatience | None = None,
    ) -> None:
        self._patience = patience or ReadingPatience()
        timeout = httpx2.Timeout(self._patience.answer_seconds, connect=self._patience.connect_seconds)
        # Proxy variables and .netrc are somebody else's settings; a redirect would carry the keys elsewhere.
        self._client = httpx2.Client(
            base_url=address, headers=dict(headers), timeout=timeout, trust_env=False, follow_redirects=False
        )
        # A reader lives as long as whoever asks through it; its connections end with it.
        weakref.finalize(self, self._client.close)
        self._secrets = tuple(secret for secret in secrets if secret)
        self._budget = budget
        self._breaker = breaker
        self._clock = clock

    def read(self, path: str, query: Mapping[str, str] | None = None, *, may_be_absent: bool = False) -> bytes:
        """Return the body of a GET.

        Args:
            path: with its leading slash.
            query: query fields.
            may_be_absent: return nothing where the provider says there is no such thing.

        Raises:
            AccessDenied: the keys, or what they permit, are refused.
            DataError: the provider calls the question wrong.
            VenueUnavailable: no whole answer in all attempts.
        """

        def pause(error: Exception) -> bool | float:
            if not isinstance(error, VenueUnavailable):
                return False
            return True if error.wait_seconds is None else error.wait_seconds

        for attempt in stamina.retry_context(
            on=pause,
            attempts=self._patience.attempts,
            timeout=self._patience.longest_seconds,
            wait_initial=0.2,
            wait_max=10.0,
        ):
            with attempt:
                return self._breaker.call(lambda: self._once(path, query, may_be_absent=may_be_absent))
        raise AssertionError("a retry ends with an answer or an error")  # pragma: no cover - for the type checker

    def _once(self, path: str, query: Mapping[str, str] | None, *, may_be_absent: bool) -> bytes:
        self._budget.wait(longest_seconds=self._patience.longest_seconds)
        try:
            answer, content = self._exchange(path, query)
        except httpx2.HTTPError as error:
            # The error's own text may name the address with its query; its kind is enough.
            raise VenueUnavailable(f"GET {path}: {type(error).__name__}") from error
        status, told = answer.status_code, self._told(answer.status_code, content)
        if status == 200 and content:
            return content
        if status == 404 and may_be_absent:
            return b""
        if status in (401, 403):
            raise AccessDenied(f"GET {path} is refused: {told}. Look whether the keys are right and what they permit")
        if status == 429:
            wait = self._asked_wait(answer.headers)
            self._budget.pause(wait)
            raise VenueUnavailable(f"GET {path}: {told}", wait_seconds=wait)
        if 400 <= status < 500 and status != 408:
            raise DataError(f"GET {path} was answered {told}: the question is wrong, or the provider has changed")
        raise VenueUnavailable(f"GET {path}: {told}")

    def _exchange(self, path: str, query: Mapping[str, str] | None) -> tuple[httpx2.Response, bytes]:
        deadline = self._clock.monotonic_seconds() + self._patience.whole_seconds
        with self._client.stream("GET", path, params=dict(query or {})) as answer:
            content = bytearray()
            for piece in answer.iter_bytes():
                content += piece
                # The library's own time-out starts again with each piece: a body that drips would never end.
                if self._clock.monotonic_seconds() > deadline:
                    raise VenueUnavailable(f"GET {path}: the answer took longer than {self._patience.whole_seconds} s")
            return answer, bytes(content)

    def _told(self, status: int, content: bytes) -> str:
        text = content[: 4 * _TOLD_CHARS].decode("utf-8", errors="replace")
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return f"{status} {text[:_TOLD_CHARS]}".strip()

    def _asked_wait(self, headers: Mapping[str, str]) -> float:
        now = self._clock.now().timestamp()
        for name, begins in (("Retry-After", now), ("X-RateLimit-Reset", 0.0)):
            try:
                wait = begins + float(headers[name]) - now
            except (KeyError, ValueError):
                continue
            return min(max(wait, 0.0), _WAIT_MAX_SECONDS)
        return 1.0
