"""The scheduler: one greenlet per virtual process, one virtual clock, and a fault where the seed says so.

Every call of a port stops here before and after. The process may die there (an exception through its stack, as a
`kill -9` ends a program: an open transaction is rolled back and only what is durable stays), sleep while the world goes
on, or give way to another process. Time passes at every stop, and jumps when everybody sleeps.
"""

import hashlib
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import greenlet

from execution.simulation.draws import Draws
from execution.simulation.faults import Faults

SECOND: Final = 1_000_000
"""Microseconds of virtual time."""
_TRACE_TAIL: Final = 60
AT_WRITES: Final = frozenset({"record<", "record~", "record>", "submit<", "submit>", "cancel<", "cancel>", "monotonic"})
_WRITE_WEIGHT: Final = 4.0
"""How much likelier a fault is next to something durable than at a read."""
_STEPS_MAX: Final = 100_000


class Crashed(BaseException):
    """The virtual process died here; nothing but the process's own restart may catch it."""


class Stuck(Exception):
    """A schedule did not come to its end: everybody waits, or one process runs for ever."""


@dataclass(eq=False, slots=True)
class VirtualProcess:
    """One process of the simulated machine.

    Attributes:
        name: as it stands in the trace.
        wake_at: microseconds until which it sleeps.
        skew: microseconds its wall clock is wrong by.
        is_mortal: whether it may crash and be paused; people and the world are not.
    """

    name: str
    greenlet: Any = None
    wake_at: int = 0
    skew: int = 0
    is_mortal: bool = True
    crashes: int = 0


@dataclass(slots=True)
class Hub:
    """Runs the virtual processes of one schedule, one at a time.

    Attributes:
        now: microseconds of virtual time since the schedule began.
        crash_at: stops, counted from 1 over mortal processes, at which the process dies whatever the rates say.
        is_healed: from here on nothing goes wrong any more.
        on_stop: is told the name of every stop of a mortal process, before anything goes wrong there.
    """

    draws: Draws
    faults: Faults
    crash_at: frozenset[int] = frozenset()
    now: int = 0
    stops: int = 0
    crashes: int = 0
    is_healed: bool = False
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TRACE_TAIL))
    on_stop: Callable[[str], None] | None = None
    _steps: int = 0
    _trace: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _processes: list[VirtualProcess] = field(default_factory=list)
    _current: VirtualProcess | None = None
    _due: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _order: "count[int]" = field(default_factory=count)
    _failure: BaseException | None = None

    def start(self, name: str, body: Callable[[VirtualProcess], None], *, at: int = 0, is_mortal: bool = True) -> None:
        """Add a process that runs `body` from an instant on."""
        process = VirtualProcess(name, wake_at=at, is_mortal=is_mortal)
        process.greenlet = greenlet.greenlet(lambda: self._live(process, body))
        self._processes.append(process)

    def at(self, instant: int, event: Callable[[], None]) -> None:
        """Let something happen in the world at an instant; events of one instant keep their order."""
        heapq.heappush(self._due, (max(instant, self.now), next(self._order), event))

    def run(self) -> None:
        """Run until every process has ended.

        Raises:
            Stuck: somebody waits for what never comes.
        """
        while self._processes:
            self._next().greenlet.switch()
            if self._failure is not None:
                # What is left of the others unwinds without stopping anywhere.
                self._current = None
                raise self._failure

    def note(self, text: str) -> None:
        """Add a line to the trace; its hash tells two schedules apart."""
        line = f"{self.now} {text}\n"
        self._trace.update(line.encode())
        self.tail.append(line)

    @property
    def trace_hash(self) -> str:
        """Hash of everything noted so far."""
        return self._trace.hexdigest()

    @property
    def process(self) -> VirtualProcess:
        """The process that runs now."""
        assert self._current is not None  # noqa: S101 - ports are called by processes only
        return self._current

    def stop(self, name: str) -> None:
        """Stop the running process at a named point of a port: note it, let time pass, and maybe let it go wrong.

        Raises:
            Crashed: the process dies here.
        """
        process = self._current
        if process is None:
            return
        self.note(f"{process.name} {name}")
        self._steps += 1
        if self._steps > _STEPS_MAX:
            raise Stuck(f"{self._steps} stops and no end: {process.name} runs for ever")
        draws, faults = self.draws, self.faults
        self.now += int(draws.unit() * faults.step_microseconds)
        if process.is_mortal:
            self.stops += 1
            if self.on_stop is not None:
                self.on_stop(name)
            if self.stops in self.crash_at:
                self._die(process)
            if not self.is_healed:
                self._go_wrong(process, name)
        if self._due and self._due[0][0] <= self.now:
            self._happen()
        if process.wake_at > self.now or (len(self._processes) > 1 and draws.unit() < faults.switch):
            self._give_way(process)

    def sleep(self, seconds: float) -> None:
        """Let the running process sleep."""
        self.sleep_until(self.now + int(seconds * SECOND))

    def sleep_until(self, instant: int) -> None:
        """Let the running process sleep until an instant."""
        process = self.process
        process.wake_at = max(process.wake_at, instant)
        if process.wake_at > self.now:
            self._give_way(process)

    def wait_until(self, is_free: Callable[[], bool], *, longest_seconds: float) -> bool:
        """Let the running process wait for a lock and return whether it came free in time."""
        until = self.now + int(longest_seconds * SECOND)
        while not is_free():
            if self.now >= until:
                return False
            self.sleep(0.05)
        return True

    def _live(self, process: VirtualProcess, body: Callable[[VirtualProcess], None]) -> None:
        try:
            body(process)
        except BaseException as failure:  # noqa: BLE001 - it must reach the caller of run, not die with the greenlet
            self._failure = failure
        self._processes.remove(process)

    def _die(self, process: VirtualProcess) -> None:
        process.crashes += 1
        self.crashes += 1
        self.note(f"{process.name} dies")
        raise Crashed

    def _go_wrong(self, process: VirtualProcess, name: str) -> None:
        draws, faults = self.draws, self.faults
        chance = draws.unit()
        if name in AT_WRITES:
            chance /= _WRITE_WEIGHT
        if chance < faults.crash:
            self._die(process)
        if chance < faults.crash + faults.pause:
            # Between the last look and the wire nothing can be checked any more: that gap is part of the order's way.
            longest = faults.in_flight_seconds if name == "submit<" else faults.pause_seconds
            process.wake_at = self.now + int(draws.unit() * longest * SECOND)
            self.note(f"{process.name} pauses until {process.wake_at}")
        elif chance < faults.crash + faults.pause + faults.clock_jump:
            process.skew = int((draws.unit() - 0.5) * 2 * faults.clock_jump_seconds * SECOND)
            self.note(f"{process.name} has its clock set wrong by {process.skew}")

    def _happen(self) -> None:
        while self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2]()

    def _give_way(self, process: VirtualProcess) -> None:
        chosen = self._next()
        if chosen is not process:
            chosen.greenlet.switch()

    def _next(self) -> VirtualProcess:
        """Return the process that runs next, after letting time pass until one can."""
        while True:
            ready = [process for process in self._processes if process.wake_at <= self.now]
            if ready:
                chosen = ready[0] if len(ready) == 1 else self.draws.choice(ready)
                self._current = chosen
                return chosen
            wakes = min(process.wake_at for process in self._processes)
            if self._due and self._due[0][0] <= wakes:
                self.now = max(self.now, self._due[0][0])
                self._happen()
            else:
                self.now = wakes
