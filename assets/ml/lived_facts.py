"""What lived days say when they are put together: by session, month, symbol, sector, regime and feature. Pure.

A backtest lived them, or the traded account. Every figure is made of daily marks, executions and corporate actions
alone. What a day earned is shared out by symbol: closes against the closes before, executions at their prices, fees
taken off, and what a dividend, split or delisting paid. What a person paid in or took out is nobody's profit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from assets.ml.backtest import Lived
from assets.ml.judgement import Estimate, estimate
from assets.performance import SESSIONS_PER_YEAR, drawdowns, one_session_returns
from execution.domain.decisions import WhyRow
from execution.domain.orders import BrokerFill, CorporateActionEntry
from execution.domain.quantities import Shares
from execution.lived_days import CASH, LivedDay

Floats = npt.NDArray[np.float64]
BLOCK_SESSIONS: Final = 20
BAND_SESSIONS_MIN: Final = 5 * BLOCK_SESSIONS
"""Fewest sessions with a band of resampled days: of fewer, stretches drawn again are nearly the same days."""
UNKNOWN: Final = "not known"
_RESAMPLES: Final = 500
_DRAWN_TRIPS: Final = 3
_SEED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """A position from flat to flat, or to the end of the days. What was taken back neither begins nor ends one.

    Attributes:
        entered: session of its first purchase.
        ended: session in which it was flat again, or the last one.
        earned_usd: sales, dividends, and what splits and a delisting paid, less purchases and fees; what is still held
            counts at its last close.
        invested_usd: value of its purchases.
        is_open: whether something of it is held at the end.
        sector: of what was bought; `UNKNOWN` where nothing told it.
        regime: the market's when it was bought; `UNKNOWN` where nothing told it.
    """

    symbol: str
    entered: date
    ended: date
    earned_usd: Decimal
    invested_usd: Decimal
    is_open: bool
    sector: str = UNKNOWN
    regime: str = UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class TripRecord:
    """What some round trips came to; those that came out even are neither won nor lost.

    Attributes:
        trips: how many.
        won: how many earned something.
        lost: how many lost something.
        mean_won_usd: mean dollars earned by those won; None without one.
        mean_lost_usd: mean dollars lost by those lost, above 0; None without one.
        win_rate: part that was won; None without a trip.
        profit_factor: dollars earned by those won over dollars lost by those lost; None without one of either.
        earned_usd: of all together.
    """

    trips: int
    won: int
    lost: int
    mean_won_usd: Decimal | None
    mean_lost_usd: Decimal | None
    win_rate: float | None
    profit_factor: float | None
    earned_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Figures of one desk's days.

    Attributes:
        sessions: exchange days of the marks.
        equity: what a dollar of the beginning became, per session: payments in and out left out.
        low: lower end of where resampled days end up, per session; `high` the upper: 5 and 95 of 100.
        drawdown: below the highest equity so far, per session, 0 or negative.
        exposure: value held over equity, per session.
        months: by year, then month, the return as a fraction.
        by_sector: dollars earned by sector; what has none is under `UNKNOWN`.
        by_regime: dollars earned by the regime the newest purchase was made in.
        by_feature: dollars earned by feature, shared out by the size of its contribution when the symbol was bought.
        trips: every round trip, in order of entry.
        mean_return: mean one-session return with its 95 % interval.
    """

    sessions: tuple[date, ...]
    equity: Floats
    low: Floats
    high: Floats
    drawdown: Floats
    exposure: Floats
    months: Mapping[int, Mapping[int, float]]
    by_sector: Mapping[str, float]
    by_regime: Mapping[str, float]
    by_feature: Mapping[str, float]
    trips: tuple[RoundTrip, ...]
    mean_return: Estimate


def facts_of(desk: Lived) -> Facts:
    """Return the figures of a portfolio's days, at least one."""
    days, initial_cash_usd, values = desk.days, desk.initial_cash_usd, desk.values_usd
    returns = np.array(one_session_returns(values))
    low, high = resampled_band(returns)
    by_sector, by_regime, by_feature = _shared_out(days, initial_cash_usd)
    return Facts(
        sessions=tuple(day.mark.marked_session for day in days),
        equity=np.array([float(value / values[0]) for value in values[1:]]),
        low=low,
        high=high,
        drawdown=np.array(drawdowns(values)[1:]),
        exposure=np.array([_exposure(day) for day in days]),
        months=_months(days, values),
        by_sector=by_sector,
        by_regime=by_regime,
        by_feature=by_feature,
        trips=tuple(_round_trips(days)),
        mean_return=estimate(returns, block_sessions=BLOCK_SESSIONS),
    )


