"""How a folder of files maps to the raw tables: section `files` of `examples/real-data.yaml`, as one validated value.

A mapping names, per raw table, one or more files and for each contract column the file's column or a constant. Beside
the contract's own columns two more may be mapped to say when a row was known: `known_at` (an instant of the vendor's)
and `known_date` (only a day: known at the next session's open). Without either the rule of the table holds:

    daily_bars, indices        15 minutes after the session's close
    corporate_actions          the open of the ex-session
    news                       one minute after publication
    securities                 the listing's open, with its dateless attributes (assumed); a delisting the last close
    membership, watchlists     the open of the first session in, and of the first session out
    events                     21 sessions ahead of the event (assumed)
    filings                    none: map one, or state `assumed_lag_days` after the period's end

An end is never known before its day, nor before its row was told. Where listings follow from the bars, every row of
`securities` is a version: known from when it was told, and not before the listing's open. A listing that has ended is
left out where a later one of its symbol is known from the same instant, such as the data's start.

Where the instant is assumed and not told, the row's feed ends in `/assumed`, so that pages can say so.

What is unknown blocks: without `events` set `limits.earnings_blackout_sessions: 0`, and without sectors in `securities`
`limits.sector_max_weight: 1`, or nothing is ever bought.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from assets import schemas
from assets.ingest.sec_filings import METRICS

Scalar = str | int | float | bool
TableName = Literal[
    "daily_bars", "corporate_actions", "securities", "membership", "watchlists", "news", "filings", "events", "indices"
]
Months = Annotated[int, Field(ge=0, le=12)]
KNOWN_COLUMNS = frozenset({"known_at", "known_date"})
_STAMPED = frozenset({"source", "feed", "known_at"})
_DERIVABLE = {
    "daily_bars": frozenset({"is_halted"}),
    "securities": frozenset({"listed_session"}),
    "news": frozenset({"news_id"}),
    "filings": frozenset({"metric", "value", "duration_months"}),
}


class FilingMetric(BaseModel):
    """One column of a wide file of filings: which metric it holds and how many months it covers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = Field(min_length=1, description="The file's column.")
    months: Months | dict[str, Months] = Field(
        description="Months covered, 0 for a balance; or a table of them by the value of `months_by`."
    )
    months_by: str | None = Field(
        default=None, description="The file's column whose value chooses the months; null for the form."
    )


