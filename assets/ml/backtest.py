"""A backtest over stored history: what to try, the days each portfolio lived, and what they came to.

Portfolios live the same sessions side by side (`portfolios.py`), so that a batch is made once for all that score alike.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import accumulate
from typing import Final

from assets.certificates import Certificates
from assets.identity import RunIdentity
from assets.ml.backtest_market import RecordedBatches, RetaughtModels, Scorer, World
from assets.ml.portfolios import Portfolio, Role
from assets.ml.rule_strategies import MOMENTUM, rule_named
from assets.performance import SESSIONS_PER_YEAR, Performance, earned_only, performance, values_with_returns
from execution.backtest import backtest
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import SettingsRefused
from execution.domain.signals import SignalBatch
from execution.lived_days import LivedDay
from execution.trading_calendar import TradingCalendar

FOLDER: Final = "backtests"

BatchOf = Callable[[date], SignalBatch | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried.

    Attributes:
        first: first decision session.
        last: last decision session; its orders trade in the session after it.
        scorer: a rule by its name, or models taught on the way.
        every_sessions: sessions from one publication of scores to the next; positions are managed in all of them.
        retrain_sessions: sessions from one training to the next.
        cost_multiples: how many times the settings' costs, one portfolio each; 1, which is production, is among them.
        capitals_usd: other opening cash, one portfolio each.
    """

    first: date
    last: date
    scorer: Scorer = "momentum_12_1"
    every_sessions: int = 1
    retrain_sessions: int = 63
    cost_multiples: tuple[Decimal, ...] = (Decimal(1), Decimal(2), Decimal(3))
    capitals_usd: tuple[Decimal, ...] = ()

    def sessions(self, calendar: TradingCalendar) -> tuple[date, ...]:
        """Return the decision sessions.

        Raises:
            SettingsRefused: there is none, or a number is not above zero.
        """
        found = calendar.between(self.first, self.last)
        is_often_enough = min(self.every_sessions, self.retrain_sessions) > 0
        is_some_money = min((*self.cost_multiples, *self.capitals_usd)) > 0 if self.cost_multiples else False
        if not (found and is_often_enough and is_some_money):
            raise SettingsRefused(
                f"a backtest from {self.first} to {self.last}, every {self.every_sessions} sessions, retrained every "
                f"{self.retrain_sessions}, at {', '.join(map(str, self.cost_multiples)) or 'no'} times the costs"
                f"{', with ' + ', '.join(map(str, self.capitals_usd)) + ' USD' if self.capitals_usd else ''}: "
                "expected sessions of the exchange and numbers above zero"
            )
        return found

    def decided(self, calendar: TradingCalendar) -> tuple[date, ...]:
        """Return the sessions on which scores are published.

        Raises:
            SettingsRefused: as in `sessions`.
        """
        return self.sessions(calendar)[:: self.every_sessions]


def numbers_of(text: str) -> tuple[Decimal, ...]:
    """Return numbers from what a person wrote: `1,2,3`; none from nothing.

    Raises:
        SettingsRefused: a part is no number.
    """
    try:
        return tuple(Decimal(part.strip()) for part in text.split(",")) if text.strip() else ()
    except InvalidOperation:
        raise SettingsRefused(f"found {text!r}, expected numbers with commas between, as 1,2,3") from None


