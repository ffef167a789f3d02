"""Take in what is new of every raw table up to a session's cut-off, and write the tape of its trading.

The first time that is the whole history, in one part per calendar year; later one part per session that brought
something. Sessions nobody asked for are caught up with the next one that is, and so is what a source that goes on could
not tell yet when it was asked before a session's cut-off. Asking again finds nothing new.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from assets import schemas
from assets.ingest.sources import MarketSources
from assets.raw_part import Part
from assets.raw_store import RawStore
from assets.schemas import RawTable
from assets.snapshots import DataSnapshot, SnapshotStore
from execution.brokers.tape import write_tape
from execution.domain.errors import DataError, NotKnownYet
from execution.trading_calendar import TradingCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What one session's intake of one raw table did.

    Attributes:
        table: name of the raw table.
        session: the session asked for.
        has_source: whether there is a source for the table at all.
        offered_rows: how many rows the source delivered.
        told_by: the providers that told them, by name, sorted; more than one where one stood in for another.
        parts: the parts stored, oldest first; empty when nothing was new.
    """

    table: str
    session: date
    has_source: bool
    offered_rows: int
    told_by: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def new_rows(self) -> int:
        """How many rows were stored."""
        return sum(part.rows for part in self.parts)


def take_in(
    sources: MarketSources,
    store: RawStore,
    table: RawTable,
    *,
    session: date,
    recorded_at: datetime,
    calendar: TradingCalendar,
    pinned_until: datetime | None = None,
) -> Intake:
    """Store everything new of one table that was known at a session's cut-off.

    A source whose past may have changed since the last intake (an edited file) is read from its beginning again, up to
    the newest session taken in even where an older one is asked for; what it repeats is dropped, what it contradicts
    becomes known at `recorded_at`. So does what comes too late for a session that is pinned: its cut-off is
    `pinned_until`, None while nothing is pinned.

    Raises:
        NotKnownYet: it is recorded before the session's bars are known. The session would count as taken in, and
            neither it nor any before it would be asked for again.
        DataError: the source broke its contract or is of another market than what is stored, or the session lies
            before its first.
    """
    known_at = calendar.bars_known_at(session)
    if recorded_at < known_at:
        raise NotKnownYet(
            f"raw/{table.name} of {session} is taken in from {known_at.isoformat()} on, when the session's bars are "
            f"known, and the clock stands at {recorded_at.isoformat()}: its rows would count as whole without what is "
            "still to come; wait for that instant, when the session's own run takes it in, or name a session that has "
            "closed"
        )
    if session < sources.first_session:
        raise DataError(f"{sources.name} begins with {sources.first_session}: {session} cannot be taken in")
    store.bind(sources.market)
    revision = sources.revision(table)
    latest = store.latest_session(table)
    is_revised = latest is not None and revision != store.latest_revision(table)
    # Cut short at an older session, what was told since would be missing, and missing is read as taken back.
    spans = (
        [(None, max(session, latest))]
        if latest is not None and is_revised
        else _spans(
            calendar,
            first=sources.first_session,
            latest=latest,
            asked_until=_asked_until(sources, store, table, latest=latest, calendar=calendar),
            session=session,
        )
    )
    offered, parts, told_by = 0, [], set[str]()
    for after, until in spans:
        rows = _asked(sources, table, after=after, upto=calendar.as_of(until))
        offered += rows.num_rows
        told_by |= set(pc.unique(rows.column("source")).to_pylist())
        part = store.append(
            table,
            rows,
            session=until,
            recorded_at=recorded_at,
            revision=revision,
            pinned_until=pinned_until,
            is_whole_past=is_revised,
        )
        parts += [part] if part is not None else []
    return Intake(
        table=table.name,
        session=session,
        has_source=sources.has(table),
        offered_rows=offered,
        told_by=tuple(sorted(told_by)),
        parts=tuple(parts),
    )


