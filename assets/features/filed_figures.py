"""Fundamental features of one session, from the raw filings its cut-off knew: what a leakage check compares with.

The marts keep what filings said at every instant and join it as of the cut-off, in SQL. Here there is one instant, no
stored model is read, and figures are chosen by arrays and plain loops: a statement would take ten times as long to be
planned and run. Figures are added in a fixed order, as in the marts, so honest values agree in every bit.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assets.schemas import INSTANT

Ints = npt.NDArray[np.int64]

FIGURE_COLUMNS: Final = ("symbol", "form", "period_end", "metric", "value", "duration_months", "known_at")
FEATURES: Final = (
    *("market_value_usd", "earnings_yield", "forward_earnings_yield", "book_to_price", "sales_yield"),
    *("cash_flow_yield", "return_on_equity", "return_on_assets", "net_margin", "leverage", "asset_turnover"),
    *("revenue_growth_yoy", "net_income_growth_yoy", "eps_growth_yoy", "estimate_revision", "days_since_filing"),
)
RANKED_FIGURES: Final = ("market_value_usd", "earnings_yield", "book_to_price")
"""What the marts rank symbols by; `_RANKED_METRICS` are the figures they follow from."""
_RANKED_METRICS: Final = ("net_income", "equity", "shares_outstanding")
_ESTIMATE: Final = "eps_estimate_next"

_FILING_COUNTS: Final = timedelta(days=400)
_FIGURE_COUNTS_DAYS: Final = 830
_REACH_DAYS: Final = 400 + _FIGURE_COUNTS_DAYS
_A_YEAR: Final = range(350, 381)
_US_PER_DAY: Final = 86_400_000_000
_NEW_YORK: Final = ZoneInfo("America/New_York")
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class _Figure:
    """One figure as the instant knew it: the day its period ended, its version in force and the first version of it.

    Each version has the microseconds since 1970 at which it was told: a figure per share is in the shares of that day.
    """

    ended: int
    value: float
    told_at: int
    first_told: float
    first_told_at: int


@dataclass(slots=True)
class _Series:
    """A metric's figures of one symbol by their duration, the newest first."""

    quarters: list[_Figure]
    years: list[_Figure]
    balances: list[_Figure]


@dataclass(frozen=True, slots=True)
class _Compared:
    """A metric's newest figure, a quarter or a year, and the one of a year before."""

    newest: _Figure | None = None
    year_before: float | None = None
    year_before_told_at: int | None = None


def filed_figures(
    *,
    figures: pa.Table,
    splits: pa.Table,
    closes: pa.Table,
    session: date,
    as_of: datetime,
    in_full: Collection[str] | None = None,
) -> pa.Table:
    """Return what filings are worth at a session's close.

    Args:
        figures: columns `FIGURE_COLUMNS` of the raw filings, every version known at the cut-off and none known later.
        splits: symbol, ex_session and ratio as a double; the versions in force at the cut-off, up to the session.
        closes: symbol and close_usd as a double, of the symbols wanted.
        session: the session.
        as_of: its cut-off.
        in_full: symbols of which every feature is wanted, all when None; of the others `RANKED_FIGURES` are computed.

    Returns:
        Columns symbol, then `FEATURES`; no row for symbols without a filing in the last 400 days.
    """
    late = pc.greater(figures.column("known_at"), pa.scalar(as_of, INSTANT))
    if pc.any(late).as_py():
        raise ValueError(f"figures known after the cut-off {as_of.isoformat()} were handed in: read them as of it")
    told, newest_filing = _told(_within_reach(figures, closes.column("symbol"), as_of), as_of, in_full)
    split_days: dict[str, list[tuple[date, float]]] = defaultdict(list)
    for symbol, ex_session, ratio in zip(*(column.to_pylist() for column in splits.columns), strict=True):
        split_days[symbol].append((ex_session, ratio))
    close_of = dict(zip(*(column.to_pylist() for column in closes.columns), strict=True))
    rows = [
        {
            "symbol": symbol,
            **_features(series, close_of[symbol], _later(sorted(split_days[symbol], key=lambda split: split[0]))),
            "days_since_filing": float((session - _day_told(newest_filing[symbol])).days),
        }
        for symbol, series in told.items()
    ]
    fields = [pa.field("symbol", pa.string()), *(pa.field(name, pa.float64()) for name in FEATURES)]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _within_reach(figures: pa.Table, symbols: pa.ChunkedArray, as_of: datetime) -> pa.Table:
    """Return the figures that can count: most of a long past cannot, and leaving it out halves the work.

    A filing counts for 400 days and a figure until 830 days after its period. So a figure of an older period says
    nothing more, unless it was told lately: then the symbol's whole past decides whether that was the first time.
    """
    is_old = pc.less_equal(figures.column("period_end"), as_of.date() - timedelta(days=_REACH_DAYS))
    is_late = pc.and_(is_old, pc.greater(figures.column("known_at"), pa.scalar(as_of - _FILING_COUNTS, INSTANT)))
    told_late = pc.unique(figures.filter(is_late).column("symbol"))
    is_kept = pc.or_(pc.invert(is_old), pc.is_in(figures.column("symbol"), value_set=told_late))
    is_wanted = pc.is_in(figures.column("symbol"), value_set=symbols.combine_chunks())
    return figures.filter(pc.and_(is_kept, is_wanted))


