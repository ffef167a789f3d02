"""Backups in a bucket of a real S3 protocol server on loopback."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from assets.maintenance import backup as backups
from assets.maintenance.backup_policy import BackupPolicy
from assets.maintenance.backup_store import BackupStore
from assets.maintenance.restore import restore_files
from assets.maintenance.sealing import Plain
from execution.domain.errors import CorruptArtifact, DataError
from tests.unit.maintenance.small_home import a_backup, a_home, contents

# What the server's own libraries warn of is theirs.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - it takes a second to import

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    httpx2.put(f"http://{host}:{port}/backups").raise_for_status()
    yield f"http://{host}:{port}"
    server.stop()


def store_at(endpoint: str, bucket: str = "backups") -> BackupStore:
    policy = BackupPolicy(
        bucket=bucket,
        endpoint=endpoint,
        access_key_id=SecretStr("a-key-id"),
        secret_access_key=SecretStr("a-secret-key"),
    )
    return policy.store(Path("unused"))


def test_a_home_goes_to_a_bucket_and_comes_back(endpoint: str, tmp_path: Path) -> None:
    home = a_home(tmp_path / "home")
    a_backup(store_at(endpoint), home, tmp_path / "scratch")
    store = store_at(endpoint)
    restore_files(store, Plain(), backups.newest(store, Plain()), place=tmp_path / "back").publish()
    assert contents(tmp_path / "back") == contents(home)
    assert backups.sweep(store, Plain(), backups.manifest_names(store)) == 5
    assert store.names("pieces/") == frozenset()


def test_a_bucket_without_a_name_says_that_it_is_gone(endpoint: str) -> None:
    with pytest.raises(CorruptArtifact, match="pieces/none is gone from the backup store"):
        store_at(endpoint).get("pieces/none")


def test_a_bucket_that_is_not_there_is_told_without_its_address(endpoint: str) -> None:
    with pytest.raises(DataError, match=r"the backup bucket cannot be written \(") as refused:
        store_at(endpoint, "nowhere").put("pieces/one", b"1")
    assert "127.0.0.1" not in str(refused.value)
