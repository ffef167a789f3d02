"""Settings to the concrete things trading works with: clock, broker, quotes, ledger. No Dagster: it starts at once."""

from dataclasses import dataclass
from pathlib import Path

from execution.artifact_files import FileArtifacts
from execution.brokers.simulated import SimulatedBroker
from execution.brokers.tape import Tape
from execution.clock import FileClock, SystemClock
from execution.domain.errors import SettingsRefused
from execution.domain.signals import Mode
from execution.ports import Broker, Clock, Quotes
from execution.risk.kill_switch import KillSwitch
from execution.session.desk import Desk
from execution.session.time_agreement import TimeAgreement
from execution.signal_batch_store import SignalBatchStore
from execution.trade_updates import TradeUpdates
from execution.trading_calendar import TradingCalendar
from execution.wakeful_clock import WakefulClock
from pipelines.code_hash import checkout_root, code_hash
from pipelines.home import Home
from pipelines.ledger_opening import anchoring_of, open_ledger
from pipelines.trading_settings import TradingSettings


def is_clock_told(mode: Mode) -> bool:
    """Return whether a mode's clock moves only when told."""
    return mode in {"simulated", "files"}


def clock_of(mode: Mode, home: Home) -> Clock:
    """Return the clock of a mode: a file in the home, or the machine's.

    A paper home with such a file rehearses in told time; Alpaca itself is refused to it (`refuse_told_time`).
    """
    is_rehearsal = mode == "paper" and home.clock.exists()
    return FileClock(home.clock) if is_clock_told(mode) or is_rehearsal else SystemClock()


def open_desk(settings: TradingSettings, home: Home, *, run_id: str = "", actor: str = "") -> Desk:
    """Return the desk of a home: everything a trading act needs, with the stores opened.

    Args:
        settings: the trading half of the tree.
        home: where ledger, venue and tape live.
        run_id: the run it serves, for notes in the ledger.
        actor: who asked, for notes in the ledger.

    Raises:
        SettingsRefused: an address or key of the venue is refused, or it cannot do what `sending` asks of it.
    """
    clock, calendar = clock_of(settings.mode, home), TradingCalendar.shipped()
    venue = _venue_of(settings, home, clock, calendar)
    if settings.sending.unknown_outcome_policy == "same_id" and not venue.broker.capabilities.may_repeat:
        raise SettingsRefused(
            "sending.unknown_outcome_policy is same_id, and this venue does not refuse a used id for ever or cannot "
            "find an order by it: set it to never"
        )
    return Desk(
        account=settings.account,
        strategy=settings.strategy,
        mode=settings.mode,
        calendar=calendar,
        clock=venue.clock,
        broker=venue.broker,
        quotes=venue.quotes,
        time_agreement=venue.time_agreement,
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


def orders_url(settings: TradingSettings) -> str:
    """Return the address of the account's orders, for a stop that knows nothing else; empty for the simulated venue."""
    return "" if is_clock_told(settings.mode) else f"{settings.alpaca.trading_address(settings.mode)}/v2/orders"


@dataclass(frozen=True, slots=True)
class _Venue:
    broker: Broker
    quotes: Quotes
    time_agreement: TimeAgreement | None
    clock: Clock


def _venue_of(settings: TradingSettings, home: Home, clock: Clock, calendar: TradingCalendar) -> _Venue:
    if is_clock_told(settings.mode):
        simulated = SimulatedBroker(
            home.venue, Tape(home.tape), clock, calendar, settings.costs, settings.initial_cash_usd
        )
        return _Venue(simulated, simulated, None, clock)
    from pipelines.alpaca_adapters import open_alpaca  # noqa: PLC0415 - loads a client that the simulation has no use for

    account = open_alpaca(settings, home, clock, calendar)
    agreement = TimeAgreement(account.time, apart_max_seconds=settings.alpaca.clock_apart_max_seconds)
    return _Venue(account.broker, account.quotes, agreement, WakefulClock(clock, TradeUpdates(home.operations)))


def batches_of(artifacts: Path) -> SignalBatchStore:
    """Return the store through which analysis hands batches over."""
    return SignalBatchStore(artifacts)
