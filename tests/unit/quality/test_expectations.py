"""Great Expectations suites: what they find, what they tolerate, and that they say why."""

import os
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from assets.quality.bar_checks import bar_checks
from assets.quality.expectations import FEATURE_SUITE, RAW_SUITES, Expectation, expectation_checks, judge_suite
from assets.quality.policy import GatePolicy
from assets.quality.verdicts import run_check
from assets.schemas import CORPORATE_ACTIONS, DAILY_BARS, EVENTS, FILINGS, NEWS, SECURITIES, RawTable
from tests.builders.quality import raw_evidence
from tests.builders.raw_market import CALENDAR, SESSION, a_raw_market, symbols_of

POLICY = GatePolicy()
MARKET = a_raw_market(n_sessions=14)
SUITES = {table.name: suite for table, suite in RAW_SUITES}
CHECKS = {check.name: check for check in expectation_checks()}


def failed(table: RawTable, rows: pa.Table) -> list[str]:
    return [verdict.detail for verdict in judge_suite(SUITES[table.name], rows, policy=POLICY) if not verdict.passed]


def changed(table: RawTable, **changes: object) -> pa.Table:
    """The market's rows of one table with the first row changed."""
    first, *others = MARKET.tables[table.name].to_pylist()
    return pa.Table.from_pylist([{**first, **changes}, *others], schema=table.schema)


@pytest.mark.parametrize("table", [table for table, _ in RAW_SUITES], ids=lambda table: table.name)
def test_clean_rows_meet_their_suite(table: RawTable) -> None:
    assert failed(table, MARKET.tables[table.name]) == []


@pytest.mark.parametrize(
    ("table", "column", "value", "expectation"),
    [
        (DAILY_BARS, "symbol", "A" * 17, "symbol_length"),
        (CORPORATE_ACTIONS, "action", "merger", "action_known"),
        (CORPORATE_ACTIONS, "value", Decimal(0), "value_in_range"),
        (
            SECURITIES,
            "delisted_session",
            MARKET.sessions[0] - timedelta(days=1),
            "delisted_session_not_before_listed_session",
        ),
        (NEWS, "headline", "", "headline_length"),
        (NEWS, "published_at", CALENDAR.closes_at(SESSION) + timedelta(days=1), "known_at_not_before_published_at"),
        (FILINGS, "value", 1e15, "value_in_range"),
        (FILINGS, "duration_months", 13, "duration_months_in_range"),
        (EVENTS, "kind", "rumour", "kind_known"),
    ],
)
def test_one_impossible_value_fails_its_expectation(
    table: RawTable, column: str, value: object, expectation: str
) -> None:
    assert failed(table, changed(table, **{column: value})) == [expectation]


@pytest.mark.parametrize("symbol", ["A" * 16, "B"])
def test_longest_and_shortest_symbols_pass(symbol: str) -> None:
    assert failed(DAILY_BARS, changed(DAILY_BARS, symbol=symbol)) == []


def test_listing_and_delisting_on_one_session_pass() -> None:
    assert failed(SECURITIES, changed(SECURITIES, delisted_session=MARKET.sessions[0])) == []


@pytest.mark.parametrize(("broken", "expected"), [(2, []), (3, ["close_usd_in_range"])])
def test_values_of_a_twentieth_of_the_bars_may_be_impossible(broken: int, expected: list[str]) -> None:
    rows = raw_evidence(MARKET).new(DAILY_BARS).to_pylist()
    bad = [{**row, "close_usd": Decimal(0)} for row in rows[:broken]] + rows[broken:]
    assert failed(DAILY_BARS, pa.Table.from_pylist(bad, schema=DAILY_BARS.schema)) == expected


@pytest.mark.parametrize(("broken", "passes"), [(1, True), (2, False)])
def test_expectations_tolerate_as_many_symbols_as_the_rules_on_bars(broken: int, *, passes: bool) -> None:
    market = a_raw_market(n_symbols=10, n_sessions=14)
    rules = {check.name: check for check in bar_checks()}
    for symbol in symbols_of(broken):
        market = market.with_bar(symbol, SESSION, close_usd=Decimal(0), low_usd=Decimal(0))
    checks = (CHECKS["daily_bars_expectations"], rules["positive_prices"])
    assert [run_check(check, raw_evidence(market)).passed for check in checks] == [passes, passes]


