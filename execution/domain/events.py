"""What the ledger says happened: one frozen value per fact, in the past tense, each stamped with the clock's instant.

Trading events decide positions, cash and orders; two homes that live the same days hold the same ones. Notes
(the union `Note` below) tell of attempts and people; leaving them out changes no position. A field may be added with a
default; any other change of an event is a new class.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal, get_args

from execution.domain.orders import BrokerFill, CorporateActionEntry, OrderRequest
from execution.domain.provenance import CheckOutcome, Stage
from execution.domain.quantities import Shares, state_shares

WhyStage = Literal["plan", "settle"]
ControlState = Literal["active", "reducing", "halted"]
EndStatus = Literal["filled", "cancelled", "expired", "rejected"]
Matter = Literal["plan", "release", "resume"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOpened:
    """The ledger began, with this much cash and no position."""

    at: datetime
    account: str
    cash_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecorded:
    """A gated batch became the plan of its cycle.

    Attributes:
        cycle_id: account, strategy and decision session; one plan each, for ever.
        plan_hash: content hash of everything the plan rests on and orders; approval is bound to it.
        limits_hash: content hash of the risk limits the orders passed.
        decision_source: `model`, or the rule that stood in for it.
        equity_usd: the equity its limits were reckoned from; 0 where an older version did not say.
    """

    at: datetime
    cycle_id: str
    session: date
    plan_hash: str
    batch_hash: str
    limits_hash: str
    decision_source: str
    equity_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHeld:
    """No batch could be traded: the cycle only manages what is held, for this reason."""

    at: datetime
    cycle_id: str
    session: date
    plan_hash: str
    batch_hash: str | None
    limits_hash: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMissed:
    """A session went by without a plan; it will never have one."""

    at: datetime
    cycle_id: str
    session: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanApproved:
    """Somebody, or the rule of the mode (`auto`), let a plan's orders go out."""

    at: datetime
    cycle_id: str
    plan_hash: str
    approver: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntended:
    """An order was decided; nothing was sent.

    Attributes:
        cycle_id: the cycle it belongs to.
        leg: entry, exit, stop, or a numbered leg; unique with cycle, symbol and side.
        order: the order as it would go out; fewer shares may be sent, never more.
        reason: why, one sentence.
        reference_price_usd: the price the size was reckoned from; None where none was.
        protective_stop_usd: for an entry, the stop belonging to that price; the filled entry keeps the distance.
    """

    at: datetime
    cycle_id: str
    leg: str
    order: OrderRequest
    reason: str
    reference_price_usd: Decimal | None = None
    protective_stop_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionStarted:
    """An order is about to be sent. Written before the wire, once for ever: from here on it may exist at the venue.

    Attributes:
        reserved_usd: what it may cost at its worst price; taken in the same transaction, so it counts from here on.
    """

    at: datetime
    client_order_id: str
    quantity_shares: Shares
    reserved_usd: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """Give its size the one form equal sizes have."""
        state_shares(self, "quantity_shares")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted:
    """The venue proved that it has the order."""

    at: datetime
    client_order_id: str
    broker_order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefused:
    """The venue proved that it does not have the order."""

    at: datetime
    client_order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeUnknown:
    """Nobody knows whether the venue has the order; it is looked up until the venue proves its end."""

    at: datetime
    client_order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMissed:
    """The day of an order with unknown outcome is over and the venue still does not know it.

    It no longer counts as open, but it is still looked up: an order that was ever sent never ends by our decision.
    """

    at: datetime
    client_order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderVoided:
    """An order that was never sent will not be."""

    at: datetime
    client_order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """The venue was about to be asked to cancel an order. Its end is proven by a lookup, never by this."""

    at: datetime
    client_order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepriceRequested:
    """The venue was about to be asked to end an entry whose next price waits. Its end is proven by a lookup alone.

    Attributes:
        client_order_id: the rung of a ladder that was given up.
        next_order_id: the rung that may follow once that end is proven.
        reason: why, one sentence.
    """

    at: datetime
    client_order_id: str
    next_order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAmended:
    """The venue changed a working order, as it does with open stops on a split."""

    at: datetime
    client_order_id: str
    quantity_shares: Shares
    limit_usd: Decimal | None
    stop_usd: Decimal | None

    def __post_init__(self) -> None:
        """Give its size the one form equal sizes have."""
        state_shares(self, "quantity_shares")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEnded:
    """The venue proved the order's end, and every fill it counts is booked."""

    at: datetime
    client_order_id: str
    status: EndStatus
    filled_shares: Shares
    reason: str

    def __post_init__(self) -> None:
        """Give its size the one form equal sizes have."""
        state_shares(self, "filled_shares")