def daily_returns(desk: Lived) -> Floats:
    """Return (n_days,) one-session returns of a portfolio."""
    return np.array(one_session_returns(desk.values_usd))


def growth_returns(growth: Floats) -> Floats:
    """Return (n,) one-session returns of a dollar's growth since the beginning."""
    found: Floats = growth / np.concatenate([[1.0], growth[:-1]]) - 1.0
    return found


def is_long_enough(sessions: int) -> bool:
    """Return whether there are more days than may hang together: fewer are too short for an interval or a year's."""
    return sessions > BLOCK_SESSIONS


def taken_back_in(days: Iterable[LivedDay]) -> frozenset[str]:
    """Return the ids of executions that were taken back in some days, and of those that took them back."""
    return frozenset(name for day in days for name in day.taken_back)


def drawn_trips(facts: Facts) -> tuple[RoundTrip, ...]:
    """Return the round trips worth drawing: those that earned most and those that lost most, best first."""
    ordered = sorted(facts.trips, key=lambda trip: (-trip.earned_usd, trip.symbol, trip.entered))
    return tuple(ordered[:_DRAWN_TRIPS] + ordered[_DRAWN_TRIPS:][-_DRAWN_TRIPS:])


def trip_record(trips: Iterable[RoundTrip]) -> TripRecord:
    """Return what round trips came to, open ones at their last close."""
    told = [trip.earned_usd for trip in trips]
    won, lost = [usd for usd in told if usd > 0], [-usd for usd in told if usd < 0]
    return TripRecord(
        trips=len(told),
        won=len(won),
        lost=len(lost),
        mean_won_usd=sum(won, Decimal(0)) / len(won) if won else None,
        mean_lost_usd=sum(lost, Decimal(0)) / len(lost) if lost else None,
        win_rate=len(won) / len(told) if told else None,
        profit_factor=float(sum(won, Decimal(0)) / sum(lost, Decimal(0))) if won and lost else None,
        earned_usd=sum(told, Decimal(0)),
    )


def trips_by(trips: Iterable[RoundTrip], group: Callable[[RoundTrip], str]) -> dict[str, TripRecord]:
    """Return what round trips came to by group, as by sector, what earned most first."""
    grouped: dict[str, list[RoundTrip]] = defaultdict(list)
    for trip in trips:
        grouped[group(trip)].append(trip)
    records = {name: trip_record(told) for name, told in grouped.items()}
    return dict(sorted(records.items(), key=lambda each: (-each[1].earned_usd, each[0])))


def trips_sentence(trips: Sequence[RoundTrip]) -> str:
    """Return how many round trips earned something, and by how much what they earned exceeds what the rest lost.

    The profit factor is dollars earned over dollars lost; trips that came out even count as neither.
    """
    found = trip_record(trips)
    told = f"{found.trips} round trips, {found.won} of them earned something"
    if found.mean_won_usd is not None:
        told += f", {found.mean_won_usd:,.0f} USD on average"
    if found.mean_lost_usd is not None:
        told += f"; {found.lost} lost {found.mean_lost_usd:,.0f} USD on average"
    return f"{told}." if found.profit_factor is None else f"{told}; profit factor {found.profit_factor:.2f}."


def difference(one: Floats, other: Floats, *, marks_a_year: float = SESSIONS_PER_YEAR) -> Estimate:
    """Return by how much one earned more than another a year, in simple returns, with a 95 % interval.

    The days are taken in pairs, so what both lived through alike does not widen the interval.

    Args:
        one: (n,) one-session returns.
        other: (n,) those of the same sessions.
        marks_a_year: how many of them a year has.
    """
    found = estimate(one - other, block_sessions=BLOCK_SESSIONS)
    return Estimate(value=found.value * marks_a_year, low=found.low * marks_a_year, high=found.high * marks_a_year)