def _told(
    figures: pa.Table, as_of: datetime, in_full: Collection[str] | None
) -> tuple[Mapping[str, Mapping[str, _Series]], Mapping[str, int]]:
    """Return per symbol its figures by metric, and when its newest report was told; symbols without one are left out.

    Of several forms that tell the same figure the one told last counts.
    """
    symbol, symbols = _codes(figures.column("symbol"))
    metric, metrics = _codes(figures.column("metric"))
    form, _ = _codes(figures.column("form"))
    known = figures.column("known_at").cast(pa.int64()).to_numpy()
    ended = figures.column("period_end").cast(pa.int32()).to_numpy().astype(np.int64)
    order = np.lexsort((known, symbol))
    symbol, metric, form, known, ended = (column[order] for column in (symbol, metric, form, known, ended))
    value = figures.column("value").to_numpy()[order]
    months = figures.column("duration_months").to_numpy()[order].astype(np.int64)
    # The newest instant at which a symbol had a figure younger than 830 days.
    newest_end = np.maximum.accumulate(ended + symbol * _US_PER_DAY) - symbol * _US_PER_DAY
    is_young = newest_end > known // _US_PER_DAY - _FIGURE_COUNTS_DAYS
    instant = np.full(len(symbols), np.iinfo(np.int64).min)
    np.maximum.at(instant, symbol[is_young], known[is_young])
    rows = np.flatnonzero(known <= instant[symbol])
    # Of each fact its first and its last version.
    first, last = _ends_of_runs(rows, (symbol, metric, ended, form))
    first_told, first_told_at = value[first], known[first]
    symbol, metric, form, ended, known, value, months = (
        column[last] for column in (symbol, metric, form, ended, known, value, months)
    )
    is_report = metric != (metrics.index(_ESTIMATE) if _ESTIMATE in metrics else -1)
    newest_filing = np.zeros(len(symbols), dtype=np.int64)
    np.maximum.at(newest_filing, symbol[is_report], first_told_at[is_report])
    has_report = newest_filing > int((as_of - _FILING_COUNTS).timestamp()) * 1_000_000
    is_full = np.array([in_full is None or name in in_full for name in symbols], dtype=bool)
    is_ranked = np.array([name in _RANKED_METRICS for name in metrics], dtype=bool)
    is_used = ended > instant[symbol] // _US_PER_DAY - _FIGURE_COUNTS_DAYS
    used = np.flatnonzero(is_used & has_report[symbol] & (is_full[symbol] | is_ranked[metric]))
    # The newest period first, and of each period what was told last, by the first of the forms.
    used = used[np.lexsort((form[used], -known[used], -ended[used], months[used], metric[used], symbol[used]))]
    told: dict[str, dict[str, _Series]] = defaultdict(lambda: defaultdict(lambda: _Series([], [], [])))
    columns = (symbol, metric, months, ended, value, known, first_told, first_told_at)
    lists = (column[used].tolist() for column in columns)
    for of_symbol, of_metric, covered, *figure in zip(*lists, strict=True):
        series = told[symbols[of_symbol]][metrics[of_metric]]
        told_by_duration = {0: series.balances, 3: series.quarters, 12: series.years}.get(covered, [])
        if not told_by_duration or told_by_duration[-1].ended != figure[0]:
            told_by_duration.append(_Figure(*figure))
    return told, dict(zip(symbols, newest_filing.tolist(), strict=True))


