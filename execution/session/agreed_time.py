"""Where venue and desk differ about the time, nothing is decided and nothing is sent until a person has looked."""

from execution.domain.errors import TimeDisagrees
from execution.domain.events import ControlChanged
from execution.risk.circuit_breakers import ACTOR
from execution.session.control import tighten
from execution.session.desk import Desk


def refuse_other_time(desk: Desk) -> None:
    """Do nothing where venue and desk agree about the time, or the desk's venue has no time of its own.

    Raises:
        TimeDisagrees: they differ; the ledger says that trading is halted, and only a person lets it go on.
        VenueUnavailable: the venue does not answer.
    """
    if desk.time_agreement is None:
        return
    found = desk.time_agreement.difference(desk.clock, desk.calendar)
    if not found:
        return
    tighten(desk.ledger, ControlChanged(at=desk.clock.now(), state="halted", actor=ACTOR, reason=found))
    raise TimeDisagrees(f"{found}. Nothing is sent; `touchstone resume` ends the halt")