def resampled_band(returns: Floats) -> tuple[Floats, Floats]:
    """Return the 5 and 95 of 100 of resampled equity paths, per session.

    Of independent days it is 0.3 times as wide as it should be at 21 sessions, 0.87 at `BAND_SESSIONS_MIN` and 0.93 in
    a year.
    """
    count = len(returns)
    drawn = np.random.default_rng(_SEED)
    blocks = -(-count // BLOCK_SESSIONS)
    starts = drawn.integers(0, count, (_RESAMPLES, blocks, 1))
    places = (starts + np.arange(BLOCK_SESSIONS)).reshape(_RESAMPLES, -1)[:, :count] % count
    paths = np.cumprod(1 + returns[places], axis=1)
    low, high = np.quantile(paths, (0.05, 0.95), axis=0)
    return np.asarray(low), np.asarray(high)


def _exposure(day: LivedDay) -> float:
    """Return the part of equity that is held in positions; none of an account that nothing was paid into yet."""
    mark = day.mark
    return float(1 - mark.cash_usd / mark.equity_usd) if mark.equity_usd else 0.0


def _months(days: Sequence[LivedDay], values_usd: Sequence[Decimal]) -> dict[int, dict[int, float]]:
    ends: dict[tuple[int, int], Decimal] = {}
    for day, value in zip(days, values_usd[1:], strict=True):
        session = day.mark.marked_session
        ends[session.year, session.month] = value
    months: dict[int, dict[int, float]] = defaultdict(dict)
    for before, ((year, month), after) in zip([values_usd[0], *ends.values()], ends.items(), strict=False):
        months[year][month] = float(after / before - 1)
    return dict(months)


def _shared_out(
    days: Sequence[LivedDay], initial_cash_usd: Decimal
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    sectors: dict[str, float] = defaultdict(float)
    regimes: dict[str, float] = defaultdict(float)
    features: dict[str, float] = defaultdict(float)
    behind: dict[str, WhyRow] = {}
    for earned, day in zip(_earned(days, initial_cash_usd), days, strict=True):
        behind |= {row.symbol: row for row in day.bought}
        for symbol, amount in earned.items():
            row = behind.get(symbol)
            if row is None:
                sectors[UNKNOWN] += amount
                continue
            sectors[row.sector or UNKNOWN] += amount
            regimes[row.regime or UNKNOWN] += amount
            weights = {name: abs(value) for name, value in row.contributions.items() if value}
            whole = sum(weights.values())
            for name, weight in weights.items():
                features[name] += amount * weight / whole
    return _largest_first(sectors), _largest_first(regimes), _largest_first(features)


def _earned(days: Sequence[LivedDay], initial_cash_usd: Decimal) -> Iterator[dict[str, float]]:
    """Yield what each symbol earned, day by day, and under `UNKNOWN` what none explains."""
    before, equity = dict[str, Decimal](), initial_cash_usd
    for day in days:
        after = {held.symbol: held.shares * held.close_usd for held in day.mark.positions}
        earned = {symbol: after.get(symbol, Decimal(0)) - before.get(symbol, Decimal(0)) for symbol in after | before}
        for fill in day.executions:
            value = fill.quantity_shares * fill.price_usd
            flow = (value if fill.side == "sell" else -value) - fill.fee_usd
            earned[fill.symbol] = earned.get(fill.symbol, Decimal(0)) + flow
        for action in day.actions:
            earned[action.symbol] = earned.get(action.symbol, Decimal(0)) + action.cash_usd
        for symbol, paid in day.paid_in_usd.items():
            if symbol != CASH:
                earned[symbol] = earned.get(symbol, Decimal(0)) - paid
        given = sum(day.paid_in_usd.values(), Decimal(0))
        rest = day.mark.equity_usd - equity - given - sum(earned.values(), Decimal(0))
        yield {symbol: float(amount) for symbol, amount in (earned | {UNKNOWN: rest}).items() if amount}
        before, equity = after, day.mark.equity_usd


def _round_trips(days: Sequence[LivedDay]) -> list[RoundTrip]:
    trips = _Trips(taken_back=taken_back_in(days))
    for day in days:
        trips.live(day)
    last = days[-1].mark
    worth = {position.symbol: position.shares * position.close_usd for position in last.positions}
    still_open = [
        replace(trip, ended=last.marked_session, earned_usd=trip.earned_usd + worth[symbol], is_open=True)
        for symbol, trip in trips.held.items()
    ]
    return sorted([*trips.ended, *still_open], key=lambda trip: (trip.entered, trip.symbol))


@dataclass(slots=True, kw_only=True)
class _Trips:
    """Round trips, told day by day.

    Attributes:
        taken_back: ids of executions that never were, and of those that say so.
        held: by symbol, the trip that goes on.
        ended: the others, in the order they ended.
        shares: by symbol, what is held as if what was taken back had never been.
        apart: by symbol, by how much more the marks hold, until what is in them is taken back.
        behind: by symbol, the newest row behind a purchase.
    """

    taken_back: frozenset[str]
    held: dict[str, RoundTrip] = field(default_factory=dict)
    ended: list[RoundTrip] = field(default_factory=list)
    shares: dict[str, Shares] = field(default_factory=dict)
    apart: dict[str, Shares] = field(default_factory=dict)
    behind: dict[str, WhyRow] = field(default_factory=dict)

    def live(self, day: LivedDay) -> None:
        """Add a day."""
        session = day.mark.marked_session
        self.behind |= {row.symbol: row for row in day.bought}
        for move in _in_order(day):
            if isinstance(move, CorporateActionEntry):
                self.shares[move.symbol] = self.shares.get(move.symbol, 0) + move.quantity_delta_shares
            else:
                self._trade(move, day)
        for symbol, paid in day.paid_in_usd.items():
            if symbol != CASH:
                self._move(symbol, session, -paid, max(paid, Decimal(0)))
        for action in day.actions:
            if action.symbol in self.held:
                self._move(action.symbol, session, action.cash_usd)
            else:
                _pay_late(self.ended, action)
        marked = {position.symbol: position.shares for position in day.mark.positions}
        self.shares = {symbol: marked.get(symbol, 0) - self.apart.get(symbol, 0) for symbol in marked | self.apart}
        for symbol in [symbol for symbol in self.held if not self.shares.get(symbol)]:
            self._end(symbol, session)

    def _trade(self, fill: BrokerFill, day: LivedDay) -> None:
        symbol, session, value = fill.symbol, day.mark.marked_session, fill.quantity_shares * fill.price_usd
        signed = fill.quantity_shares if fill.side == "buy" else -fill.quantity_shares
        if fill.execution_id in self.taken_back:
            self.apart[symbol] = self.apart.get(symbol, 0) + signed
            if symbol in self.held:
                self._move(symbol, session, -fill.fee_usd)
            return
        self.shares[symbol] = self.shares.get(symbol, 0) + signed
        if fill.side == "buy":
            self._move(symbol, session, -value - fill.fee_usd, value)
        else:
            self._move(symbol, session, value - fill.fee_usd)
        # When in the day a person moved shares is not known: only the close of such a day tells what is left.
        if not self.shares[symbol] and symbol not in day.paid_in_usd:
            self._end(symbol, session)

    def _move(self, symbol: str, session: date, earned_usd: Decimal, invested_usd: Decimal = Decimal(0)) -> None:
        trip = self.held.get(symbol) or _begun(symbol, session, self.behind.get(symbol))
        self.held[symbol] = replace(
            trip, earned_usd=trip.earned_usd + earned_usd, invested_usd=trip.invested_usd + invested_usd
        )

    def _end(self, symbol: str, session: date) -> None:
        self.ended.append(replace(self.held.pop(symbol), ended=session))


def _in_order(day: LivedDay) -> list[BrokerFill | CorporateActionEntry]:
    """Return what moved shares in a day: of one session the splits first, then what was traded, then delistings."""
    moves: list[tuple[date, int, BrokerFill | CorporateActionEntry]] = [
        *((action.session, 2 if action.kind == "delisting" else 0, action) for action in day.actions),
        *((fill.filled_at.date(), 1, fill) for fill in day.executions),
    ]
    return [move for _, _, move in sorted(moves, key=lambda one: one[:2])]


def _begun(symbol: str, session: date, bought: WhyRow | None) -> RoundTrip:
    return RoundTrip(
        symbol=symbol,
        entered=session,
        ended=session,
        earned_usd=Decimal(0),
        invested_usd=Decimal(0),
        is_open=False,
        sector=(bought.sector if bought else None) or UNKNOWN,
        regime=(bought.regime if bought else None) or UNKNOWN,
    )


def _pay_late(ended: list[RoundTrip], action: CorporateActionEntry) -> None:
    """Add what is paid after a position was sold, as a dividend is, to its trip; a charge of the account has none."""
    places = [place for place, trip in enumerate(ended) if trip.symbol == action.symbol]
    if places:
        ended[places[-1]] = replace(ended[places[-1]], earned_usd=ended[places[-1]].earned_usd + action.cash_usd)


def _largest_first(amounts: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(amounts.items(), key=lambda each: (-each[1], each[0])))
