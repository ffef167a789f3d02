"""The gate as a whole: unknown is red, certificates say what was judged, faults stay known until they are healed."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest

from assets.quality.gate import (
    FEATURE_CHECKS,
    LEFT_OUT,
    RAW_CHECKS,
    RAW_GATE,
    Judgement,
    certify,
    judge_features,
    judge_raw,
    last_proven,
)
from assets.quality.policy import GatePolicy
from assets.quality.raw_evidence import RawEvidence
from assets.quality.verdicts import Check, Verdict, run_check
from assets.raw_store import RawStore
from assets.schemas import ALL, DAILY_BARS
from execution.domain.provenance import CheckOutcome, GateCertificate
from tests.builders import faults
from tests.builders.batches import a_certificate
from tests.builders.quality import GateHome, a_gate_home, copy_of
from tests.builders.raw_market import CALENDAR, SESSION, symbols_of

YESTERDAY = CALENDAR.previous(SESSION)
PASSED = CheckOutcome(name="one", subject="raw/daily_bars", passed=True, value="0", threshold="0")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> GateHome:
    return a_gate_home(tmp_path_factory.mktemp("home"))


@pytest.fixture
def home(built: GateHome, tmp_path: Path) -> GateHome:
    return copy_of(built, tmp_path)


def raw_judgement(home: GateHome, policy: GatePolicy | None = None) -> tuple[RawEvidence, Judgement]:
    return judge_raw(
        store=home.store, snapshot=home.snapshots.pinned(SESSION), proven=None, policy=policy or GatePolicy()
    )


def both(home: GateHome, policy: GatePolicy | None = None) -> Judgement:
    raw, judged = raw_judgement(home, policy)
    return judge_features(raw=raw, raw_judgement=judged, marts=home.marts.warehouse, recompute=home.marts.recompute)


def certified(outcomes: Sequence[CheckOutcome], features_hash: str | None = "f") -> GateCertificate:
    return certify(
        session=SESSION,
        as_of=CALENDAR.as_of(SESSION),
        stage="features",
        snapshot_hash="s",
        features_hash=features_hash,
        symbols=["BBB", "AAA"],
        outcomes=outcomes,
        excluded=[("BBB", "no bar"), ("AAA", "a jump")],
    )


def test_certificate_of_passed_checks_is_green() -> None:
    assert certified([PASSED]).is_green


def test_certificate_without_checks_is_red_and_says_so() -> None:
    certificate = certified([])
    assert not certificate.is_green
    assert certificate.failures[0].reason == "no check ran, so nothing is proven"


def test_certificate_that_cannot_name_the_features_is_red() -> None:
    assert not certified([PASSED], features_hash=None).is_green


def test_certificate_lists_symbols_and_exclusions_in_order() -> None:
    certificate = certified([PASSED])
    assert certificate.symbols == ("AAA", "BBB")
    assert certificate.excluded == (("AAA", "a jump"), ("BBB", "no bar"))


def test_names_of_all_checks_are_unique() -> None:
    names = [check.name for check in (*RAW_CHECKS, *FEATURE_CHECKS)] + [LEFT_OUT, RAW_GATE]
    assert len(names) == len(set(names))


def test_clean_home_earns_a_green_certificate_with_every_check_of_both_gates(home: GateHome) -> None:
    certificate = both(home).certificate
    assert certificate.is_green
    named = {check.name.split(".")[0] for check in certificate.checks}
    assert named == {check.name for check in (*RAW_CHECKS, *FEATURE_CHECKS)} | {LEFT_OUT}


def test_outcome_names_are_unique_within_a_certificate(home: GateHome) -> None:
    names = [check.name for check in both(home).certificate.checks]
    assert len(names) == len(set(names))


def test_equal_data_earn_equal_certificates(home: GateHome) -> None:
    assert both(home).certificate.hash == both(home).certificate.hash


def test_raw_certificate_is_never_green(home: GateHome) -> None:
    _, judged = raw_judgement(home)
    assert judged.passed
    assert not judged.certificate.is_green


FAULTS: Sequence[tuple[Callable[[RawStore], None], str]] = (
    (lambda store: faults.append_unexplained_jump(store, SESSION, symbols_of(20)), "explained_jumps"),
    (lambda store: faults.append_broken_ohlc(store, SESSION, symbols_of(20)), "ohlc_order"),
    (lambda store: faults.append_stale_bars(store, SESSION, symbols_of(20)), "fresh_values"),
    (lambda store: faults.append_duplicate_bars(store, SESSION, symbols_of(20)), "unique_versions"),
    (lambda store: faults.append_negative_prices(store, SESSION, symbols_of(20)), "positive_prices"),
    (lambda store: faults.append_missing_symbols(store, SESSION, 20), "universe_is_complete"),
)


@pytest.mark.parametrize(("inject", "name"), FAULTS, ids=[name for _, name in FAULTS])
def test_injected_fault_turns_its_check_and_both_certificates_red(
    inject: Callable[[RawStore], None], name: str, home: GateHome
) -> None:
    inject(home.store)
    home.pin(SESSION)
    _, judged = raw_judgement(home)
    assert name in {check.name for check in judged.certificate.failures}
    assert not both(home).certificate.is_green


@pytest.mark.parametrize(("inject", "name"), FAULTS, ids=[name for _, name in FAULTS])
def test_fault_injected_before_the_source_delivers_is_not_healed_by_it(
    inject: Callable[[RawStore], None], name: str, tmp_path: Path, home: GateHome
) -> None:
    yesterday = home.market.without_bars(session=SESSION)
    store = RawStore(tmp_path / "early")
    for table in ALL:
        rows = yesterday.tables[table.name]
        store.append(table, rows, session=YESTERDAY, recorded_at=CALENDAR.as_of(YESTERDAY))
    inject(store)
    bars = home.market.tables["daily_bars"]
    store.append(DAILY_BARS, bars, session=SESSION, recorded_at=CALENDAR.as_of(SESSION))
    snapshot = store.snapshot(session=SESSION, as_of=CALENDAR.as_of(SESSION))
    _, judged = judge_raw(store=store, snapshot=snapshot, proven=None, policy=GatePolicy())
    assert name in {check.name for check in judged.certificate.failures}


def test_few_faulty_symbols_leave_the_gate_open_and_are_named(home: GateHome) -> None:
    faults.append_unexplained_jump(home.store, SESSION, symbols_of(1))
    home.pin(SESSION)
    certificate = both(home).certificate
    assert certificate.is_green
    assert certificate.excluded == (("S000", "a jump that no split or dividend explains"),)


def test_different_faults_of_few_symbols_each_close_the_gate_together(home: GateHome) -> None:
    faults.append_unexplained_jump(home.store, SESSION, ["S001", "S002"])
    faults.append_stale_bars(home.store, SESSION, ["S011"])
    home.pin(SESSION)
    failed = [check.name for check in both(home).certificate.failures]
    assert failed == [LEFT_OUT]


def test_features_gate_shows_the_raw_gate_as_one_check(home: GateHome) -> None:
    faults.append_duplicate_bars(home.store, SESSION, ["S001"])
    home.pin(SESSION)
    report = both(home).reports[0]
    assert (report.name, report.passed) == (RAW_GATE, False)
    assert "unique_versions" in report.verdicts[0].reason


def test_part_that_cannot_be_read_turns_every_check_of_its_table_red(home: GateHome) -> None:
    snapshot = home.snapshots.pinned(SESSION)
    path = home.store.paths(snapshot, DAILY_BARS)[-1]
    path.write_bytes(b"no parquet")
    _, judged = raw_judgement(home)
    assert {report.name for report in judged.reports if report.has_crashed} > {"bars_are_current", "ohlc_order"}
    assert judged.certificate.symbols == symbols_of(40)


def test_crash_is_judged_afresh_when_asked_again(home: GateHome) -> None:
    path = home.store.paths(home.snapshots.pinned(SESSION), DAILY_BARS)[-1]
    whole = path.read_bytes()
    path.write_bytes(b"no parquet")
    assert not raw_judgement(home)[1].passed
    path.write_bytes(whole)
    assert raw_judgement(home)[1].passed


def test_equal_snapshots_are_judged_once_per_process(home: GateHome) -> None:
    assert raw_judgement(home)[0] is raw_judgement(home)[0]


def test_recomputation_that_crashes_closes_the_gate(home: GateHome) -> None:
    raw, judged = raw_judgement(home)

    def broken(sessions: Sequence[date], symbols: Sequence[str]) -> None:
        raise MemoryError(f"no room for {sessions[0]}")

    judgement = judge_features(raw=raw, raw_judgement=judged, marts=home.marts.warehouse, recompute=broken)  # type: ignore[arg-type] # it never returns
    (failure,) = judgement.certificate.failures
    assert failure.name == "no_leakage"
    assert "MemoryError: no room for" in failure.reason


def test_missing_warehouse_is_red_with_the_symbols_of_the_raw_rows(home: GateHome) -> None:
    home.marts.warehouse.path.unlink()
    certificate = both(home).certificate
    assert certificate.features_hash is None
    assert certificate.symbols == symbols_of(40)
    assert not certificate.is_green


def test_crash_of_a_check_is_a_failed_verdict_with_the_error() -> None:
    def dies(_: object) -> tuple[Verdict, ...]:
        raise ZeroDivisionError("by zero")

    report = run_check(Check(name="x", subject="raw/news", promise="", judge=dies), None)
    assert not report.passed
    assert "ZeroDivisionError: by zero" in report.outcomes[0].reason


def test_check_that_says_nothing_has_failed() -> None:
    report = run_check(Check(name="x", subject="raw/news", promise="", judge=lambda _: ()), None)
    assert not report.passed
    assert not report.outcomes[0].passed


def test_failed_verdict_without_words_still_gives_a_reason() -> None:
    silent = Verdict(passed=False, value="1", threshold="0")
    report = run_check(Check(name="x", subject="raw/news", promise="", judge=lambda _: (silent,)), None)
    assert report.outcomes[0].reason


class Published:
    def __init__(self, *certificates: GateCertificate) -> None:
        self._all = certificates

    def certificates(self, session: date) -> tuple[GateCertificate, ...]:
        return tuple(each for each in self._all if each.session == session)


def proven(home: GateHome, *certificates: GateCertificate) -> date | None:
    found = last_proven(SESSION, snapshots=home.snapshots, certificates=Published(*certificates), calendar=CALENDAR)
    return None if found is None else found.session


def test_rows_are_new_since_the_last_green_session(home: GateHome) -> None:
    snapshot = home.pin(YESTERDAY)
    assert proven(home, a_certificate(session=YESTERDAY, snapshot_hash=snapshot.hash)) == YESTERDAY


def test_red_session_proves_nothing_so_its_rows_are_judged_again(home: GateHome) -> None:
    snapshot = home.pin(YESTERDAY)
    red = a_certificate(session=YESTERDAY, snapshot_hash=snapshot.hash, checks=())
    green = a_certificate(session=YESTERDAY, snapshot_hash=snapshot.hash)
    assert proven(home, red) is None
    assert proven(home, green, red) is None


def test_certificate_of_another_snapshot_proves_nothing(home: GateHome) -> None:
    home.pin(YESTERDAY)
    assert proven(home, a_certificate(session=YESTERDAY, snapshot_hash="other")) is None


def test_later_session_never_proves_an_earlier_one(home: GateHome) -> None:
    later = home.pin(CALENDAR.next(SESSION))
    assert proven(home, a_certificate(session=later.session, snapshot_hash=later.hash)) is None
