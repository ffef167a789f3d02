"""One trading day gathered into plain values: what the page and the terminal summary show, in the order they show it.

Facts in, facts out: this module formats nothing and reads no file. A day without a batch (a red gate) and a day without
orders are days like any other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, Protocol

from assets.reporting.ledger_frames import LedgerFrames, records
from assets.reporting.performance import Performance, performance
from assets.reporting.transaction_costs import (
    CostTotals,
    Execution,
    OrderCost,
    SentOrder,
    cost_totals,
    order_costs,
)
from execution.domain.provenance import GateCertificate
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.trading_calendar import TradingCalendar

_TRADES_FIRST: Final = ("bought", "sold", "not_filled", "buy", "sell", "held", "hold", "refused", "blocked")
_GUARD: Final = "guard:"
SHOWN_CONTRIBUTIONS: Final = 3


class PublishedBatches(Protocol):
    """Where analysis published: the part of the signal batch store this page reads."""

    def published(self, session: date) -> tuple[str, ...]:
        """Return the hashes of a session's batches in publication order."""
        ...

    def load(self, batch_hash: str) -> SignalBatch:
        """Return the batch of a hash, verified."""
        ...

    def certificates(self, session: date) -> tuple[GateCertificate, ...]:
        """Return a session's certificates in publication order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSymbol:
    """A symbol's score and the features that moved it most.

    Attributes:
        symbol: exchange symbol.
        sector: sector name, None when unknown.
        score: higher is better.
        expected_return_bps: over the horizon; None for rules.
        contributions: feature and contribution, the largest absolute value first.
    """

    symbol: str
    sector: str | None
    score: float
    expected_return_bps: float | None
    contributions: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """What happened to one symbol of the universe, and why.

    Attributes:
        symbol: exchange symbol.
        outcome: bought, sold, held, not_filled; for what was not traded: blocked by a
            guard, refused by the gate, no_data, missed or not_wanted.
        stage: the first stage that said no, or the one that said yes.
        reason: one sentence with its numbers.
        score: the score it had; None when it was not scored.
        shares: signed whole shares of its order; 0 without one.
    """

    symbol: str
    outcome: str
    stage: str
    reason: str
    score: float | None
    shares: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPosition:
    """One position at the close, marked at the raw close."""

    symbol: str
    shares: int
    average_cost_usd: Decimal
    close_usd: Decimal
    market_value_usd: Decimal
    unrealised_usd: Decimal
    realised_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """The account at one session's close."""

    session: date
    cash_usd: Decimal
    equity_usd: Decimal
    realised_usd: Decimal
    unrealised_usd: Decimal
    gross_exposure: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One decision session, from its gate to the close after it.

    Attributes:
        session: the decision session S.
        traded_session: the session after it, in which its orders went out.
        certificates: every gate certificate of the session, in publication order; the last one judges.
        batch: the batch that was planned, or the newest; None when the gate stayed shut.
        superseded: hashes of the session's other batches, which were not traded.
        plan_hash: content hash of the order plan; None when nothing was planned.
        export_hash: the ledger export this day was read from.
        decisions: one row per symbol of the universe, sorted by symbol.
        costs: each order sent, in the ledger's order, with its execution.
        positions: what was held at the close after the orders, sorted by symbol.
        equity: the account at each close up to then, oldest first.
    """

    session: date
    traded_session: date
    certificates: tuple[GateCertificate, ...]
    batch: SignalBatch | None
    superseded: tuple[str, ...]
    plan_hash: str | None
    export_hash: str
    decisions: tuple[DecisionRow, ...]
    costs: tuple[OrderCost, ...]
    positions: tuple[HeldPosition, ...]
    equity: tuple[EquityPoint, ...]

    @property
    def certificate(self) -> GateCertificate | None:
        """The certificate that judged: the batch's own, else the newest; None when no gate ran."""
        if self.batch is not None:
            return self.batch.certificate
        return self.certificates[-1] if self.certificates else None

    @property
    def account(self) -> EquityPoint | None:
        """The account at the newest close; None before the first."""
        return self.equity[-1] if self.equity else None

    @property
    def held_usd(self) -> Decimal:
        """What the positions are worth at the close."""
        return sum((position.market_value_usd for position in self.positions), Decimal(0))

    @property
    def unexplained_usd(self) -> Decimal:
        """Equity less cash less positions: anything but zero is a fault of the ledger, and the page says so."""
        account = self.account
        return account.equity_usd - account.cash_usd - self.held_usd if account else Decimal(0)

    @property
    def totals(self) -> CostTotals:
        """Costs of the day's orders together; resting stops are protection, not orders to be filled today."""
        return cost_totals([cost for cost in self.costs if not cost.is_resting_stop])

    @property
    def performance(self) -> Performance:
        """Performance of the account up to the newest close."""
        return performance([point.equity_usd for point in self.equity])


