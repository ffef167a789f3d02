"""Tags that a run's face writes for the sensors to read."""

from typing import Final

BUSY_TAG: Final = "touchstone/busy"
"""On a run whose act another process did not let begin: it is no attempt, the work is asked for again."""

FAILURE_KIND_TAG: Final = "touchstone/failure_kind"
"""On a failed run: what its failure asks for, a word of `execution.domain.error_kinds`."""
