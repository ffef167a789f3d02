"""`touchstone clock`: look at the simulated clock, move it, or let the daemon move it up to a moment."""

from datetime import UTC, date, datetime

from execution.clock import FileClock
from execution.domain.errors import SettingsRefused
from execution.trading_calendar import NotASession, TradingCalendar
from pipelines.home import Home
from pipelines.trading_adapters import clock_of
from pipelines.trading_settings import TradingSettings
from sensors.rules import next_instant


def movable_clock(settings: TradingSettings, home: Home) -> FileClock:
    """Return the clock of a home whose time moves when told.

    Raises:
        SettingsRefused: the home runs on the machine's own time.
    """
    clock = clock_of(settings.mode, home)
    if not isinstance(clock, FileClock):
        raise SettingsRefused(
            f"mode {settings.mode} runs on the machine's own time: only simulated and files mode have a clock to move, "
            "and a paper home made by `touchstone init --told-time`"
        )
    return clock


def clock_page(clock: FileClock, calendar: TradingCalendar) -> str:
    """Return where the clock stands, what may be traded there, and what comes next."""
    now = clock.now()
    tradable = calendar.tradable_session(now)
    lines = [
        f"now           {_shown(now)}",
        f"last close    {calendar.last_closed(now) or '-'}",
        f"tradable      {tradable or 'nothing until the next cut-off'}",
        f"next event    {_shown(next_instant(now=now, calendar=calendar))}",
        f"may go up to  {_shown(clock.until())}",
    ]
    return "\n".join(lines)


def moment(text: str, calendar: TradingCalendar) -> datetime:
    """Return the instant a person means: a date is its session's cut-off, an instant is itself.

    Raises:
        SettingsRefused: the text is neither, names no zone, or names a day the exchange is closed.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    try:
        if day is not None:
            return calendar.as_of(day)
        instant = datetime.fromisoformat(text)
    except NotASession as error:
        raise SettingsRefused(str(error)) from None
    except ValueError:
        raise SettingsRefused(
            f"found {text!r}, expected a session such as 2024-03-01 or an instant such as 2024-03-01T21:00:00Z"
        ) from None
    if instant.tzinfo is None:
        raise SettingsRefused(f"{text} names no zone: write {text}Z for UTC")
    return instant.astimezone(UTC)


def after_sessions(clock: FileClock, sessions: int, calendar: TradingCalendar) -> datetime:
    """Return the cut-off a number of sessions after the newest cut-off the clock has been asked to reach."""
    limit = clock.until()
    newest = calendar.last_closed(limit)
    if newest is None:
        return calendar.as_of(calendar.sessions[sessions - 1])
    reached = newest if calendar.as_of(newest) <= limit else calendar.previous(newest)
    return calendar.as_of(calendar.offset(reached, sessions))


def _shown(instant: datetime) -> str:
    return instant.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
