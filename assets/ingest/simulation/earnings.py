"""When each company reports, and how surprising it is: dates only, no figures.

The dates come before the prices, because prices react to them, and before the filings, because filings follow them.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from assets.ingest.arrays import Bools, Days, Floats, Ints
from assets.ingest.simulation.companies import Companies
from assets.ingest.simulation.draws import Stream, generator
from execution.trading_calendar import TradingCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningsQuarter:
    """One fiscal quarter of every company; arrays have shape (n_symbols,).

    Attributes:
        number: quarters since the first; also the block of its random numbers.
        period_ends: last day of the fiscal quarter, per fiscal offset of 0, 1 and 2 months.
        reaction: index in the calendar's whole table of the session that reacts first.
        minutes_before_open: how long before that session's open the figures are released.
        surprise: standardised surprise, positive is good news.
        is_annual: whether it is the fiscal year's last quarter (10-K).
    """

    number: int
    period_ends: tuple[date, date, date]
    reaction: Ints
    minutes_before_open: Ints
    surprise: Floats
    is_annual: Bools


def earnings_quarters(
    seed: int, firms: Companies, *, first: date, last: date, calendar: TradingCalendar
) -> tuple[EarningsQuarter, ...]:
    """Return every quarter whose reports may fall between two days, oldest first."""
    start_year, start_month = first.year - 1, 12
    session_days = np.array(calendar.sessions, dtype="datetime64[D]")
    quarters = []
    for number in range(4 * (last.year - start_year + 2)):
        quarter = _quarter(seed, firms, number, (start_year, start_month), session_days)
        if quarter is None or quarter.period_ends[0] > last:
            break
        quarters.append(quarter)
    return tuple(quarters)


def _quarter(
    seed: int, firms: Companies, number: int, start: tuple[int, int], sessions: Days
) -> EarningsQuarter | None:
    rng = generator(seed, Stream.EARNINGS, number)
    count = len(firms.symbols)
    ends = tuple(_month_end(start[0], start[1] + 3 * number + offset) for offset in range(3))
    is_annual = np.full(count, number % 4 == 0)
    lags = np.where(is_annual, rng.integers(35, 60, count), rng.integers(22, 40, count))
    evening = rng.random(count) < 0.4
    minutes = np.where(evening, rng.integers(840, 920, count), rng.integers(10, 180, count))
    surprise = rng.standard_normal(count)
    reported = [ends[offset] + timedelta(days=int(lag)) for offset, lag in zip(firms.fiscal_offset, lags, strict=True)]
    reaction = np.searchsorted(sessions, np.array(reported, dtype="datetime64[D]")).astype(np.int64)
    if int(reaction.max()) >= len(sessions):
        return None
    # A release on the eve of a session after a weekend or holiday would fall on a closed day: those come at dawn.
    follows_gap = np.diff(sessions, prepend=sessions[0])[reaction] > np.timedelta64(1, "D")
    minutes = np.where(follows_gap & (minutes > 180), minutes - 760, minutes)
    return EarningsQuarter(
        number=number,
        period_ends=(ends[0], ends[1], ends[2]),
        reaction=reaction,
        minutes_before_open=minutes.astype(np.int64),
        surprise=surprise,
        is_annual=is_annual,
    )


def _month_end(year: int, month: int) -> date:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, monthrange(year, month)[1])
