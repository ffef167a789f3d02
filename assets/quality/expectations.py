"""Great Expectations suites as data, one per table, run on the rows that are new in the session.

They say what a column may hold at all; rules that need a second table or the past live beside this module. The library
takes seconds to import, so it is imported when the first suite runs, and its telemetry is off before that.
"""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from assets.quality.policy import GatePolicy
from assets.quality.raw_evidence import RawEvidence
from assets.quality.verdicts import EVIDENCE_ROWS, Check, Verdict
from assets.row_versions import newest_versions
from assets.schemas import CORPORATE_ACTIONS, DAILY_BARS, EVENTS, FILINGS, NEWS, SECURITIES, RawTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One demand on a table, for a person and in the library's own words.

    Attributes:
        name: unique within its suite; what the certificate calls it.
        demand: what every row must hold, as a person says it; the threshold in the certificate and on the page.
        kind: class name in `great_expectations.expectations`.
        arguments: its arguments.
        is_tolerant: a share of rows, as `GatePolicy.max_excluded_share` says, or few enough symbols may break it;
            else none may.
    """

    name: str
    demand: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    is_tolerant: bool = False


def _not_null(column: str) -> Expectation:
    return Expectation(
        name=f"{column}_present",
        demand=f"{column} is there",
        kind="ExpectColumnValuesToNotBeNull",
        arguments={"column": column},
    )


def _within(column: str, low: float, high: float, *, is_tolerant: bool = False) -> Expectation:
    return Expectation(
        name=f"{column}_in_range",
        demand=f"{column} lies between {_plain(low)} and {_plain(high)}",
        kind="ExpectColumnValuesToBeBetween",
        arguments={"column": column, "min_value": low, "max_value": high},
        is_tolerant=is_tolerant,
    )


def _one_of(column: str, *values: str) -> Expectation:
    return Expectation(
        name=f"{column}_known",
        demand=f"{column} is {' or '.join(values)}",
        kind="ExpectColumnValuesToBeInSet",
        arguments={"column": column, "value_set": list(values)},
    )


def _length(column: str, most: int) -> Expectation:
    return Expectation(
        name=f"{column}_length",
        demand=f"{column} has 1 to {_plain(most)} characters",
        kind="ExpectColumnValueLengthsToBeBetween",
        arguments={"column": column, "min_value": 1, "max_value": most},
    )


def _not_before(later: str, earlier: str) -> Expectation:
    return Expectation(
        name=f"{later}_not_before_{earlier}",
        demand=f"{later} is not before {earlier} where both are known",
        kind="ExpectColumnPairValuesAToBeGreaterThanB",
        arguments={
            "column_A": later,
            "column_B": earlier,
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        },
    )


def _plain(number: float) -> str:
    """Return a number without exponent or trailing zeros; six decimals are enough for every bound here."""
    return f"{number:,.6f}".rstrip("0").rstrip(".")


_LARGEST_PRICE_USD: Final = 10_000_000.0
_LARGEST_VOLUME_SHARES: Final = 1e11
_LARGEST_FIGURE_USD: Final = 1e14
_LONGEST_SYMBOL: Final = 16
_LONGEST_HEADLINE: Final = 10_000

RAW_SUITES: Final[Sequence[tuple[RawTable, tuple[Expectation, ...]]]] = (
    (
        DAILY_BARS,
        (
            _length("symbol", _LONGEST_SYMBOL),
            _within("close_usd", 1e-6, _LARGEST_PRICE_USD, is_tolerant=True),
            _within("volume_shares", 0, _LARGEST_VOLUME_SHARES, is_tolerant=True),
        ),
    ),
    (
        CORPORATE_ACTIONS,
        (_length("symbol", _LONGEST_SYMBOL), _one_of("action", "split", "dividend"), _within("value", 1e-6, 1e6)),
    ),
    (SECURITIES, (_length("symbol", _LONGEST_SYMBOL), _not_before("delisted_session", "listed_session"))),
    (NEWS, (_length("headline", _LONGEST_HEADLINE), _not_before("known_at", "published_at"))),
    (
        FILINGS,
        (
            _length("metric", 64),
            _within("value", -_LARGEST_FIGURE_USD, _LARGEST_FIGURE_USD),
            _within("duration_months", 0, 12),
        ),
    ),
    (EVENTS, (_length("symbol", _LONGEST_SYMBOL), _one_of("kind", "earnings", "macro"))),
)

FEATURE_SUITE: Final[tuple[Expectation, ...]] = (
    _not_null("symbol"),
    Expectation(
        name="rows_unique",
        demand="session and symbol name one row",
        kind="ExpectCompoundColumnsToBeUnique",
        arguments={"column_list": ["session", "symbol"]},
    ),
    _within("rsi_14", 0.0, 100.0),
    _within("rank_return_20d", 0.0, 1.0),
    _within("volatility_20d", 0.0, 10.0),
)


def judge_suite(
    suite: Sequence[Expectation], rows: pa.Table, *, policy: GatePolicy, excludable: int = 0
) -> tuple[Verdict, ...]:
    """Return one verdict per expectation on the rows, in the suite's order.

    So many symbols as are `excludable` may break a tolerant expectation whatever their share of the rows: the rules on
    bars leave them out, and in a small universe one is a large share. A table without new rows has nothing to judge and
    passes, saying so: whether rows are missing is asked elsewhere.
    """
    if rows.num_rows == 0:
        return (Verdict(passed=True, value="no new rows: skipped", threshold=f"{len(suite)} expectations"),)
    mostly = 1.0 - policy.max_excluded_share
    frame = as_frame(rows)
    results = _validate(suite, frame, mostly=mostly)
    return tuple(
        _verdict(expectation, result, frame, mostly=mostly, excludable=excludable)
        for expectation, result in zip(suite, results, strict=True)
    )


def as_frame(rows: pa.Table) -> pd.DataFrame:
    """Return rows as a frame; decimals become floats, because the library compares only plain numbers."""
    fields = [
        pa.field(column.name, pa.float64() if pa.types.is_decimal(column.type) else column.type)
        for column in rows.schema
    ]
    frame: pd.DataFrame = rows.cast(pa.schema(fields)).to_pandas()
    return frame


def _validate(suite: Sequence[Expectation], frame: pd.DataFrame, *, mostly: float) -> list[Any]:
    gx, rows = _library()
    wanted = [
        getattr(gx.expectations, each.kind)(**each.arguments, **({"mostly": mostly} if each.is_tolerant else {}))
        for each in suite
    ]
    with warnings.catch_warnings():
        # Deprecations inside the library are its maintainers' business; ours are errors in our own tests.
        warnings.simplefilter("ignore")
        found = rows.get_batch(batch_parameters={"dataframe": frame}).validate(
            gx.ExpectationSuite(name="suite", expectations=wanted),
            # Only the whole result says which rows are at fault.
            result_format="COMPLETE" if any(each.is_tolerant for each in suite) else "BASIC",
        )
    by_config = {_identity(result.expectation_config): result for result in found.results}
    return [by_config[_identity(each.configuration)] for each in wanted]


def _identity(configuration: Any) -> str:
    kept = {name: value for name, value in configuration.kwargs.items() if name not in {"batch_id", "mostly"}}
    return f"{configuration.type}:{sorted(kept.items(), key=str)}"


@cache
def _library() -> tuple[Any, Any]:
    """Import the library once per process, silent and offline; return it with the batch every frame is handed to.

    One batch for all suites: each change of a context writes its whole configuration again, 25 ms a suite.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx  # noqa: PLC0415 - four to seven seconds; definitions must load without it
        from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415 - same library

        context = gx.get_context(mode="ephemeral")
        context.enable_analytics(enable=False)
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        source = context.data_sources.add_pandas("rows")
        rows = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("rows")
    return gx, rows


