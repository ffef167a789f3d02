"""Each rule on features, at its boundary, against marts on disk."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from assets.feature_catalogue import NAMES, of_family
from assets.quality.feature_checks import FEATURE_CHECKS
from assets.quality.feature_evidence import FeatureEvidence
from assets.quality.policy import GatePolicy
from assets.quality.verdicts import Report, run_check
from assets.schemas import FILINGS, NEWS
from assets.warehouse import Warehouse
from tests.builders.marts import BuiltMarts, some_marts
from tests.builders.quality import raw_evidence
from tests.builders.raw_market import CALENDAR, SESSION, RawMarket, a_raw_market, symbols_of

CHECKS = {check.name: check for check in FEATURE_CHECKS}
MARKET = a_raw_market(n_sessions=14)
DENSE = [
    feature.name
    for family in ("price", "volume", "risk", "indicator", "level", "rank", "market")
    for feature in of_family(family)  # type: ignore[arg-type] # a loop over literals
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltMarts:
    return some_marts(tmp_path_factory.mktemp("marts"), MARKET)


@pytest.fixture
def marts(built: BuiltMarts, tmp_path: Path) -> BuiltMarts:
    """Marts of its own for a test to spoil: a copy costs a tenth of building them."""
    shutil.copy(built.warehouse.path, tmp_path / "warehouse.duckdb")
    return BuiltMarts(Warehouse(tmp_path / "warehouse.duckdb"))


def report(name: str, marts: BuiltMarts, market: RawMarket = MARKET, **changes: Any) -> Report:
    evidence = FeatureEvidence(raw=raw_evidence(market, **changes), marts=marts.warehouse, recompute=marts.recompute)
    return run_check(CHECKS[name], evidence)


def blank(marts: BuiltMarts, columns: list[str], where: str = "true") -> None:
    assignments = ", ".join(f"{name} = null" for name in columns)
    marts.run(f"update marts.fct_features set {assignments} where session = date '{SESSION}' and {where}")  # noqa: S608 - own names


@pytest.mark.parametrize("name", list(CHECKS))
def test_complete_features_pass(name: str, marts: BuiltMarts) -> None:
    found = report(name, marts)
    assert found.passed, found.outcomes
    assert found.excluded == {}


@pytest.mark.parametrize(
    "mart", ["fct_features", "fct_universe", "fct_trading_facts", "fct_market_context", "fct_total_returns"]
)
def test_mart_without_the_session_is_stale(mart: str, marts: BuiltMarts) -> None:
    marts.run(f"delete from marts.{mart} where session = date '{SESSION}'")  # noqa: S608 - own names
    assert mart in report("marts_are_current", marts).outcomes[0].reason


@pytest.mark.parametrize(
    "fault",
    [
        f"delete from marts.fct_features where session = date '{SESSION}' and symbol = 'S001'",  # noqa: S608 - own names
        f"insert into marts.fct_features select * from marts.fct_features where session = date '{SESSION}' limit 1",  # noqa: S608 - own names
        f"update marts.fct_features set symbol = 'ZZZ' where session = date '{SESSION}' and symbol = 'S001'",  # noqa: S608 - own names
    ],
    ids=["missing", "twice", "foreign"],
)
def test_feature_rows_that_do_not_match_the_bars_are_found(fault: str, marts: BuiltMarts) -> None:
    marts.run(fault)
    assert not report("rows_match_bars", marts).passed


@pytest.mark.parametrize(("fewest", "passes"), [(40, True), (41, False)])
def test_cross_section_needs_the_symbols_the_policy_names(fewest: int, *, passes: bool, marts: BuiltMarts) -> None:
    assert report("rows_match_bars", marts, policy=GatePolicy(min_symbols=fewest)).passed is passes


@pytest.mark.parametrize(("present", "is_left_out"), [(0.70, False), (0.69, True)])
def test_symbol_with_too_few_features_is_left_out(present: float, *, is_left_out: bool, marts: BuiltMarts) -> None:
    kept = round(present * len(DENSE) + (0.5 if not is_left_out else -0.5))
    blank(marts, DENSE[kept:], "symbol = 'S001'")
    assert ("S001" in report("symbol_coverage", marts).excluded) is is_left_out


@pytest.mark.parametrize(("count", "passes"), [(10, True), (11, False)])
def test_a_quarter_of_the_symbols_may_have_too_few_features(count: int, *, passes: bool, marts: BuiltMarts) -> None:
    blank(marts, DENSE[20:], f"symbol < 'S{count:03d}'")
    found = report("symbol_coverage", marts)
    assert found.passed is passes
    assert set(found.excluded) == set(symbols_of(count))


def test_missing_headlines_and_filings_do_not_count_against_a_symbol(marts: BuiltMarts) -> None:
    sparse = [feature.name for family in ("news", "fundamental") for feature in of_family(family)]  # type: ignore[arg-type] # literals
    blank(marts, sparse, "symbol = 'S001'")
    assert report("symbol_coverage", marts).excluded == {}
    assert report("cycle_coverage", marts).passed


@pytest.mark.parametrize(("share", "passes"), [(0.80, True), (0.79, False)])
def test_cycle_needs_four_fifths_of_its_features(share: float, *, passes: bool, marts: BuiltMarts) -> None:
    kept = -(-int(share * 1000) * len(DENSE) // 1000) if passes else int(share * len(DENSE))
    blank(marts, DENSE[kept:])
    assert report("cycle_coverage", marts).passed is passes


def test_absent_family_with_a_source_is_found_and_named(marts: BuiltMarts) -> None:
    blank(marts, [feature.name for feature in of_family("news")])
    found = report("families_are_present", marts)
    assert [verdict.detail for verdict in found.verdicts if not verdict.passed] == ["news"]


def test_one_headline_is_enough_for_the_news_family(marts: BuiltMarts) -> None:
    blank(marts, [feature.name for feature in of_family("news")], "symbol <> 'S001'")
    assert report("families_are_present", marts).passed


def test_family_without_a_source_is_skipped_with_its_reason(marts: BuiltMarts) -> None:
    blank(marts, [feature.name for feature in of_family("news")])
    silent = MARKET.with_table(NEWS, NEWS.schema.empty_table())
    found = report("families_are_present", marts, silent)
    assert found.passed
    assert "skipped: raw/news has no row" in [verdict.value for verdict in found.verdicts]


@pytest.mark.parametrize(("window", "passes"), [(8, True), (9, False)])
def test_family_is_demanded_within_the_window_of_its_source(window: int, *, passes: bool, marts: BuiltMarts) -> None:
    blank(marts, [feature.name for feature in of_family("fundamental")])
    known_at = CALENDAR.opens_at(CALENDAR.offset(SESSION, -9))
    filing = {**MARKET.tables["filings"].to_pylist()[0], "known_at": known_at}
    market = MARKET.with_table(FILINGS, FILINGS.schema.empty_table()).with_rows(FILINGS, [filing])
    assert (
        report("families_are_present", marts, market, policy=GatePolicy(filings_window_sessions=window)).passed
        is passes
    )


@pytest.mark.parametrize(("blanked", "passes"), [(20, True), (21, False)])
def test_half_of_a_price_family_must_be_present(blanked: int, *, passes: bool, marts: BuiltMarts) -> None:
    blank(marts, [feature.name for feature in of_family("level")], f"symbol < 'S{blanked:03d}'")
    assert report("families_are_present", marts).passed is passes


def test_missing_sectors_are_listed_and_do_not_close_the_gate(marts: BuiltMarts) -> None:
    found = report("sectors_are_known", marts)
    assert found.passed
    assert found.excluded == {}
    assert [row["symbol"] for row in found.verdicts[0].offenders] == ["S007", "S017", "S027", "S037"]


@pytest.mark.parametrize(("columns", "passes"), [(3, True), (4, False)])
def test_few_constant_columns_are_tolerated(columns: int, *, passes: bool, marts: BuiltMarts) -> None:
    names = [feature.name for feature in of_family("price")][:columns]
    marts.run(f"update marts.fct_features set {', '.join(f'{name} = 1' for name in names)}")  # noqa: S608 - own names
    assert report("columns_vary", marts).passed is passes


def test_market_features_may_be_constant(marts: BuiltMarts) -> None:
    assert report("columns_vary", marts, policy=GatePolicy(max_constant_columns=0)).passed


def test_constant_columns_of_few_symbols_prove_nothing(marts: BuiltMarts) -> None:
    marts.run("update marts.fct_features set return_5d = 1, return_1d = 1, return_10d = 1, return_20d = 1")
    assert report("columns_vary", marts, policy=GatePolicy(min_symbols_for_constancy=41)).passed


@pytest.mark.parametrize("value", ["'inf'", "'-inf'", "'nan'"])
def test_values_that_are_no_numbers_are_found_with_their_place(value: str, marts: BuiltMarts) -> None:
    marts.run(
        f"update marts.fct_features set beta_60d = {value}::double where session = date '{SESSION}' and symbol = 'S001'"  # noqa: S608 - own names
    )
    (row,) = report("values_are_finite", marts).verdicts[0].offenders
    assert (row["feature"], row["symbol"]) == ("beta_60d", "S001")


def test_rsi_above_a_hundred_breaks_its_expectation(marts: BuiltMarts) -> None:
    marts.run("update marts.fct_features set rsi_14 = 100.1")
    failed = [outcome.name for outcome in report("feature_expectations", marts).outcomes if not outcome.passed]
    assert failed == ["feature_expectations.rsi_14_in_range"]


def test_rsi_of_a_hundred_meets_its_expectation(marts: BuiltMarts) -> None:
    marts.run("update marts.fct_features set rsi_14 = 100")
    assert report("feature_expectations", marts).passed


def test_stored_features_that_cannot_be_recomputed_are_found(marts: BuiltMarts) -> None:
    marts.run("update marts.fct_features set momentum_12_1 = momentum_12_1 + 1e-12")
    found = report("no_leakage", marts)
    assert "momentum_12_1" in found.outcomes[0].reason


def test_leakage_check_covers_every_feature_of_the_recomputation(marts: BuiltMarts) -> None:
    assert f"of {len(NAMES)} of {len(NAMES)} features, 20 symbols" in report("no_leakage", marts).outcomes[0].value


def test_missing_mart_is_a_failure_not_an_exception(marts: BuiltMarts) -> None:
    marts.run("drop table marts.fct_features")
    for name in CHECKS:
        found = report(name, marts)
        assert found.has_crashed
        assert "fct_features" in found.outcomes[0].reason
