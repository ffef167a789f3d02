"""Quarterly and annual reports of the simulated companies, analysts' estimates, and the calendar of events.

Growth and margins follow the slow quality behind the planted signal, so figures as of their acceptance are worth
something. A few reports are filed late and a few are restated months afterwards.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from assets import schemas
from assets.ingest.arrays import Bools, Floats, Ints
from assets.ingest.columns import contract_rows, day_numbers, days, named
from assets.ingest.sec_filings import METRICS
from assets.ingest.simulation.companies import Companies
from assets.ingest.simulation.draws import Stream, generator
from assets.ingest.simulation.earnings import EarningsQuarter
from assets.ingest.simulation.price_paths import PricePaths
from assets.ingest.simulation.price_rows import FEED, SOURCE, Timeline

_DAY: Final = 86_400_000_000
_MINUTE: Final = 60_000_000
_FLOWS: Final = frozenset({"revenue", "net_income", "operating_cash_flow", "eps_diluted"})
_QUALITY_SESSIONS: Final = 63


@dataclass(frozen=True, slots=True)
class _Told:
    """Values of one metric that became known: row arrays of one length."""

    metric: str
    symbol: Ints
    value: Floats
    months: Ints
    known_at: Ints


def filing_rows(
    seed: int,
    firms: Companies,
    quarters: tuple[EarningsQuarter, ...],
    paths: PricePaths,
    timeline: Timeline,
    *,
    first_index: int,
    opens: Ints,
) -> pa.Table:
    """Return every figure of every report accepted while its company was listed, restatements and revisions included.

    Args:
        seed: the market's seed.
        firms: its companies.
        quarters: when they report.
        paths: prices and quality.
        timeline: the sessions of the paths.
        first_index: index of the market's first session in the calendar's whole table.
        opens: opening instants of the calendar's whole table, in microseconds since 1970.
    """
    books = _Books(seed, firms)
    tables: list[pa.Table] = []
    for quarter in quarters:
        row = quarter.reaction - first_index
        released = opens[quarter.reaction] - quarter.minutes_before_open * _MINUTE
        filed = (row >= 0) & (row < timeline.sessions)
        quality = _mean_quality(paths, timeline, quarter)
        factor = paths.split_factor[row.clip(0, timeline.sessions - 1), np.arange(len(firms.symbols))]
        told = books.report(quarter, quality=quality, split_factor=factor, released=released)
        filed &= (firms.listed <= row) & (row <= firms.delisted)
        tables.extend(_rows(firms, quarter, item, filed) for item in told)
    return pa.concat_tables(tables).combine_chunks() if tables else schemas.FILINGS.schema.empty_table()


def _mean_quality(paths: PricePaths, timeline: Timeline, quarter: EarningsQuarter) -> Floats:
    """Return the mean quality of the 63 sessions up to each company's end of quarter; 0 before the market began."""
    end = int(np.searchsorted(timeline.days[: timeline.sessions], day_numbers(quarter.period_ends)[0], side="right"))
    window = paths.quality[max(0, end - _QUALITY_SESSIONS) : end]
    mean: Floats = window.mean(axis=0) if len(window) else np.zeros(paths.quality.shape[1])
    return mean


