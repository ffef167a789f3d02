"""Prices of the synthetic market, session by session, nothing looking ahead.

A one-session log return is

    beta * market + sector + volatility * (clustered shock + news jump) + planted signal

- The market factor follows three regimes (calm, volatile, stress) with their own drift and volatility; all volatilities
  cluster (GARCH(1,1) recursions); shocks have fat tails (Student's t, 5 degrees of freedom).
- The planted signal is what learning may honestly find. Per symbol it is `signal_strength * 0.04 * volatility` times a
  mix of three standardised states: a slow quality (half-life 60 sessions), which filings reveal; a drift in the
  direction of recent news (half-life 3 sessions), which headlines reveal; and a reversal of recent own shocks, which
  prices reveal. Known exactly, it ranks five-session returns with a correlation of about 0.06; what can be estimated
  from public rows is worth less. At strength 0 nothing is predictable.
- A share of each return happens overnight. Highs and lows are drawn from the extremes of a Brownian bridge between open
  and close, so they never cross.
- Splits and dividends are declared from the price of their day and go ex five sessions later. A halted session repeats
  the last close with no volume, and the next one opens with the gap.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from assets.ingest.arrays import Bools, Floats, Ints
from assets.ingest.simulation.companies import NO_SECTOR, SECTORS, Companies
from assets.ingest.simulation.draws import BLOCK_SESSIONS, Stream, block_count, fat_tailed, generator
from assets.ingest.simulation.news_flow import NewsFlow

EX_AFTER_SESSIONS: Final = 5

_REGIME_VOLATILITY: Final = np.array([0.75, 1.2, 2.2])
_REGIME_DRIFT: Final = np.array([0.0007, 0.0002, -0.0015])
# Row: today's regime; column: cumulative probability of tomorrow's. Stays last about 100, 50 and 20 sessions.
_REGIME_STEPS: Final = np.array([[0.99, 0.999, 1.0], [0.015, 0.98, 1.0], [0.01, 0.05, 1.0]])
_MARKET_VOLATILITY: Final = 0.0085
_SECTOR_VOLATILITY: Final = 0.004
_SIGNAL_SCALE: Final = 0.04
_QUALITY_MEMORY: Final = 0.5 ** (1 / 60)
_NEWS_MEMORY: Final = 0.5 ** (1 / 3)
_SHOCK_MEMORY: Final = 0.8
_OVERNIGHT_SHARE: Final = 0.3
_OVERNIGHT_SHARE_ON_NEWS: Final = 0.75
_FAILING_SESSIONS: Final = 25
_HALTS_PER_SESSION: Final = 0.0003
_DIVIDEND_RHYTHM: Final = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePaths:
    """Everything the price simulation yields; arrays have shape (n_sessions, n_symbols) unless said.

    Attributes:
        is_listed: whether the symbol has a bar.
        is_halted: whether the session was halted throughout.
        open_cents, high_cents, low_cents, close_cents: raw prices in whole cents; 0 where not listed.
        volume_shares: raw shares traded; 0 where halted or not listed.
        split_ratio: new shares per old at the session's open; 1 for none. Five sessions longer than the rest.
        dividend_cents: dividend per share before the session's open; 0 for none. Five sessions longer than the rest.
        split_factor: product of all split ratios up to and with the session.
        quality: the slow state behind the planted signal, as of the session's end.
        planted: expected own return of the session, known before it: the whole of what is predictable.
        market_level: level of the market index, shape (n_sessions,).
        market_volatility: annualised volatility of the market expected after the session, shape (n_sessions,).
    """

    is_listed: Bools
    is_halted: Bools
    open_cents: Ints
    high_cents: Ints
    low_cents: Ints
    close_cents: Ints
    volume_shares: Ints
    split_ratio: Floats
    dividend_cents: Ints
    split_factor: Floats
    quality: Floats
    planted: Floats
    market_level: Floats
    market_volatility: Floats


def price_paths(seed: int, firms: Companies, news: NewsFlow, *, sessions: int, signal_strength: float) -> PricePaths:
    """Return the prices of a number of sessions; asking for more changes none of the earlier ones.

    Args:
        seed: the market's seed.
        firms: its companies.
        news: its news, at least as many sessions.
        sessions: how many sessions, at least 1.
        signal_strength: 0 for none, 1 for the documented planted signal.
    """
    walk = _Walk(seed, firms, sessions, signal_strength)
    for block in range(block_count(sessions)):
        shocks = _Shocks(seed, block, len(firms.symbols))
        for row in range(min(BLOCK_SESSIONS, sessions - block * BLOCK_SESSIONS)):
            walk.step(block * BLOCK_SESSIONS + row, row, shocks, news)
    return walk.finished()


class _Shocks:
    """All random numbers of one block of sessions."""

    def __init__(self, seed: int, block: int, count: int) -> None:
        shape = (BLOCK_SESSIONS, count)
        rng = generator(seed, Stream.MARKET, block)
        self.market = fat_tailed(rng, (BLOCK_SESSIONS,))
        self.regime = rng.random(BLOCK_SESSIONS)
        self.sector = rng.standard_normal((BLOCK_SESSIONS, len(SECTORS)))
        rng = generator(seed, Stream.SHOCK, block)
        self.own = fat_tailed(rng, shape)
        self.quality = rng.standard_normal(shape)
        self.overnight = rng.standard_normal(shape)
        rng = generator(seed, Stream.TRADING, block)
        self.volume = rng.standard_normal(shape)
        self.high = rng.random(shape)
        self.low = rng.random(shape)
        self.split = rng.random(shape)
        self.halt = rng.random(shape)


class _Walk:
    """The state of the market between two sessions, and the arrays it has filled so far."""

    def __init__(self, seed: int, firms: Companies, sessions: int, signal_strength: float) -> None:
        count = len(firms.symbols)
        rng = generator(seed, Stream.START)
        self._firms = firms
        self._strength = signal_strength * _SIGNAL_SCALE
        self._regime = 0
        self._market_heat = 1.0
        self._heat = np.ones(count)
        self._quality = rng.standard_normal(count)
        self._news_drift = np.zeros(count)
        self._recent_shock = np.zeros(count)
        self._activity = np.zeros(count)
        self._raw_usd = firms.first_price_usd.copy()
        self._last_cents = np.round(self._raw_usd * 100).astype(np.int64)
        self._log_market = np.log(300.0)
        self._factor = np.ones(count)
        self._out = _empty(sessions, count)

    def finished(self) -> PricePaths:
        return self._out

    def step(self, session: int, row: int, shocks: _Shocks, news: NewsFlow) -> None:
        firms, out = self._firms, self._out
        is_listed = (firms.listed <= session) & (session <= firms.delisted)
        out.is_listed[session] = is_listed
        planted = self._planted()
        out.planted[session] = planted
        total = self._market_part(session, row, shocks) + self._own_part(session, row, shocks, news) + planted
        total[firms.is_failing & (firms.delisted - session < _FAILING_SESSIONS)] -= 0.015
        base = (self._raw_usd - out.dividend_cents[session] / 100.0) / out.split_ratio[session]
        self._factor = self._factor * out.split_ratio[session]
        out.split_factor[session] = self._factor
        self._bar(session, row, shocks, base=base, total=total, has_news=news.has_news[session] & is_listed)
        is_before = session < firms.listed
        self._raw_usd = np.where(is_before, firms.first_price_usd, base * np.exp(total))
        self._declare(session, row, shocks, is_listed)
        out.quality[session] = self._quality

    def _planted(self) -> Floats:
        # Each state has variance about 1; the mix has too.
        news = self._news_drift / 0.55
        reversal = -self._recent_shock / 0.45
        mix = 0.6 * self._quality + 0.5 * news + 0.6 * reversal
        planted: Floats = self._strength * self._firms.daily_volatility * mix
        return planted

    def _market_part(self, session: int, row: int, shocks: _Shocks) -> Floats:
        self._regime = int(np.searchsorted(_REGIME_STEPS[self._regime], shocks.regime[row]))
        scale = _MARKET_VOLATILITY * _REGIME_VOLATILITY[self._regime]
        shock = np.sqrt(self._market_heat) * shocks.market[row]
        market = _REGIME_DRIFT[self._regime] + scale * shock
        self._market_heat = float(np.clip(0.05 + 0.08 * shock**2 + 0.87 * self._market_heat, 0.3, 5.0))
        self._log_market += market
        self._out.market_level[session] = np.exp(self._log_market)
        self._out.market_volatility[session] = scale * np.sqrt(self._market_heat * 252.0)
        sectors = self._firms.sectors
        by_sector = np.append(_SECTOR_VOLATILITY * shocks.sector[row], 0.0)
        moved: Floats = self._firms.betas * market + by_sector[np.where(sectors == NO_SECTOR, len(SECTORS), sectors)]
        return moved

    def _own_part(self, session: int, row: int, shocks: _Shocks, news: NewsFlow) -> Floats:
        shock = np.sqrt(self._heat) * shocks.own[row]
        impact = news.surprise[session]
        self._heat = (0.06 + 0.07 * shock**2 + 0.87 * self._heat).clip(0.3, 6.0)
        moved = shock + news.jump[session]
        self._news_drift = _NEWS_MEMORY * self._news_drift + impact
        self._recent_shock = _SHOCK_MEMORY * self._recent_shock + (1 - _SHOCK_MEMORY) * moved
        self._quality = _QUALITY_MEMORY * self._quality + np.sqrt(1 - _QUALITY_MEMORY**2) * shocks.quality[row]
        own: Floats = self._firms.daily_volatility * moved
        return own

    def _bar(self, session: int, row: int, shocks: _Shocks, *, base: Floats, total: Floats, has_news: Bools) -> None:
        out, firms = self._out, self._firms
        is_listed = out.is_listed[session]
        has_action = (out.split_ratio[session] != 1.0) | (out.dividend_cents[session] > 0)
        is_halted = (shocks.halt[row] < _HALTS_PER_SESSION) & is_listed & ~has_action & (firms.listed < session)
        share = np.where(has_news, _OVERNIGHT_SHARE_ON_NEWS, _OVERNIGHT_SHARE)
        spread = firms.daily_volatility * np.sqrt(self._heat)
        gap = share * total + np.sqrt(share * (1 - share)) * 0.7 * spread * shocks.overnight[row]
        day = total - gap
        scale = 1.4 * (0.8 * spread) ** 2
        # Extremes of a Brownian bridge from 0 to `day`: inverse of their exact distribution at a uniform number.
        high = 0.5 * (day + np.sqrt(day**2 - 2 * scale * np.log(shocks.high[row].clip(1e-12))))
        low = 0.5 * (day - np.sqrt(day**2 - 2 * scale * np.log(shocks.low[row].clip(1e-12))))
        opened = base * np.exp(gap)
        cents = [
            _cents(opened),
            _cents(opened * np.exp(high)),
            _cents(opened * np.exp(low)),
            _cents(base * np.exp(total)),
        ]
        cents[1] = np.maximum(cents[1], np.maximum(cents[0], cents[3]))
        cents[2] = np.minimum(cents[2], np.minimum(cents[0], cents[3]))
        self._activity = 0.7 * self._activity + 0.35 * shocks.volume[row]
        dollars = firms.dollar_volume_usd * np.exp(self._activity + 12.0 * np.abs(total).clip(0, 0.15) + 0.5 * has_news)
        volume = np.maximum(np.round(dollars / np.maximum(base, 0.01)), 100).astype(np.int64)
        for target, value in zip((out.open_cents, out.high_cents, out.low_cents, out.close_cents), cents, strict=True):
            target[session] = np.where(is_listed, np.where(is_halted, self._last_cents, value), 0)
        out.volume_shares[session] = np.where(is_listed & ~is_halted, volume, 0)
        out.is_halted[session] = is_halted
        self._last_cents = np.where(is_listed, out.close_cents[session], self._last_cents)

    def _declare(self, session: int, row: int, shocks: _Shocks, is_listed: Bools) -> None:
        """Set splits and dividends that go ex in five sessions, from today's price; never both within one wait."""
        out, firms = self._out, self._firms
        window = slice(session + 1, session + EX_AFTER_SESSIONS + 1)
        is_free = (out.split_ratio[window] == 1.0).all(axis=0) & (out.dividend_cents[window] == 0).all(axis=0)
        may = is_listed & is_free & (firms.delisted - session > EX_AFTER_SESSIONS)
        price, luck, ex = self._raw_usd, shocks.split[row], session + EX_AFTER_SESSIONS
        ratio = np.select([price > 900, price > 400, price > 60], [10.0, 4.0, 2.0], 1.0)
        is_split = may & (ratio > 1) & (luck < np.where(price > 250, 0.01, 0.0001))
        is_reverse = may & (price < 4) & (luck < 0.05)
        out.split_ratio[ex] = np.where(is_split, ratio, np.where(is_reverse, 0.1, 1.0))
        is_due = (session % _DIVIDEND_RHYTHM == firms.dividend_phase) & (firms.quarterly_yield > 0)
        pays = may & is_due & ~is_split & ~is_reverse & (price > 5)
        out.dividend_cents[ex] = np.where(pays, np.maximum(_cents(price * firms.quarterly_yield), 1), 0)


def _cents(usd: Floats) -> Ints:
    cents: Ints = np.maximum(np.rint(usd * 100.0), 1.0).astype(np.int64)
    return cents


def _empty(sessions: int, count: int) -> PricePaths:
    shape, longer = (sessions, count), (sessions + EX_AFTER_SESSIONS, count)
    return PricePaths(
        is_listed=np.zeros(shape, dtype=bool),
        is_halted=np.zeros(shape, dtype=bool),
        open_cents=np.zeros(shape, dtype=np.int64),
        high_cents=np.zeros(shape, dtype=np.int64),
        low_cents=np.zeros(shape, dtype=np.int64),
        close_cents=np.zeros(shape, dtype=np.int64),
        volume_shares=np.zeros(shape, dtype=np.int64),
        split_ratio=np.ones(longer),
        dividend_cents=np.zeros(longer, dtype=np.int64),
        split_factor=np.ones(shape),
        quality=np.zeros(shape),
        planted=np.zeros(shape),
        market_level=np.zeros(sessions),
        market_volatility=np.zeros(sessions),
    )
