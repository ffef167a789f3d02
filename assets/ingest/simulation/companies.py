"""The companies of the synthetic market: name, sector, size, risk, and when they list and delist."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from assets.ingest.arrays import Bools, Floats, Ints
from assets.ingest.simulation.draws import Stream, generator

SECTORS: Final = (
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
)
NO_SECTOR: Final = -1
NEVER: Final = np.iinfo(np.int64).max

_STEMS: Final = (
    "Alder",
    "Birch",
    "Cedar",
    "Dogwood",
    "Elm",
    "Fir",
    "Gorse",
    "Hazel",
    "Ivy",
    "Juniper",
    "Larch",
    "Maple",
)
_KINDS: Final = ("Industries", "Systems", "Holdings", "Foods", "Energy", "Logistics", "Health", "Materials", "Networks")
_SHARE_WITHOUT_SECTOR: Final = 0.01
_SHARE_LISTED_LATER: Final = 0.08
_MEAN_SESSIONS_TO_LISTING: Final = 500.0
_DELISTINGS_PER_SESSION: Final = 0.035 / 252
_FEWEST_SESSIONS_LISTED: Final = 60
_SHARE_FAILING: Final = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Companies:
    """One entry per symbol, in symbol order; every array has shape (n_symbols,).

    Attributes:
        symbols: `SIM0001` and so on: no real ticker, so that no page can be mistaken for a real one.
        names: company names, starting with "Synthetic".
        sectors: position in `SECTORS`, or `NO_SECTOR`.
        betas: sensitivity to the market factor.
        daily_volatility: standard deviation of the own part of a one-session return, before clustering.
        first_price_usd: price at listing.
        dollar_volume_usd: typical dollars traded per session.
        shares_outstanding: shares at listing.
        quarterly_yield: dividend per quarter as a fraction of the price; 0 for those that pay none.
        dividend_phase: session within its 63-session rhythm on which it declares.
        listed: session index of the first bar; 0 or later.
        delisted: session index of the last bar; `NEVER` for none.
        is_failing: whether the delisting is a failure (price falls) and not a merger.
        is_large: whether it belongs to the large-cap index while listed.
        fiscal_offset: months by which its fiscal quarters end later than the calendar's.
    """

    symbols: tuple[str, ...]
    names: tuple[str, ...]
    sectors: Ints
    betas: Floats
    daily_volatility: Floats
    first_price_usd: Floats
    dollar_volume_usd: Floats
    shares_outstanding: Floats
    quarterly_yield: Floats
    dividend_phase: Ints
    listed: Ints
    delisted: Ints
    is_failing: Bools
    is_large: Bools
    fiscal_offset: Ints


def companies(seed: int, count: int) -> Companies:
    """Return the companies of a seed."""
    rng = generator(seed, Stream.COMPANY)
    sectors = rng.integers(0, len(SECTORS), count)
    sectors[: int(count * _SHARE_WITHOUT_SECTOR)] = NO_SECTOR
    size = rng.standard_normal(count)
    price = np.round(np.exp(4.2 + 0.7 * rng.standard_normal(count)), 2).clip(6.0, 900.0)
    dollar_volume = np.exp(17.8 + 1.1 * size).clip(2e6, 2e9)
    listed, delisted, is_failing = _lives(seed, count)
    stems = rng.integers(0, len(_STEMS), count)
    kinds = rng.integers(0, len(_KINDS), count)
    return Companies(
        symbols=tuple(f"SIM{number:04d}" for number in range(1, count + 1)),
        names=tuple(
            f"Synthetic {_STEMS[stem]} {_KINDS[kind]} {number}"
            for number, (stem, kind) in enumerate(zip(stems, kinds, strict=True), start=1)
        ),
        sectors=sectors,
        betas=(1.0 + 0.3 * rng.standard_normal(count)).clip(0.3, 2.0),
        daily_volatility=(0.015 * np.exp(0.3 * rng.standard_normal(count) - 0.08 * size)).clip(0.007, 0.04),
        first_price_usd=price,
        dollar_volume_usd=dollar_volume,
        # A session trades about half a percent of the shares.
        shares_outstanding=np.round(dollar_volume / price / 0.005, -3),
        quarterly_yield=np.where(rng.random(count) < 0.55, rng.uniform(0.002, 0.009, count), 0.0),
        dividend_phase=rng.integers(0, 63, count),
        listed=listed,
        delisted=delisted,
        is_failing=is_failing,
        is_large=size > np.quantile(size, 0.2) if count > 1 else np.ones(count, dtype=bool),
        fiscal_offset=np.where(rng.random(count) < 0.85, 0, rng.integers(1, 3, count)),
    )


def _lives(seed: int, count: int) -> tuple[Ints, Ints, Bools]:
    rng = generator(seed, Stream.LIFE)
    waits = 1 + rng.exponential(_MEAN_SESSIONS_TO_LISTING, count).astype(np.int64)
    listed = np.where(rng.random(count) < _SHARE_LISTED_LATER, waits, 0)
    lifetimes = _FEWEST_SESSIONS_LISTED + rng.exponential(1.0 / _DELISTINGS_PER_SESSION, count)
    delisted = listed + lifetimes.astype(np.int64)
    return listed, delisted, rng.random(count) < _SHARE_FAILING
