"""Tags that a run's face writes for the sensors to read."""

from typing import Final

BUSY_TAG: Final = "touchstone/busy"
"""On a run whose act another process did not let begin: it is no attempt, the work is asked for again."""