def test_table_without_new_rows_is_skipped_and_says_so() -> None:
    (verdict,) = judge_suite(SUITES["news"], NEWS.schema.empty_table(), policy=POLICY)
    assert verdict.passed
    assert verdict.value == "no new rows: skipped"


def test_failed_expectation_shows_offending_values() -> None:
    verdicts = judge_suite(SUITES["events"], changed(EVENTS, kind="rumour"), policy=POLICY)
    (verdict,) = [verdict for verdict in verdicts if not verdict.passed]
    assert verdict.offenders == ({"expectation": "kind_known", "value": "rumour"},)
    assert verdict.reason == "1 of 10 rows breaks it, such as rumour"


def told(table: RawTable, name: str, rows: pa.Table) -> tuple[str, str]:
    verdicts = judge_suite(SUITES[table.name], rows, policy=POLICY)
    (verdict,) = [verdict for verdict in verdicts if verdict.detail == name]
    return verdict.threshold, verdict.value


@pytest.mark.parametrize(
    ("table", "name", "demanded"),
    [
        (DAILY_BARS, "symbol_length", "in every row, symbol has 1 to 16 characters"),
        (
            DAILY_BARS,
            "close_usd_in_range",
            "in at least 95.00% of rows, close_usd lies between 0.000001 and 10,000,000",
        ),
        (EVENTS, "kind_known", "in every row, kind is earnings or macro"),
        (
            NEWS,
            "known_at_not_before_published_at",
            "in every row, known_at is not before published_at where both are known",
        ),
    ],
)
def test_a_person_reads_what_was_demanded_and_what_was_found(table: RawTable, name: str, demanded: str) -> None:
    rows = MARKET.tables[table.name]
    assert told(table, name, rows) == (demanded, f"none of {rows.num_rows} rows breaks it")


def test_every_demand_of_both_suites_is_in_plain_words() -> None:
    demands = [each.demand for suite in (*SUITES.values(), FEATURE_SUITE) for each in suite]
    assert not [demand for demand in demands if "Expect" in demand or "{" in demand or not demand]


def test_expectation_that_cannot_be_judged_is_failed_with_its_error() -> None:
    unknown = Expectation(
        name="ghost", demand="ghost is there", kind="ExpectColumnValuesToNotBeNull", arguments={"column": "ghost"}
    )
    (verdict,) = judge_suite([unknown], MARKET.tables["news"], policy=POLICY)
    assert not verdict.passed
    assert "ghost" in verdict.reason


def test_one_suite_does_not_remember_the_frame_before() -> None:
    dirty = changed(EVENTS, kind="rumour")
    clean = MARKET.tables["events"]
    assert [bool(failed(EVENTS, rows)) for rows in (clean, dirty, clean, dirty)] == [False, True, False, True]


def test_row_that_a_correction_replaced_is_not_judged() -> None:
    row = {**MARKET.tables["filings"].to_pylist()[0], "known_at": CALENDAR.closes_at(SESSION), "value": 1e15}
    corrected = {**row, "value": 1.0, "known_at": CALENDAR.as_of(SESSION)}
    check = CHECKS["filings_expectations"]
    assert not run_check(check, raw_evidence(MARKET.with_rows(FILINGS, [row]))).passed
    assert run_check(check, raw_evidence(MARKET.with_rows(FILINGS, [row, corrected]))).passed


def test_definitions_load_without_the_library() -> None:
    code = "import sys, assets.quality.defs; sys.exit('great_expectations' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, env=os.environ | {"PYTHONPATH": "."}).returncode == 0
    )


def test_without_a_symbol_to_leave_out_a_tolerant_expectation_is_judged_by_its_share() -> None:
    positive = next(each for each in SUITES["daily_bars"] if each.is_tolerant)
    price = DAILY_BARS.schema.field("close_usd").type
    rows = MARKET.tables["daily_bars"].slice(0, 10)
    place = rows.column_names.index("close_usd")
    broken = rows.set_column(place, "close_usd", pa.array([Decimal(0)] * 10, price))
    nameless = broken.set_column(rows.column_names.index("symbol"), "symbol", pa.nulls(10, pa.string()))
    for faulty in (broken, nameless):
        (verdict,) = judge_suite([positive], faulty, policy=POLICY)
        assert not verdict.passed
