"""A few trading days of one desk at the simulated venue: tape, clock, store, ledger, and the acts at their times."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from execution.artifact_files import FileArtifacts
from execution.brokers.memory_tape import MemoryTape
from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import Tape, TapeRow, write_tape
from execution.domain.signals import SignalBatch
from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.portfolio.cost_model import CostModel
from execution.portfolio.sizing_policy import SizingPolicy
from execution.risk.kill_switch import KillSwitch
from execution.risk.limits import RiskLimits
from execution.session import run_session
from execution.session.run_session import Desk
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar
from sensors.rules import TradingFacts
from sensors.trading_facts import trading_facts
from tests.builders.batches import a_batch, a_signal
from tests.fakes.manual_clock import ManualClock

CALENDAR = TradingCalendar.shipped()
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
CASH = Decimal(100_000)
COSTS = CostModel(slippage_bps=Decimal(10), commission_usd_per_share=Decimal("0.005"))
# Tuesday to Tuesday: the first is the first decision session.
SESSIONS = CALENDAR.between(date(2024, 3, 5), date(2024, 3, 12))
FIRST = SESSIONS[0]


def a_day_of(symbol: str, session: date, **changes: Any) -> TapeRow:
    step = Decimal(SESSIONS.index(session)) / 4
    opens = Decimal(40) + SYMBOLS.index(symbol) * 2 + step
    bar = TapeRow(
        session=session,
        symbol=symbol,
        open_usd=opens,
        high_usd=opens + Decimal("0.75"),
        low_usd=opens - Decimal("0.50"),
        close_usd=opens + Decimal("0.25"),
        volume_shares=1_000_000,
        is_halted=False,
        split_ratio=Decimal(1),
        dividend_usd=Decimal(0),
        is_last_session=False,
    )
    return replace(bar, **{name: Decimal(v) if isinstance(v, str) else v for name, v in changes.items()})


@dataclass
class TradingDays:
    """Sessions in which three of six symbols may be bought; bars are plain but for those given.

    Attributes:
        is_on_files: whether tape, venue and ledger are files, for tests that open them a second time or look at what is
            on disk. In memory a day costs a third, and a restart keeps venue and ledger, as a crash keeps files.
    """

    folder: Path
    bars: Iterable[TapeRow] = ()
    desk_changes: Mapping[str, Any] = field(default_factory=dict)
    wrap_broker: Callable[[Any], Any] | None = None
    wrap_ledger: Callable[[Any], Any] | None = None
    is_on_files: bool = False
    clock: ManualClock = field(default_factory=lambda: ManualClock(CALENDAR.as_of(FIRST)))

    def __post_init__(self) -> None:
        given = {(bar.session, bar.symbol): bar for bar in self.bars}
        self.world = {
            (session, symbol): given.get((session, symbol)) or a_day_of(symbol, session)
            for session in SESSIONS
            for symbol in SYMBOLS
        }
        self._kept: tuple[SimulatedBroker, MemoryLedger] | None = None
        if self.is_on_files and not (self.folder / "tape").exists():
            for session in SESSIONS:
                write_tape(self.folder / "tape", session, [self.world[session, symbol] for symbol in SYMBOLS])
        self.desk = self.restarted()

    @property
    def batches(self) -> SignalBatchStore:
        return SignalBatchStore(self.artifacts_root)

    @property
    def artifacts_root(self) -> Path:
        return self.folder / "artifacts"

    def restarted(self) -> Desk:
        """Return a desk of new objects on the same files, as after a crash."""
        venue, ledger = self._on_files() if self.is_on_files else self._in_memory()
        self.venue = venue
        fields: dict[str, Any] = {
            "account": "paper-1",
            "strategy": "momentum",
            "mode": "simulated",
            "calendar": CALENDAR,
            "clock": self.clock,
            "broker": self.wrap_broker(venue) if self.wrap_broker else venue,
            "quotes": venue,
            "ledger": self.wrap_ledger(ledger) if self.wrap_ledger else ledger,
            "batches": self.batches,
            "artifacts": FileArtifacts(self.artifacts_root),
            "kill_switch": KillSwitch(self.folder / "KILL"),
            "sizing": SizingPolicy(entry_top_fraction=Decimal("0.5"), hold_top_fraction=Decimal("0.7")),
            "limits": RiskLimits(),
            "settings_hash": "5" * 64,
            "code_hash": "c" * 64,
            "initial_cash_usd": CASH,
        }
        self.desk = Desk(**{**fields, **self.desk_changes})
        return self.desk

    def _on_files(self) -> tuple[SimulatedBroker, SqliteLedger]:
        tape = Tape(self.folder / "tape")
        venue = SimulatedBroker(self.folder / "venue.db", tape, self.clock, CALENDAR, COSTS, CASH)
        return venue, SqliteLedger(self.folder / "ledger.db")

    def _in_memory(self) -> tuple[SimulatedBroker, MemoryLedger]:
        if self._kept is None:
            tape = MemoryTape({day: [self.world[day, symbol] for symbol in SYMBOLS] for day in SESSIONS})
            self._kept = SimulatedBroker(":memory:", tape, self.clock, CALENDAR, COSTS, CASH), MemoryLedger()
        return self._kept

    def a_batch(self, session: date = FIRST, *, best: Iterable[str] = SYMBOLS, **changes: Any) -> SignalBatch:
        """Return a green batch that likes symbols in the order given; those not named have no score."""
        liked = list(best)
        signals = [
            a_signal(
                symbol,
                score=float(len(liked) - liked.index(symbol)) if symbol in liked else None,
                missing_reason=None if symbol in liked else "no bar",
                close_usd=self.world[session, symbol].close_usd,
                sector=f"Sector {symbol}",
            )
            for symbol in SYMBOLS
        ]
        return a_batch(signals, session=session, **changes)

    def publish(self, batch: SignalBatch) -> str:
        self.batches.publish_certificate(batch.certificate)
        return self.batches.publish(batch)

    def evening(self, session: date) -> Desk:
        self.clock.move_to(CALENDAR.as_of(session))
        return self.desk

    def morning(self, session: date) -> Desk:
        """Return the desk at the start of the submit window of a decision session."""
        self.clock.move_to(CALENDAR.submit_window(session)[0])
        return self.desk

    def deadline(self, session: date) -> Desk:
        self.clock.move_to(CALENDAR.submit_window(session)[1])
        return self.desk

    def next_close(self, session: date) -> Desk:
        self.clock.move_to(CALENDAR.closes_at(CALENDAR.next(session)) + timedelta(minutes=15))
        return self.desk

    @property
    def facts(self) -> TradingFacts:
        """What the sensors would be told of this desk now."""
        desk = self.desk
        facts = trading_facts(
            book=desk.ledger.book(),
            batches=desk.batches,
            calendar=desk.calendar,
            now=desk.clock.now(),
            has_exit_rules=bool(desk.exits),
        )
        assert facts is not None
        return facts

    def plan(self, session: date = FIRST, batch: SignalBatch | None = None) -> run_session.PlanReport:
        digest = self.publish(batch or self.a_batch(session))
        return run_session.plan(self.evening(session), session=session, batch_hash=digest)

    def submit(self, session: date = FIRST) -> run_session.SubmitReport:
        return run_session.submit(self.morning(session), session=session)

    def cancel_rest(self, session: date = FIRST) -> run_session.SubmitReport:
        return run_session.cancel_rest(self.deadline(session), session=session)

    def settle(self, session: date = FIRST) -> run_session.SettleReport:
        return run_session.settle(self.next_close(session), session=session)

    def live(self, session: date = FIRST, batch: SignalBatch | None = None) -> run_session.SettleReport:
        """Live one decision session from plan to settle."""
        self.plan(session, batch)
        self.submit(session)
        self.cancel_rest(session)
        return self.settle(session)