def _codes(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Return each text's place among the sorted different ones, and those."""
    texts = sorted(pc.unique(column).to_pylist())
    return pc.index_in(column, value_set=pa.array(texts, pa.string())).to_numpy().astype(np.int64), texts


def _ends_of_runs(rows: Ints, keys: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Return the first and the last row of each group of rows with equal keys."""
    by_key = rows[np.lexsort([key[rows] for key in reversed(keys)])]
    is_other = np.zeros(max(by_key.size - 1, 0), dtype=bool)
    for key in keys:
        is_other |= key[by_key[1:]] != key[by_key[:-1]]
    edge = np.ones(min(by_key.size, 1), dtype=bool)
    return by_key[np.concatenate((edge, is_other))], by_key[np.concatenate((is_other, edge))]


def _features(
    series: Mapping[str, _Series], close_usd: float, later: Callable[[int | None], float]
) -> dict[str, float | None]:
    """Return a symbol's features; figures per share are in the shares of the session.

    A version told after a split is in the new shares already, whenever its period was first told.
    """
    for metric, of_metric in series.items():
        if metric != "eps_diluted":
            _add_last_quarters(of_metric)
    nothing = _Series([], [], [])
    revenue, income, cash_flow, eps = (
        series.get(metric, nothing) for metric in ("revenue", "net_income", "operating_cash_flow", "eps_diluted")
    )
    equity, assets, liabilities, shares = (
        _newest(series.get(metric, nothing).balances)
        for metric in ("equity", "assets", "liabilities", "shares_outstanding")
    )
    estimate = _newest(series.get(_ESTIMATE, nothing).quarters)
    four_revenue, four_income = _four_quarters(revenue), _four_quarters(income)
    worth = None if shares is None else shares.value * later(shares.told_at) * close_usd
    of_equity, of_assets = _value(equity), _value(assets)
    compared = _compared(eps)
    eps_newest = None if compared.newest is None else compared.newest.value / later(compared.newest.told_at)
    eps_before = None if compared.year_before is None else compared.year_before / later(compared.year_before_told_at)
    expected = None if estimate is None else estimate.value / later(estimate.told_at)
    first_expected = None if estimate is None else estimate.first_told / later(estimate.first_told_at)
    return {
        "market_value_usd": worth,
        "earnings_yield": _share_of(four_income, worth),
        "forward_earnings_yield": _share_of(None if expected is None else 4.0 * expected, close_usd),
        "book_to_price": _share_of(of_equity, worth),
        "sales_yield": _share_of(four_revenue, worth),
        "cash_flow_yield": _share_of(_four_quarters(cash_flow), worth),
        "return_on_equity": _share_of(four_income, of_equity),
        "return_on_assets": _share_of(four_income, of_assets),
        "net_margin": _share_of(four_income, four_revenue),
        "leverage": _share_of(_value(liabilities), of_assets),
        "asset_turnover": _share_of(four_revenue, of_assets),
        "revenue_growth_yoy": _change(_value(_compared(revenue).newest), _compared(revenue).year_before),
        "net_income_growth_yoy": _change(_value(_compared(income).newest), _compared(income).year_before),
        "eps_growth_yoy": _change(eps_newest, eps_before),
        "estimate_revision": _change(expected, first_expected),
    }


def _add_last_quarters(series: _Series) -> None:
    """Add the last quarter of each year that was told as a year alone: the year less its three other quarters."""
    told = {quarter.ended for quarter in series.quarters}
    added = []
    for year in series.years:
        others = [each for each in series.quarters if year.ended - 300 <= each.ended <= year.ended - 60]
        if len(others) == 3 and year.ended not in told:
            value = year.value - sum(each.value for each in reversed(others))
            added.append(_Figure(year.ended, value, year.told_at, value, year.told_at))
    series.quarters = sorted([*series.quarters, *added], key=lambda figure: -figure.ended)


def _four_quarters(series: _Series) -> float | None:
    if _is_year_newest(series):
        return series.years[0].value
    four = series.quarters[:4]
    if len(four) < 4 or not 250 <= four[0].ended - four[3].ended <= 300:
        return None
    return four[0].value + four[1].value + four[2].value + four[3].value


def _compared(series: _Series) -> _Compared:
    quarters_ago, years_ago = _a_year_ago(series.quarters), _a_year_ago(series.years)
    if quarters_ago and (not series.years or series.quarters[0].ended >= series.years[0].ended):
        return _Compared(series.quarters[0], *_largest(quarters_ago))
    if _is_year_newest(series):
        return _Compared(series.years[0], *_largest(years_ago))
    return _Compared()


def _is_year_newest(series: _Series) -> bool:
    return bool(series.years) and (not series.quarters or series.years[0].ended >= series.quarters[0].ended)


def _a_year_ago(figures: Sequence[_Figure]) -> list[_Figure]:
    return [figure for figure in figures if figures[0].ended - figure.ended in _A_YEAR]


def _largest(figures: Iterable[_Figure]) -> tuple[float | None, int | None]:
    values = list(figures)
    return max((each.value for each in values), default=None), max((each.told_at for each in values), default=None)


def _newest(figures: Sequence[_Figure]) -> _Figure | None:
    return figures[0] if figures else None


def _value(figure: _Figure | None) -> float | None:
    return None if figure is None else figure.value


def _share_of(part: float | None, whole: float | None) -> float | None:
    """Return a ratio; None, never infinite, where the divisor is not positive or the result overflows."""
    if part is None or whole is None or not whole > 0 or not isfinite(part / whole):
        return None
    return part / whole


def _change(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else _share_of(now - before, abs(before))


def _later(splits: Sequence[tuple[date, float]]) -> Callable[[int | None], float]:
    """Return how many shares a share told at an instant has become since that day, the oldest split first."""

    def since(told_at: int | None) -> float:
        shares = 1.0
        day = None if told_at is None or not splits else _day_told(told_at)
        for ex_session, ratio in splits:
            if day is not None and ex_session > day:
                shares *= ratio
        return shares

    return since


def _day_told(instant_us: int) -> date:
    """Return the day of an instant in New York."""
    return datetime.fromtimestamp(instant_us / 1_000_000, _NEW_YORK).date()
