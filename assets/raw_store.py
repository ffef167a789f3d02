"""Raw data as immutable Parquet parts: append, list as of, read as of, verify.

One folder per table: parts named by the hash of what they say, a zero-row `_schema.parquet`, and an index with one line
per part. The files are the truth; the index only spares readers the footers. A part whose line is missing (a crash
between the rename and the line) counts like any other, and the next append writes its line from the part's own footer.
Nothing here overwrites, and only `retire` deletes.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from assets import schemas
from assets.raw_part import Part, describe, encode_line, key_ranges, overlap, parse_line
from assets.row_versions import new_rows
from assets.schemas import INSTANT, RawTable
from assets.snapshots import DataSnapshot
from assets.table_content import canonical_order, conform, table_hash
from execution.domain.errors import CorruptArtifact, DataError
from execution.durable_files import DurableFiles

SCHEMA_FILE: Final = "_schema.parquet"
MARKET_FILE: Final = "market.txt"
_FOOTER_KEY: Final = b"touchstone.part"
_RETIRED: Final = b"retired "
_ROWS_PER_GROUP: Final = 131_072
_LOCK_SECONDS: Final = 120


class RawStore:
    """The append-only store of every raw table under one folder."""

    def __init__(self, root: Path, files: DurableFiles | None = None) -> None:
        self._root = root
        self._files = files or DurableFiles()

    def bind(self, market: str | None) -> None:
        """Bind the store to the one market its rows are of, at its first intake.

        Bars of two made markets would stand in one table as prices of one company, and no check of a day would see it.

        Args:
            market: what identifies a made market; None for an observed one, of which there is one only.

        Raises:
            DataError: the store holds the rows of another market.
        """
        path = self._root / MARKET_FILE
        bound = path.read_text(encoding="utf-8").strip() if path.exists() else None
        if bound is None and market is not None:
            self._root.mkdir(parents=True, exist_ok=True)
            self._files.publish(path, partial(_write_line, market))
        elif bound != market:
            raise DataError(
                f"found settings of {market or 'an observed market'}, expected {bound}, of which this home's raw rows "
                "are: set it back, or start a new home for another market"
            )

    def append(
        self,
        table: RawTable,
        rows: pa.Table,
        *,
        session: date,
        recorded_at: datetime,
        revision: str = "",
        pinned_until: datetime | None = None,
        is_whole_past: bool = False,
    ) -> Part | None:
        """Store what is new of a delivery as one part; None when nothing is.

        Rows equal to the stored version in force at their `known_at` are dropped. A contradiction whose own time is not
        later than what is stored, and any news a pinned session should have seen, becomes known at `recorded_at`
        (`assets.row_versions`). Safe to repeat and safe to run twice at once: the second finds nothing new.

        Args:
            table: the table's contract.
            rows: rows of exactly the table's schema, in any order.
            session: the session whose cycle takes them in.
            recorded_at: now, from the clock, timezone-aware.
            revision: which state of the source they come from, for sources that have states (files).
            pinned_until: cut-off of the newest session whose snapshot is pinned; None while none is.
            is_whole_past: the source tells everything it knows again, so what it returned to is a correction too.

        Raises:
            DataError: the rows break the contract, or another process holds the table for two minutes.
        """
        incoming = conform(table, rows)
        if incoming.num_rows == 0:
            return None
        with self._locked(table):
            self._adopt_orphans(table)
            stored = self._rivals(table, incoming)
            fresh = new_rows(
                table,
                incoming=incoming,
                stored=stored,
                recorded_at=recorded_at,
                pinned_until=pinned_until,
                retired_until=self._retired_until(table),
                is_whole_past=is_whole_past,
            )
            if fresh.num_rows == 0:
                return None
            fresh = canonical_order(table, fresh)
            part = describe(table, fresh, session=session, recorded_at=recorded_at, revision=revision)
            self._write(table, fresh, part)
            return part

    def read(
        self, table: RawTable, *, as_of: datetime, columns: Sequence[str] | None = None, only: Any = None
    ) -> pa.Table:
        """Return every row, all versions, that was known at an instant.

        Rows come part by part, earliest known first, each part sorted by `known_at` and fact key.

        Args:
            table: the table's contract.
            as_of: the instant.
            columns: names wanted; all of them when None.
            only: a pyarrow expression that further rows must meet; rows that do not are never held.
        """
        wanted = list(columns) if columns is not None else table.schema.names
        chosen = [part for part in self.parts(table) if part.min_known_at <= as_of]
        if not chosen:
            return table.schema.empty_table().select(wanted)
        paths = [str(self.path(table, part.hash)) for part in chosen]
        wanted_rows = pc.field("known_at") <= pa.scalar(as_of, INSTANT)
        if only is not None:
            wanted_rows &= only
        return ds.dataset(paths, schema=table.schema, format="parquet").to_table(columns=wanted, filter=wanted_rows)

    def count(self, table: RawTable, *, after: datetime | None, upto: datetime) -> int:
        """Return how many rows, all versions, became known after an instant and up to another.

        Parts that lie between the two whole are counted from the index; only one that an instant cuts is opened.

        Args:
            table: the table's contract.
            after: rows known at it or before it are left out; None for none.
            upto: the last instant that counts.
        """
        reached = [
            part
            for part in self.parts(table)
            if part.min_known_at <= upto and (after is None or part.max_known_at > after)
        ]
        whole = [part for part in reached if part.max_known_at <= upto and (after is None or part.min_known_at > after)]
        cut = [str(self.path(table, part.hash)) for part in reached if part not in whole]
        counted = sum(part.rows for part in whole)
        if cut:
            wanted = pc.field("known_at") <= pa.scalar(upto, INSTANT)
            if after is not None:
                wanted &= pc.field("known_at") > pa.scalar(after, INSTANT)
            counted += ds.dataset(cut, schema=table.schema, format="parquet").count_rows(filter=wanted)
        return counted

    def latest_session(self, table: RawTable) -> date | None:
        """Return the newest session whose cycle stored rows of the table; None when it is empty."""
        return max((part.session for part in self.parts(table)), default=None)

    def newest_known_at(self, table: RawTable) -> datetime | None:
        """Return when the newest row of the table became known; None when it is empty."""
        return max((part.max_known_at for part in self.parts(table)), default=None)

    def latest_revision(self, table: RawTable) -> str:
        """Return the source state the table's last recorded part came from; empty when there is none."""
        parts = self.parts(table)
        return max(parts, key=lambda part: part.recorded_at).revision if parts else ""

    def snapshot(self, *, session: date, as_of: datetime) -> DataSnapshot:
        """Return the parts that hold at least one row known at a session's cut-off, of every table."""
        listed = {
            table.name: tuple(sorted(part.hash for part in self.parts(table) if part.min_known_at <= as_of))
            for table in schemas.ALL
        }
        return DataSnapshot(session=session, as_of=as_of, parts=tuple(sorted(listed.items())))

    def paths(self, snapshot: DataSnapshot, table: RawTable) -> list[Path]:
        """Return the files of a snapshot's table, the zero-row schema file first, so that the list is never empty.

        Raises:
            CorruptArtifact: a file of the snapshot is gone.
        """
        self._ensure_schema_file(table)
        files = [self.path(table, part_hash) for part_hash in snapshot.hashes(table.name)]
        for path in files:
            if not path.exists():
                raise CorruptArtifact(f"part {path.name} of raw/{table.name} is gone: restore it from a backup")
        return [self._folder(table) / SCHEMA_FILE, *files]

    def parts(self, table: RawTable) -> tuple[Part, ...]:
        """Return every part of a table, indexed or not, ordered by first known instant, then hash.

        Raises:
            CorruptArtifact: an indexed part's file is gone.
        """
        on_disk = self._hashes_on_disk(table)
        indexed = self._indexed(table)
        lost = indexed.keys() - on_disk
        if lost:
            raise CorruptArtifact(f"raw/{table.name} lost {len(lost)} parts, first {min(lost)}: restore a backup")
        found = [indexed.get(part_hash) or self._from_footer(table, part_hash) for part_hash in on_disk]
        return tuple(sorted(found, key=lambda part: (part.min_known_at, part.hash)))

    def verify(self, snapshot: DataSnapshot | None = None) -> int:
        """Hash every part again, or those of one snapshot, and return how many were right.

        Raises:
            CorruptArtifact: a part is gone or cannot be read, or its rows do not have the hash it is named by.
        """
        checked = 0
        for table in schemas.ALL:
            whole = [part.hash for part in self.parts(table)]
            for part_hash in whole if snapshot is None else snapshot.hashes(table.name):
                path = self.path(table, part_hash)
                try:
                    rows = conform(table, pq.read_table(path))
                except (pa.ArrowException, OSError, DataError) as error:
                    raise CorruptArtifact(f"{path.name} of raw/{table.name} cannot be read: {error}") from error
                if table_hash(table, rows) != part_hash:
                    raise CorruptArtifact(f"{path.name} of raw/{table.name} has other rows than its name says")
                checked += 1
        return checked

    def retire(self, table: RawTable, part_hash: str) -> None:
        """Take a part out of the store, as when it was archived; rows in it are unknown here from then on.

        The index says so first: a part that is gone without that line counts as lost.
        """
        with self._locked(table):
            self._files.append_line(self._index(table), _RETIRED + part_hash.encode())
            self.path(table, part_hash).unlink()

    def _write(self, table: RawTable, rows: pa.Table, part: Part) -> None:
        self._ensure_schema_file(table)
        line = encode_line(part)
        stamped = rows.replace_schema_metadata({_FOOTER_KEY: line})
        self._files.publish(self.path(table, part.hash), lambda path: _write_parquet(stamped, path))
        self._files.append_line(self._index(table), line)

    def _adopt_orphans(self, table: RawTable) -> None:
        for part_hash in sorted(self._hashes_on_disk(table) - self._indexed(table).keys()):
            self._files.append_line(self._index(table), encode_line(self._from_footer(table, part_hash)))

    def _rivals(self, table: RawTable, incoming: pa.Table) -> pa.Table:
        """Return every stored version that may name a fact the incoming rows name."""
        ranges = key_ranges(table, incoming)
        overlapping = [part for part in self.parts(table) if overlap(part.ranges, ranges)]
        if not overlapping:
            return table.schema.empty_table()
        paths = [str(self.path(table, part.hash)) for part in overlapping]
        return ds.dataset(paths, schema=table.schema, format="parquet").to_table(filter=_within(table, incoming))

    def _ensure_schema_file(self, table: RawTable) -> None:
        folder = self._folder(table)
        if not (folder / SCHEMA_FILE).exists():
            folder.mkdir(parents=True, exist_ok=True)
            empty = table.schema.empty_table()
            self._files.publish(folder / SCHEMA_FILE, lambda path: _write_parquet(empty, path))

    def _indexed(self, table: RawTable) -> dict[str, Part]:
        return self._standing_and_retired(table)[0]

    def _retired_until(self, table: RawTable) -> datetime | None:
        """Return the newest instant rows that were retired had become known at; None while none were."""
        return max((part.max_known_at for part in self._standing_and_retired(table)[1]), default=None)

    def _standing_and_retired(self, table: RawTable) -> tuple[dict[str, Part], list[Part]]:
        try:
            lines = self._index(table).read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}, []
        standing: dict[str, Part] = {}
        retired = []
        for line in lines:
            part = parse_line(line)
            if part is not None:
                standing[part.hash] = part
            elif line.startswith(_RETIRED):
                gone = standing.pop(line.removeprefix(_RETIRED).decode(errors="replace"), None)
                retired += [gone] if gone is not None else []
        return standing, retired

    def _from_footer(self, table: RawTable, part_hash: str) -> Part:
        path = self.path(table, part_hash)
        try:
            metadata = pq.read_schema(path).metadata or {}
        except (pa.ArrowException, OSError) as error:
            raise CorruptArtifact(f"{path.name} of raw/{table.name} cannot be read: {error}") from error
        part = parse_line(metadata.get(_FOOTER_KEY, b""))
        if part is None or part.hash != part_hash:
            raise CorruptArtifact(f"{path.name} of raw/{table.name} is no part of this store: remove it")
        return part

    def _hashes_on_disk(self, table: RawTable) -> set[str]:
        folder = self._folder(table)
        if not folder.exists():
            return set()
        return {
            name.removesuffix(".parquet")
            for name in os.listdir(folder)  # noqa: PTH208 - a Path per part costs more than the listing
            if name.endswith(".parquet") and name != SCHEMA_FILE and not name.startswith(".")
        }

    @contextmanager
    def _locked(self, table: RawTable) -> Iterator[None]:
        self._folder(table).mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._folder(table) / ".lock", timeout=_LOCK_SECONDS):
                yield
        except Timeout:
            raise DataError(
                f"raw/{table.name} is being written by another process: wait for it and try again"
            ) from None

    def _folder(self, table: RawTable) -> Path:
        return self._root / table.name

    def _index(self, table: RawTable) -> Path:
        return self._folder(table) / "parts.jsonl"

    def path(self, table: RawTable, part_hash: str) -> Path:
        """Return where a part of a table lies, whether it exists or not."""
        return self._folder(table) / f"{part_hash}.parquet"


def _within(table: RawTable, rows: pa.Table) -> Any:
    """Return a filter on the ranges of the fact key, which lets Parquet skip row groups."""
    expression = None
    for name in table.fact_key:
        bound = pc.min_max(rows.column(name))
        inside = (pc.field(name) >= bound["min"]) & (pc.field(name) <= bound["max"])
        expression = inside if expression is None else expression & inside
    return expression


def _write_line(text: str, path: Path) -> None:
    path.write_text(f"{text}\n", encoding="utf-8")


def _write_parquet(rows: pa.Table, path: Path) -> None:
    # Decimals as 64-bit integers are half the size and every reader in use knows them.
    pq.write_table(
        rows, path, compression="zstd", row_group_size=_ROWS_PER_GROUP, store_decimal_as_integer=True, version="2.6"
    )
