"""Everything of one schedule that outlives its processes, and the desk a starting process builds from it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from execution.domain.signals import Mode as TradingMode
from execution.ledger.store import LedgerStore
from execution.portfolio.exit_rules import ExitRule
from execution.portfolio.sizing_policy import ProtectiveStop, SizingPolicy
from execution.risk.limits import RiskLimits
from execution.session.desk import Desk
from execution.session.monitor_pace import MonitorPolicy
from execution.session.send_policy import ApprovalPolicy, SendPolicy
from execution.simulation.draws import Draws
from execution.simulation.faults import Faults, Mode
from execution.simulation.hub import Hub, VirtualProcess
from execution.simulation.invariants import Checker
from execution.simulation.market import CALENDAR, CODE_HASH, SETTINGS_HASH, STRATEGY, PublishedBatches
from execution.simulation.ports import InstrumentedLedger, MemoryArtifacts, SimulatedSwitch, WriteLock
from execution.simulation.timeline import VirtualClock
from execution.simulation.venue import Venue
from execution.simulation.wire import Wire

ACCOUNT: Final = "simulated-1"
CASH_USD: Final = Decimal(100_000)
# A few large positions, so that every order counts against the cash, and profits that are taken now and then.
SIZING: Final = SizingPolicy(
    entry_top_fraction=Decimal(1),
    hold_top_fraction=Decimal(1),
    position_max_weight=Decimal("0.24"),
    take_profit_multiple=Decimal("0.2"),
)
LIMITS: Final = RiskLimits(
    order_notional_max_usd=Decimal(30_000),
    position_max_weight=Decimal("0.25"),
    concentration_max_weight=Decimal(1),
)
# Few looks: each costs a schedule as much as an act.
MONITORING: Final = MonitorPolicy(pause_min_seconds=3_600, pause_max_seconds=3_600)
_POLL_SECONDS: Final = 60.0


@dataclass(slots=True)
class Stage:
    """One schedule's durable world.

    Attributes:
        opened: opens the ledger as a fresh process does.
        days: decision sessions.
        ends_at: virtual time at which the executors are shut down.
        forced: the fate of every submission; empty leaves it to the seed.
        exits: the strategy's exit rules.
        protective_stop: the form of the stop behind a position.
        share_decimals: digits after the point of an entry's shares.
        entry_rungs: limits an entry tries one after the other.
    """

    hub: Hub
    draws: Draws
    faults: Faults
    mode: Mode
    trading_mode: TradingMode
    venue: Venue
    checker: Checker
    batches: PublishedBatches
    artifacts: MemoryArtifacts
    switch: SimulatedSwitch
    lock: WriteLock
    opened: Callable[[], LedgerStore]
    days: tuple[date, ...]
    ends_at: int
    forced: str = ""
    exits: tuple[ExitRule, ...] = ()
    share_decimals: int = 0
    protective_stop: ProtectiveStop = "stop"
    entry_rungs: int = 1

    def desk(self, process: VirtualProcess) -> Desk:
        """Return a desk of new objects, as a process that starts builds it."""
        wire = Wire(self.hub, self.venue, self.checker, self.forced)
        return Desk(
            account=ACCOUNT,
            strategy=STRATEGY,
            mode=self.trading_mode,
            calendar=CALENDAR,
            clock=VirtualClock(self.hub, process),
            broker=wire,
            quotes=wire,
            ledger=self.ledger(),
            batches=self.batches,
            artifacts=self.artifacts,
            kill_switch=self.switch,
            sizing=SIZING.model_copy(
                update={
                    "share_decimals": self.share_decimals,
                    "protective_stop": self.protective_stop,
                    "entry_rungs": self.entry_rungs,
                }
            ),
            limits=LIMITS,
            exits=self.exits,
            monitoring=MONITORING,
            settings_hash=SETTINGS_HASH,
            code_hash=CODE_HASH,
            initial_cash_usd=CASH_USD,
            approval=ApprovalPolicy(threshold_usd=Decimal(0) if self.trading_mode == "paper" else None),
            sending=SendPolicy(unknown_outcome_policy=self.mode.unknown, poll_seconds=_POLL_SECONDS),
        )

    def ledger(self) -> InstrumentedLedger:
        """Return the ledger as a fresh process opens it."""
        return InstrumentedLedger(self.opened(), self.hub, self.draws, self.faults, self.lock, self.checker)
