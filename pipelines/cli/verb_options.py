"""Options several verbs share, and what they find in the settings: the home's ledger."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from execution.domain.errors import SettingsRefused

if TYPE_CHECKING:
    from execution.ledger.sql_ledger import SqlLedger
    from pipelines.home import Home
    from pipelines.trading_settings import TradingSettings

# ruff: noqa: PLC0415 - a verb imports what it needs when it is called, so that help and halt stay quick

SettingsFile = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads this annotation at run time
    typer.Option(
        "--settings", help="Settings file; else TOUCHSTONE_SETTINGS, else the home's own, else ./settings.yaml."
    ),
]
DemoSettingsFile = Annotated[
    Optional[Path],  # noqa: UP045 - as above
    typer.Option("--settings", help="Settings file of a new home; else the home's own, else examples/demo.yaml."),
]
Session = Annotated[
    Optional[datetime],  # noqa: UP045 - as above
    typer.Option("--session", formats=["%Y-%m-%d"], help="Decision session, an exchange day."),
]
By = Annotated[str, typer.Option("--by", help="Name of the person who says so.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, one sentence.")]
Word = Annotated[str, typer.Option("--word", help="Signed word, as `touchstone sign` prints it; mode live wants one.")]


def day_of(session: datetime | None) -> date | None:
    """Return the day of a session option."""
    return None if session is None else session.date()


def home_ledger() -> "SqlLedger":
    """Open the home's ledger.

    Raises:
        SettingsRefused: there is none.
    """
    from pipelines.ledger_opening import open_ledger

    return open_ledger(*ledger_place())


def ledger_place(path: Path | None = None) -> "tuple[TradingSettings, Home]":
    """Return the settings and the home of a ledger that is there.

    Args:
        path: the settings file; None for the usual one.

    Raises:
        SettingsRefused: there is none.
    """
    from pipelines.home import Home
    from pipelines.ledger_opening import has_ledger
    from pipelines.trading_settings import load_trading_settings

    settings, home = load_trading_settings(path), Home.from_environment()
    if not has_ledger(settings, home):
        raise SettingsRefused(
            f"there is no ledger at {home.ledger}; run `make demo`, or name the home with TOUCHSTONE_HOME"
        )
    return settings, home


def home_place(path: Path | None = None) -> "tuple[TradingSettings, Home]":
    """Return the settings and a home that was made, though it may not have a ledger yet; nothing is created.

    For verbs that are of use before the first day, as a watchdog beside a new daemon: in a home whose name is misspelt
    they would make half of a second one.

    Raises:
        SettingsRefused: nobody made this home.
    """
    from pipelines.home import Home
    from pipelines.ledger_opening import has_ledger
    from pipelines.trading_settings import load_trading_settings

    settings, home = load_trading_settings(path), Home.from_environment()
    if not ((home.dagster / "dagster.yaml").exists() or has_ledger(settings, home)):
        raise SettingsRefused(
            f"there is no home at {home.root}: make it with `touchstone init`, or name yours with TOUCHSTONE_HOME"
        )
    return settings, home
