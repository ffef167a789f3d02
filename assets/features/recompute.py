"""A session's features again, from raw rows known at its cut-off and nothing else: what a leakage check compares with.

The warehouse, the stored parts and every model in between are bypassed; only rows with `known_at` up to the cut-off are
ever read. Covered: price, volume, risk, indicator and level features, the library's, and news. Not covered: ranks and
market-wide features, which need every symbol's whole history, and fundamentals.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets import schemas
from assets.feature_catalogue import FEATURES
from assets.features.feature_library import FeatureLibrary
from assets.features.headline_scores import HEADLINE_COLUMNS, usable_positions
from assets.features.policy import NewsWeighing
from assets.features.price_features import FAMILIES, PricePast, feature_rows, library_rows, read_past
from assets.features.price_panel import ACTION_COLUMNS, BAR_COLUMNS, MEMBERSHIP_COLUMNS
from assets.features.same_stories import told_before
from assets.features.sentiment import HeadlineScorer, Lexicon
from assets.raw_store import RawStore
from execution.trading_calendar import TradingCalendar

# The longest window against the market, and what a carried price may need before it.
_MARKET_SESSIONS = 252 + 20
_KERNEL = tuple(feature.name for feature in FEATURES if feature.family in FAMILIES)
_NEWS = tuple(feature.name for feature in FEATURES if feature.family == "news")


def recompute(
    *,
    raw_store: RawStore,
    session: date,
    as_of: datetime,
    symbols: Sequence[str],
    library: FeatureLibrary,
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
        scorer: makes a number of a headline; the shipped word list when None.
        weighing: what a provider's headlines weigh; all alike when None.
        calendar: the exchange calendar; the shipped one when None.

    Returns:
        Columns session, symbol, the covered features in the catalogue's order, then the library's; ordered by symbol;
        finite or null.
    """
    calendar = calendar or TradingCalendar.shipped()
    bars = _bars(raw_store, session, as_of=as_of, symbols=symbols, calendar=calendar)
    with_bar = set(bars.filter(pc.equal(bars.column("session"), pa.scalar(session))).column("symbol").to_pylist())
    listed = sorted(set(symbols) & with_bar & _listed(raw_store, session, as_of))
    past = _price_past(raw_store, bars, session, as_of=as_of, calendar=calendar)
    joined = pa.table({"symbol": pa.array(listed, pa.string())})
    for rows in (feature_rows(past, [session], listed), library_rows(past, library, [session], listed)):
        # Symbols whose history has not begun have a row of nulls, as in the mart.
        joined = joined.join(rows.drop_columns(["session"]), keys="symbol", join_type="left outer").sort_by("symbol")
    headlines = _news_columns(
        raw_store,
        session,
        as_of,
        listed,
        calendar=calendar,
        scorer=scorer or Lexicon.shipped(),
        weighing=weighing or NewsWeighing(),
    )
    columns = {name: joined.column(name) for name in _KERNEL} | headlines
    # A check asks for several moments; what one of them read must not stand beside the next.
    pa.default_memory_pool().release_unused()
    return pa.table(
        {
            "session": pa.array([session] * len(listed), pa.date32()),
            "symbol": joined.column("symbol"),
            **{feature.name: columns[feature.name] for feature in FEATURES if feature.name in columns},
            **{feature.name: joined.column(feature.name) for feature in library.features},
        }
    )


def _bars(
    raw_store: RawStore, session: date, *, as_of: datetime, symbols: Sequence[str], calendar: TradingCalendar
) -> pa.Table:
    oldest = calendar.sessions[max(0, calendar.index(session) - _MARKET_SESSIONS)]
    # Others only make the market's return, which uses two closes each: their older past changes no bit of it.
    is_needed = (pc.field("session") >= pa.scalar(oldest)) | pc.field("symbol").isin(list(symbols))
    return raw_store.read(schemas.DAILY_BARS, as_of=as_of, columns=BAR_COLUMNS, only=is_needed)


def _listed(raw_store: RawStore, session: date, as_of: datetime) -> set[str]:
    securities = raw_store.read(
        schemas.SECURITIES, as_of=as_of, columns=("symbol", "listed_session", "delisted_session", "known_at")
    )
    newest = {row["symbol"]: row for row in securities.sort_by("known_at").to_pylist()}
    return {
        symbol
        for symbol, row in newest.items()
        if row["listed_session"] <= session and (row["delisted_session"] or session) >= session
    }


def _price_past(
    raw_store: RawStore, bars: pa.Table, session: date, *, as_of: datetime, calendar: TradingCalendar
) -> PricePast:
    return read_past(
        bars=bars,
        actions=raw_store.read(schemas.CORPORATE_ACTIONS, as_of=as_of, columns=ACTION_COLUMNS),
        membership=raw_store.read(schemas.MEMBERSHIP, as_of=as_of, columns=MEMBERSHIP_COLUMNS),
        last=session,
        calendar=calendar,
    )


def _news_columns(
    raw_store: RawStore,
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
