"""A session's features again, from raw rows known at its cut-off and nothing else: what a leakage check compares with.

The warehouse, the stored parts and every model in between are bypassed; only rows with `known_at` up to the cut-off are
ever read. Every feature of the catalogue and of the library is covered. Ranks are places among the values of all
symbols, computed again for each of them; they, and the market's level and regimes, need the whole past of every symbol,
where a year of the others serves the rest. That takes three times as long, so who asks says whether to.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets import schemas
from assets.feature_catalogue import FEATURES
from assets.features.feature_library import FeatureLibrary
from assets.features.filed_figures import FIGURE_COLUMNS, RANKED_FIGURES, filed_figures
from assets.features.headline_scores import HEADLINE_COLUMNS, usable_positions
from assets.features.market_series import Floats
from assets.features.policy import NewsWeighing
from assets.features.price_features import (
    PricePast,
    feature_rows,
    library_rows,
    market_rows,
    ranked_values,
    read_past,
)
from assets.features.price_panel import ACTION_COLUMNS, BAR_COLUMNS, MEMBERSHIP_COLUMNS, price_floats
from assets.features.same_stories import told_before
from assets.features.sentiment import HeadlineScorer, Lexicon
from assets.raw_store import RawStore
from assets.row_versions import newest_versions
from assets.schemas import RawTable
from execution.trading_calendar import TradingCalendar

# The longest window against the market, and what a carried price may need before it.
_MARKET_SESSIONS = 252 + 20
_SPLIT_DAYS: Final = 1_200
_NEWS = tuple(feature.name for feature in FEATURES if feature.family == "news")
_MARKET: Final = {
    "market_return_1d": "return_1d",
    "market_return_20d": "return_20d",
    "market_volatility_20d": "volatility_20d",
    "market_trend_200d": "trend_200d",
    "market_breadth_1d": "breadth_1d",
    "regime_is_bull": "is_bull",
    "regime_is_volatile": "is_volatile",
}
_RANKS: Final = {
    "rank_return_5d": "return_5d",
    "rank_return_20d": "return_20d",
    "rank_return_60d": "return_60d",
    "rank_momentum_12_1": "momentum_12_1",
    "rank_volatility_20d": "volatility_20d",
    "rank_volume_ratio_5_20": "volume_ratio_5_20",
    "rank_dollar_volume_20d": "dollar_volume_20d_usd",
    "rank_rsi_14": "rsi_14",
    "rank_beta_60d": "beta_60d",
    "rank_earnings_yield": "earnings_yield",
    "rank_book_to_price": "book_to_price",
    "rank_market_value": "market_value_usd",
}
_SECTOR_RANKS: Final = {"sector_rank_return_20d": "return_20d", "sector_rank_momentum_12_1": "momentum_12_1"}
NEED_THE_WHOLE_MARKET: Final = frozenset(
    {*_RANKS, *_SECTOR_RANKS, "market_trend_200d", "regime_is_bull", "regime_is_volatile"}
)
"""Features that follow from every symbol's whole past."""
# Points of annualised volatility: 100 x sqrt(252).
_POINTS: Final = 1587.4507866387544


class KnownRows:
    """Raw rows known at the newest of several moments, read once and cut again for every earlier one."""

    def __init__(self, raw_store: RawStore, *, until: datetime) -> None:
        self._raw_store = raw_store
        self._until = until
        self._held: dict[str, pa.Table] = {}

    def read(self, table: RawTable, *, as_of: datetime, columns: Sequence[str], only: Any = None) -> pa.Table:
        """Return what `RawStore.read` returns; `columns` name `known_at` and are the same at every moment."""
        if as_of > self._until:
            raise ValueError(f"rows up to {self._until.isoformat()} are held, {as_of.isoformat()} is later")
        if table.name not in self._held:
            self._held[table.name] = self._raw_store.read(table, as_of=self._until, columns=columns)
        rows = self._held[table.name]
        if as_of < self._until:
            is_known = pc.field("known_at") <= pa.scalar(as_of, schemas.INSTANT)
            only = is_known if only is None else is_known & only
        return rows if only is None else rows.filter(only)


