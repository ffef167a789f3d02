"""The trading half of a past decision, made again by the code that made it, and compared hash by hash.

The ledger as it stood before the plan, the account as the plan froze it, the batch by its hash and the instant of the
plan: given these, the act is the same act. Nothing is sent and nothing of the home is changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import orjson

from execution.domain.broker_capabilities import BrokerCapabilities, FractionalSizes
from execution.domain.errors import Halted, LedgerError
from execution.domain.events import Event, PlanMissed
from execution.domain.orders import (
    AccountSnapshot,
    BrokerFill,
    CorporateActionEntry,
    OrderRequest,
    OrderState,
    SubmitOutcome,
)
from execution.domain.quantities import Shares
from execution.ledger.book import Book, CycleRecord
from execution.ledger.memory_ledger import MemoryLedger
from execution.ledger.order_record import OrderRecord
from execution.ledger.store import LedgerStore
from execution.ports import Artifacts
from execution.session.approval import PLANS_FOLDER
from execution.session.desk import Desk
from execution.session.plan import plan


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a decision went through.

    Attributes:
        name: what it is.
        recorded: its hash then; None when there was none.
        repeated: its hash now.
        difference: in what the two differ, where more than their hashes is known; empty where not.
    """

    name: str
    recorded: str | None
    repeated: str | None
    difference: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether it came out bit for bit as it did then."""
        return self.recorded == self.repeated


def decision(book: Book, name: str) -> CycleRecord:
    """Return the cycle that a person names by its session, its plan's hash or one of its orders' ids.

    Raises:
        LedgerError: nothing or more than one thing has this name, or the session was missed: nobody decided.
    """
    found = [
        cycle
        for cycle in book.cycles.values()
        if name == cycle.session.isoformat()
        or (len(name) >= 6 and (cycle.plan_hash or "").startswith(name))
        or any(record.order.client_order_id.startswith(name) for record in book.orders_of(cycle.cycle_id))
    ]
    if len(found) != 1:
        raise LedgerError(
            f"{len(found)} decisions are named {name!r}: give a session, a plan hash or a client order id; "
            "`touchstone status` and `touchstone orders` list them"
        )
    if isinstance(found[0].plan, PlanMissed):
        raise LedgerError(f"session {found[0].session} was missed, nobody decided: {found[0].plan.reason}")
    return found[0]


def replay_plan(desk: Desk, cycle: CycleRecord, *, beside: Artifacts) -> tuple[Step, ...]:
    """Make a plan again as of the instant it was made and compare plan and why-rows.

    Args:
        desk: the desk of today; its ledger, batches and artifacts are only read.
        cycle: what was decided.
        beside: where the second plan and its why-rows go.

    Raises:
        CorruptArtifact: the plan or its batch does not have the hash it is named by.
        TouchstoneError: the act refuses now what it did then; the message says why.
    """
    frozen = orjson.loads(desk.artifacts.read(PLANS_FOLDER, cycle.plan_hash or "", suffix=".json"))
    then = _ledger_before(desk.ledger, cycle)
    venue = _FrozenVenue(then.book(), frozen)
    second = replace(
        desk,
        clock=_StoppedClock(cycle.plan.at),
        broker=venue,
        quotes=venue,
        kill_switch=_Open(),
        ledger=then,
        anchoring=None,
        # The present venue's time says nothing about that evening's.
        time_agreement=None,
        artifacts=beside,
        settings_hash=frozen["settings_hash"],
        code_hash=frozen["code_hash"],
    )
    report = plan(second, session=cycle.session, batch_hash=cycle.batch_hash)
    return (
        Step("limits", frozen["limits_hash"], desk.limits_hash),
        Step("plan", cycle.plan_hash, report.plan_hash),
        Step("why-rows", cycle.why_rows[0].artifact_hash if cycle.why_rows else None, report.why_rows_hash),
    )


def _ledger_before(ledger: LedgerStore, cycle: CycleRecord) -> MemoryLedger:
    before: list[Event] = []
    for recorded in ledger.events():
        if recorded.event == cycle.plan:
            break
        before.append(recorded.event)
    then = MemoryLedger()
    then.append(*before)
    return then


@dataclass(frozen=True, slots=True)
class _StoppedClock:
    """A clock that stands at the instant of the plan."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def monotonic_seconds(self) -> float:
        return 0.0

    def wait_seconds(self, seconds: float) -> bool:  # noqa: ARG002 - the port's argument; this clock stands still
        return False