def _verdict(expectation: Expectation, result: Any, frame: pd.DataFrame, *, mostly: float, excludable: int) -> Verdict:
    found = result.result or {}
    error = _error_text(result.exception_info)
    broken, total = found.get("unexpected_count", 0), found.get("element_count", 0)
    samples = [str(value)[:100] for value in found.get("partial_unexpected_list", [])]
    share, is_tolerated = "every row", False
    if expectation.is_tolerant:
        share = f"at least {mostly:.2%} of rows" + (f" or all but {excludable} symbols" if excludable else "")
        # A failure that names no row, or rows without a symbol, leaves nobody out and so is never tolerated for it.
        at_fault = frame.loc[found.get("unexpected_index_list") or [], "symbol"]
        is_tolerated = 0 < at_fault.nunique() <= excludable and not at_fault.hasnans
    passed = (bool(result.success) or is_tolerated) and not error
    observed = f"{broken or 'none'} of {total} rows {'breaks' if broken < 2 else 'break'} it"
    return Verdict(
        passed=passed,
        value="unknown" if error else observed,
        threshold=f"in {share}, {expectation.demand}",
        reason="" if passed else error or f"{observed}, such as {', '.join(samples[:3])}",
        detail=expectation.name,
        offenders=tuple({"expectation": expectation.name, "value": sample} for sample in samples[:EVIDENCE_ROWS]),
    )


def _error_text(info: Mapping[str, Any] | None) -> str:
    """Return what the library says an expectation died of; empty when it ran."""
    if not info:
        return ""
    each = [info] if "raised_exception" in info else [value for value in info.values() if isinstance(value, Mapping)]
    messages = [str(item.get("exception_message")) for item in each if item.get("raised_exception")]
    return f"the expectation could not be judged: {messages[0][:300]}" if messages else ""


def expectation_checks() -> Sequence[Check[RawEvidence]]:
    """Return one check per raw table that has a suite, in declared order."""
    return [
        Check(
            name=f"{table.name}_expectations",
            subject=f"raw/{table.name}",
            promise=f"new rows of raw/{table.name} hold what their columns may hold",
            judge=_judge_with(table, suite),
        )
        for table, suite in RAW_SUITES
    ]


def _judge_with(table: RawTable, suite: tuple[Expectation, ...]) -> Callable[[RawEvidence], tuple[Verdict, ...]]:
    def judge(evidence: RawEvidence) -> tuple[Verdict, ...]:
        is_tolerant = any(each.is_tolerant for each in suite)
        return judge_suite(
            suite,
            # A row that a correction has replaced since is nobody's truth any more.
            newest_versions(table, evidence.new(table)),
            policy=evidence.policy,
            excludable=evidence.policy.excludable(len(evidence.listed)) if is_tolerant else 0,
        )

    return judge
