"""Why-rows as Parquet files named by the hash of their bytes; equal rows give equal bytes.

The plan writes one file, the settle a second that repeats the rows with what came of them; the second names the first.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from execution.domain.decisions import WhyRow
from execution.domain.quantities import SHARE_DECIMALS_MAX, share_decimals, stated_shares
from execution.ports import Artifacts

FOLDER: Final = "why_rows"
_SUFFIX: Final = ".parquet"
_MONEY: Final = pa.decimal128(18, 6)
_TEXT: Final = pa.string()
_SHARES: Final = ("held_shares", "shares", "filled_shares")
_JSON_COLUMNS: Final = ("contributions", "features", "checks")

SCHEMA: Final = pa.schema(
    [
        pa.field("session", pa.date32(), nullable=False),
        pa.field("symbol", _TEXT, nullable=False),
        pa.field("outcome", _TEXT, nullable=False),
        pa.field("stage", _TEXT, nullable=False),
        pa.field("reason", _TEXT, nullable=False),
        pa.field("checks", _TEXT, nullable=False),
        pa.field("score", pa.float64()),
        pa.field("expected_return_bps", pa.float64()),
        pa.field("probability_up", pa.float64()),
        pa.field("contributions", _TEXT, nullable=False),
        pa.field("features", _TEXT, nullable=False),
        pa.field("features_hash", _TEXT),
        pa.field("sector", _TEXT),
        pa.field("regime", _TEXT),
        pa.field("vix", pa.float64()),
        pa.field("close_usd", _MONEY),
        pa.field("atr14_usd", _MONEY),
        pa.field("target_weight", _MONEY),
        pa.field("held_shares", pa.int64(), nullable=False),
        pa.field("shares", pa.int64(), nullable=False),
        pa.field("limit_usd", _MONEY),
        pa.field("stop_usd", _MONEY),
        pa.field("client_order_id", _TEXT),
        pa.field("filled_shares", pa.int64()),
        pa.field("average_fill_usd", _MONEY),
        pa.field("fee_usd", _MONEY),
        pa.field("not_filled_reason", _TEXT),
        pa.field("decision_source", _TEXT),
        pa.field("batch_hash", _TEXT),
        pa.field("model_hash", _TEXT),
        pa.field("certificate_hash", _TEXT),
        pa.field("snapshot_hash", _TEXT),
        pa.field("settings_hash", _TEXT, nullable=False),
        pa.field("code_hash", _TEXT, nullable=False),
        pa.field("limits_hash", _TEXT, nullable=False),
        pa.field("plan_hash", _TEXT, nullable=False),
    ]
)


_PARTS: Final = pa.decimal128(28, SHARE_DECIMALS_MAX)


def schema_holding(schema: pa.Schema, rows: Sequence[Mapping[str, Any]]) -> pa.Schema:
    """Return a schema whose numbers of shares are decimals where one of the rows holds a part of a share.

    A table of whole shares keeps its integers, and so its bytes.
    """
    parts = {name for row in rows for name, value in row.items() if name.endswith("shares") and _is_part(value)}
    fields = [field.with_type(_PARTS) if field.name in parts else field for field in schema]
    return pa.schema(fields, metadata=schema.metadata)


def _is_part(value: Any) -> bool:
    return isinstance(value, Decimal) and share_decimals(value) > 0


@dataclass(frozen=True, slots=True)
class WhyPage:
    """What one file holds: a row per symbol, sorted, and the hash of the file these rows finish."""

    rows: tuple[WhyRow, ...]
    previous_hash: str | None


def parquet_bytes(table: pa.Table) -> bytes:
    """Return a table as Parquet bytes that depend on its content and the pinned pyarrow only."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", version="2.6")
    return buffer.getvalue()


def write_why_rows(artifacts: Artifacts, rows: Sequence[WhyRow], *, previous_hash: str | None = None) -> str:
    """Store rows sorted by symbol and return the hash of the file.

    Args:
        artifacts: where the file goes.
        rows: one row per symbol.
        previous_hash: the file these rows finish; None for a plan's own.
    """
    page = WhyPage(tuple(sorted(rows, key=lambda row: row.symbol)), previous_hash)
    return artifacts.keep(FOLDER, page, _encoded, suffix=_SUFFIX)


def read_why_rows(artifacts: Artifacts, artifact_hash: str) -> tuple[WhyRow, ...]:
    """Return the rows of a hash, sorted by symbol.

    Raises:
        CorruptArtifact: the file is missing, or its bytes have another hash.
    """
    return artifacts.kept(FOLDER, artifact_hash, _decoded, suffix=_SUFFIX).rows


def why_table(artifacts: Artifacts, artifact_hash: str) -> pa.Table:
    """Return the rows of a hash as a table; its metadata names the file it finishes under `previous`.

    Raises:
        CorruptArtifact: the file is missing, or its bytes have another hash.
    """
    return _table(artifacts.read(FOLDER, artifact_hash, suffix=_SUFFIX))


def _encoded(page: WhyPage) -> bytes:
    columns = [_columns(row) for row in page.rows]
    metadata = {"previous": page.previous_hash or ""}
    schema = schema_holding(SCHEMA.with_metadata(metadata), columns)
    return parquet_bytes(pa.Table.from_pylist(columns, schema=schema))


def _decoded(data: bytes) -> WhyPage:
    table = _table(data)
    previous_hash = (table.schema.metadata or {}).get(b"previous", b"").decode() or None
    return WhyPage(tuple(_row(columns) for columns in table.to_pylist()), previous_hash)


def _table(data: bytes) -> pa.Table:
    # Threads of pyarrow 26 now and then abort a process at its very end, and a verb would lose its exit code.
    return pq.read_table(pa.BufferReader(data), use_threads=False)


def _columns(row: WhyRow) -> dict[str, Any]:
    columns: dict[str, Any] = {field.name: getattr(row, field.name) for field in SCHEMA}
    for name in _JSON_COLUMNS:
        columns[name] = orjson.dumps(columns[name], option=orjson.OPT_SORT_KEYS).decode()
    for name in _SHARES:
        columns[name] = stated_shares(columns[name])
    for field in SCHEMA:
        if field.type == _MONEY and columns[field.name] is not None:
            # Six decimals are what the column holds; the mean of several fills may have more.
            columns[field.name] = round(columns[field.name], 6)
    return columns


def _row(columns: dict[str, Any]) -> WhyRow:
    plain = {**columns, **{name: orjson.loads(columns[name]) for name in _JSON_COLUMNS}}
    plain |= {name: stated_shares(columns[name]) for name in _SHARES}
    return msgspec.convert(plain, WhyRow, strict=False)