def day_of(text: str, *, named: str) -> date:
    """Return the day a person wrote into a field.

    Raises:
        SettingsRefused: the text is no day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsRefused(f"{named} is {text!r}: expected a session, as 2023-01-04") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """The days of one portfolio.

    Attributes:
        name: of the portfolio.
        role: of the portfolio, beside production.
        initial_cash_usd: equity before the first day.
        cost_multiple: how many times the settings' costs it paid.
        days: one per decision session.
        performance: of its equity, from the cash it began with.
        turnover_per_year: value traded in a year over the mean equity, buys and sales both counted.
    """

    name: str
    role: Role
    initial_cash_usd: Decimal
    cost_multiple: Decimal
    days: tuple[LivedDay, ...]
    performance: Performance
    turnover_per_year: float

    @property
    def values_usd(self) -> tuple[Decimal, ...]:
        """What it was worth before the first day and at each close, had nothing been paid in or taken out since."""
        return values_of(self.initial_cash_usd, self.days)

    @property
    def marks_a_year(self) -> float:
        """How many of its days a year has: fewer than sessions where some were settled too late to be marked."""
        return SESSIONS_PER_YEAR * len(self.days) / spanned_sessions(self.days)

    @property
    def content(self) -> bytes:
        """The days as canonical bytes: the same trial on the same parts gives the same."""
        rows = [
            {
                "session": day.session,
                "equity_usd": day.mark.equity_usd,
                "cash_usd": day.mark.cash_usd,
                "positions": {held.symbol: held.shares for held in day.mark.positions},
                "entries": day.entries,
                "exits": day.exits,
                "fills": day.fills,
                "traded_usd": day.traded_usd,
                "fees_usd": day.fees_usd,
                "trading_state": day.trading_state,
                "stages": dict(day.stages),
            }
            for day in self.days
        ]
        return canonical_bytes({"cost_multiple": self.cost_multiple, "days": rows})


def live_through(
    trial: Trial,
    *,
    world: World,
    gate: Certificates,
    identity: RunIdentity,
    portfolios: Sequence[Portfolio],
    calendar: TradingCalendar,
    taught: Callable[[date], object] = lambda _: None,
) -> Iterator[tuple[LivedDay, ...]]:
    """Live a trial's sessions one after the other and yield each session's days, one per portfolio.

    Args:
        trial: what is tried.
        world: what it is tried in.
        gate: where certificates of lived sessions were published.
        identity: who is running.
        portfolios: who lives them.
        calendar: exchange sessions.
        taught: told of each session on which a model was taught.

    Raises:
        DataError: bars or rows of a session are missing, or the history before it is too short to learn from.
        SettingsRefused: the trial makes no sense.
    """
    sessions = trial.sessions(calendar)
    warehouse = world.warehouse
    published: dict[tuple[Scorer, str], tuple[BatchOf, _HashedOnce]] = {}
    for one in portfolios:
        batches = RecordedBatches(
            warehouse=warehouse,
            identity=identity,
            policy=one.policy,
            calendar=calendar,
            snapshot_hash=world.snapshot_hash,
            gate=gate,
            models=RetaughtModels(warehouse, one.policy, identity, calendar, trial.retrain_sessions, taught)
            if one.scorer == "model"
            else None,
            rule=MOMENTUM if one.scorer == "model" else rule_named(one.scorer),
            decided=frozenset(trial.decided(calendar)),
        )
        published.setdefault(_scored_by(one), (lru_cache(maxsize=1)(batches.of), _HashedOnce()))
    desks = [
        backtest(
            one.rules,
            sessions=sessions,
            batch_of=published[_scored_by(one)][0],
            hash_of=published[_scored_by(one)][1],
            tape=world.tape,
            calendar=calendar,
        )
        for one in portfolios
    ]
    with warehouse.kept_open():
        yield from zip(*desks, strict=True)


def _scored_by(one: Portfolio) -> tuple[Scorer, str]:
    return one.scorer, one.policy.model_dump_json()


@dataclass(slots=True)
class _HashedOnce:
    """The hash of a batch, computed for the first of the desks that ask for it."""

    _newest: tuple[SignalBatch, str] | None = None

    def __call__(self, batch: SignalBatch) -> str:
        if self._newest is None or self._newest[0] is not batch:
            self._newest = (batch, batch.hash)
        return self._newest[1]


def summed_up(portfolios: Sequence[Portfolio], lived: Sequence[Sequence[LivedDay]]) -> tuple[Lived, ...]:
    """Return what each portfolio's days came to.

    Args:
        portfolios: who lived.
        lived: days by session, then by portfolio.
    """
    return tuple(_of_one(one, tuple(session[number] for session in lived)) for number, one in enumerate(portfolios))


def _of_one(one: Portfolio, days: tuple[LivedDay, ...]) -> Lived:
    cash = one.rules.initial_cash_usd
    return lived_by(one.name, days, role=one.role, initial_cash_usd=cash, cost_multiple=one.cost_multiple)


def lived_by(
    name: str,
    days: tuple[LivedDay, ...],
    *,
    initial_cash_usd: Decimal,
    role: Role = "production",
    cost_multiple: Decimal = Decimal(1),
) -> Lived:
    """Return what days came to, at least one, whoever lived them.

    Args:
        name: by which tables call who lived them.
        days: in order.
        initial_cash_usd: equity before the first day.
        role: beside production.
        cost_multiple: how many times the settings' costs were paid.
    """
    equity = [initial_cash_usd, *(day.mark.equity_usd for day in days)]
    traded = sum((day.traded_usd for day in days), Decimal(0))
    mean = sum(equity, Decimal(0)) / len(equity)
    return Lived(
        name=name,
        role=role,
        initial_cash_usd=initial_cash_usd,
        cost_multiple=cost_multiple,
        days=days,
        performance=performance(values_of(initial_cash_usd, days), spanned_sessions=spanned_sessions(days)),
        turnover_per_year=float(traded / mean) * SESSIONS_PER_YEAR / spanned_sessions(days),
    )


def spanned_sessions(days: Sequence[LivedDay]) -> int:
    """Return the exchange's sessions from the first mark to the last, both included."""
    return len(TradingCalendar.shipped().between(days[0].mark.marked_session, days[-1].mark.marked_session))


def values_of(initial_cash_usd: Decimal, days: Sequence[LivedDay]) -> tuple[Decimal, ...]:
    """Return equity before the first day and at each close, as if nothing had been paid in or taken out since.

    What was paid before anything was traded, or in on the day of the first trade, belongs to the value before it.
    """
    return earned_only(*_equity_and_payments(initial_cash_usd, days))


def days_with_returns(initial_cash_usd: Decimal, days: Sequence[LivedDay]) -> int:
    """Return how many of the days, from the first on, left something that can earn a return."""
    return max(values_with_returns(*_equity_and_payments(initial_cash_usd, days)) - 1, 0)


def _equity_and_payments(
    initial_cash_usd: Decimal, days: Sequence[LivedDay]
) -> tuple[tuple[Decimal, ...], tuple[Decimal, ...]]:
    """Return, before the first day and at each close, equity and what had been paid in; both with what opened it."""
    equity = (initial_cash_usd, *(day.mark.equity_usd for day in days))
    paid = tuple(accumulate((paid_in(day) for day in days), initial=initial_cash_usd))
    idle = next((place for place, day in enumerate(days) if day.executions or day.mark.positions), len(days))
    opening = paid[idle]
    if idle < len(days):
        # Dollars that came in on the day of the first trade may be what traded. Those that went out were there before.
        opening += max(paid_in(days[idle]), Decimal(0))
    if set(paid[: idle + 1]) == {opening}:
        return equity, paid
    opened = [value + opening - given for value, given in zip(equity, paid[: idle + 1], strict=False)]
    return (*opened, *equity[idle + 1 :]), (*[opening] * len(opened), *paid[idle + 1 :])


def paid_in(day: LivedDay) -> Decimal:
    """Return what was paid in since the mark before, with a minus what was taken out; shares at their worth."""
    worth = day.shares_moved_usd
    return sum((worth.get(name, booked) for name, booked in day.paid_in_usd.items()), Decimal(0))