class _Books:
    """Figures of every company, carried from quarter to quarter; in dollars and shares as of listing."""

    def __init__(self, seed: int, firms: Companies) -> None:
        rng = generator(seed, Stream.START, 1)
        count = len(firms.symbols)
        worth = firms.first_price_usd * firms.shares_outstanding
        self._seed = seed
        self._firms = firms
        self._revenue = worth * rng.uniform(0.04, 0.15, count)
        self._margin = rng.uniform(0.04, 0.2, count)
        self._assets_per_revenue = rng.uniform(4.0, 12.0, count)
        self._equity = self._revenue * self._assets_per_revenue * rng.uniform(0.3, 0.6, count)
        self._year: list[dict[str, Floats]] = []

    def report(self, quarter: EarningsQuarter, *, quality: Floats, split_factor: Floats, released: Ints) -> list[_Told]:
        count = len(quality)
        rng = generator(self._seed, Stream.FILING, quarter.number)
        noise = rng.standard_normal((6, count))
        self._revenue = self._revenue * (1.012 + 0.02 * quality + 0.015 * noise[0])
        margin = self._margin + 0.012 * quality + 0.01 * quarter.surprise
        income = self._revenue * margin
        assets = self._revenue * self._assets_per_revenue
        self._equity = np.minimum(self._equity + 0.4 * income, 0.9 * assets)
        shares = self._firms.shares_outstanding * split_factor
        flows = {
            "revenue": self._revenue,
            "net_income": income,
            "operating_cash_flow": 1.2 * income + 0.01 * self._revenue * noise[1],
        }
        self._year = [*self._year[-3:], flows]
        flows = {name: np.where(quarter.is_annual, self._annual(name), value) for name, value in flows.items()}
        values = {
            **{name: np.round(value, -3) for name, value in flows.items()},
            "eps_diluted": np.round(flows["net_income"] / shares, 4),
            "equity": np.round(self._equity, -3),
            "assets": np.round(assets, -3),
            "liabilities": np.round(assets, -3) - np.round(self._equity, -3),
            "shares_outstanding": np.round(shares),
            "eps_estimate_next": np.round(self._revenue * 1.012 * (self._margin + 0.004 * noise[2]) / shares, 4),
        }
        late = np.where(rng.random(count) < 0.03, rng.integers(15, 31, count), 0)
        accepted = released + rng.integers(1, 5, count) * _MINUTE + late * _DAY
        told = self._told(quarter, values, accepted)
        told += _restated(
            values, told, np.flatnonzero(rng.random(count) < 0.02), noise[3], rng.integers(40, 121, count)
        )
        return told + _revised(values["eps_estimate_next"], accepted, 0.02 * quality + 0.02 * noise[4:])

    def _annual(self, name: str) -> Floats:
        # The first annual report has fewer quarters behind it than a year: the missing ones are like the known.
        summed: Floats = np.sum([flows[name] for flows in self._year], axis=0) * (4.0 / len(self._year))
        return summed

    def _told(self, quarter: EarningsQuarter, values: dict[str, Floats], accepted: Ints) -> list[_Told]:
        everyone = np.arange(len(accepted))
        flow_months = np.where(quarter.is_annual, 12, 3)
        months = {name: flow_months if name in _FLOWS else np.zeros_like(flow_months) for name in METRICS}
        months["eps_estimate_next"] = np.full_like(flow_months, 3)
        return [_Told(name, everyone, values[name], months[name], accepted) for name in METRICS]


def _restated(
    values: dict[str, Floats], told: list[_Told], again: Ints, noise: Floats, after_days: Ints
) -> list[_Told]:
    first = {item.metric: item for item in told}
    restated = []
    for name, digits in (("net_income", -3), ("eps_diluted", 4)):
        value = np.round(values[name][again] * (1.0 + 0.05 * noise[again]), digits)
        known = first[name].known_at[again] + after_days[again] * _DAY
        restated.append(_Told(name, again, value, first[name].months[again], known))
    return restated


def _revised(estimate: Floats, accepted: Ints, changes: Floats) -> list[_Told]:
    everyone, months = np.arange(len(accepted)), np.full(len(accepted), 3)
    revised = []
    for change, day in zip(changes, (25, 50), strict=True):
        estimate = np.round(estimate * (1.0 + change), 4)
        revised.append(_Told("eps_estimate_next", everyone, estimate, months, accepted + day * _DAY))
    return revised


def _rows(firms: Companies, quarter: EarningsQuarter, told: _Told, filed: Bools) -> pa.Table:
    kept = np.flatnonzero(filed[told.symbol])
    symbol = told.symbol[kept]
    ends = day_numbers(quarter.period_ends)[firms.fiscal_offset[symbol]]
    columns = {
        "symbol": named(firms.symbols, symbol),
        "form": named(("10-Q", "10-K"), quarter.is_annual[symbol].astype(np.int64)),
        "period_end": days(ends),
        "metric": pa.repeat(told.metric, len(kept)),
        "value": pa.array(told.value[kept]),
        "duration_months": pa.array(told.months[kept].astype(np.int16)),
    }
    return contract_rows(schemas.FILINGS, columns, source=SOURCE, feed=FEED, known_at=told.known_at[kept])