def recompute_moments(
    *,
    raw_store: RawStore,
    sessions: Sequence[date],
    symbols: Sequence[str],
    library: FeatureLibrary,
    scorer: HeadlineScorer | None = None,
    weighing: NewsWeighing | None = None,
    calendar: TradingCalendar | None = None,
) -> Iterator[pa.Table]:
    """Yield the feature rows of sessions in the order given, newest first: the newest whole, as `recompute` says."""
    calendar = calendar or TradingCalendar.shipped()
    rows = KnownRows(raw_store, until=calendar.as_of(sessions[0])) if sessions else raw_store
    for number, session in enumerate(sessions):
        yield recompute(
            raw_store=rows,
            session=session,
            as_of=calendar.as_of(session),
            symbols=symbols,
            library=library,
            is_whole=number == 0,
            scorer=scorer,
            weighing=weighing,
            calendar=calendar,
        )


def recompute(
    *,
    raw_store: RawStore | KnownRows,
    session: date,
    as_of: datetime,
    symbols: Sequence[str],
    library: FeatureLibrary,
    is_whole: bool = True,
    scorer: HeadlineScorer | None = None,
    weighing: NewsWeighing | None = None,
    calendar: TradingCalendar | None = None,
) -> pa.Table:
    """Return a session's feature rows computed from raw rows known at an instant.

    Args:
        raw_store: where raw rows are read.
        session: the session wanted.
        as_of: the cut-off; rows known later do not exist.
        symbols: symbols wanted; those not listed or without a bar have no row.
        library: the sets that are switched on.
        is_whole: compute every feature; else those that `NEED_THE_WHOLE_MARKET` are left out.
        scorer: makes a number of a headline; the shipped word list when None.
        weighing: what a provider's headlines weigh; all alike when None.
        calendar: the exchange calendar; the shipped one when None.

    Returns:
        Columns session, symbol, the covered features in the catalogue's order, then the library's; ordered by symbol;
        finite or null.
    """
    calendar = calendar or TradingCalendar.shipped()
    bars = _bars(raw_store, session, as_of=as_of, symbols=None if is_whole else symbols, calendar=calendar)
    actions = raw_store.read(schemas.CORPORATE_ACTIONS, as_of=as_of, columns=ACTION_COLUMNS)
    sectors, closes = _sectors(raw_store, session, as_of), _closes(bars, session)
    universe = sorted(sectors.keys() & closes.keys())
    wanted = sorted(set(symbols) & set(universe))
    past = read_past(
        bars=bars,
        actions=actions,
        membership=raw_store.read(schemas.MEMBERSHIP, as_of=as_of, columns=MEMBERSHIP_COLUMNS),
        last=session,
        calendar=calendar,
    )
    del bars
    filing = {symbol: closes[symbol] for symbol in (universe if is_whole else wanted)}
    filed = _filed(raw_store, session, as_of, actions=actions, closes=filing, in_full=frozenset(wanted))
    joined = pa.table({"symbol": pa.array(wanted, pa.string())})
    of_symbol = [
        rows.drop_columns(["session"])
        for rows in (feature_rows(past, [session], wanted), library_rows(past, library, [session], wanted))
    ]
    for rows in (*of_symbol, filed):
        # Symbols whose history has not begun have a row of nulls, as in the mart.
        joined = joined.join(rows, keys="symbol", join_type="left outer").sort_by("symbol")
    headlines = _news_columns(
        raw_store,
        session,
        as_of,
        wanted,
        calendar=calendar,
        scorer=scorer or Lexicon.shipped(),
        weighing=weighing or NewsWeighing(),
    )
    columns = {
        **{name: joined.column(name) for name in joined.column_names},
        **_market(raw_store, past, session, as_of, calendar=calendar, rows=len(wanted)),
        **headlines,
    }
    if is_whole:
        columns |= _ranks(ranked_values(past, session, universe), filed, universe, sectors, wanted)
    # A check asks for several moments; what one of them read must not stand beside the next.
    pa.default_memory_pool().release_unused()
    covered = [each.name for each in FEATURES if is_whole or each.name not in NEED_THE_WHOLE_MARKET]
    return pa.table(
        {
            "session": pa.array([session] * len(wanted), pa.date32()),
            "symbol": joined.column("symbol"),
            **{name: columns[name] for name in covered},
            **{feature.name: joined.column(feature.name) for feature in library.features},
        }
    )


def _bars(
    raw_store: RawStore | KnownRows,
    session: date,
    *,
    as_of: datetime,
    symbols: Sequence[str] | None,
    calendar: TradingCalendar,
) -> pa.Table:
    """Return the whole past of the symbols, or of all when None, and of the others what a year of windows needs."""
    is_needed = None
    if symbols is not None:
        oldest = calendar.sessions[max(0, calendar.index(session) - _MARKET_SESSIONS)]
        is_needed = (pc.field("session") >= pa.scalar(oldest)) | pc.field("symbol").isin(list(symbols))
    return raw_store.read(schemas.DAILY_BARS, as_of=as_of, columns=BAR_COLUMNS, only=is_needed)


