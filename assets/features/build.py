"""The steps of a session's features: ask dbt for the base, compute what SQL cannot, ask dbt for the marts.

Each step starts from the session's pinned snapshot and may be repeated: the session itself is always built again, every
earlier one only when it is missing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets import schemas
from assets.feature_catalogue import FEATURES, raised_versions
from assets.features.dbt_bridge import MEMORY_MB, BuildRequest, write_request
from assets.features.feature_library import LIBRARY_FEATURES, FeatureLibrary
from assets.features.feature_parts import KINDS, MARKET_SERIES, NEWS_SENTIMENT, PRICE_FEATURES, FeatureParts
from assets.features.headline_scores import SCORE_SCHEMA, scored_by, scored_headlines, usable_positions
from assets.features.policy import NewsWeighing
from assets.features.price_features import (
    FAMILIES,
    MARKET_SCHEMA,
    ROW_SCHEMA,
    PricePast,
    feature_rows,
    first_session,
    library_rows,
    market_rows,
    read_past,
)
from assets.features.price_panel import ACTION_COLUMNS, BAR_COLUMNS, MEMBERSHIP_COLUMNS
from assets.features.sentiment import HeadlineScorer
from assets.features.written import Written
from assets.raw_store import RawStore
from assets.snapshots import DataSnapshot
from assets.universe_policy import UniversePolicy
from assets.warehouse import Warehouse
from execution.domain.errors import DataError
from execution.trading_calendar import TradingCalendar

SESSIONS_PER_PART: Final = 250
"""About a year: a first build then needs memory for one year of rows at a time."""
# A build of all sessions grows with its bars: 400 MB served 0.9 million of them and failed 5.3 million.
_BYTES_PER_BAR: Final = 450
# Staging calls a row's provider otherwise than raw rows do.
_HEADLINE_COLUMNS: Final = ("news_id", "symbol", "headline", "source_name as source", "known_at")
_SCHEMAS: Final = {PRICE_FEATURES: ROW_SCHEMA, MARKET_SERIES: MARKET_SCHEMA, NEWS_SENTIMENT: SCORE_SCHEMA}


def request_build(
    *,
    warehouse: Warehouse,
    raw_store: RawStore,
    snapshot: DataSnapshot,
    feature_parts: FeatureParts,
    library: FeatureLibrary,
    policy: UniversePolicy,
    calendar: TradingCalendar,
) -> None:
    """Write what a build of the snapshot's session is asked for into schema `request`."""
    stored = [(kind, stored_kind(kind), _SCHEMAS[kind]) for kind in KINDS]
    parts = [
        replace(part, kind=kind)
        for kind, stored_as, schema in (*stored, (LIBRARY_FEATURES, library.parts_kind, library.schema))
        for part in feature_parts.in_force(stored_as, schema=schema, last=snapshot.session)
    ]
    request = BuildRequest(
        session=snapshot.session,
        snapshot=snapshot,
        raw_paths={table.name: raw_store.paths(snapshot, table) for table in schemas.ALL},
        feature_parts=parts,
        first_bar_session=_first_bar_session(raw_store, snapshot),
        policy=policy,
    )
    write_request(warehouse, request, calendar)


def stored_kind(kind: str) -> str:
    """Return the kind that parts of the marts' kind are stored under.

    Raising the version of a feature that the kernel computes gives its parts another one: no session then serves a
    value of the former version, all are computed again. Headlines are scored anew by their scorer's own hash.
    """
    raised = raised_versions(feature for feature in FEATURES if feature.family in (*FAMILIES, "market"))
    return f"{kind}_{raised}" if raised and kind in {PRICE_FEATURES, MARKET_SERIES} else kind


