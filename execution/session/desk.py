"""The desk: everything one strategy on one account needs to trade, gathered at the composition root."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from execution.domain.canonical import content_hash
from execution.domain.errors import Halted
from execution.domain.orders import Side, client_order_id
from execution.domain.signals import Mode
from execution.ledger.anchors import Anchoring
from execution.ledger.lease import Lease
from execution.ledger.store import LedgerStore
from execution.portfolio.exit_rules import ExitRule
from execution.portfolio.sizing_policy import SizingPolicy
from execution.ports import Artifacts, Broker, Clock, Interlock, Quotes, SignalBatches
from execution.risk.limits import RiskLimits
from execution.session.monitor_pace import MonitorPolicy
from execution.session.send_policy import ApprovalPolicy, SendPolicy
from execution.session.time_agreement import TimeAgreement
from execution.trading_calendar import TradingCalendar


@lru_cache(maxsize=16)
def _limits_hash(limits: RiskLimits) -> str:
    return content_hash(limits.told())


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the acts of a session work with; the same for backtest, paper and live, with other ports.

    Attributes:
        account: account name from settings.
        strategy: strategy name; batches of another one are refused.
        mode: simulated, files, paper or live; batches of another one are held.
        initial_cash_usd: cash the ledger opens with.
        artifacts: plans and why-rows, each named by its hash.
        kill_switch: while it is engaged, or nobody can tell, nothing is sent.
        sending: how orders go out, and what is done when nobody knows an outcome.
        approval: which plans wait for a person.
        exits: the strategy's exit rules, in the order they are asked.
        monitoring: how often they are asked while the market is open.
        anchoring: by which key and where the ledger's head is kept at the end of an act; None keeps it nowhere.
        time_agreement: compares the venue's clock and calendar with ours; None where it has none of its own.
        lease: the right to write under which this desk acts; None outside of an act.
        settings_hash: content hash of the settings tree without paths and secrets.
        code_hash: content hash of the program.
        actor: who asked, for notes; empty when nobody did.
        run_id: the run this desk serves, for notes; empty outside of one.
    """

    account: str
    strategy: str
    mode: Mode
    calendar: TradingCalendar
    clock: Clock
    broker: Broker
    quotes: Quotes
    ledger: LedgerStore
    batches: SignalBatches
    artifacts: Artifacts
    kill_switch: Interlock
    sizing: SizingPolicy
    limits: RiskLimits
    settings_hash: str
    code_hash: str
    initial_cash_usd: Decimal
    sending: SendPolicy = field(default_factory=SendPolicy)
    approval: ApprovalPolicy = field(default_factory=ApprovalPolicy)
    exits: tuple[ExitRule, ...] = ()
    monitoring: MonitorPolicy = field(default_factory=MonitorPolicy)
    anchoring: Anchoring | None = None
    time_agreement: TimeAgreement | None = None
    lease: Lease | None = None
    actor: str = ""
    run_id: str = ""

    @property
    def limits_hash(self) -> str:
        """Content hash of the risk limits."""
        return _limits_hash(self.limits)

    @property
    def sized_by(self) -> SizingPolicy:
        """The strategy's numbers, with sizes no finer than the venue takes them."""
        decimals = min(self.sizing.share_decimals, self.broker.capabilities.entry_decimals)
        if decimals == self.sizing.share_decimals:
            return self.sizing
        return self.sizing.model_copy(update={"share_decimals": decimals})

    def cycle_id(self, session: date) -> str:
        """Return the id of a session's cycle: one plan each, for ever."""
        return f"{self.account}:{self.strategy}:{session.isoformat()}"

    def order_id(self, session: date, *, symbol: str, side: Side, leg: str) -> str:
        """Return the derived client order id of one leg of a session's cycle."""
        return client_order_id(
            account=self.account,
            epoch=self.ledger.book().epoch,
            cycle_id=self.cycle_id(session),
            strategy=self.strategy,
            symbol=symbol,
            side=side,
            leg=leg,
        )

    def tradable_session(self) -> date | None:
        """Return the newest session whose cut-off has come, unless its submit window is over; None in between."""
        return self.calendar.tradable_session(self.clock.now())

    def submit_until(self, session: date) -> datetime:
        """Return the deadline of a session's orders."""
        return self.calendar.submit_window(session)[1]

    def submit_has_ended(self, session: date) -> bool:
        """Return whether the deadline of a session's orders has passed at the clock's instant."""
        return self.clock.now() >= self.submit_until(session)

    def is_in_submit_window(self, session: date) -> bool:
        """Return whether a session's orders may be sent at the clock's instant."""
        opens, closes = self.calendar.submit_window(session)
        return opens <= self.clock.now() < closes

    def refuse_when_halted(self) -> None:
        """Do nothing while orders may be sent.

        Raises:
            Halted: the kill switch is engaged, nobody can tell, or the ledger says that trading was halted.
        """
        self.kill_switch.refuse_when_engaged()
        control = self.ledger.book().control
        if control is not None and control.state == "halted":
            raise Halted(
                f"trading was halted at {control.at.isoformat()} by {control.actor} ({control.reason}): nothing is "
                "sent; `touchstone resume` ends it"
            )
