"""Alpaca's stream of trade updates: each event is written down as it came. It is early word, never the truth.

Nothing is replayed after a gap, and the venue may repeat, reorder or leave out events, so what became of an order is
asked of look-ups alone. The listener is a process of its own (`touchstone listen`). The client library's stream is left
aside: it drops what it cannot parse, asks for ever with keys that are refused, and wants an event loop.
"""

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import orjson
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from execution.brokers.alpaca_policy import AlpacaPolicy
from execution.domain.errors import AccessDenied
from execution.ports import Clock
from execution.trade_updates import TradeUpdates

_STREAM: Final = "trade_updates"
_SLICE_SECONDS: Final = 0.1
_PING_SECONDS: Final = 10.0
_PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_End = Literal["over", "heard", "unheard"]


class AlpacaStream:
    """The way to the stream of one account.

    Args:
        address: of the trading API; the stream is served beside it.
        key_id: public half of the key pair.
        secret_key: secret half.
        policy: patience.
        updates: where events are kept.
        clock: when they were heard.
    """

    def __init__(
        self,
        address: str,
        *,
        key_id: str,
        secret_key: str,
        policy: AlpacaPolicy,
        updates: TradeUpdates,
        clock: Clock,
    ) -> None:
        self._address = address.replace("http", "ws", 1) + "/stream"
        self._keys = {"action": "auth", "key": key_id, "secret": secret_key}
        self._policy = policy
        self._updates = updates
        self._clock = clock

    def listen(self, *, is_over: Callable[[], bool]) -> None:
        """Write down events until it is over; a stream that ends or falls silent is opened anew.

        Raises:
            AccessDenied: the keys are refused; asking again would change nothing.
        """
        failures = 0
        while (end := self._listen_once(is_over)) != "over":
            self._updates.note("away", self._clock.now())
            failures = 0 if end == "heard" else failures + 1
            # Growing pauses: a venue that sends its listeners away is not helped by a storm of them.
            pause = _PAUSES_SECONDS[min(failures, len(_PAUSES_SECONDS) - 1)]
            until = time.monotonic() + pause
            while time.monotonic() < until and not is_over():
                time.sleep(_SLICE_SECONDS)

    def _listen_once(self, is_over: Callable[[], bool]) -> _End:
        """Listen until it is over or the stream ends; say whether it was opened at all."""
        end: _End = "unheard"
        with suppress(WebSocketException, OSError, TimeoutError), self._opened() as stream:
            self._authorise(stream)
            self._updates.note("listening", self._clock.now())
            end = "heard"
            while not is_over():
                self._updates.keep(self._next(stream, is_over), heard_at=self._clock.now())
        return "over" if is_over() else end

    def _opened(self) -> ClientConnection:
        place = urlsplit(self._address)
        port = place.port or (443 if place.scheme == "wss" else 80)
        # A socket of our own goes where it was made for: the library would follow a redirect, and the keys with it.
        way = socket.create_connection((place.hostname, port), timeout=self._policy.connect_timeout_seconds)
        return connect(
            self._address,
            sock=way,
            proxy=None,
            open_timeout=self._policy.answer_timeout_seconds,
            ping_interval=_PING_SECONDS,
            ping_timeout=_PING_SECONDS,
            close_timeout=1.0,
        )

    def _authorise(self, stream: ClientConnection) -> None:
        """Show the keys and ask for the events, each answered within bounded time.

        Raises:
            AccessDenied: the keys are refused.
            TimeoutError: there is no answer.
        """
        stream.send(orjson.dumps(self._keys))
        said = _data(stream.recv(timeout=self._policy.answer_timeout_seconds))
        if said.get("status") != "authorized":
            self._updates.note("refused", self._clock.now())
            raise AccessDenied(
                f"Alpaca's stream refuses access: {said.get('status')!r}, expected 'authorized'. Look whether the keys "
                "are those of this account and mode"
            )
        stream.send(orjson.dumps({"action": "listen", "data": {"streams": [_STREAM]}}))
        listening = _data(stream.recv(timeout=self._policy.answer_timeout_seconds))
        if _STREAM not in listening.get("streams", []):
            raise TimeoutError

    def _next(self, stream: ClientConnection, is_over: Callable[[], bool]) -> bytes:
        """Return the next message.

        Raises:
            TimeoutError: there is none for longer than a stream may be silent, or it is over.
        """
        until = time.monotonic() + self._policy.stream_silence_seconds
        while time.monotonic() < until and not is_over():
            with suppress(TimeoutError):
                came = stream.recv(timeout=_SLICE_SECONDS)
                return came.encode() if isinstance(came, str) else bytes(came)
        raise TimeoutError


def _data(message: str | bytes) -> Mapping[str, Any]:
    try:
        said = orjson.loads(message)
    except orjson.JSONDecodeError:
        return {}
    data = said.get("data") if isinstance(said, dict) else None
    return data if isinstance(data, dict) else {}
