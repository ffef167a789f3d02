"""An instance's settings file that cannot be read is named, with what to do."""

from pathlib import Path

import pytest

from execution.domain.errors import SettingsRefused
from pipelines.dagster_instance import is_in_postgres, write_instance


@pytest.mark.parametrize("body", [b"run_storage: [", b"just a sentence", b"", b"\xff\xfe\x00"])
def test_an_instance_file_that_is_no_yaml_mapping_is_refused_with_what_to_do(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "dagster.yaml").write_bytes(body)
    with pytest.raises(SettingsRefused, match=r"dagster\.yaml: found .*expected .*; correct it, or move it away"):
        is_in_postgres(tmp_path)


def test_an_instance_file_as_it_is_written_is_read(tmp_path: Path) -> None:
    write_instance(tmp_path, place="home")
    assert not is_in_postgres(tmp_path)
    write_instance(tmp_path, place="postgres")
    assert is_in_postgres(tmp_path)
