"""One trading day gathered into plain values: what the page and the terminal summary show, in the order they show it.

Facts in, facts out: this module formats nothing and reads no file. A day without a batch (a red gate) and a day without
orders are days like any other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from assets.performance import Performance, earned_only, performance, values_with_returns
from assets.reporting.transaction_costs import CostTotals, OrderCost, cost_totals
from execution.domain.provenance import GateCertificate
from execution.domain.signals import SignalBatch, SymbolSignal
from execution.trading_calendar import TradingCalendar

_TRADES_FIRST: Final = ("bought", "sold", "not_filled", "buy", "sell", "held", "hold", "refused", "blocked")
SHOWN_CONTRIBUTIONS: Final = 3


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
        outcome: bought, sold, held, not_filled; for what was not traded: blocked by a guard, refused by the gate,
            no_data, not_eligible, missed or not_wanted.
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
    gross_exposure: Decimal | None


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
        held_back: why the session's batch was not traded although it exists; None when it was traded, or none exists.
        resting_stops_usd: trigger price of each position's working protective stop, by symbol.
        bare_symbols: symbols of which a share or more is held that no working order would sell, sorted.
        export_hash: the ledger export this day was read from.
        decisions: one row per symbol of the universe, sorted by symbol.
        costs: each order of the session, and each older one that traded in it, in the ledger's order.
        positions: what was held at the close after the orders, sorted by symbol.
        equity: the account at each close up to then, oldest first.
    """

    session: date
    traded_session: date
    certificates: tuple[GateCertificate, ...]
    batch: SignalBatch | None
    superseded: tuple[str, ...]
    plan_hash: str | None
    held_back: str | None
    resting_stops_usd: Mapping[str, Decimal]
    bare_symbols: tuple[str, ...]
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
        """The account at the close after the orders; None where it was not valued, as for a session settled late."""
        return self.equity[-1] if self.equity and self.equity[-1].session == self.traded_session else None

    @property
    def held_usd(self) -> Decimal:
        """What the positions are worth at the close."""
        return sum((position.market_value_usd for position in self.positions), Decimal(0))

    @property
    def unexplained_usd(self) -> Decimal:
        """Equity less cash less positions, to the cent: all but zero is a fault of the ledger, and the page says so.

        The export rounds each amount to a millionth, so values of parts of shares add up to less than a cent beside it.
        """
        account = self.account
        return round(account.equity_usd - account.cash_usd - self.held_usd, 2) if account else Decimal(0)

    @property
    def totals(self) -> CostTotals:
        """Costs of the day's orders together; resting stops are protection, not orders to be filled today."""
        return cost_totals([cost for cost in self.costs if not cost.is_resting_stop])

    @property
    def performance(self) -> Performance:
        """Performance of the account up to the newest close, or to the one before nothing was left to earn on."""
        equity = [point.equity_usd for point in self.equity]
        paid_in = [point.equity_usd - point.realised_usd - point.unrealised_usd for point in self.equity]
        told = values_with_returns(equity, paid_in)
        values = earned_only(equity[:told], paid_in[:told])
        if len(values) < 2:
            return performance(values)
        sessions = TradingCalendar.shipped().between(self.equity[0].session, self.equity[told - 1].session)
        past = performance(values, spanned_sessions=len(sessions) - 1)
        return past if told == len(equity) and self.account is not None else replace(past, last_return=None)


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
