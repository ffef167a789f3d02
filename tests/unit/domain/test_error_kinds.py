import pytest

from execution.domain import errors
from execution.domain.error_kinds import TRIES, ErrorKind, kind_of


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.VenueUnavailable("silent"), "recoverable"),
        (errors.Fenced("overtaken"), "recoverable"),
        (errors.AccessDenied("keys"), "needs_review"),
        (errors.TimeDisagrees("apart"), "needs_review"),
        (errors.BrokerAnswerRefused("odd"), "needs_review"),
        (errors.ReleaseRefused("other program"), "needs_review"),
        (errors.SettingsRefused("no such key"), "terminal"),
        (errors.CorruptArtifact("other bytes"), "terminal"),
        (errors.ChainBroken("other hash"), "terminal"),
        (errors.LedgerError("cash differs"), "recoverable"),
        (RuntimeError("nobody sorted it"), "recoverable"),
    ],
)
def test_each_failure_asks_for_one_thing(error: Exception, kind: ErrorKind) -> None:
    assert kind_of(error) == kind


def test_a_failure_is_of_the_kind_of_what_caused_it() -> None:
    outer = RuntimeError("a step failed")
    outer.__cause__ = errors.AccessDenied("keys")
    assert kind_of(outer) == "needs_review"


def test_only_what_may_pass_by_itself_is_tried_again() -> None:
    assert [kind for kind, tries in TRIES.items() if tries > 1] == ["recoverable"]
