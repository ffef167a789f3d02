"""What of a home its health is judged by: ledger, nights, stored bars, and the minutes its watch saw."""

from datetime import UTC, datetime, time, timedelta

from assets.maintenance.health import HealthReport, growth, halts, judged_sessions, missed_of, restores
from assets.maintenance.machine import machine_use
from assets.maintenance.nights import night_of, upkept_sessions
from execution.domain.events import ControlChanged
from execution.trading_calendar import TradingCalendar
from execution.uptime_log import UptimeLog
from pipelines.alerting.missed_sessions import planned_sessions
from pipelines.data_ages import data_ages_of
from pipelines.due_trading import book_of
from pipelines.home import Home
from pipelines.ledger_opening import has_ledger, open_ledger
from pipelines.settings import Settings
from pipelines.trading_adapters import clock_of, is_clock_told


def health_of(settings: Settings, home: Home) -> HealthReport:
    """Return how well a home has run over the newest sessions of its policy; reads only."""
    calendar, now = TradingCalendar.shipped(), clock_of(settings.mode, home).now()
    planned = planned_sessions(book_of(settings, home))
    sessions = judged_sessions(
        calendar, first=min(planned, default=None), now=now, window=settings.health.window_sessions
    )
    since = datetime.combine(sessions[0], time.min, UTC) if sessions else now - timedelta(days=1)
    nights = {night: night_of(home.upkeep, night) for night in upkept_sessions(home.upkeep) if night in sessions}
    drills, red, seconds = restores(nights)
    halted, longest = halts(_control_changes(settings, home), since=since, now=now)
    uptime = None if is_clock_told(settings.mode) else UptimeLog(home.operations).share(sessions, calendar)
    return HealthReport(
        sessions=len(sessions),
        missed=missed_of(sessions, planned),
        uptime_share=uptime,
        data_ages=data_ages_of(settings, home),
        restores=drills,
        red_restores=red,
        restore_seconds_max=seconds,
        growth_bytes_max=growth(nights),
        halts=halted,
        halted_seconds_max=longest,
        machine=machine_use(home.root),
    )


def _control_changes(settings: Settings, home: Home) -> list[tuple[datetime, str]]:
    if not has_ledger(settings, home):
        return []
    events = (recorded.event for recorded in open_ledger(settings, home).events())
    return [(event.at, event.state) for event in events if isinstance(event, ControlChanged)]