def read_day(
    *,
    session: date,
    frames: LedgerFrames,
    batches: PublishedBatches,
    opens_usd: Mapping[str, Decimal],
) -> Day:
    """Return one decision session gathered from the ledger export and the published batches.

    Args:
        session: the decision session S.
        frames: a ledger export that reaches the session after it.
        batches: where analysis published certificates and batches.
        opens_usd: raw opens of the traded session per symbol, as far as known.
    """
    decisions = [row for row in records(frames.decisions) if row["session"] == session]
    published = batches.published(session)
    traded = _traded_batch(published, decisions)
    batch = batches.load(traded) if traded else None
    closes = {one.symbol: one.close_usd for one in batch.signals if one.close_usd is not None} if batch else {}
    orders = [row for row in records(frames.orders) if row["session"] == session]
    traded_session = TradingCalendar.shipped().next(session)
    return Day(
        session=session,
        traded_session=traded_session,
        certificates=batches.certificates(session),
        batch=batch,
        superseded=tuple(digest for digest in published if digest != traded),
        plan_hash=next((row["plan_hash"] for row in decisions if row.get("plan_hash")), None),
        export_hash=frames.hash,
        decisions=tuple(sorted((_decision(row) for row in decisions), key=lambda row: row.symbol)),
        costs=order_costs(
            orders=[_sent(row) for row in orders],
            fills=[_execution(row) for row in records(frames.fills)],
            decision_closes_usd=closes,
            opens_usd=opens_usd,
        ),
        positions=_positions(frames, traded_session),
        equity=_equity(frames, traded_session),
    )


def ranked(batch: SignalBatch | None) -> tuple[ScoredSymbol, ...]:
    """Return every scored symbol of a batch, best first, ties by symbol; none without a batch."""
    scored = [signal for signal in batch.signals if signal.score is not None] if batch else []
    return tuple(_scored(signal) for signal in sorted(scored, key=lambda one: (-(one.score or 0.0), one.symbol)))


def _scored(signal: SymbolSignal) -> ScoredSymbol:
    strongest = sorted(signal.contributions.items(), key=lambda item: (-abs(item[1]), item[0]))
    return ScoredSymbol(
        symbol=signal.symbol,
        sector=signal.sector,
        score=signal.score or 0.0,
        expected_return_bps=signal.expected_return_bps,
        contributions=tuple(strongest[:SHOWN_CONTRIBUTIONS]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCount:
    """How many symbols ended alike: same outcome, same stage, with one of their reasons."""

    outcome: str
    stage: str
    count: int
    example: str


def stage_counts(decisions: Sequence[DecisionRow]) -> tuple[StageCount, ...]:
    """Return how the symbols of a session ended: trades first, then the largest groups."""
    groups = Counter((row.outcome, row.stage) for row in decisions)
    order = {outcome: place for place, outcome in enumerate(_TRADES_FIRST)}
    ranking = sorted(groups.items(), key=lambda item: (order.get(item[0][0], len(order)), -item[1], item[0]))
    return tuple(
        StageCount(outcome=outcome, stage=stage, count=count, example=_example(decisions, outcome, stage))
        for (outcome, stage), count in ranking
    )


def _example(decisions: Sequence[DecisionRow], outcome: str, stage: str) -> str:
    alike = [row for row in decisions if (row.outcome, row.stage) == (outcome, stage)]
    reasons = Counter(row.reason for row in alike)
    if len(reasons) == 1:
        return alike[0].reason
    return f"{alike[0].symbol}, {alike[0].reason}"


def _traded_batch(published: Sequence[str], decisions: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the batch the ledger says it planned; before that, the newest published one."""
    planned = next((row["batch_hash"] for row in decisions if row.get("batch_hash")), None)
    return planned or (published[-1] if published else None)


def _decision(row: Mapping[str, Any]) -> DecisionRow:
    return DecisionRow(
        symbol=row["symbol"],
        outcome=_outcome(row["outcome"], row["stage"]),
        stage=row["stage"],
        reason=row["reason"] or "",
        score=row["score"],
        shares=row["shares"] or 0,
    )


def _outcome(outcome: str, stage: str) -> str:
    """Return what a reader calls it: the ledger says `none` of everything that was not traded, whoever said no."""
    if outcome != "none":
        return outcome
    if stage.startswith(_GUARD):
        return "blocked"
    return {"gate": "refused", "data": "no_data", "missed": "missed"}.get(stage, "not_wanted")


def _sent(row: Mapping[str, Any]) -> SentOrder:
    return SentOrder(
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=row["side"],
        leg=row["leg"],
        quantity_shares=row["quantity_shares"],
        status=row["status"],
        stop_usd=row["stop_usd"],
    )


def _execution(row: Mapping[str, Any]) -> Execution:
    return Execution(
        client_order_id=row["client_order_id"],
        quantity_shares=row["quantity_shares"],
        price_usd=row["price_usd"],
        fee_usd=row["fee_usd"],
    )


def _positions(frames: LedgerFrames, session: date) -> tuple[HeldPosition, ...]:
    held = [row for row in records(frames.positions) if row["session"] == session and row["shares"]]
    return tuple(
        HeldPosition(**{name: row[name] for name in HeldPosition.__slots__})
        for row in sorted(held, key=lambda row: row["symbol"])
    )


def _equity(frames: LedgerFrames, session: date) -> tuple[EquityPoint, ...]:
    past = [row for row in records(frames.equity) if row["session"] <= session]
    points = tuple(
        EquityPoint(**{name: row[name] for name in EquityPoint.__slots__})
        for row in sorted(past, key=lambda row: row["session"])
    )
    return (_opening(points[0]), *points) if points else ()


def _opening(first: EquityPoint) -> EquityPoint:
    """Return the account before its first trade: what it is worth less what was earned is what it began with."""
    cash = first.equity_usd - first.realised_usd - first.unrealised_usd
    return EquityPoint(
        session=TradingCalendar.shipped().previous(first.session),
        cash_usd=cash,
        equity_usd=cash,
        realised_usd=Decimal(0),
        unrealised_usd=Decimal(0),
        gross_exposure=Decimal(0),
    )
