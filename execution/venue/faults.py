"""What goes wrong on the wire, written down beforehand: a script of faults, or one drawn from a seed.

A plan decides by counting requests per route, never by time or by chance outside its seed, so that the same requests
in the same order meet the same faults. It also is the wire's own record: how often each route was asked.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from execution.domain.canonical import content_hash

Action = Literal[
    "delay",
    "drop_before",
    "drop_after",
    "answer",
    "answer_after",
    "truncate",
    "edit",
    "reject_after_accept",
    "cancel_after_accept",
    "lose_cancel",
    "reject_replacement",
    "skip_event",
    "duplicate_event",
    "reorder_event",
    "close_socket",
    "freeze_socket",
]
_HTTP_DRAWN: Final[tuple[Action, ...]] = ("delay", "drop_before", "drop_after", "answer", "answer_after", "truncate")
_STATUSES_DRAWN: Final = (429, 500, 502, 503, 504)
_SEEDED_DELAY_SECONDS: Final = 0.02


class Fault(BaseModel):
    """One thing that goes wrong, and where.

    `delay` answers late; `drop_before` and `drop_after` close the connection before or after the request was acted on;
    `answer` gives a scripted answer instead of acting, `answer_after` gives it after acting; `truncate` breaks off in
    the middle of the true answer; `edit` changes fields of it. `reject_after_accept` takes an order and rejects it
    afterwards, `cancel_after_accept` cancels what is left of it at once, `lose_cancel` says yes to a cancel and does
    nothing, `reject_replacement` says yes to a replacement and rejects it afterwards. The last five act on events.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action = Field(description="What goes wrong.")
    method: str = Field(default="", description="HTTP method it concerns; empty for every one.")
    path: str = Field(default="", description="Beginning of the path; for events the event's name; empty for all.")
    skip: int = Field(default=0, ge=0, description="How many matching requests pass before it begins.")
    times: int = Field(default=1, ge=1, description="How many matching requests it meets then.")
    seconds: float = Field(default=0.0, ge=0, description="How long a delay lasts; before anything else it does.")
    status: int = Field(default=503, ge=100, le=599, description="Status of a scripted answer.")
    body: str = Field(default="", description="Body of a scripted answer, sent as it stands.")
    headers: Mapping[str, str] = Field(default_factory=dict, description="Headers of a scripted answer.")
    fields: Mapping[str, object] = Field(default_factory=dict, description="For an edit: field to value, at any depth.")
    without: tuple[str, ...] = Field(default=(), description="For an edit: fields left out, at any depth.")

    def concerns(self, method: str, path: str) -> bool:
        """Return whether it is about a request."""
        return self.method in ("", method) and path.startswith(self.path)


