"""What a step that writes feature parts has stored: told to people, never read back."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Written:
    """What a step stored.

    Attributes:
        sessions: sessions computed, oldest first.
        rows: rows of them.
        rows_of_session: rows of the session asked for.
        parts: names of the parts written, oldest first.
    """

    sessions: tuple[date, ...]
    rows: int
    rows_of_session: int
    parts: tuple[str, ...]