def _closes(bars: pa.Table, session: date) -> dict[str, float]:
    """Return the raw close of each symbol with a bar of the session, by its newest version."""
    of_session = bars.filter(pc.equal(bars.column("session"), pa.scalar(session))).sort_by("known_at")
    closes = price_floats(of_session.column("close_usd")).tolist()
    return dict(zip(of_session.column("symbol").to_pylist(), closes, strict=True))


def _sectors(raw_store: RawStore | KnownRows, session: date, as_of: datetime) -> dict[str, str | None]:
    """Return each listed symbol's sector, None where it is unknown."""
    securities = raw_store.read(
        schemas.SECURITIES, as_of=as_of, columns=("symbol", "sector", "listed_session", "delisted_session", "known_at")
    )
    newest = {row["symbol"]: row for row in securities.sort_by("known_at").to_pylist()}
    return {
        symbol: row["sector"]
        for symbol, row in newest.items()
        if row["listed_session"] <= session and (row["delisted_session"] or session) >= session
    }


def _filed(
    raw_store: RawStore | KnownRows,
    session: date,
    as_of: datetime,
    *,
    actions: pa.Table,
    closes: Mapping[str, float],
    in_full: Collection[str],
) -> pa.Table:
    newest = newest_versions(schemas.CORPORATE_ACTIONS, actions)
    is_used = (
        (pc.field("action") == "split")
        & (pc.field("ex_session") <= pa.scalar(session))
        & (pc.field("ex_session") >= pa.scalar(as_of.date() - timedelta(days=_SPLIT_DAYS)))
    )
    splits = newest.filter(is_used)
    return filed_figures(
        figures=raw_store.read(schemas.FILINGS, as_of=as_of, columns=FIGURE_COLUMNS),
        splits=pa.table(
            {
                "symbol": splits.column("symbol"),
                "ex_session": splits.column("ex_session"),
                "ratio": price_floats(splits.column("value")),
            }
        ),
        closes=pa.table(
            {"symbol": pa.array(closes, pa.string()), "close_usd": pa.array(closes.values(), pa.float64())}
        ),
        session=session,
        as_of=as_of,
        in_full=in_full,
    )


def _ranks(
    measures: Mapping[str, Floats],
    filed: pa.Table,
    universe: Sequence[str],
    sectors: Mapping[str, str | None],
    wanted: Sequence[str],
) -> dict[str, pa.Array]:
    place = {symbol: row for row, symbol in enumerate(universe)}
    values = dict(measures)
    rows_filed = [place[symbol] for symbol in filed.column("symbol").to_pylist()]
    for name in RANKED_FIGURES:
        values[name] = np.full(len(universe), np.nan)
        values[name][rows_filed] = pc.fill_null(filed.column(name), np.nan).to_numpy()
    asked = [place[symbol] for symbol in wanted]
    ranks = {name: _session_ranks(values[measure])[asked] for name, measure in _RANKS.items()}
    sector = np.array([sectors[symbol] or "" for symbol in universe])
    for name, measure in _SECTOR_RANKS.items():
        within = np.full(len(universe), np.nan)
        for peers in (sector == each for each in np.unique(sector) if each):
            within[peers] = _session_ranks(values[measure][peers])
        ranks[name] = within[asked]
    return {name: pa.array(column, mask=np.isnan(column)) for name, column in ranks.items()}


def _session_ranks(values: Floats) -> Floats:
    """Return how many of the other values are lower, as a share; NaN where there is no value or no other."""
    ranks = np.full(values.size, np.nan)
    present = np.isfinite(values)
    ordered = np.sort(values[present])
    if ordered.size > 1:
        ranks[present] = np.searchsorted(ordered, values[present]) / (ordered.size - 1)
    return ranks


def _market(
    raw_store: RawStore | KnownRows,
    past: PricePast,
    session: date,
    as_of: datetime,
    *,
    calendar: TradingCalendar,
    rows: int,
) -> dict[str, pa.Array]:
    earlier = calendar.sessions[max(0, calendar.index(session) - 5)]
    series = {row["session"]: row for row in market_rows(past, [earlier, session]).to_pylist()}
    now, before = series.get(session, {}), series.get(earlier, {})
    values = {name: now.get(column) for name, column in _MARKET.items()}
    level, level_before = _index_levels(raw_store, session, as_of, calendar)
    if level is None and now.get("volatility_20d") is not None:
        level, level_before = (
            None if row.get("volatility_20d") is None else row["volatility_20d"] * _POINTS for row in (now, before)
        )
    values["vix_level"] = level
    values["vix_change_5d"] = None if level is None or level_before is None else level - level_before
    return {name: pa.array([value] * rows, pa.float64()) for name, value in values.items()}


