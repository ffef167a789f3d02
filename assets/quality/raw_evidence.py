"""The raw rows a gate looks at: what is new since the session before, and enough of the past to judge it by.

Rows are read when a check first asks for them, so that unreadable data turn checks red instead of stopping the gate.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from assets.carried_actions import MAX_CARRIED_SESSIONS
from assets.quality.policy import GatePolicy
from assets.raw_part import Part
from assets.raw_store import RawStore
from assets.row_versions import newest_versions
from assets.schemas import CORPORATE_ACTIONS, DAILY_BARS, INSTANT, SECURITIES, RawTable
from assets.snapshots import DataSnapshot
from execution.trading_calendar import TradingCalendar

_TICK = timedelta(microseconds=1)


class RawRows(Protocol):
    """Where raw rows come from: all versions, never one known after the cut-off."""

    def known(self, table: RawTable, *, since: datetime | None) -> pa.Table:
        """Return rows with `known_at` at or after an instant; every row when it is None."""
        ...

    def new(self, table: RawTable) -> pa.Table:
        """Return the rows that no proven session could see yet."""
        ...

    def newest_known_at(self, table: RawTable) -> datetime | None:
        """Return when the newest row became known; None for a table without rows."""
        ...


class StoredRows:
    """Rows of the parts one snapshot lists, and what they add to the snapshot of the session before."""

    def __init__(self, store: RawStore, *, snapshot: DataSnapshot, previous: DataSnapshot | None) -> None:
        self._store = store
        self._snapshot = snapshot
        self._previous = previous
        self._files: dict[str, dict[str, Path]] = {}
        self._indexed: dict[str, tuple[Part, ...]] = {}

    def known(self, table: RawTable, *, since: datetime | None) -> pa.Table:
        """Return rows with `known_at` from an instant to the cut-off, both included."""
        return self._read(table, self._parts(table, since=since), since=since)

    def new(self, table: RawTable) -> pa.Table:
        """Return rows of parts the earlier snapshot did not list, and rows it listed but could not know yet."""
        if self._previous is None:
            return self.known(table, since=None)
        listed = set(self._previous.hashes(table.name))
        unseen = [part for part in self._snapshot.hashes(table.name) if part not in listed]
        since = self._previous.as_of + _TICK
        ripened = [part for part in self._parts(table, since=since) if part in listed]
        return pa.concat_tables(
            [self._read(table, unseen, since=None), self._read(table, ripened, since=since)]
        ).combine_chunks()

    def newest_known_at(self, table: RawTable) -> datetime | None:
        """Return when the newest row not after the cut-off became known, from the index where it can tell."""
        parts, as_of = self._listed_parts(table), self._snapshot.as_of
        whole = [part.max_known_at for part in parts if part.max_known_at <= as_of]
        cut = [part.hash for part in parts if part.max_known_at > as_of]
        seen = pc.max(self._read(table, cut, since=None).column("known_at")).as_py()
        return max([*whole, *([seen.astimezone(UTC)] if seen is not None else [])], default=None)

    def _parts(self, table: RawTable, *, since: datetime | None) -> Sequence[str]:
        return [part.hash for part in self._listed_parts(table) if since is None or part.max_known_at >= since]

    def _listed_parts(self, table: RawTable) -> Sequence[Part]:
        if table.name not in self._indexed:
            mine = set(self._snapshot.hashes(table.name))
            self._indexed[table.name] = tuple(part for part in self._store.parts(table) if part.hash in mine)
        return self._indexed[table.name]

    def _read(self, table: RawTable, parts: Sequence[str], *, since: datetime | None) -> pa.Table:
        if not parts:
            return table.schema.empty_table()
        if table.name not in self._files:
            self._files[table.name] = {path.stem: path for path in self._store.paths(self._snapshot, table)}
        files = [str(self._files[table.name][part]) for part in parts]
        visible = pc.field("known_at") <= pa.scalar(self._snapshot.as_of, INSTANT)
        if since is not None:
            visible &= pc.field("known_at") >= pa.scalar(since, INSTANT)
        return ds.dataset(files, schema=table.schema, format="parquet").to_table(filter=visible, use_threads=False)


class RawEvidence:
    """What the raw checks of one session look at.

    Attributes:
        session: the exchange day judged.
        as_of: its cut-off.
        policy: the thresholds.
        calendar: exchange sessions.
        rows: where raw rows come from.
    """

    def __init__(
        self, *, session: date, as_of: datetime, rows: RawRows, policy: GatePolicy, calendar: TradingCalendar
    ) -> None:
        self.session = session
        self.as_of = as_of
        self.rows = rows
        self.policy = policy
        self.calendar = calendar
        self._new: dict[str, pa.Table] = {}

    def new(self, table: RawTable) -> pa.Table:
        """Return the rows that the session before could not see, read once."""
        if table.name not in self._new:
            self._new[table.name] = self.rows.new(table)
        return self._new[table.name]

    def let_go(self) -> None:
        """Forget the rows that only raw checks look at; whoever asks again has them read again.

        The first session of a home judges its whole history, and the features of that history are built meanwhile.
        """
        self._new.clear()
        for name in ("bar_versions", "bars", "actions"):
            self.__dict__.pop(name, None)

    @cached_property
    def quarantine_start(self) -> date:
        """The oldest session whose faults leave a symbol out."""
        position = self.calendar.index(self.session) - self.policy.quarantine_sessions + 1
        return self.calendar.sessions[max(0, position)]

    @cached_property
    def bar_versions(self) -> pa.Table:
        """Every version of the bars in reach: the quarantine with its run-up, or all bars when older ones are new.

        The run-up reaches the bar before each bar judged, over as many sessions as the features carry a price.
        """
        fresh = self.new(DAILY_BARS)
        if fresh.num_rows and pc.min(fresh.column("session")).as_py() < self.quarantine_start:
            return self.rows.known(DAILY_BARS, since=None)
        run_up = max(self.policy.stale_repeat_sessions, MAX_CARRIED_SESSIONS + 1)
        first = self.calendar.sessions[max(0, self.calendar.index(self.quarantine_start) - run_up)]
        since = self.calendar.opens_at(first)
        # A new row may claim to be known long ago; it is judged all the same.
        claimed_early = fresh.filter(pc.less(fresh.column("known_at"), pa.scalar(since, INSTANT)))
        return pa.concat_tables([self.rows.known(DAILY_BARS, since=since), claimed_early]).combine_chunks()

    @cached_property
    def bars(self) -> pd.DataFrame:
        """The newest version of each bar in reach, sorted by symbol and session.

        Columns: symbol, session (datetime64), the four prices in dollars (float64), volume_shares, is_halted,
        known_at (UTC), is_new (the session before could not see it).
        """
        frame = bar_frame(newest_versions(DAILY_BARS, self.bar_versions))
        fresh = self.new(DAILY_BARS)
        if fresh.num_rows >= len(frame) and fresh.num_rows == self.bar_versions.num_rows:
            return frame.assign(is_new=True)
        marks = bar_frame(fresh)[["symbol", "session", "known_at"]].drop_duplicates().assign(is_new=True)
        merged = frame.merge(marks, how="left", on=["symbol", "session", "known_at"])
        return merged.assign(is_new=merged["is_new"].eq(other=True))

    @cached_property
    def session_bars(self) -> pd.DataFrame:
        """The bars of the session itself."""
        return self.bars[self.bars["session"] == np.datetime64(self.session)]

    @cached_property
    def securities(self) -> pa.Table:
        """The newest version of each security known at the cut-off."""
        return newest_versions(SECURITIES, self.rows.known(SECURITIES, since=None))

    @cached_property
    def listed(self) -> tuple[str, ...]:
        """Symbols listed on the session, sorted; the last trading session still counts."""
        delisted = pc.fill_null(self.securities.column("delisted_session"), date.max)
        is_listed = pc.and_(
            pc.less_equal(self.securities.column("listed_session"), self.session),
            pc.greater_equal(delisted, self.session),
        )
        return tuple(sorted(self.securities.filter(is_listed).column("symbol").to_pylist()))

    @cached_property
    def actions(self) -> pd.DataFrame:
        """Splits and dividends known at the cut-off: symbol, session (datetime64, the ex-session), action, value."""
        newest = newest_versions(CORPORATE_ACTIONS, self.rows.known(CORPORATE_ACTIONS, since=None))
        return pd.DataFrame(
            {
                "symbol": newest.column("symbol").to_pandas().astype(str),
                "session": newest.column("ex_session").to_numpy().astype("datetime64[s]"),
                "action": newest.column("action").to_pandas().astype(str),
                "value": newest.column("value").cast(pa.float64()).to_numpy(),
            }
        )


def bar_frame(rows: pa.Table) -> pd.DataFrame:
    """Return daily bars as a frame with float prices; the order of rows is kept."""
    prices = ("open_usd", "high_usd", "low_usd", "close_usd")
    return pd.DataFrame(
        {
            "symbol": rows.column("symbol").to_pandas().astype(str),
            "session": rows.column("session").to_numpy().astype("datetime64[s]"),
            **{name: rows.column(name).cast(pa.float64()).to_numpy() for name in prices},
            "volume_shares": rows.column("volume_shares").to_numpy(),
            "is_halted": rows.column("is_halted").to_numpy(),
            "known_at": rows.column("known_at").to_numpy().astype("datetime64[us]"),
        }
    )
