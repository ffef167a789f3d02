"""Orders and what a venue may say of them."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

from execution.domain.canonical import canonical_bytes
from execution.domain.quantities import Shares, state_shares

Side = Literal["buy", "sell"]
Leg = Literal["entry", "exit", "stop", "take_profit", "flatten", "monitor"]
OrderType = Literal["limit", "market", "stop", "stop_limit", "trailing_stop"]
TimeInForce = Literal["day", "gtc", "ioc", "fok", "opg", "cls"]
OrderClass = Literal["simple", "bracket", "oco"]
WorkingStatus = Literal["open", "filled", "cancelled", "expired", "rejected"]
SYMBOL: Final = re.compile(r"[A-Z0-9][A-Z0-9.\-]{0,14}")
"""What an exchange symbol looks like; matched whole."""
ATTACHED_LEGS: Final[frozenset[Leg]] = frozenset({"stop", "take_profit"})
"""Kinds of orders that may have gone to the venue with the entry they follow."""
STOP_TYPES: Final[frozenset[OrderType]] = frozenset({"stop", "stop_limit", "trailing_stop"})
"""Orders that wait for a trigger. One that sells protects a position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """One order as it goes to a venue. Prices are raw dollars per share, quantities shares or parts of one.

    Which prices belong to which kind, and what else must fit: `order_fault`.

    Attributes:
        client_order_id: derived, never random: `client_order_id()`.
        time_in_force: `day` ends with the session and `gtc` stays; `ioc` fills at once what it can and `fok` all or
            nothing; `opg` trades in the opening and `cls` in the closing auction only.
        limit_usd: for a limit or stop-limit order, the worst acceptable price; else None.
        stop_usd: for a stop or stop-limit order, the trigger; else None.
        is_reduce_only: the order may close but never open or turn a position.
        trail_usd: for a trailing stop, how far its trigger stays below the highest price; else None.
        trail_bps: the same as a part of that price; a trailing stop has one of the two.
        is_extended_hours: it may trade outside of the regular session too.
        attached: linked orders that go to the venue with this one, in one piece. To a buy: its take-profit limit and
            its stop, which work as far as it has filled; a bracket. To a take-profit limit: its stop; each share is
            sold by one of the two. Such orders have nothing attached themselves.
    """

    client_order_id: str
    symbol: str
    side: Side
    leg: Leg
    quantity_shares: Shares
    order_type: OrderType
    time_in_force: TimeInForce
    limit_usd: Decimal | None = None
    stop_usd: Decimal | None = None
    is_reduce_only: bool = False
    trail_usd: Decimal | None = None
    trail_bps: Decimal | None = None
    is_extended_hours: bool = False
    attached: tuple["OrderRequest", ...] = ()

    def __post_init__(self) -> None:
        """Give its size the one form equal sizes have."""
        state_shares(self, "quantity_shares")

    def of_size(self, quantity_shares: Shares) -> "OrderRequest":
        """Return the order, and what is attached to it, for a number of shares."""
        if quantity_shares == self.quantity_shares and not self.attached:
            return self
        attached = tuple(replace(leg, quantity_shares=quantity_shares) for leg in self.attached)
        return replace(self, quantity_shares=quantity_shares, attached=attached)

    @property
    def order_class(self) -> OrderClass:
        """What it is together with what is attached to it."""
        if not self.attached:
            return "simple"
        return "bracket" if self.side == "buy" else "oco"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedOrder:
    """An order that sizing wants and pre-trade checks have yet to judge. It has no id: nothing has been planned.

    Attributes:
        symbol: exchange symbol.
        side: buy for an entry, sell for an exit.
        leg: `entry` opens a position, `exit` reduces or closes one.
        quantity_shares: above zero.
        reference_price_usd: the raw price the size was reckoned from: the session's close.
        limit_usd: the worst acceptable price of a marketable DAY limit; None for a market order.
        stop_usd: for an entry, the protective stop reckoned from the reference price; else None.
        reason: one sentence that says why, with its numbers.
        part_rule: for an exit that sells a part of a position, the exit rule that asks for it; else empty.
    """

    symbol: str
    side: Side
    leg: Leg
    quantity_shares: Shares
    reference_price_usd: Decimal
    limit_usd: Decimal | None
    stop_usd: Decimal | None
    reason: str
    part_rule: str = ""

    def __post_init__(self) -> None:
        """Give its size the one form equal sizes have."""
        state_shares(self, "quantity_shares")

    @property
    def leg_name(self) -> str:
        """The leg its id is derived from: parts of a position are legs of their own, one per rule."""
        return f"target_{self.part_rule}" if self.part_rule else self.leg


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue has the order."""

    broker_order_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue proved that it does not have the order and said why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows yet whether the venue has the order; it stays in flight until a lookup proves its end."""

    reason: str


