"""What is so in a home now and should not be: switch, disk, drill, data, orders, limits, a session that went by."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from assets.maintenance.nights import newest_night
from execution.alert_outbox import Alert, Severity
from execution.clock import SystemClock
from execution.ledger.book import Book
from execution.risk.kill_switch import KillSwitch
from execution.session.limits_used import limits_used
from execution.trading_calendar import TradingCalendar
from pipelines.alerting.missed_sessions import missed_session
from pipelines.data_ages import data_ages_of
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of, is_clock_told

_CRITICAL: Final[Severity] = "critical"
_WARNING: Final[Severity] = "warning"
_CLOCK_STANDS_SECONDS: Final = 300.0
"""A clock that was told nothing for longer waits for somebody, and so do the data it waits for."""
_BROKEN: Final = "the ledger's chain is broken"


def levels_of(
    settings: Settings, home: Home, book_now: Callable[[], Book], late_now: Callable[[], Iterable[Alert]]
) -> Iterator[Alert]:
    """Yield an alert for each thing that is so now; of files first, for a broken ledger cannot be read.

    Args:
        settings: the whole tree.
        home: the home to look at.
        book_now: folds the ledger up to its newest row.
        late_now: which data are late; apart, because it reads the index of each raw table.
    """
    yield from _switch(home)
    free = shutil.disk_usage(home.root).free
    if free < settings.alerts.disk_free_min_bytes:
        title = f"{free / 1024**3:.1f} GB are free on the home's disk"
        yield Alert(cause="low_disk", severity=_CRITICAL, title=title, detail="make room before writes fail")
    night = newest_night(home.upkeep)
    if night is not None and night.get("refusal"):
        title = f"the backup of session {night['session']} could not be restored"
        yield Alert(cause="failed_drill", severity=_CRITICAL, title=title, detail=str(night["refusal"]))
    yield from late_now()
    book = book_now()
    yield from _stuck(settings, home, book)
    for used in limits_used(book, settings.limits, mode=settings.mode):
        if used.is_near:
            word, severity = ("hit", _CRITICAL) if used.share >= 1 else ("near", _WARNING)
            title = f"the limit {used.name} is {word}: {used.share:.0%} of it are used"
            detail = "at the newest close; entries shrink or end by themselves; see `touchstone status`"
            yield Alert(cause=f"limit_{word}:{used.name}", severity=severity, title=title, detail=detail)
    missed = missed_session(settings, home, book)
    if missed:
        detail = "its submit window is over and the ledger has no plan of it; see `touchstone status`"
        title = f"session {missed} was missed"
        yield Alert(cause=f"missed_cycle:{missed}", severity=_CRITICAL, title=title, detail=detail)


def _switch(home: Home) -> Iterator[Alert]:
    """Yield that nothing is sent, from the file alone: the ledger hears of it when the next act begins, or never."""
    switch = KillSwitch(home.kill)
    if not switch.is_engaged:
        return
    cause = switch.cause()
    reason, actor = cause.get("reason", "the file does not say why"), cause.get("actor", "somebody")
    if reason.startswith(_BROKEN):
        title = "the ledger's chain is broken: nothing is sent"
        yield Alert(cause="broken_chain", severity=_CRITICAL, title=title, detail=reason)
    else:
        yield Alert(
            cause="kill_switch", severity=_CRITICAL, title="the kill switch is on", detail=f"by {actor}: {reason}"
        )


def lateness_of(settings: Settings, home: Home) -> Iterator[Alert]:
    """Yield an alert for each source that is older than it may be."""
    if is_clock_told(settings.mode) and not _stands(home.clock):
        return
    for age in data_ages_of(settings, home):
        if age.is_late:
            title, detail = f"data are late: {age.told}", f"the newest {age.table} are of {age.newest}"
            yield Alert(cause=f"late_data:{age.table}", severity=_WARNING, title=title, detail=detail)


def _stands(clock: Path) -> bool:
    """Return whether a told clock was not moved for a while of the machine's time.

    It jumps to a cut-off before the data of that session are taken in, so while it moves every session would be late.
    """
    return clock.exists() and SystemClock().now().timestamp() - clock.stat().st_mtime > _CLOCK_STANDS_SECONDS


def _stuck(settings: Settings, home: Home, book: Book) -> Iterator[Alert]:
    """Yield each entry that may still trade after the session it was for has closed: its rest should have ended."""
    working = [record for record in book.orders.values() if record.order.leg == "entry" and record.exposed_shares > 0]
    if not working:
        return
    calendar, now = TradingCalendar.shipped(), clock_of(settings.mode, home).now()
    for record in working:
        if calendar.bars_known_at(calendar.next(record.session)) <= now:
            name = record.order.client_order_id
            title = f"the entry in {record.order.symbol} works after its session"
            detail = f"{name} of {record.session}; `touchstone orders` lists it"
            yield Alert(cause=f"stuck_order:{name}", severity=_CRITICAL, title=title, detail=detail)