def session_rows(store: RawStore, table: RawTable, *, session: date, calendar: TradingCalendar) -> int:
    """Return how many rows of a table are stored that became known between the cut-off before and a session's own.

    A session is taken in after its close and again at its cut-off, when little or nothing is new: this is both.
    """
    place = calendar.index(session)
    after = calendar.as_of(calendar.sessions[place - 1]) if place else None
    return store.count(table, after=after, upto=calendar.as_of(session))


def pin_snapshot(
    store: RawStore, snapshots: SnapshotStore, *, session: date, now: datetime, calendar: TradingCalendar
) -> DataSnapshot:
    """Pin the parts a session may read, as of its cut-off, and return the list.

    Raises:
        NotKnownYet: the cut-off has not come. Whatever is known by the cut-off of a pin and comes later is late, so
            that an early pin would make everything late that its session is still to be told.
    """
    cut_off = calendar.as_of(session)
    if now < cut_off:
        raise NotKnownYet(
            f"the cut-off of {session} is {cut_off.isoformat()} and the clock stands at {now.isoformat()}: a pin made "
            "earlier would miss what is still to come; wait for the cut-off, when the session's cycle pins it by "
            "itself, or name a session whose cut-off has come"
        )
    snapshot = store.snapshot(session=session, as_of=cut_off)
    snapshots.pin(snapshot)
    return snapshot


def listed_rows(store: RawStore, snapshot: DataSnapshot) -> tuple[int, datetime | None, datetime | None]:
    """Return how many rows the parts of a snapshot hold, and from when to when they became known; None without any.

    Rows that became known after the cut-off are counted too: a part is listed whole, its reader leaves them out.
    """
    parts = [
        part
        for table in schemas.ALL
        for hashes in [frozenset(snapshot.hashes(table.name))]
        for part in store.parts(table)
        if part.hash in hashes
    ]
    known_from = min((part.min_known_at for part in parts), default=None)
    known_to = max((min(part.max_known_at, snapshot.as_of) for part in parts), default=None)
    return sum(part.rows for part in parts), known_from, known_to


def write_tapes(sources: MarketSources, root: Path, *, session: date, calendar: TradingCalendar) -> tuple[Path, ...]:
    """Write the tapes of a session and the next one, where its orders meet the market; fewer past the source's end."""
    tapes = ((day, sources.tape_rows(day)) for day in (session, calendar.next(session)))
    return tuple(write_tape(root, day, rows) for day, rows in tapes if rows)


def _asked_until(
    sources: MarketSources, store: RawStore, table: RawTable, *, latest: date | None, calendar: TradingCalendar
) -> datetime | None:
    """Return the instant up to which a table is taken in; None while it is empty.

    A recorded market tells a session whole. A source that goes on tells what has happened when it is asked, and the
    day's intake asks before the cut-off. What may be published later than the instant it is known from is asked for
    again for as long as that may take.
    """
    if latest is None:
        return None
    cut_off = calendar.as_of(latest)
    if sources.last_session is not None:
        return cut_off
    asked_until = min(cut_off, max(part.recorded_at for part in store.parts(table) if part.session == latest))
    return asked_until - table.published_within


def _spans(
    calendar: TradingCalendar, *, first: date, latest: date | None, asked_until: datetime | None, session: date
) -> Iterator[tuple[datetime | None, date]]:
    """Yield (after, last session) of each stretch to ask for: one per calendar year not yet taken in whole."""
    if latest is not None and asked_until is not None:
        first = latest if asked_until < calendar.as_of(latest) else calendar.next(latest)
        if first > session:
            return
    after, missing = asked_until, calendar.between(first, session)
    for _, year in groupby(missing, key=lambda day: day.year):
        *_, until = year
        yield after, until
        after = calendar.as_of(until)


def _asked(sources: MarketSources, table: RawTable, *, after: datetime | None, upto: datetime) -> pa.Table:
    rows = sources.rows(table, after=after, upto=upto)
    if rows.num_rows:
        known = pc.min_max(rows.column("known_at")).as_py()
        if known["max"] > upto or (after is not None and known["min"] <= after):
            raise DataError(
                f"{sources.name} delivered rows of raw/{table.name} known from {known['min']} to {known['max']}, "
                f"asked for later than {after} and no later than {upto}: fix the source"
            )
    return rows
