"""Verbs of the clock that simulated and files mode live by."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from pipelines.cli.verb_options import SettingsFile

if TYPE_CHECKING:
    from execution.clock import FileClock

# ruff: noqa: PLC0415 - a verb imports what it needs when it is called, so that help and halt stay quick

clock = typer.Typer(help="The clock of simulated and files mode.", no_args_is_help=True)


@clock.command("show")
def clock_show(settings: SettingsFile = None) -> None:
    """Show where the clock stands and what comes next."""
    from execution.trading_calendar import TradingCalendar
    from pipelines.cli.clock import clock_page

    print(clock_page(_clock(settings), TradingCalendar.shipped()))


@clock.command("advance")
def clock_advance(
    settings: SettingsFile = None,
    to: Annotated[Optional[str], typer.Option(help="Session (its cut-off) or instant with a zone.")] = None,  # noqa: UP045 - typer reads it
    next_event: Annotated[bool, typer.Option("--next-event", help="Move to the next instant work can be due.")] = False,
) -> None:
    """Move the clock forward at once; what becomes due is found by the daemon or by `touchstone cycle`."""
    from execution.trading_calendar import TradingCalendar
    from pipelines.cli.clock import clock_page, moment
    from sensors.rules import next_instant

    if (to is not None) == next_event:
        raise typer.BadParameter("give one of --to and --next-event")
    calendar, moved = TradingCalendar.shipped(), _clock(settings)
    moved.advance_to(next_instant(now=moved.now(), calendar=calendar) if to is None else moment(to, calendar))
    print(clock_page(moved, calendar))


@clock.command("live")
def clock_live(
    settings: SettingsFile = None,
    to: Annotated[Optional[str], typer.Option(help="Session (its cut-off) or instant with a zone.")] = None,  # noqa: UP045 - typer reads it
    sessions: Annotated[Optional[int], typer.Option(min=1, max=2000, help="So many sessions more.")] = None,  # noqa: UP045 - typer reads it
) -> None:
    """Let a running daemon live on, one event after the other, up to a moment."""
    from execution.trading_calendar import TradingCalendar
    from pipelines.cli.clock import after_sessions, clock_page, moment

    if (to is None) == (sessions is None):
        raise typer.BadParameter("give one of --to and --sessions")
    calendar, allowed = TradingCalendar.shipped(), _clock(settings)
    limit = moment(to, calendar) if to is not None else after_sessions(allowed, sessions or 1, calendar)
    allowed.live_until(limit)
    print(clock_page(allowed, calendar))


def _clock(settings: Path | None) -> "FileClock":
    from pipelines.cli.clock import movable_clock
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    return movable_clock(load_trading_settings(settings), Home.from_environment())
