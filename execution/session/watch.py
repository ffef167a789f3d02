"""Look after open positions from the end of the submit window to the close, at a pace the market sets.

A clock that moves only when told gives one look and lets the run end; the system's clock looks again and again.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from execution.domain.errors import Halted
from execution.session.desk import Desk
from execution.session.lease_of_act import leased
from execution.session.monitor import MonitorReport, monitor
from execution.session.monitor_pace import pause_seconds
from execution.session.notes import note_once

WATCHED: Final = "positions_watched"
"""Topic of the note by which a session's watch is known to be over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchReport:
    """What the watch of a session came to.

    Attributes:
        status: `watched` when it is over for this session, `refused` when there is nothing to watch now, `busy` when
            another process acted at its end.
        looks: how often exit rules were asked.
        sent: client order ids of all sales that went out.
        last: what the last look came to: its status, or why nothing was looked at; of a watch that was over, its note.
    """

    session: date
    status: Literal["watched", "refused", "busy"]
    looks: int
    sent: tuple[str, ...]
    last: str


def watch(desk: Desk, *, session: date) -> WatchReport:
    """Ask the exit rules until the traded session closes; killed at any point, it is simply started again.

    One that is over asks nothing more: where the clock stands, each start would else be one more look, and let the next
    of several rules sell.

    Args:
        desk: the desk that acts; it holds the account only while it looks, never while it waits.
        session: the decision session whose orders trade in the session that runs.

    Raises:
        ChainBroken: the ledger was changed by hand.
        Fenced: another process took over.
        LedgerError: ledger and venue differ.
        ReleaseRefused: this program may not trade.
    """
    if over := desk.ledger.book().notes.get((WATCHED, session, desk.strategy)):
        return WatchReport(session=session, status="watched", looks=0, sent=(), last=over.detail)
    closes_at = desk.calendar.closes_at(desk.calendar.next(session))
    sent: list[str] = []
    looks = 0
    while True:
        look = _look(desk, session)
        if look.status == "refused":
            return WatchReport(session=session, status="refused", looks=looks, sent=tuple(sent), last=look.reason)
        looks += 1
        sent.extend(look.sent)
        pause = pause_seconds(look.volatility_daily, look.vix_points, desk.monitoring)
        left = (closes_at - desk.clock.now()).total_seconds()
        if left <= 0 or not desk.clock.wait_seconds(min(pause, left)) or desk.clock.now() >= closes_at:
            break
    last = look.reason or look.status
    is_over = look.status != "busy" and _noted(desk, session, f"{looks} looks, {len(sent)} sales; at last: {last}")
    return WatchReport(
        session=session, status="watched" if is_over else "busy", looks=looks, sent=tuple(sent), last=last
    )


def _look(desk: Desk, session: date) -> MonitorReport:
    try:
        return monitor(desk, session=session)
    except Halted as halted:
        # It may end before the session does, and then somebody must be there.
        return MonitorReport(session=session, status="watched", reason=str(halted))


def _noted(desk: Desk, session: date, detail: str) -> bool:
    """Record that the watch is over; return False while another process acts."""
    with leased(desk) as acting:
        if acting is None:
            return False
        note_once(acting, topic=WATCHED, session=session, subject=desk.strategy, detail=detail)
        return True
