"""The tables that mirror the book, row by row: what each event inserts or changes, and how they are folded again.

Nothing reads them to decide a trade. They hold what a database enforces better than code, that a fact exists once, and
they answer questions of people and reports without a fold.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final, Literal

from execution.domain.canonical import canonical_text
from execution.domain.events import (
    AccountAdjusted,
    AccountOpened,
    ControlChanged,
    CorporateActionBooked,
    Event,
    FillBooked,
    GateJudged,
    OrderIntended,
    PlanApproved,
    PlanHeld,
    PlanMissed,
    PlanRecorded,
    ReleaseApproved,
    SettleFinished,
    SubmissionStarted,
    SubmitFinished,
)
from execution.domain.quantities import shares_text
from execution.ledger import postings
from execution.ledger.book import CycleRecord
from execution.ledger.folding import Folding
from execution.ledger.order_record import OrderEvent, OrderRecord
from execution.ledger.postings import Posting
from execution.ledger.sql_driver import SqlConnection, Value

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "release": ("sequence",),
    "cycle": ("cycle_id",),
    "gate": ("cycle_id", "line"),
    "approval": ("sequence",),
    "intent": ("client_order_id",),
    "submission": ("client_order_id",),
    "risk_day": ("session",),
    "fill": ("execution_id",),
    "corporate_action": ("entry_id",),
    "posting": ("sequence", "line"),
    "control": ("id",),
}
"""Every table that is folded from the events, with its key; parents come before the tables that refer to them."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row to write.

    Attributes:
        kind: `insert` refuses a row that exists; `update` changes the columns given; `replace` does either.
        row: column to value; an update's key is among them.
    """

    kind: Literal["insert", "update", "replace"]
    table: str
    row: Mapping[str, Value]


def changes(folding: Folding, sequence: int, event: Event) -> tuple[Change, ...]:
    """Fold an event and return what it changes in the tables, in an order that keeps every reference.

    Raises:
        IllegalTransition: the event does not follow from what was before.
        SameIdOtherOrder: a client order id is intended a second time.
    """
    match event:
        case FillBooked():
            return tuple(_of_fill(folding, sequence, event))
        case CorporateActionBooked():
            return tuple(_of_action(folding, sequence, event))
        case AccountAdjusted():
            before = folding.position(event.symbol or "")
            folding.apply(event)
            return tuple(_posted(sequence, postings.of_adjustment(before, folding.position(event.symbol or ""), event)))
        case _:
            folding.apply(event)
            return tuple(_of_other(folding, sequence, event))


def write(connection: SqlConnection, told: tuple[Change, ...]) -> None:
    """Write changes into the tables.

    Raises:
        FactExists: a row that may exist once exists.
    """
    for change in told:
        statement, columns = _statement(change.kind, change.table, tuple(change.row))
        connection.execute(statement, [change.row[column] for column in columns])


def stored(connection: SqlConnection) -> dict[str, list[tuple[Value, ...]]]:
    """Return every row of every folded table, sorted by key."""
    return {
        table: connection.fetch(f"select * from {table} order by {', '.join(key)}")  # noqa: S608 - names of this module
        for table, key in KEYS.items()
    }


@cache
def _statement(
    kind: Literal["insert", "update", "replace"], table: str, columns: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """Return the statement that writes a row of some columns, and the columns in the order of its parameters."""
    key = KEYS[table]
    rest = tuple(column for column in columns if column not in key)
    if kind == "update":
        sets, at = ", ".join(f"{column} = ?" for column in rest), " and ".join(f"{column} = ?" for column in key)
        return f"update {table} set {sets} where {at}", (*rest, *key)  # noqa: S608 - names of this module
    statement = f"insert into {table} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})"  # noqa: S608 - as above
    if kind == "replace":
        sets = ", ".join(f"{column} = excluded.{column}" for column in rest)
        statement += f" on conflict ({', '.join(key)}) do update set {sets}"
    return statement, columns


def _of_other(folding: Folding, sequence: int, event: Event) -> Iterator[Change]:
    match event:
        case AccountOpened():
            yield from _posted(sequence, postings.of_opening(event))
        case ReleaseApproved():
            row: dict[str, Value] = {name: getattr(event, name) for name in _RELEASE}
            yield Change("insert", "release", {"sequence": sequence, **row})
        case PlanRecorded() | PlanHeld() | PlanMissed():
            yield from _of_plan(sequence, event)
        case GateJudged():
            yield from _of_gate(sequence, event)
        case PlanApproved():
            row = {"cycle_id": event.cycle_id, "plan_hash": event.plan_hash, "approver": event.approver}
            yield Change("insert", "approval", {"sequence": sequence, **row, "at": canonical_text(event.at)})
            yield from _cycle_state(folding.cycle(event.cycle_id))
        case SubmitFinished() | SettleFinished():
            yield from _cycle_state(folding.cycle(event.cycle_id))
        case OrderIntended():
            yield from _intent(folding.order(event.order.client_order_id), sequence)
        case ControlChanged():
            row = {"id": 1, "state": event.state, "actor": event.actor, "reason": event.reason}
            yield Change("replace", "control", {**row, "at": canonical_text(event.at), "sequence": sequence})
        case _ if isinstance(event, OrderEvent):
            yield from _of_order(folding, sequence, event)


def _of_order(folding: Folding, sequence: int, event: OrderEvent) -> Iterator[Change]:
    record = folding.order(event.client_order_id)
    if record is None:
        return
    yield _intent_state(record)
    if isinstance(event, SubmissionStarted):
        yield Change(
            "insert",
            "submission",
            {
                "client_order_id": event.client_order_id,
                "quantity_shares": shares_text(event.quantity_shares),
                "reserved_usd": canonical_text(event.reserved_usd),
                "at": canonical_text(event.at),
                "sequence": sequence,
            },
        )
    if record.sent_at is not None:
        yield _day(folding, record.sent_at.date())


def _of_plan(sequence: int, event: PlanRecorded | PlanHeld | PlanMissed) -> Iterator[Change]:
    is_missed = isinstance(event, PlanMissed)
    yield Change(
        "insert",
        "cycle",
        {
            "cycle_id": event.cycle_id,
            "session": event.session.isoformat(),
            "plan": "recorded" if isinstance(event, PlanRecorded) else "missed" if is_missed else "held",
            "plan_hash": None if isinstance(event, PlanMissed) else event.plan_hash,
            "batch_hash": None if isinstance(event, PlanMissed) else event.batch_hash,
            "limits_hash": None if isinstance(event, PlanMissed) else event.limits_hash,
            "state": "missed" if is_missed else "planned",
            "sequence": sequence,
        },
    )


def _of_gate(sequence: int, event: GateJudged) -> Iterator[Change]:
    for line, check in enumerate(event.checks, start=1):
        row: dict[str, Value] = {"cycle_id": event.cycle_id, "line": line, "name": check.name, "subject": check.subject}
        told = {"status": "passed" if check.passed else "failed", "value": check.value, "threshold": check.threshold}
        yield Change("insert", "gate", {**row, **told, "sequence": sequence})


def _of_fill(folding: Folding, sequence: int, event: FillBooked) -> Iterator[Change]:
    fill = event.fill
    before = folding.position(fill.symbol)
    folding.apply(event)
    yield Change(
        "insert",
        "fill",
        {
            "execution_id": fill.execution_id,
            "client_order_id": fill.client_order_id,
            "symbol": fill.symbol,
            "side": fill.side,
            "quantity_shares": shares_text(fill.quantity_shares),
            "price_usd": canonical_text(fill.price_usd),
            "fee_usd": canonical_text(fill.fee_usd),
            "filled_at": canonical_text(fill.filled_at),
            "reverses": fill.reverses,
            "sequence": sequence,
        },
    )
    record = folding.order(fill.client_order_id)
    if record is not None:
        yield _intent_state(record)
    yield _day(folding, fill.filled_at.date())
    yield from _posted(sequence, postings.of_fill(before, folding.position(fill.symbol), fill))


def _of_action(folding: Folding, sequence: int, event: CorporateActionBooked) -> Iterator[Change]:
    entry = event.entry
    before = folding.position(entry.symbol)
    folding.apply(event)
    yield Change(
        "insert",
        "corporate_action",
        {
            "entry_id": entry.entry_id,
            "kind": entry.kind,
            "symbol": entry.symbol,
            "session": entry.session.isoformat(),
            "quantity_delta_shares": shares_text(entry.quantity_delta_shares),
            "cash_usd": canonical_text(entry.cash_usd),
            "sequence": sequence,
        },
    )
    yield _day(folding, entry.session)
    yield from _posted(sequence, postings.of_action(before, folding.position(entry.symbol), entry))


def _posted(sequence: int, told: tuple[Posting, ...]) -> Iterator[Change]:
    for line, posting in enumerate(told, start=1):
        row = {"kind": posting.kind, "debit": posting.debit, "credit": posting.credit, "unit": posting.unit}
        yield Change(
            "insert", "posting", {"sequence": sequence, "line": line, **row, "amount": canonical_text(posting.amount)}
        )


def _cycle_state(cycle: CycleRecord | None) -> Iterator[Change]:
    if cycle is None:
        return
    if isinstance(cycle.plan, PlanMissed):
        state = "missed"
    elif cycle.settled is not None:
        state = "settled"
    elif cycle.is_submitted:
        state = "submitted"
    else:
        state = "approved" if cycle.approval else "planned"
    yield Change("update", "cycle", {"cycle_id": cycle.cycle_id, "state": state})


def _intent(record: OrderRecord | None, sequence: int) -> Iterator[Change]:
    if record is None:
        return
    fixed: dict[str, Value] = {
        "cycle_id": record.cycle_id,
        "symbol": record.order.symbol,
        "side": record.order.side,
        "leg": record.leg,
    }
    yield Change("insert", "intent", {**_intent_state(record).row, **fixed, "sequence": sequence})


def _intent_state(record: OrderRecord) -> Change:
    order = record.order
    return Change(
        "update",
        "intent",
        {
            "client_order_id": order.client_order_id,
            "state": record.state,
            "quantity_shares": shares_text(order.quantity_shares),
            "limit_usd": canonical_text(order.limit_usd),
            "stop_usd": canonical_text(order.stop_usd),
            "reserved_usd": canonical_text(record.reserved_usd),
            "filled_shares": shares_text(record.filled_shares),
            "broker_order_id": record.broker_order_id,
        },
    )


def _day(folding: Folding, session: date) -> Change:
    day = folding.day(session)
    return Change(
        "replace",
        "risk_day",
        {
            "session": session.isoformat(),
            "reserved_usd": canonical_text(day.reserved_usd),
            "filled_usd": canonical_text(day.filled_usd),
            "entries": day.entries,
            "realised_usd": canonical_text(day.realised_usd),
        },
    )


_RELEASE: Final = ("release_id", "code_hash", "settings_hash", "schema_version", "model_hash", "approver")