SubmitOutcome = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """An order as the venue shows it now."""

    client_order_id: str
    broker_order_id: str
    symbol: str
    side: Side
    quantity_shares: Shares
    filled_shares: Shares
    status: WorkingStatus
    order_type: OrderType
    limit_usd: Decimal | None
    stop_usd: Decimal | None
    reason: str = ""

    def __post_init__(self) -> None:
        """Give its sizes the one form equal sizes have."""
        state_shares(self, "quantity_shares", "filled_shares")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFill:
    """One execution. `execution_id` is unique for ever and the key by which fills are counted once.

    Attributes:
        reverses: the execution id this one takes back, as after a bust; it has the other side, and the shares and price
            of what it takes back. A correction is such a reversal and a new execution. None for an execution.
    """

    execution_id: str
    client_order_id: str
    symbol: str
    side: Side
    quantity_shares: Shares
    price_usd: Decimal
    fee_usd: Decimal
    filled_at: datetime
    reverses: str | None = None

    def __post_init__(self) -> None:
        """Give its size the one form equal sizes have."""
        state_shares(self, "quantity_shares")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateActionEntry:
    """A split, dividend, delisting or charge booked to the account.

    Attributes:
        entry_id: unique for ever.
        kind: `split` changes the quantity, `dividend` pays cash, `delisting` closes the position for cash,
            `charge` moves cash alone: fees that come later than their trades, and interest.
        quantity_delta_shares: change of the position.
        cash_usd: cash booked, parts of a share that a split paid out included.
        ratio: new shares per old for a split; else None.
    """

    entry_id: str
    kind: Literal["split", "dividend", "delisting", "charge"]
    symbol: str
    session: date
    quantity_delta_shares: Shares
    cash_usd: Decimal
    ratio: Decimal | None
    booked_at: datetime

    def __post_init__(self) -> None:
        """Give its size the one form equal sizes have."""
        state_shares(self, "quantity_delta_shares")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """Cash and positions of the account, as the venue holds them: symbol to signed shares, zeros left out.

    Attributes:
        block: why the venue takes no order of the account; empty when it does.
    """

    cash_usd: Decimal
    positions_shares: Mapping[str, Shares]
    block: str = ""


def client_order_id(
    *, account: str, epoch: int, cycle_id: str, strategy: str, symbol: str, side: Side, leg: str
) -> str:
    """Return the derived id of an order: 28 lower-case characters.

    Quantity and price are left out on purpose: an order planned again must collide with the first, not join it. An
    order attached to another has that one's id with its own leg behind it: `attached_order_id`.

    Args:
        account: account name from settings.
        epoch: rises only when a ledger is restored from a backup.
        cycle_id: the cycle the order belongs to.
        strategy: strategy name.
        symbol: exchange symbol.
        side: buy or sell.
        leg: entry, exit, stop, or a numbered leg after a proven end of the former one.
    """
    digest = hashlib.sha256(canonical_bytes([account, epoch, cycle_id, strategy, symbol, side, leg])).digest()
    # Twenty bytes are thirty-two letters, and twenty-six are kept.
    return "t1" + base64.b32encode(digest[:20]).decode("ascii").lower()[:26]


def attached_order_id(client_order_id: str, leg: Leg) -> str:
    """Return the id of an order attached to another: a venue that names it itself is asked by the one it follows.

    Args:
        client_order_id: of the order it goes to the venue with.
        leg: stop or take_profit; an order has at most one of each.
    """
    return f"{client_order_id}.{leg}"


def attachment(client_order_id: str) -> tuple[str, Leg] | None:
    """Return the id an attached order follows, and its leg; None for the id of an order that goes alone."""
    first, _, leg = client_order_id.rpartition(".")
    return next(((first, known) for known in sorted(ATTACHED_LEGS) if first and known == leg), None)
