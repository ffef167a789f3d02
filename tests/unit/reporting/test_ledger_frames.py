from datetime import timedelta
from decimal import Decimal

import pytest

from assets.ledger_frames import latest_export, load_export, records
from execution.domain.errors import CorruptArtifact, DataError
from tests.unit.reporting.sample_days import TRADED, lived_day


@pytest.fixture
def day(tmp_path):
    return lived_day(tmp_path)


def test_money_arrives_as_exact_decimals(day):
    prices = [row["price_usd"] for row in records(load_export(day.export).fills)]
    assert prices
    assert all(isinstance(price, Decimal) for price in prices)


def test_absent_value_is_none_whatever_its_column(day):
    rows = records(load_export(day.export).decisions)
    unscored = [row for row in rows if row["stage"] == "no_data"]
    assert {row["score"] for row in unscored} == {None}


def test_changed_byte_in_a_table_is_refused(day):
    path = day.export / "fills.parquet"
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CorruptArtifact, match="table fills of ledger export"):
        load_export(day.export)


def test_missing_table_is_refused(day):
    (day.export / "orders.parquet").unlink()
    with pytest.raises(CorruptArtifact, match="lacks table orders"):
        load_export(day.export)


def test_changed_manifest_is_refused(day):
    path = day.export / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"2024-04-19", b"2024-04-22"))
    with pytest.raises(CorruptArtifact, match="manifest"):
        load_export(day.export)


def test_folder_without_a_manifest_is_no_export(tmp_path):
    with pytest.raises(DataError, match=r"manifest\.json"):
        load_export(tmp_path)


def test_export_that_reaches_the_session_is_found(day):
    assert latest_export(day.root, TRADED) == day.export


def test_session_that_no_export_reaches_is_named(day):
    with pytest.raises(DataError, match="no ledger export reaches session 2024-04-20"):
        latest_export(day.root, TRADED + timedelta(days=1))
