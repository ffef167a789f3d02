"""One thing that was looked at and what was found, as `doctor` and `paper-smoke` tell it."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what was looked at, in one or two words.
        verdict: ok, warning (works, but say so) or failed (do not trade).
        detail: what was found, and what to do when it is not ok.
    """

    subject: str
    verdict: Verdict
    detail: str