class TableFile(BaseModel):
    """One file of one raw table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(min_length=1, max_length=1_000, description="Path below the folder; links out of it are refused.")
    format: Literal["parquet", "csv"] | None = Field(default=None, description="Null: by the file's ending.")
    columns: dict[str, str] = Field(description="Contract column to the file's column.")
    constants: dict[str, Scalar] = Field(default={}, description="Contract column to one value for every row.")
    scale: dict[str, float] = Field(
        default={}, description="Contract column to the factor its numbers are multiplied by, such as 0.01 for cents."
    )
    skip_where: dict[str, tuple[Scalar, ...]] = Field(
        default={},
        description="The file's column to values that mark a row as no row of this table; numbers mark equal ones.",
    )
    metrics: dict[str, FilingMetric] = Field(
        default={}, description="Filings only: metric to column, for files with one row per report."
    )
    assumed_lag_days: int | None = Field(
        default=None, ge=1, le=400, description="Filings without any date: known this many days after the period's end."
    )
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="CSV only: what parts the columns.")
    date_format: str | None = Field(
        default=None, description="Format of dates that are text or numbers, such as %m/%d/%Y; null for ISO 8601."
    )
    timezone: str | None = Field(
        default=None,
        description="Zone of instants that name none, and of the day where an instant stands for one, such as "
        "America/New_York; null refuses both. A column of midnights in their own zone holds days in either case.",
    )
    quarantine: bool = Field(
        default=False,
        description="Leave out rows that break a rule of the table and report them; false refuses the whole file.",
    )

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, zone: str | None) -> str | None:
        if zone is not None:
            try:
                pc.assume_timezone(pa.scalar(0, pa.timestamp("us")), zone)
            except pa.ArrowException as error:
                raise ValueError(f"{zone!r} is no time zone; name one such as America/New_York or UTC") from error
        return zone


class FilesSourceSettings(BaseModel):
    """A folder of files and how they map to the raw tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="files", min_length=1, max_length=64, description="Name of the source, on every row.")
    folder: Path = Field(description="Where the files are; a relative path starts at the file that says it.")
    tables: dict[TableName, tuple[TableFile, ...]] = Field(description="Raw table to its files.")
    watchlists_file: str | None = Field(
        default=None, description="A YAML file of watchlist rows below the folder; null for none."
    )
    first_session: date | None = Field(default=None, description="Bars before this day are left out; null for none.")
    last_session: date | None = Field(default=None, description="Bars after this day are left out; null for none.")
    max_file_mb: int = Field(default=4_000, ge=1, le=100_000, description="Largest file that is opened, in megabytes.")
    max_rows: int = Field(default=100_000_000, ge=1, le=10_000_000_000, description="Most rows of one file.")

    @model_validator(mode="after")
    def _mapping_is_whole(self) -> Self:
        if not self.tables.get("daily_bars"):
            raise ValueError("tables.daily_bars is missing: a market without prices cannot be traded")
        for name, files in self.tables.items():
            for position, file in enumerate(files):
                fault = _fault(name, file)
                if fault:
                    raise ValueError(f"tables.{name}[{position}] ({file.file}): {fault}")
        _refuse_half_told_listings(self.tables.get("securities", ()))
        return self


def _refuse_half_told_listings(files: tuple[TableFile, ...]) -> None:
    """Refuse files of which some tell listings and some leave them to follow from the bars."""
    told = [file for file in files if "listed_session" in file.columns.keys() | file.constants.keys()]
    untold = [file for file in files if file not in told]
    if told and untold:
        fault = f"{told[0].file} tells listed_session and {untold[0].file} does not; tell it in all or none of them"
        raise ValueError(f"tables.securities: {fault}")


def _fault(name: str, file: TableFile) -> str:
    """Return what is wrong with one file's mapping, empty when nothing is."""
    table = schemas.BY_NAME[name]
    mapped = file.columns.keys() | file.constants.keys()
    allowed = (set(table.schema.names) - {"source", "feed"}) | KNOWN_COLUMNS
    unknown = sorted((mapped | file.scale.keys()) - allowed)
    if unknown:
        return f"columns {unknown} are none of {sorted(allowed)}"
    timed = sorted(file.constants.keys() & KNOWN_COLUMNS)
    if timed:
        return f"{timed} cannot be constants: rows become known one by one"
    required = {field.name for field in table.schema if not field.nullable} - _STAMPED
    missing = sorted(required - mapped - _DERIVABLE.get(name, frozenset()))
    if missing:
        return f"columns {missing} are neither mapped nor constant"
    if name == "securities" and "delisted_session" in mapped and "listed_session" not in mapped:
        return "delisted_session is told without listed_session; tell both, or none and both follow from the bars"
    if name != "filings":
        return "metrics and assumed_lag_days are for filings only" if file.metrics or file.assumed_lag_days else ""
    return _filings_fault(file, mapped)


def _filings_fault(file: TableFile, mapped: set[str]) -> str:
    long_form = {"metric", "value", "duration_months"} <= mapped
    if long_form == bool(file.metrics):
        return "map metric, value and duration_months, or state metrics: one of the two"
    unknown = sorted(file.metrics.keys() - set(METRICS))
    if unknown:
        return f"metrics {unknown} are none of {list(METRICS)}"
    if not (mapped & KNOWN_COLUMNS) and file.assumed_lag_days is None:
        return "map known_at or known_date, or state assumed_lag_days: a filing without a time would know the future"
    return ""
