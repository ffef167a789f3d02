"""What a failure asks for: another try, a person's look, or a change of what was given. One table for everyone.

`recoverable` may be gone the next time, so it is tried again within bounds. `needs_review` is about the account, the
venue's word or a consent: trying again changes nothing until a person did. `terminal` is about the program, its
settings or its stored bytes. What nobody has sorted is recoverable: bounds hold for it too.
"""

from typing import Final, Literal

from execution.domain import errors

ErrorKind = Literal["recoverable", "needs_review", "terminal"]
TRIES: Final[dict[ErrorKind, int]] = {"recoverable": 3, "needs_review": 1, "terminal": 1}
"""How often work is begun that fails so, before only a person begins it again."""
_KINDS: Final[tuple[tuple[ErrorKind, tuple[type[errors.TouchstoneError], ...]], ...]] = (
    ("recoverable", (errors.VenueUnavailable, errors.Fenced, errors.CommitUnknown, errors.Halted)),
    (
        "needs_review",
        (
            errors.AccessDenied,
            errors.TimeDisagrees,
            errors.BrokerAnswerRefused,
            errors.ReleaseRefused,
            errors.NotArmed,
            errors.CertificateRefused,
        ),
    ),
    (
        "terminal",
        (
            errors.SettingsRefused,
            errors.BadSourceFile,
            errors.CorruptArtifact,
            errors.ChainBroken,
            errors.IllegalTransition,
            errors.SameIdOtherOrder,
        ),
    ),
)


def kind_of(error: BaseException) -> ErrorKind:
    """Return what a failure asks for, by its class or by what caused it."""
    cause: BaseException | None = error
    while cause is not None:
        for kind, classes in _KINDS:
            if isinstance(cause, classes):
                return kind
        cause = cause.__cause__
    return "recoverable"