@dataclass(frozen=True, slots=True, kw_only=True)
class FillBooked:
    """An execution was booked; its execution id is booked once for ever."""

    at: datetime
    fill: BrokerFill


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateActionBooked:
    """A split, dividend or delisting was booked; its entry id is booked once for ever."""

    at: datetime
    entry: CorporateActionEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAdjusted:
    """A named person booked what moved on the account without a trade: cash, or shares of one symbol.

    What was paid in or taken out is nobody's profit: it changes what the account was given, and shares that leave take
    their cost with them.

    Attributes:
        symbol: of the shares; None when cash moved.
        shares_delta: shares that came in, or with a minus went out; 0 for cash.
        cash_usd: cash that came in, or with a minus went out; 0 for shares.
        cost_usd: what shares that came in are booked at, above 0; 0 for everything else.
        actor: the person.
        reason: why, in their words.
    """

    at: datetime
    symbol: str | None
    shares_delta: Shares
    cash_usd: Decimal
    cost_usd: Decimal
    actor: str
    reason: str

    def __post_init__(self) -> None:
        """Give its size the one form equal sizes have."""
        state_shares(self, "shares_delta")


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMark:
    """One position at a close.

    Attributes:
        shares: signed shares.
        cost_usd: what the shares held cost, fees included.
        close_usd: raw dollars per share.
        closed_session: the session the close is from; older than the mark when the symbol was halted.
        realised_usd: realised so far in this symbol, dividends included.
    """

    symbol: str
    shares: Shares
    cost_usd: Decimal
    close_usd: Decimal
    closed_session: date
    realised_usd: Decimal

    def __post_init__(self) -> None:
        """Give its size the one form equal sizes have."""
        state_shares(self, "shares")


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsMarked:
    """Everything held was valued at the official closes of a session.

    Attributes:
        cycle_id: the cycle settled with it.
        marked_session: the exchange day of the closes: the session after the decision.
        realised_usd: realised since the ledger began, over all symbols.
        unrealised_usd: market value less cost of everything held.
    """

    at: datetime
    cycle_id: str
    marked_session: date
    positions: tuple[PositionMark, ...]
    cash_usd: Decimal
    equity_usd: Decimal
    realised_usd: Decimal
    unrealised_usd: Decimal

    @property
    def paid_in_usd(self) -> Decimal:
        """What the account had been given by then: its value less what it earned."""
        return self.equity_usd - self.realised_usd - self.unrealised_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyRowsRecorded:
    """The rows that say, per symbol, what happened and why, were stored under this hash."""

    at: datetime
    cycle_id: str
    session: date
    stage: WhyStage
    artifact_hash: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitFinished:
    """Everything the cycle had to send was sent, or cannot be sent any more."""

    at: datetime
    cycle_id: str
    session: date


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleFinished:
    """The cycle is over: fills and corporate actions are booked and positions are marked."""

    at: datetime
    cycle_id: str
    session: date


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSuperseded:
    """A batch came for a cycle that already had its plan; it is not traded."""

    at: datetime
    cycle_id: str
    session: date
    batch_hash: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateJudged:
    """What the certificate behind a plan says, check by check; written with the plan, before its orders.

    Attributes:
        session: the exchange day whose data were judged.
        certificate_hash: content hash of the certificate; the batch of the plan carries the same one.
        checks: every verdict, in the order they were declared.
    """

    at: datetime
    cycle_id: str
    session: date
    certificate_hash: str
    stage: Stage
    checks: tuple[CheckOutcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditNoted:
    """Something an operator should be able to read later; it changes nothing.

    Attributes:
        topic: what kind of note: `not_tradable`, `batch_refused`, `account_differs`.
        subject: what it is about: a batch hash, a client order id, a symbol.
        actor: the person or process, empty when nobody asked.
        run_id: the run it happened in, empty outside of one.
    """

    at: datetime
    topic: str
    session: date | None
    subject: str
    detail: str
    actor: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChanged:
    """Somebody, or the watchdog, changed what may be sent.

    Attributes:
        state: `active`, `reducing` (nothing that adds to a position) or `halted` (nothing at all).
        actor: the person or process.
        reason: why, in their words.
    """

    at: datetime
    state: ControlState
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRepeated:
    """An order nobody knows the outcome of is about to be sent again, under the same id. Written before the wire.

    Only a venue that refuses a used id for ever may be asked so, and only after the time an answer may take.
    """

    at: datetime
    client_order_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWrittenOff:
    """A person closed an order whose end the venue never proved, after a later day's account agreed without it."""

    at: datetime
    client_order_id: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolQuarantined:
    """Something in a symbol is not ours or not explained: no order of ours goes out in it, but it counts in limits."""

    at: datetime
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineLifted:
    """A person looked into a symbol and answers for it: what the account holds of it is traded as ours again."""

    at: datetime
    symbol: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseApproved:
    """Somebody, or the rule of the mode (`auto`), let a version of program, settings, ledger and model trade.

    Attributes:
        release_id: content hash of the four.
        schema_version: of the ledger.
        model_hash: None where no model decides.
    """

    at: datetime
    release_id: str
    code_hash: str
    settings_hash: str
    schema_version: int
    model_hash: str | None
    approver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WordSigned:
    """A person's word came with a signature; written in the transaction of what it lets go.

    Attributes:
        matter: what was let go: a plan, a release, or trading after a stop.
        subject: which one: the plan's hash, the release's id, or the state and token of the stop.
        signer: the person whose key signed.
        word: the signed text, whole, so that whoever reads it later can verify it.
    """

    at: datetime
    matter: Matter
    subject: str
    signer: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRestored:
    """The ledger came back from a backup; what was written after that backup is lost.

    Attributes:
        epoch: part of every client order id decided from here on; higher than before.
        backup: name of the backup.
        rows: rows of the chain that came back.
        actor: the person who restored it.
    """

    at: datetime
    epoch: int
    backup: str
    rows: int
    actor: str


TradingEvent = (
    AccountOpened
    | PlanRecorded
    | PlanHeld
    | PlanMissed
    | PlanApproved
    | OrderIntended
    | SubmissionStarted
    | OrderAccepted
    | OrderRefused
    | OutcomeUnknown
    | OrderMissed
    | OrderVoided
    | CancelRequested
    | RepriceRequested
    | OrderAmended
    | OrderEnded
    | FillBooked
    | CorporateActionBooked
    | AccountAdjusted
    | PositionsMarked
    | WhyRowsRecorded
    | SubmitFinished
    | SettleFinished
)
Note = (
    BatchSuperseded
    | GateJudged
    | AuditNoted
    | ControlChanged
    | SubmissionRepeated
    | OrderWrittenOff
    | SymbolQuarantined
    | QuarantineLifted
    | ReleaseApproved
    | WordSigned
    | LedgerRestored
)
Event = TradingEvent | Note

EVENT_TYPES: Final[dict[str, type[Event]]] = {kind.__name__: kind for kind in get_args(Event)}
"""Every event by the name it is stored under."""
