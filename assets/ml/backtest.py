"""A backtest over stored history: what to try, the days it lived at each multiple of the costs, and what they came to.

Every multiple is a desk of its own; they live the same sessions side by side, so that a batch is made once for all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from assets.certificates import Certificates
from assets.identity import RunIdentity
from assets.ml.backtest_market import RecordedBatches, RetaughtModels, Scorer, recorded_tape
from assets.ml.policy import LearningPolicy
from assets.ml.rule_strategies import MOMENTUM, rule_named
from assets.performance import SESSIONS_PER_YEAR, Performance, performance
from assets.raw_store import RawStore
from assets.warehouse import Warehouse
from execution.backtest import BacktestDay, Rules, backtest
from execution.domain.canonical import canonical_bytes
from execution.domain.errors import SettingsRefused
from execution.domain.signals import SignalBatch
from execution.trading_calendar import TradingCalendar

FOLDER: Final = "backtests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried.

    Attributes:
        first: first decision session.
        last: last decision session; its orders trade in the session after it.
        scorer: a rule by its name, or models taught on the way.
        every_sessions: sessions from one publication of scores to the next; positions are managed in all of them.
        retrain_sessions: sessions from one training to the next.
        cost_multiples: how many times the settings' costs, one desk each.
    """

    first: date
    last: date
    scorer: Scorer = "momentum_12_1"
    every_sessions: int = 1
    retrain_sessions: int = 63
    cost_multiples: tuple[Decimal, ...] = (Decimal(1), Decimal(2), Decimal(3))

    def sessions(self, calendar: TradingCalendar) -> tuple[date, ...]:
        """Return the decision sessions.

        Raises:
            SettingsRefused: there is none, or a number is not above zero.
        """
        found = calendar.between(self.first, self.last)
        is_often_enough = min(self.every_sessions, self.retrain_sessions) > 0
        if not (found and is_often_enough and min(self.cost_multiples, default=0) > 0):
            raise SettingsRefused(
                f"a backtest from {self.first} to {self.last}, every {self.every_sessions} sessions, retrained every "
                f"{self.retrain_sessions}, at {', '.join(map(str, self.cost_multiples)) or 'no'} times the costs: "
                "expected sessions of the exchange and numbers above zero"
            )
        return found


def multiples_of(text: str) -> tuple[Decimal, ...]:
    """Return multiples of the costs from what a person wrote: `1,2,3`.

    Raises:
        SettingsRefused: a part is no number.
    """
    try:
        return tuple(Decimal(part.strip()) for part in text.split(","))
    except InvalidOperation:
        raise SettingsRefused(
            f"multiples of the costs {text!r}: expected numbers with commas between, as 1,2,3"
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """The days of one desk.

    Attributes:
        cost_multiple: how many times the settings' costs it paid.
        days: one per decision session.
        performance: of its equity, from the cash it began with.
        turnover_per_year: value traded in a year over the mean equity, buys and sales both counted.
    """

    cost_multiple: Decimal
    days: tuple[BacktestDay, ...]
    performance: Performance
    turnover_per_year: float

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
    warehouse: Warehouse,
    raw: RawStore,
    gate: Certificates,
    identity: RunIdentity,
    policy: LearningPolicy,
    rules: Rules,
    calendar: TradingCalendar,
    taught: Callable[[date], object] = lambda _: None,
) -> Iterator[tuple[BacktestDay, ...]]:
    """Live a trial's sessions one after the other and yield each session's days, one per multiple of the costs.

    Args:
        trial: what is tried.
        warehouse: the marts, built up to the last session.
        raw: the raw parts.
        gate: where certificates of lived sessions were published.
        identity: who is running.
        policy: horizon and learner.
        rules: what a desk trades by, at once the costs.
        calendar: exchange sessions.
        taught: told of each session on which a model was taught.

    Raises:
        DataError: bars or rows of a session are missing, or the history before it is too short to learn from.
        SettingsRefused: the trial makes no sense.
    """
    sessions = trial.sessions(calendar)
    batches = RecordedBatches(
        warehouse=warehouse,
        identity=identity,
        policy=policy,
        calendar=calendar,
        snapshot_hash=raw.snapshot(session=sessions[-1], as_of=calendar.as_of(sessions[-1])).hash,
        gate=gate,
        models=RetaughtModels(warehouse, policy, identity, calendar, trial.retrain_sessions, taught)
        if trial.scorer == "model"
        else None,
        rule=MOMENTUM if trial.scorer == "model" else rule_named(trial.scorer),
        decided=frozenset(sessions[:: trial.every_sessions]),
    )
    tape = recorded_tape(raw, first=sessions[0], last=calendar.next(sessions[-1]), calendar=calendar)
    batch_of, hash_of = lru_cache(maxsize=1)(batches.of), _HashedOnce()
    desks = [
        backtest(
            replace(rules, costs=rules.costs.times(multiple)),
            sessions=sessions,
            batch_of=batch_of,
            hash_of=hash_of,
            tape=tape,
            calendar=calendar,
        )
        for multiple in trial.cost_multiples
    ]
    with warehouse.kept_open():
        yield from zip(*desks, strict=True)


@dataclass(slots=True)
class _HashedOnce:
    """The hash of a batch, computed for the first of the desks that ask for it."""

    _newest: tuple[SignalBatch, str] | None = None

    def __call__(self, batch: SignalBatch) -> str:
        if self._newest is None or self._newest[0] is not batch:
            self._newest = (batch, batch.hash)
        return self._newest[1]


def summed_up(trial: Trial, lived: Sequence[Sequence[BacktestDay]], *, initial_cash_usd: Decimal) -> tuple[Lived, ...]:
    """Return what each desk's days came to.

    Args:
        trial: what was tried.
        lived: days by session, then by multiple.
        initial_cash_usd: equity before the first day.
    """
    return tuple(
        _of_desk(multiple, tuple(session[number] for session in lived), initial_cash_usd)
        for number, multiple in enumerate(trial.cost_multiples)
    )


def _of_desk(multiple: Decimal, days: tuple[BacktestDay, ...], initial_cash_usd: Decimal) -> Lived:
    equity = [initial_cash_usd, *(day.mark.equity_usd for day in days)]
    traded = sum((day.traded_usd for day in days), Decimal(0))
    mean = sum(equity, Decimal(0)) / len(equity)
    return Lived(
        cost_multiple=multiple,
        days=days,
        performance=performance(equity),
        turnover_per_year=float(traded / mean) * SESSIONS_PER_YEAR / len(days),
    )