@dataclass(frozen=True, slots=True)
class _Open:
    """No switch: whether one was engaged then is in the ledger, and nothing is sent now."""

    def engage(self, reason: str, actor: str, at: datetime) -> None:
        """Do nothing: a replay stops nobody."""

    def refuse_when_engaged(self) -> None:
        return


@dataclass(frozen=True, slots=True)
class _FrozenVenue:
    """The venue as the plan saw it: what the ledger had booked by then, and what the plan's artifact kept."""

    book: Book
    frozen: Mapping[str, Any]

    @property
    def capabilities(self) -> BrokerCapabilities:
        return BrokerCapabilities(
            id_uniqueness="none",
            lookup_by_client_id=True,
            answer_seconds=0.0,
            visibility_lag_seconds=0.0,
            order_types=frozenset(),
            times_in_force=frozenset(),
            has_extended_hours=False,
            order_classes=frozenset({"simple", "bracket"} if self._has_brackets else {"simple"}),
            fractional_sizes=FractionalSizes(
                decimals=self.frozen["sizing"].get("share_decimals", 0),
                order_types=frozenset({"limit"}),
                times_in_force=frozenset({"day"}),
            ),
        )

    @property
    def _has_brackets(self) -> bool:
        return any(planned["order"]["attached"] for planned in self.frozen["orders"])

    def submit(self, order: OrderRequest) -> SubmitOutcome:
        raise Halted(f"a replay sends nothing, and {order.client_order_id} would have been sent")

    def cancel(self, client_order_id: str) -> None:
        raise Halted(f"a replay sends nothing, and a cancel of {client_order_id} would have been")

    def order(self, client_order_id: str) -> OrderState | None:
        return _shown(self.book.orders[client_order_id])

    def open_orders(self) -> tuple[OrderState, ...]:
        return msgspec.convert(self.frozen["open_orders"], tuple[OrderState, ...], strict=False)

    def fills(self, *, since: datetime) -> tuple[BrokerFill, ...]:
        return tuple(booked.fill for booked in self.book.fills.values() if booked.fill.filled_at >= since)

    def corporate_actions(self, *, since: datetime) -> tuple[CorporateActionEntry, ...]:
        return tuple(booked.entry for booked in self.book.actions.values() if booked.entry.booked_at >= since)

    def account(self) -> AccountSnapshot:
        return AccountSnapshot(
            cash_usd=Decimal(self.frozen["cash_usd"]),
            positions_shares=msgspec.convert(self.frozen["positions_shares"], dict[str, Shares], strict=False),
        )

    def last_usd(self, symbol: str) -> Decimal | None:
        return self.close_usd(symbol, date.min)

    def close_usd(self, symbol: str, session: date) -> Decimal | None:  # noqa: ARG002 - the plan kept one close a symbol
        close = self.frozen["closes_usd"].get(symbol)
        return None if close is None else Decimal(close)


def _shown(record: OrderRecord) -> OrderState | None:
    """Return an order as the venue showed it then; None for one the venue did not know."""
    if record.state != "open" or record.broker_order_id is None:
        return None
    order = record.order
    return OrderState(
        client_order_id=order.client_order_id,
        broker_order_id=record.broker_order_id,
        symbol=order.symbol,
        side=order.side,
        quantity_shares=order.quantity_shares,
        filled_shares=record.filled_shares,
        status="open",
        order_type=order.order_type,
        limit_usd=order.limit_usd,
        stop_usd=order.stop_usd,
    )
