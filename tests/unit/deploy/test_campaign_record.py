import json
from pathlib import Path
from typing import Any

import pytest

from deploy.run_campaign import CampaignRecord

CODE = {"code_hash": "c0de", "is_dirty": False}
PROOFS = """
import pytest

def test_one(record_property):
    record_property("orders", 1200)

def test_two():
    assert 1 == 2, "lost an order"

def test_three():
    pytest.skip("no data")

@pytest.fixture
def broken():
    raise ValueError("no venue")

def test_four(broken): ...
"""


def record_of(folder: Path, target: Path, *chosen: str, code: dict[str, Any] = CODE) -> dict[str, Any]:
    """Run the proofs in a pytest of their own and return what the record says afterwards."""
    (folder / "test_proofs.py").write_text(PROOFS)
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--import-mode=importlib",
        f"--rootdir={folder}",
        "-c",
        "/dev/null",
    ]
    names = [f"{folder / 'test_proofs.py'}::{name}" for name in chosen]
    pytest.main([*options, *(names or [str(folder)])], plugins=[CampaignRecord(target, code)])
    record: dict[str, Any] = json.loads(target.read_text())
    return {"counts": record["counts"], **{one["proof"].split("::")[1]: one for one in record["proofs"]}}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "proof" / "today.json"


def test_each_proof_is_one_entry_with_outcome_reason_and_counts(tmp_path: Path, target: Path) -> None:
    record = record_of(tmp_path, target)
    assert record["counts"] == {"failed": 2, "passed": 1, "skipped": 1}
    assert record["test_one"]["counted"] == {"orders": "1200"}
    assert record["test_one"]["reason"] == ""
    assert "lost an order" in record["test_two"]["reason"]
    assert record["test_three"]["reason"] == "Skipped: no data"
    assert record["test_four"]["outcome"] == "failed"
    assert "no venue" in record["test_four"]["reason"]


def test_a_part_run_later_adds_to_the_record_and_replaces_its_own_former_entry(tmp_path: Path, target: Path) -> None:
    record_of(tmp_path, target, "test_one", "test_two")
    record = record_of(tmp_path, target, "test_two", "test_three", code={"code_hash": "later", "is_dirty": True})
    assert record["counts"] == {"failed": 1, "passed": 1, "skipped": 1}
    assert [record[name]["code_hash"] for name in ("test_one", "test_two", "test_three")] == ["c0de", "later", "later"]
