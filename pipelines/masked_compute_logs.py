"""What steps print, kept beside the run as Dagster does, without secrets.

The library mirrors a step's streams into files while it runs; they are masked when the step ends, whatever its end. A
worker that is killed leaves the last step's files as they are.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import dagster as dg

# Dagster has no public name for where it keeps streams; `pyproject.toml` pins the version this is written for.
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClassData

from execution.artifact_files import write_atomically
from pipelines.logging_setup import process_mask


class MaskedComputeLogs(LocalComputeLogManager):
    """The compute logs of the instance that registers it, under that instance's own folder."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        # The folder is known when an instance registers; until then nothing is written.
        super().__init__(base_dir="", inst_data=inst_data)

    @classmethod
    def config_type(cls) -> Any:
        """Return the configuration it takes: none, so that a home can be moved."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Return the manager Dagster asks for when it reads `dagster.yaml`."""
        del config_value
        return cls(inst_data)

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Bind to an instance: its storage folder holds the files, where the library would put them."""
        self._base_dir = instance.storage_directory()
        super().register_instance(instance)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Mirror this process's streams into the files of a step, and mask them at its end."""
        try:
            with super().capture_logs(log_key) as captured:
                yield captured
        finally:
            for ending in ("out", "err"):
                _mask(Path(self.get_captured_local_path(log_key, ending)))


def _mask(path: Path) -> None:
    mask = process_mask()
    if mask is None or not path.exists():
        return
    said = path.read_text(encoding="utf-8", errors="replace")
    if (masked := mask(said)) != said:
        write_atomically(path, masked.encode())
