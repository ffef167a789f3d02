"""A backtest: the live session on recorded time. It owns a clock, recorded batches and a tape, and no rule of trading.

Each recorded session goes through the very acts of `run_session`, at the clock times at which they run every day, on a
desk like any other: the simulated venue, a ledger in memory, the settings' sizing, limits and exits. What a plan may
do, what a fill costs and when a limit stops trading is decided where it is decided for live orders.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter

from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import Tape
from execution.clock import MovedClock
from execution.domain.errors import CorruptArtifact, Halted
from execution.domain.provenance import GateCertificate
from execution.domain.signals import Mode, SignalBatch
from execution.ledger.book import Book
from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.store import LedgerStore
from execution.lived_days import LivedDay, day_of
from execution.memory_artifacts import MemoryArtifacts
from execution.portfolio.cost_model import CostModel
from execution.portfolio.exit_rules import ExitRules
from execution.portfolio.sizing_policy import SizingPolicy
from execution.ports import Artifacts
from execution.risk.limits import RiskLimits
from execution.session import run_session
from execution.session.day_orders import is_waiting
from execution.session.run_session import Desk
from execution.trading_calendar import TradingCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a desk trades by; the sections of the settings tree that a live desk gets.

    Attributes:
        mode: the mode the recorded batches were made in.
        settings_hash: content hash of the settings tree.
        code_hash: content hash of the program.
    """

    account: str
    strategy: str
    mode: Mode
    initial_cash_usd: Decimal
    sizing: SizingPolicy = field(default_factory=SizingPolicy)
    limits: RiskLimits = field(default_factory=RiskLimits)
    costs: CostModel = field(default_factory=CostModel)
    exits: ExitRules = ()
    settings_hash: str
    code_hash: str


@dataclass(slots=True)
class _Published:
    """The port `SignalBatches` over recorded time: the batches of sessions gone by, the newest kept whole."""

    _by_hash: dict[str, SignalBatch] = field(default_factory=dict)
    _session: date | None = None

    def publish(self, batch: SignalBatch, digest: str) -> None:
        """Publish a session's batch under its hash in the place of the former."""
        self._by_hash, self._session = {digest: batch}, batch.session

    def load(self, batch_hash: str) -> SignalBatch:
        """Return the batch of a hash.

        Raises:
            CorruptArtifact: it is not the newest one.
        """
        if batch_hash not in self._by_hash:
            raise CorruptArtifact(f"no batch {batch_hash} here: a backtest keeps the newest session's alone")
        return self._by_hash[batch_hash]

    def published(self, session: date) -> tuple[str, ...]:
        """Return the hashes of a session's batches, the newest last."""
        return tuple(self._by_hash) if session == self._session else ()

    def sessions(self) -> tuple[date, ...]:
        """Return the newest session with a batch."""
        return () if self._session is None else (self._session,)

    def certificates(self, session: date) -> tuple[GateCertificate, ...]:
        """Return a session's certificates, the newest last."""
        return tuple(batch.certificate for batch in self._by_hash.values() if batch.session == session)

    def held(self, session: date) -> str:  # noqa: ARG002 - the port's form
        """Return nothing: what decides a backtest never holds a whole session."""
        return ""


@dataclass(slots=True)
class _Switch:
    """The port `Interlock` where no person is there to press stop, or to resume."""

    engaged_for: str = ""

    def engage(self, reason: str, actor: str, at: datetime) -> None:
        """Let nothing pass from now on."""
        self.engaged_for = self.engaged_for or f"{actor} at {at.isoformat()}: {reason}"

    def refuse_when_engaged(self) -> None:
        """Do nothing until it is engaged.

        Raises:
            Halted: it is.
        """
        if self.engaged_for:
            raise Halted(self.engaged_for)


def backtest(
    rules: Rules,
    *,
    sessions: Sequence[date],
    batch_of: Callable[[date], SignalBatch | None],
    tape: Tape,
    calendar: TradingCalendar,
    artifacts: Artifacts | None = None,
    ledger: LedgerStore | None = None,
    hash_of: Callable[[SignalBatch], str] = attrgetter("hash"),
) -> Iterator[LivedDay]:
    """Live recorded sessions one after the other and yield each as it ends.

    Args:
        rules: what the desk trades by.
        sessions: decision sessions in order, without gaps; the tape reaches one session further.
        batch_of: what was published for a session at its cut-off; None when nothing was, and positions are managed.
        tape: the world.
        calendar: exchange sessions.
        artifacts: where plans and why-rows go; None keeps them in memory, for as long as the backtest lasts.
        ledger: an empty one, for its events; None keeps them in memory as well.
        hash_of: returns a batch's hash; desks that live the same batches side by side need not hash each again.

    Raises:
        DataError: the tape misses a session in which something is held.
        TouchstoneError: an act refuses what it would refuse in live trading.
    """
    clock = MovedClock(calendar.as_of(sessions[0]))
    published = _Published()
    desk = _desk(
        rules,
        clock=clock,
        batches=published,
        tape=tape,
        calendar=calendar,
        artifacts=artifacts or MemoryArtifacts(),
        ledger=ledger or MemoryLedger(is_within_reach_of_others=False),
    )
    before = Book()
    for session in sessions:
        clock.move_to(calendar.as_of(session))
        batch = batch_of(session)
        batch_hash = hash_of(batch) if batch else None
        if batch is not None and batch_hash is not None:
            published.publish(batch, batch_hash)
        opens, deadline = calendar.submit_window(session)
        if batch_hash is None:
            # Until the window opens a batch might still come.
            clock.move_to(opens)
        run_session.plan(desk, session=session, batch_hash=batch_hash)
        clock.move_to(opens)
        with suppress(Halted):
            run_session.submit(desk, session=session)
        clock.move_to(deadline)
        if any(is_waiting(record) for record in desk.ledger.book().orders_of(desk.cycle_id(session))):
            run_session.cancel_rest(desk, session=session)
        if desk.exits:
            run_session.watch(desk, session=session)
        clock.move_to(calendar.bars_known_at(calendar.next(session)))
        run_session.settle(desk, session=session)
        settled = desk.ledger.book()
        yield day_of(
            before,
            settled,
            cycle_ids=[desk.cycle_id(session)],
            artifacts=desk.artifacts,
            limits=desk.limits,
            mode=desk.mode,
        )
        before = settled


def _desk(
    rules: Rules,
    *,
    clock: MovedClock,
    batches: _Published,
    tape: Tape,
    calendar: TradingCalendar,
    artifacts: Artifacts,
    ledger: LedgerStore,
) -> Desk:
    venue = SimulatedBroker(":memory:", tape, clock, calendar, rules.costs, rules.initial_cash_usd)
    return Desk(
        account=rules.account,
        strategy=rules.strategy,
        mode=rules.mode,
        calendar=calendar,
        clock=clock,
        broker=venue,
        quotes=venue,
        ledger=ledger,
        batches=batches,
        artifacts=artifacts,
        kill_switch=_Switch(),
        sizing=rules.sizing,
        limits=rules.limits,
        exits=rules.exits,
        settings_hash=rules.settings_hash,
        code_hash=rules.code_hash,
        initial_cash_usd=rules.initial_cash_usd,
    )