def _index_levels(
    raw_store: RawStore | KnownRows, session: date, as_of: datetime, calendar: TradingCalendar
) -> tuple[float | None, float | None]:
    """Return the volatility index of the last five sessions and of the five before: its own, else its stand-in's."""
    now = calendar.index(session)
    nearest = calendar.sessions[max(0, now - 9)]
    indices = raw_store.read(
        schemas.INDICES,
        as_of=as_of,
        columns=schemas.INDICES.schema.names,
        only=(pc.field("session") >= pa.scalar(nearest)) & (pc.field("session") <= pa.scalar(session)),
    )
    levels = newest_versions(schemas.INDICES, indices).to_pylist()
    for basis in ("vix", "vix_stand_in"):
        told = {calendar.index(row["session"]): row["close"] for row in levels if row["index_name"] == basis}
        recent, older = ([p for p in sorted(told) if (p > now - 5) is is_recent] for is_recent in (True, False))
        if recent:
            return told[recent[-1]], told[older[-1]] if older else None
    return None, None


def _news_columns(
    raw_store: RawStore | KnownRows,
    session: date,
    as_of: datetime,
    symbols: Sequence[str],
    *,
    calendar: TradingCalendar,
    scorer: HeadlineScorer,
    weighing: NewsWeighing,
) -> dict[str, pa.Array]:
    news = raw_store.read(schemas.NEWS, as_of=as_of, columns=HEADLINE_COLUMNS)
    positions = usable_positions(news, calendar)
    now = calendar.index(session)
    began = int(positions.min()) if positions.size else None
    is_wanted = pc.is_in(news.column("symbol"), value_set=pa.array(symbols, pa.string())).to_numpy()
    # Headlines a month old or more count in no window, but their feed's beginning does.
    rows_wanted = np.flatnonzero(is_wanted & (positions > now - 40) & (positions <= now))
    first: dict[tuple[str, str], int] = {}
    newest: dict[tuple[str, str], tuple[datetime, str, int]] = {}
    repeats = told_before(news, within=timedelta(minutes=weighing.same_story_minutes))
    chosen = news.take(pa.array(rows_wanted)).to_pylist()
    for row, position in zip(chosen, positions[rows_wanted].tolist(), strict=True):
        if (row["news_id"], row["symbol"]) in repeats:
            continue
        key = (row["symbol"], row["news_id"])
        first[key] = min(first.get(key, position), position)
        if key not in newest or newest[key][0] < row["known_at"]:
            newest[key] = (row["known_at"], row["headline"], weighing.weight(row["source"]))
    told: dict[str, list[tuple[int, int, int]]] = {symbol: [] for symbol in symbols}
    for key, (_, headline, weight) in newest.items():
        if first[key] > now - 20:
            told[key[0]].append((now - first[key], scorer.milli(headline), weight))
    ages = None if began is None else now - began + 1
    rows = [_news_values(told[symbol], ages) for symbol in symbols]
    return {name: pa.array([row[name] for row in rows], pa.float64()) for name in _NEWS}


def _news_values(told: Sequence[tuple[int, int, int]], feed_sessions: int | None) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    for window in (1, 5, 20):
        scores = [(score, weight) for age, score, weight in told if age < window]
        whole = sum(weight for _, weight in scores)
        is_full = feed_sessions is not None and feed_sessions >= window
        values[f"news_count_{window}d"] = float(len(scores)) if is_full else None
        summed = sum(score * weight for score, weight in scores)
        values[f"news_sentiment_{window}d"] = summed / (1000 * whole) if scores and is_full else None
    count_5, count_20 = values["news_count_5d"], values["news_count_20d"]
    sentiment_5, sentiment_20 = values["news_sentiment_5d"], values["news_sentiment_20d"]
    values["news_intensity_5_20"] = (
        count_5 * 4.0 / count_20 if count_5 is not None and count_20 is not None and count_20 > 0 else None
    )
    values["news_sentiment_change"] = (
        float(np.float64(sentiment_5) - np.float64(sentiment_20))
        if sentiment_5 is not None and sentiment_20 is not None
        else None
    )
    return values
