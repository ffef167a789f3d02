"""The error tree. If callers branch and go on, a named outcome is returned; if everyone must stop, one is raised.

    TouchstoneError
      SettingsRefused        settings refused before anything started
      DataError
        BadSourceFile        a file of the user's names its fault by file, row and column; nothing of it was taken in
        CorruptArtifact      stored bytes do not have the hash they are named by
        NotKnownYet          data are asked for before the instant they are known; the clock must get there first
        MissingQuote         a symbol must be valued and has no price
        BrokerAnswerRefused  a venue's answer cannot be true; nothing is booked from it and nothing is sent
      ProofError
        CertificateRefused   a batch's gate certificate is missing, red, or judges other data
        BatchRefused         a batch is malformed or for another session
      LedgerError
        ChainBroken          a stored hash does not match its content
        IllegalTransition    an event does not follow from the state before it
        SameIdOtherOrder     a client order id exists with other parameters
        FactExists           a fact that may exist once exists already
        CommitUnknown        the database was lost while it committed
        Fenced               the lease a writer relies on was lost
      VenueError
        VenueUnavailable     a venue does not answer, or asks to wait: ask again later
        AccessDenied         a venue refuses the keys or the account; nothing is asked again until a person changed it
        TimeDisagrees        a venue's clock or calendar differs from ours
      ReleaseRefused         program, settings, ledger or model are not the approved release
      Halted                 the kill switch is engaged, or cannot be read
      NotArmed               a command that loosens or sells lacks its phrase, token, name or reason

Refusals by a venue, trims by a guard, partial fills and unknown outcomes are values, so they are not in this tree.
"""


class TouchstoneError(Exception):
    """Root of every error this project raises on purpose."""


class SettingsRefused(TouchstoneError):
    """Settings were refused before anything started."""


class DataError(TouchstoneError):
    """Data are corrupt, missing or not what their schema says."""


class BadSourceFile(DataError):
    """A source file is unusable; the message names file, row and column, and nothing of it was taken in."""


class CorruptArtifact(DataError):
    """Stored bytes do not have the hash they are named by."""


class NotKnownYet(DataError):
    """Data are asked for before the instant at which they are known; nothing was done, and waiting helps."""


class MissingQuote(DataError):
    """A symbol must be valued and has no price."""


class BrokerAnswerRefused(DataError):
    """A venue's answer cannot be true: a field is absent, not finite, out of bounds, or of another order."""


class ProofError(TouchstoneError):
    """The evidence that data passed their checks does not hold."""


class CertificateRefused(ProofError):
    """A gate certificate is missing, red, or judges other data than the batch was made from."""


class BatchRefused(ProofError):
    """A signal batch is malformed, or is not for the session that may be traded now."""


class LedgerError(TouchstoneError):
    """The ledger would become, or is, inconsistent."""


class ChainBroken(LedgerError):
    """A stored hash does not match its content."""


class IllegalTransition(LedgerError):
    """An event does not follow from the state before it."""


class SameIdOtherOrder(LedgerError):
    """A client order id is already recorded with other parameters."""


class FactExists(LedgerError):
    """A fact that may exist once exists already; nothing was written."""


class CommitUnknown(LedgerError):
    """The database was lost while it committed: nobody knows what was written until it is read again."""


class Fenced(LedgerError):
    """The lease a writer relies on was taken by another executor, or given back."""


class VenueError(TouchstoneError):
    """A venue could not be asked, or may not be believed about the time."""


class VenueUnavailable(VenueError):
    """A venue does not answer, answers half a message, or asks to wait.

    Attributes:
        wait_seconds: how long it asks to wait; None where it did not say.
    """

    def __init__(self, message: str, *, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class AccessDenied(VenueError):
    """A venue refuses the keys, a permission or the account; a person must look before anything is asked again."""


class TimeDisagrees(VenueError):
    """A venue's clock or calendar differs from ours, so nobody knows which session it is."""


class ReleaseRefused(TouchstoneError):
    """Program, settings, ledger or model are not those of the approved release."""


class Halted(TouchstoneError):
    """The kill switch is engaged, or cannot be read."""


class NotArmed(TouchstoneError):
    """A command that loosens or sells lacks its phrase, its token, a name or a reason; nothing was done."""
