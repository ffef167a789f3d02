"""Settings to the concrete things trading works with: clock, broker, quotes, ledger. No Dagster: it starts at once."""

from pathlib import Path

from execution.artifact_files import FileArtifacts
from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import Tape
from execution.clock import FileClock, SystemClock
from execution.domain.errors import SettingsRefused
from execution.domain.signals import Mode
from execution.ports import Clock
from execution.risk.kill_switch import KillSwitch
from execution.session.desk import Desk
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar
from pipelines.code_hash import checkout_root, code_hash
from pipelines.home import Home
from pipelines.ledger_opening import anchoring_of, open_ledger
from pipelines.trading_settings import TradingSettings


def is_clock_told(mode: Mode) -> bool:
    """Return whether a mode's clock moves only when told."""
    return mode in {"simulated", "files"}


def clock_of(mode: Mode, home: Home) -> Clock:
    """Return the clock of a mode: a file in the home, or the machine's."""
    return FileClock(home.clock) if is_clock_told(mode) else SystemClock()


def open_desk(settings: TradingSettings, home: Home, *, run_id: str = "", actor: str = "") -> Desk:
    """Return the desk of a home: everything a trading act needs, with the stores opened.

    Args:
        settings: the trading half of the tree.
        home: where ledger, venue and tape live.
        run_id: the run it serves, for notes in the ledger.
        actor: who asked, for notes in the ledger.

    Raises:
        SettingsRefused: the mode has no venue yet, or the venue cannot do what `sending` asks of it.
    """
    if not is_clock_told(settings.mode):
        raise SettingsRefused(
            f"mode {settings.mode} has no venue adapter in this version; trade in mode simulated or files"
        )
    clock, calendar = clock_of(settings.mode, home), TradingCalendar.shipped()
    venue = SimulatedBroker(home.venue, Tape(home.tape), clock, calendar, settings.costs, settings.initial_cash_usd)
    if settings.sending.unknown_outcome_policy == "same_id" and not venue.capabilities.may_repeat:
        raise SettingsRefused(
            "sending.unknown_outcome_policy is same_id, and this venue does not refuse a used id for ever or cannot "
            "find an order by it: set it to never"
        )
    return Desk(
        account=settings.account,
        strategy=settings.strategy,
        mode=settings.mode,
        calendar=calendar,
        clock=clock,
        broker=venue,
        quotes=venue,
        ledger=open_ledger(settings, home),
        anchoring=anchoring_of(settings, home),
        batches=batches_of(home.artifacts),
        artifacts=FileArtifacts(home.artifacts),
        kill_switch=KillSwitch(home.kill),
        sizing=settings.sizing,
        limits=settings.limits,
        exits=settings.exits,
        monitoring=settings.monitoring,
        sending=settings.sending,
        approval=settings.approval,
        settings_hash=settings.settings_hash,
        code_hash=code_hash(checkout_root()),
        initial_cash_usd=settings.initial_cash_usd,
        actor=actor,
        run_id=run_id,
    )


def batches_of(artifacts: Path) -> SignalBatchStore:
    """Return the store through which analysis hands batches over."""
    return SignalBatchStore(artifacts)
