"""Proof is asked for by the data's own hash; the newest certificate of them decides."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from assets.certificates import require_green
from assets.judged_rows import JUDGED_MARTS, judged_features_hash, judged_rows, table_hash
from execution.domain.errors import CertificateRefused
from execution.domain.provenance import GateCertificate
from tests.builders.batches import FAILED, FEATURES_HASH, SESSION, SNAPSHOT_HASH, a_certificate, a_red_certificate
from tests.builders.marts import some_marts
from tests.builders.raw_market import SESSION as MARKET_SESSION
from tests.builders.raw_market import a_raw_market

GREEN = a_certificate()
RED = a_certificate(checks=(FAILED,))
RED_RAW = a_red_certificate()


class Published:
    def __init__(self, *certificates: GateCertificate) -> None:
        self._all = certificates

    def certificates(self, session: date) -> tuple[GateCertificate, ...]:
        return self._all


def proof(*certificates: GateCertificate, features_hash: str = FEATURES_HASH) -> GateCertificate:
    return require_green(
        Published(*certificates), session=SESSION, snapshot_hash=SNAPSHOT_HASH, features_hash=features_hash
    )


def test_green_certificate_of_these_data_is_returned() -> None:
    assert proof(GREEN) is GREEN


def test_no_certificate_is_refused_with_what_to_do() -> None:
    with pytest.raises(CertificateRefused, match="materialize features/gate_certificate"):
        proof()


@pytest.mark.parametrize("red", [RED, RED_RAW], ids=["features", "raw"])
def test_red_certificate_is_refused_with_its_reason(red: GateCertificate) -> None:
    with pytest.raises(CertificateRefused, match="59 of 100 symbols have no bar"):
        proof(red)


@pytest.mark.parametrize("red", [RED, RED_RAW], ids=["features", "raw"])
def test_red_certificate_after_a_green_one_withdraws_it(red: GateCertificate) -> None:
    with pytest.raises(CertificateRefused):
        proof(GREEN, red)


def test_green_certificate_after_a_red_one_holds() -> None:
    assert proof(RED, GREEN) is GREEN


def test_red_certificate_of_other_features_does_not_withdraw_a_green_one() -> None:
    assert proof(GREEN, a_certificate(checks=(FAILED,), features_hash="other")) is GREEN


def test_certificate_of_other_features_is_no_proof() -> None:
    with pytest.raises(CertificateRefused, match="1 judge other features"):
        proof(GREEN, features_hash="other")


def test_certificate_of_another_snapshot_is_no_proof() -> None:
    with pytest.raises(CertificateRefused):
        proof(a_certificate(snapshot_hash="other"))


def test_certificate_of_another_session_is_no_proof() -> None:
    with pytest.raises(CertificateRefused):
        proof(a_certificate(session=date(2024, 3, 4)))


def test_equal_tables_in_other_buffers_have_equal_hashes() -> None:
    table = pa.table({"a": [None, 1.5, -0.0], "b": ["x", None, "z"], "c": [True, None, False], "d": [1, 2, None]})
    sliced = pa.concat_tables([table.slice(0, 1), table]).slice(1)
    assert table_hash(sliced) == table_hash(table)


@pytest.mark.parametrize(
    "other",
    [
        {"a": [0.0, None], "b": ["ab", "c"]},
        {"a": [None, 1e-300], "b": ["ab", "c"]},
        {"a": [None, 0.0], "b": ["a", "bc"]},
        {"a": [None, 0.0], "b": ["", "c"]},
        {"a": [None, 0.0], "c": ["ab", "c"]},
        {"a": [None, -0.0], "b": ["ab", "c"]},
    ],
)
def test_any_difference_changes_the_hash(other: dict[str, list[object]]) -> None:
    assert table_hash(pa.table(other)) != table_hash(pa.table({"a": [None, 0.0], "b": ["ab", "c"]}))


def test_absent_text_and_empty_text_differ() -> None:
    assert table_hash(pa.table({"b": ["", "c"]})) != table_hash(pa.table({"b": [None, "c"]}))


def test_type_without_a_hash_is_refused() -> None:
    with pytest.raises(TypeError, match="cast it in the mart"):
        table_hash(pa.table({"a": [[1, 2]]}))


@pytest.mark.parametrize("mart", list(JUDGED_MARTS))
def test_a_row_lost_in_any_judged_mart_changes_the_name_of_the_data(mart: str, tmp_path: Path) -> None:
    marts = some_marts(tmp_path, a_raw_market(n_symbols=4, n_sessions=10), n_sessions=1)
    before = judged_features_hash(judged_rows(marts.warehouse, MARKET_SESSION))
    marts.run(f"delete from marts.{mart} where rowid = 0")  # noqa: S608 - own names
    assert judged_features_hash(judged_rows(marts.warehouse, MARKET_SESSION)) != before


def test_rows_of_other_sessions_do_not_change_the_name_of_the_data(tmp_path: Path) -> None:
    marts = some_marts(tmp_path, a_raw_market(n_symbols=4, n_sessions=10), n_sessions=2)
    before = judged_features_hash(judged_rows(marts.warehouse, MARKET_SESSION))
    marts.run(f"delete from marts.fct_features where session < date '{MARKET_SESSION}'")  # noqa: S608 - own names
    assert judged_features_hash(judged_rows(marts.warehouse, MARKET_SESSION)) == before