class FaultPlan:
    """The faults still to come, and what the wire has seen. Safe to share between threads.

    Attributes:
        clock_skew_seconds: how far the venue's told time is ahead of its own.
        halted: symbols in which nothing trades while they stand here.
        volumes_shares: symbols whose session volume is another than the tape's, so that fills become partial.
        account: fields of the account answer that are told otherwise, such as `trading_blocked`.
        assets: the same per symbol for the asset answer, such as `tradable`.
    """

    def __init__(self, faults: Iterable[Fault] = (), *, seed: int | None = None, rate: float = 0.0) -> None:
        """Begin a plan.

        Args:
            faults: the script, tried in this order.
            seed: of faults drawn for requests that the script leaves alone; None for none.
            rate: part of such requests that meet a fault, in [0, 1].
        """
        self.clock_skew_seconds = 0.0
        self.halted: set[str] = set()
        self.volumes_shares: dict[str, int] = {}
        self.account: dict[str, object] = {}
        self.assets: dict[str, dict[str, object]] = {}
        self._lock = threading.Lock()
        self._seed, self._rate = seed, rate
        self._script: list[tuple[Fault, Counter[str]]] = [(fault, Counter()) for fault in faults]
        self._wire: Counter[str] = Counter()
        self._met: list[tuple[str, Action]] = []

    def add(self, *faults: Fault) -> None:
        """Add faults behind those that stand."""
        with self._lock:
            self._script.extend((fault, Counter()) for fault in faults)

    def draw(self, *, seed: int, rate: float) -> None:
        """Draw faults from a seed, from now on, for a part of the requests that the script leaves alone."""
        with self._lock:
            self._seed, self._rate = seed, rate

    def clear(self) -> None:
        """Let nothing go wrong any more; what the wire has seen stays."""
        with self._lock:
            self._script.clear()
            self._rate = 0.0

    def wire(self) -> dict[str, int]:
        """Return how many requests each route saw: `POST /v2/orders` to its count, sorted by route."""
        with self._lock:
            return dict(sorted(self._wire.items()))

    def met(self) -> tuple[tuple[str, Action], ...]:
        """Return the faults that happened, oldest first: route and action."""
        with self._lock:
            return tuple(self._met)

    def of_request(self, method: str, path: str) -> Fault | None:
        """Count a request and return the fault it meets on the wire, if any."""
        route = f"{method} {route_of(path)}"
        with self._lock:
            self._wire[route] += 1
            fault = self._scripted(method, path, _WIRE) or self._drawn(route)
            if fault is not None:
                self._met.append((route, fault.action))
            return fault

    def of_order(self, action: Action, method: str, path: str) -> bool:
        """Return whether a scripted fault of one kind meets a request that has reached the venue."""
        with self._lock:
            fault = self._scripted(method, path, frozenset({action}))
            if fault is not None:
                self._met.append((f"{method} {route_of(path)}", action))
            return fault is not None

    def of_event(self, name: str) -> Fault | None:
        """Return the fault an event meets on its way out, if any."""
        with self._lock:
            fault = self._scripted("WS", name, _EVENTS)
            if fault is not None:
                self._met.append((f"WS {name}", fault.action))
            return fault

    def _scripted(self, method: str, path: str, actions: frozenset[str]) -> Fault | None:
        for fault, counted in self._script:
            if fault.action not in actions or not fault.concerns(method, path):
                continue
            counted["seen"] += 1
            if fault.skip < counted["seen"] <= fault.skip + fault.times:
                return fault
        return None

    def _drawn(self, route: str) -> Fault | None:
        if self._seed is None or not self._rate:
            return None
        drawn = content_hash([self._seed, route, self._wire[route]])
        chance, which, status = int(drawn[:12], 16) / 16**12, int(drawn[12:20], 16), int(drawn[20:28], 16)
        if chance >= self._rate:
            return None
        action = _HTTP_DRAWN[which % len(_HTTP_DRAWN)]
        seconds = _SEEDED_DELAY_SECONDS if action == "delay" else 0.0
        return Fault(action=action, seconds=seconds, status=_STATUSES_DRAWN[status % len(_STATUSES_DRAWN)])


_WIRE: Final = frozenset({*_HTTP_DRAWN, "edit"})
_EVENTS: Final = frozenset(
    {"skip_event", "duplicate_event", "reorder_event", "close_socket", "freeze_socket", "delay", "edit"}
)


def route_of(path: str) -> str:
    """Return a path with what names one thing left out: `/v2/orders/7f..` becomes `/v2/orders/{id}`."""
    parts = path.split("/")
    if len(parts) > 3 and parts[2] in ("orders", "positions", "assets"):
        parts[3] = "{id}"
    return "/".join(parts)


def edited(body: object, fault: Fault) -> object:
    """Return a JSON body with an edit's fields changed and left out wherever they stand."""
    if isinstance(body, list):
        return [edited(each, fault) for each in body]
    if not isinstance(body, dict):
        return body
    kept = {name: edited(value, fault) for name, value in body.items() if name not in fault.without}
    return {name: fault.fields.get(name, value) for name, value in kept.items()}
