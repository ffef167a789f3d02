"""The resident watchdog: cancels working orders when the kill switch is on, or when nobody shows a sign of life.

It runs as a process of its own, without the orchestrator. What it sees is a level, not an edge: as long as there is a
cause it looks again and cancels what still arrives. It only ever reduces: protective stops stay unless it is told
otherwise, it sends no order, and it never loosens what the ledger says.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from execution.domain.errors import TouchstoneError
from execution.domain.events import ControlChanged
from execution.domain.orders import STOP_TYPES, OrderState
from execution.risk.kill_switch import KillSwitch
from execution.session.control import take_in_stop_requests, tighten
from execution.session.desk import Desk

_ACTOR: Final = "watchdog"


class WatchdogPolicy(BaseModel):
    """How closely the watchdog looks, and how long it waits for a sign of life."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    poll_seconds: float = Field(
        default=0.05, ge=0.01, le=0.1, description="Pause between two looks at the kill switch, in seconds."
    )
    look_again_seconds: float = Field(
        default=1.0,
        ge=0.1,
        le=10,
        description="Pause between two looks at the venue while there is a cause, in seconds.",
    )
    heartbeat_deadline_seconds: float = Field(
        default=90.0, ge=1, le=3600, description="Silence, in seconds, after which working orders are cancelled."
    )
    cancels_protective_stops: bool = Field(
        default=False, description="Whether it also cancels stops that protect a position."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What the watchdog saw and did; somebody should look at it.

    Attributes:
        cause: `kill_switch`, `silence`, or `failure` of the watchdog's own look, which is tried again.
        cancelled: client order ids whose cancel was asked for.
        silent_seconds: time since the last sign of life.
        detail: the failure; empty otherwise.
    """

    cause: Literal["kill_switch", "silence", "failure"]
    cancelled: tuple[str, ...] = ()
    silent_seconds: float = 0.0
    detail: str = ""


class Watchdog:
    """One home's watchdog.

    Args:
        desk: broker, ledger, clock and calendar; its monotonic reading times the silence.
        kill_switch: the switch of the home.
        heartbeat: file that the one it guards touches, and nobody else; only that its stamp changes counts, not the
            time it says.
        stop_requests: folder of halts the ledger has yet to hear of.
        policy: how closely it looks.
    """

    def __init__(
        self, desk: Desk, *, kill_switch: KillSwitch, heartbeat: Path, stop_requests: Path, policy: WatchdogPolicy
    ) -> None:
        self._desk, self._switch, self._policy = desk, kill_switch, policy
        self._heartbeat, self._stop_requests = heartbeat, stop_requests
        self._stamp = self._stamp_now()
        self._beat_at = self._desk.clock.monotonic_seconds()
        self._cause: Literal["kill_switch", "silence"] | None = None
        self._is_told, self._look_at = False, self._beat_at

    def look(self) -> Alarm | None:
        """Look once, act on what there is, and return what somebody should hear; call it again and again.

        Raises:
            Exception: whatever venue or ledger raise; what was to be done is tried again at the next look.
        """
        now, stamp = self._desk.clock.monotonic_seconds(), self._stamp_now()
        if stamp != self._stamp:
            self._stamp, self._beat_at = stamp, now
        silent = now - self._beat_at
        if self._switch.is_engaged:
            return self._acted("kill_switch", now, silent)
        if silent > self._policy.heartbeat_deadline_seconds and self._is_in_session():
            return self._acted("silence", now, silent)
        self._cause = None
        return None

    def _acted(self, cause: Literal["kill_switch", "silence"], now: float, silent: float) -> Alarm | None:
        if cause == self._cause and now < self._look_at:
            return None
        if cause != self._cause:
            self._cause, self._is_told = cause, False
        cancelled = self._cancelled()
        # Only now: a venue that failed is asked again at once, not after the pause.
        self._look_at = now + self._policy.look_again_seconds
        if not cancelled and (self._is_told or cause == "silence"):
            return None
        self._write_down(cause, silent)
        self._is_told = True
        return Alarm(cause=cause, cancelled=cancelled, silent_seconds=silent)

    def _cancelled(self) -> tuple[str, ...]:
        """Ask for the end of every order that is to end, also after one could not be asked for."""
        working = [order.client_order_id for order in self._desk.broker.open_orders() if self._is_to_end(order)]
        failures = []
        for client_order_id in working:
            try:
                self._desk.broker.cancel(client_order_id)
            except Exception as error:  # noqa: BLE001 - one order that cannot be cancelled must not keep the others
                failures.append(error)
        if failures:
            raise failures[0]
        return tuple(working)

    def _write_down(self, cause: Literal["kill_switch", "silence"], silent: float) -> None:
        at, ledger = self._desk.clock.now(), self._desk.ledger
        if cause == "silence":
            reason = f"no sign of life for {silent:.0f} s while orders were working"
            tighten(ledger, ControlChanged(at=at, state="reducing", actor=_ACTOR, reason=reason))
            return
        take_in_stop_requests(ledger, self._stop_requests, at=at)
        tighten(ledger, ControlChanged(at=at, state="halted", actor=_ACTOR, reason="the kill switch is on"))

    def _is_to_end(self, order: OrderState) -> bool:
        is_protective = order.order_type in STOP_TYPES and order.side == "sell"
        return self._policy.cancels_protective_stops or not (is_protective or self._takes_profit(order))

    def _takes_profit(self, order: OrderState) -> bool:
        """Return whether the end of an order would end the stop it is linked to; without a ledger nobody knows."""
        try:
            record = self._desk.ledger.book().orders.get(order.client_order_id)
        except (TouchstoneError, OSError):
            return False
        return record is not None and record.order.leg == "take_profit"

    def _is_in_session(self) -> bool:
        """Return whether orders can fill now; when nobody can tell, they can."""
        try:
            calendar, now = self._desk.calendar, self._desk.clock.now()
            session = calendar.next(calendar.last_closed(now) or calendar.sessions[0])
        except (TouchstoneError, OSError):
            return True
        return calendar.opens_at(session) <= now

    def _stamp_now(self) -> int | None:
        try:
            return self._heartbeat.stat().st_mtime_ns
        except OSError:
            return None


def watch(
    watchdog: Watchdog,
    *,
    poll_seconds: float,
    alert: Callable[[Alarm], None],
    is_over: Callable[[], bool],
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Look until told to end; no failure ends it.

    Args:
        watchdog: whose look it is.
        poll_seconds: pause between two looks.
        alert: hears every alarm, and a failure once until a look succeeds.
        is_over: asked before every look.
        sleep: how to pause.
    """
    failure = ""
    while not is_over():
        try:
            alarm = watchdog.look()
            failure = ""
        except Exception as error:  # noqa: BLE001 - a watchdog that dies watches nothing; the failure is told
            alarm = Alarm(cause="failure", detail=repr(error)) if repr(error) != failure else None
            failure = repr(error)
        if alarm is not None:
            alert(alarm)
        sleep(poll_seconds)
