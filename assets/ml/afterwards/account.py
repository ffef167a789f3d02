"""The traded account, judged as a backtest is: the same facts of the same days, only that the market lived them.

Days whose market is not in the marts yet wait: a close without that session's bars would be compared with nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from assets.identity import RunIdentity
from assets.ml.backtest import Lived, days_with_returns, lived_by, paid_in
from assets.ml.judgement import Estimate
from assets.ml.lived_factors import MARKET, UNEXPLAINED, explained, factor_returns
from assets.ml.lived_facts import (
    BLOCK_SESSIONS,
    Facts,
    Floats,
    daily_returns,
    drawn_trips,
    facts_of,
    growth_returns,
    is_long_enough,
)
from assets.ml.lived_market import EVERY_STOCK, closes_of, every_stock, identity_told, indices, stamps_of
from assets.performance import SESSIONS_PER_YEAR, one_session_returns, rolling_returns, sharpe_with_standard_error
from assets.raw_store import RawStore
from assets.warehouse import Warehouse
from execution.domain.errors import DataError
from execution.lived_days import LivedAccount, LivedDay
from execution.trading_calendar import TradingCalendar

WINDOWS: Final[Mapping[str, int]] = {"month": 21, "quarter": 63}
"""Sessions of each rolling window."""

AccountReader = Callable[[], LivedAccount | None]
"""Reads the ledger; None before the account was opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Returns over windows that end at each close.

    Attributes:
        name: month or quarter.
        sessions: length of each window.
        returns: one per window, the newest last; at least one.
        sharpe: yearly Sharpe ratio of the newest window; None where a window is too short for one, or never moved.
    """

    name: str
    sessions: int
    returns: tuple[float, ...]
    sharpe: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideBenchmark:
    """The account's daily returns on a benchmark's, with 95 % intervals.

    Attributes:
        alpha: what the benchmark does not explain, a year, in simple returns.
        beta: slope.
        tracking_error: yearly standard deviation of the difference.
    """

    alpha: Estimate
    beta: Estimate
    tracking_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """What the account came to.

    Attributes:
        desk: its days and their figures.
        facts: what the days say together.
        benchmarks: by name, growth of one dollar since the beginning, per session of the days.
        beside: by benchmark; nothing where the history is too short.
        factors: by name, return per session of the days.
        windows: those the history is long enough for.
        closes: by symbol whose trades are drawn, its closes by session.
        waiting_sessions: newer closes whose market is not known yet.
        stamps: what must be said on every page: of the data, and why the record ends before the newest close.
        identity: names and hashes of what ran.
    """

    desk: Lived
    facts: Facts
    benchmarks: Mapping[str, Floats]
    beside: Mapping[str, BesideBenchmark]
    factors: Mapping[str, Floats]
    windows: Sequence[Window]
    closes: Mapping[str, Mapping[date, Decimal]]
    waiting_sessions: int
    stamps: Sequence[str]
    identity: Mapping[str, str]

    @property
    def newest(self) -> LivedDay:
        """The newest day."""
        return self.desk.days[-1]


def record_of(
    account: LivedAccount | None,
    *,
    session: date | None,
    warehouse: Warehouse,
    raw: RawStore,
    identity: RunIdentity,
) -> AccountRecord | str:
    """Return what an account came to, or one sentence that says why there is nothing to tell yet.

    Args:
        account: its days; None before it was opened.
        session: the newest decision session to look at; None takes all.
        warehouse: for what the stocks themselves came to, factors and closes.
        raw: for the list of securities and the indices.
        identity: who is running.

    Raises:
        DataError: a session is named that is not settled and marked.
    """
    if account is None or not account.days:
        refuse_unsettled((), session)
        return "Nothing was traded yet: no session of this account is settled."
    refuse_unsettled(account.days, session)
    settled = [day for day in account.days if session is None or day.session <= session]
    known = newest_known(warehouse)
    days = tuple(day for day in settled if known is not None and day.mark.marked_session <= known)
    if not days:
        wanted = f"the close of {settled[0].mark.marked_session} waits for that session's cycle"
        return f"Nothing can be compared yet: {wanted}, whose bars the marts do not have."
    told = days[: days_with_returns(account.opened_with_usd, days)]
    if not told:
        return f"No return can be told: the account was worth {_worth(days[0])} at the close of {_close(days[0])}."
    desk = lived_by(account.account, told, initial_cash_usd=account.opened_with_usd)
    facts = facts_of(desk)
    benchmarks, factors = _market_of(warehouse, raw, facts.sessions)
    return AccountRecord(
        desk=desk,
        facts=facts,
        benchmarks=benchmarks,
        beside=beside_of(daily_returns(desk), benchmarks, marks_a_year=desk.marks_a_year)
        if is_long_enough(len(facts.sessions))
        else {},
        factors=factors,
        windows=windows_of(desk.values_usd, marks_a_year=desk.marks_a_year),
        closes=closes_of(warehouse, {trip.symbol for trip in drawn_trips(facts)}),
        waiting_sessions=len(settled) - len(days),
        stamps=(*stamps_of(raw, facts.sessions, is_synthetic=identity.is_synthetic), *_ended(days[len(told) :])),
        identity=identity_told(identity),
    )


def _ended(untold: Sequence[LivedDay]) -> Iterator[str]:
    """Yield why a record ends before days that are known; nothing where it does not."""
    if untold:
        yield f"the record ends before {_close(untold[0])}: equity {_worth(untold[0])}"


def _close(day: LivedDay) -> date:
    return day.mark.marked_session


def _worth(day: LivedDay) -> str:
    paid = paid_in(day)
    told = f"{day.mark.equity_usd:.2f} USD"
    return f"{told}, {paid:.2f} USD of it paid in since the close before" if paid > 0 else told


def refuse_unsettled(days: Sequence[LivedDay], session: date | None) -> None:
    """Raise when a session is named that has no day.

    Raises:
        DataError: it has none.
    """
    if session is None or session in {day.session for day in days}:
        return
    found = f"settled are {days[0].session} to {days[-1].session}" if days else "none is settled yet"
    raise DataError(f"session {session} is not settled and marked: {found}; name one of these, or none for the newest")


def newest_known(warehouse: Warehouse) -> date | None:
    """Return the newest session whose returns the marts have; None before the first build."""
    if not warehouse.has_table("marts", "fct_total_returns"):
        return None
    rows = warehouse.read("select max(session) as newest from marts.fct_total_returns")
    found: date | None = rows["newest"][0].as_py()
    return found


def windows_of(values_usd: Sequence[Decimal], *, marks_a_year: float = SESSIONS_PER_YEAR) -> tuple[Window, ...]:
    """Return the rolling windows a history is long enough for.

    Args:
        values_usd: the account before the first day and at each close.
        marks_a_year: how many of the closes a year has.
    """
    found = []
    for name, sessions in WINDOWS.items():
        returns = rolling_returns(values_usd, sessions)
        if returns:
            newest = one_session_returns(values_usd[-sessions - 1 :])
            ratio = sharpe_with_standard_error(newest, returns_a_year=marks_a_year)
            found.append(Window(name=name, sessions=sessions, returns=returns, sharpe=ratio[0] if ratio else None))
    return tuple(found)


def beside_of(
    returns: Floats, benchmarks: Mapping[str, Floats], *, marks_a_year: float = SESSIONS_PER_YEAR
) -> dict[str, BesideBenchmark]:
    """Return how daily returns stand beside each benchmark's.

    Args:
        returns: (n,) one-session returns.
        benchmarks: by name, (n,) growth of one dollar since the beginning.
        marks_a_year: how many of them a year has.
    """
    found = {}
    for name, growth in benchmarks.items():
        theirs = growth_returns(growth)
        parts = explained(returns, {MARKET: theirs}, block_sessions=BLOCK_SESSIONS, returns_a_year=marks_a_year)
        apart = float(np.std(returns - theirs, ddof=1)) * marks_a_year**0.5
        if (beta := parts[MARKET].exposure) is not None:
            found[name] = BesideBenchmark(alpha=parts[UNEXPLAINED].a_year, beta=beta, tracking_error=apart)
    return found


def _market_of(
    warehouse: Warehouse, raw: RawStore, sessions: Sequence[date]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return growth of benchmarks and returns of factors at some closes, those between them compounded."""
    every = TradingCalendar.shipped().between(sessions[0], sessions[-1])
    places = np.searchsorted(np.array(every, dtype="datetime64[D]"), np.array(sessions, dtype="datetime64[D]"))
    with warehouse.kept_open():
        alike = every_stock(warehouse, every)
        factors = factor_returns(warehouse, every, growth_returns(alike))
    at_closes = {}
    for name, returns in factors.items():
        growth = np.asarray(np.cumprod(1.0 + returns), dtype=np.float64)
        at_closes[name] = growth_returns(growth[places])
    return {EVERY_STOCK: alike[places], **indices(raw, sessions)}, at_closes