def build_memory_mb(raw_store: RawStore, snapshot: DataSnapshot) -> int:
    """Return what a build of every session of a snapshot may hold in memory, in megabytes."""
    pinned = set(snapshot.hashes(schemas.DAILY_BARS.name))
    bars = sum(part.rows for part in raw_store.parts(schemas.DAILY_BARS) if part.hash in pinned)
    return max(MEMORY_MB, bars * _BYTES_PER_BAR // 1_000_000)


def write_price_features(
    *,
    warehouse: Warehouse,
    snapshot: DataSnapshot,
    feature_parts: FeatureParts,
    library: FeatureLibrary,
    calendar: TradingCalendar,
) -> Written:
    """Compute and store price features and market series of the session and of every earlier one that is missing.

    The features of the library are stored beside them, of every session that lacks them.

    Raises:
        DataError: the base models do not hold the snapshot's parts, or a raw row is malformed.
    """
    oldest, past = _price_past(warehouse, snapshot, calendar)
    every = calendar.between(oldest, snapshot.session)
    if library.sets:
        for sessions in _chunks(_missing(feature_parts, library.parts_kind, every)):
            feature_parts.write(library.parts_kind, library_rows(past, library, sessions), sessions)
    prices, market = stored_kind(PRICE_FEATURES), stored_kind(MARKET_SERIES)
    wanted = _missing(feature_parts, prices, every)
    rows, last_rows, names = 0, 0, []
    for sessions in _chunks(wanted):
        feature_parts.write(market, market_rows(past, sessions), sessions)
        table = feature_rows(past, sessions)
        # The price part is written last: it is the one that says the sessions are done.
        names.append(feature_parts.write(prices, table, sessions))
        rows += table.num_rows
        last_rows = _count(table, snapshot.session)
    return Written(wanted, rows, last_rows, tuple(names))


def write_news_sentiment(
    *,
    warehouse: Warehouse,
    snapshot: DataSnapshot,
    feature_parts: FeatureParts,
    calendar: TradingCalendar,
    scorer: HeadlineScorer,
    weighing: NewsWeighing,
) -> Written:
    """Score and store the headlines of the session and of every earlier one that is missing.

    Raises:
        DataError: the base models do not hold the snapshot's parts.
    """
    news = known_rows(warehouse, snapshot, "news", _HEADLINE_COLUMNS)
    first = snapshot.session
    if news.num_rows:
        first = calendar.sessions[int(usable_positions(news, calendar).min())]
    sessions = calendar.between(first, snapshot.session)
    # Scores of two scorers do not belong into one history: another scorer, or other weights, score it anew.
    is_same = _scored_by(feature_parts, snapshot.session) in {None, scored_by(scorer, weighing)}
    wanted = _missing(feature_parts, NEWS_SENTIMENT, sessions) if is_same else tuple(sessions)
    rows = scored_headlines(news, sessions=wanted, calendar=calendar, scorer=scorer, weighing=weighing)
    part = feature_parts.write(NEWS_SENTIMENT, rows, wanted)
    return Written(wanted, rows.num_rows, _count(rows, snapshot.session), (part,))


def known_rows(warehouse: Warehouse, snapshot: DataSnapshot, table: str, columns: Sequence[str]) -> pa.Table:
    """Return the rows of a raw table that a snapshot holds and its cut-off knew, from the base models.

    Raises:
        DataError: the base models have not read all of the snapshot's parts.
    """
    pinned = list(snapshot.hashes(table))
    name = f"staging.stg_raw__{table}"
    names = ", ".join(columns)
    with warehouse.connect(read_only=True) as connection:
        held = {row[0] for row in connection.execute(f"select distinct part from {name}").fetchall()}  # noqa: S608 - own names
        if not held.issuperset(pinned):
            raise DataError(
                f"{name} lacks {len(set(pinned) - held)} of the {len(pinned)} raw parts pinned for "
                f"{snapshot.session}: materialize the base models of this session first"
            )
        # Usually every part is pinned, and a filter on a million rows would only cost.
        pin = "" if held == set(pinned) else "part in (select unnest($parts::varchar[])) and "
        parameters = {"as_of": snapshot.as_of, **({"parts": pinned} if pin else {})}
        found = connection.execute(f"select {names} from {name} where {pin}known_at <= $as_of", parameters)  # noqa: S608 - own names
        return found.to_arrow_table()


def _price_past(warehouse: Warehouse, snapshot: DataSnapshot, calendar: TradingCalendar) -> tuple[date, PricePast]:
    # The raw rows end with this function: what is computed from them is large enough.
    with warehouse.kept_open():
        bars = known_rows(warehouse, snapshot, "daily_bars", BAR_COLUMNS)
        actions = known_rows(warehouse, snapshot, "corporate_actions", ACTION_COLUMNS)
        membership = known_rows(warehouse, snapshot, "membership", MEMBERSHIP_COLUMNS)
    oldest = first_session(bars)
    if oldest is None:
        raise DataError(f"no bar was known at the cut-off of {snapshot.session}: take in daily bars first")
    past = read_past(bars=bars, actions=actions, membership=membership, last=snapshot.session, calendar=calendar)
    return oldest, past


def _first_bar_session(raw_store: RawStore, snapshot: DataSnapshot) -> date | None:
    pinned = set(snapshot.hashes(schemas.DAILY_BARS.name))
    oldest = [
        low
        for part in raw_store.parts(schemas.DAILY_BARS)
        if part.hash in pinned
        for name, low, _ in part.ranges
        if name == "session"
    ]
    return date.fromisoformat(min(oldest)) if oldest else None


def _missing(feature_parts: FeatureParts, kind: str, sessions: Sequence[date]) -> tuple[date, ...]:
    stored = feature_parts.sessions(kind)
    return tuple(session for session in sessions if session not in stored or session == sessions[-1])


def _scored_by(feature_parts: FeatureParts, last: date) -> str | None:
    """Return the hash of what scored the newest stored headlines; empty for other columns, None where none is."""
    for part in reversed(feature_parts.in_force(NEWS_SENTIMENT, schema=SCORE_SCHEMA, last=last)):
        if not pq.read_schema(part.path).equals(SCORE_SCHEMA):
            return ""
        told = pq.read_table(part.path, columns=["lexicon_hash"], use_threads=False).column("lexicon_hash")
        if len(told):
            return str(told[0].as_py())
    return None


def _chunks(sessions: Sequence[date]) -> Iterator[Sequence[date]]:
    for begin in range(0, len(sessions), SESSIONS_PER_PART):
        yield sessions[begin : begin + SESSIONS_PER_PART]


def _count(rows: pa.Table, session: date) -> int:
    return int(pc.sum(pc.equal(rows.column("session"), pa.scalar(session))).as_py() or 0)
