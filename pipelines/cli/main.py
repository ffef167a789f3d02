"""The command line `touchstone`: one function per verb, one call each. Heavy imports wait until their verb is called.

The first verbs of a home are here; the others stand in the rooms this table names.
Exit codes: 0 done, 1 refused or failed with one clear line, 2 a wrong command line.
"""

import io
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn, Optional

import typer

from execution.domain.errors import TouchstoneError
from execution.trading_calendar import NotASession
from pipelines.cli import clock_verbs, desk_verbs, question_verbs, upkeep_verbs
from pipelines.cli.verb_options import DemoSettingsFile, Session, SettingsFile, day_of

# ruff: noqa: PLC0415 - a verb imports what it needs when it is called, so that help and halt stay quick

app = typer.Typer(
    name="touchstone",
    help="A trading pipeline for US equities: no order without proof.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config = typer.Typer(help="The settings tree.", no_args_is_help=True)
app.add_typer(config, name="config")
app.add_typer(clock_verbs.clock, name="clock")
for room in (desk_verbs, question_verbs, upkeep_verbs):
    app.add_typer(room.app)


@app.command()
def demo(settings: DemoSettingsFile = None) -> None:
    """Live one simulated trading day, from raw rows to fills, through the real daemon."""
    from pipelines.cli.demo import run_demo
    from pipelines.home import Home

    sys.exit(run_demo(home=Home.from_environment(), settings_path=settings))


@app.command()
def init(
    settings: SettingsFile = None,
    told_time: Annotated[bool, typer.Option("--told-time", help="In mode paper: rehearse in told time.")] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for the first settings, one by one, and check them.")] = False,
) -> None:
    """Create the home: folders, clock and orchestrator files. Harmless to repeat."""
    from pipelines.cli.guide import guide
    from pipelines.cli.init import create_home, refuse_other_settings
    from pipelines.home import Home
    from pipelines.settings import load_settings

    home = Home.from_environment()
    if ask and settings is not None:
        raise typer.BadParameter("give one of --ask and --settings: what is asked for is what the file would say")
    if ask:
        print(guide(home, home.process_environment(), ask=input, tell=print))
        return
    refuse_other_settings(home, settings)
    print(create_home(load_settings(settings), home, is_time_told=told_time))


@app.command()
def doctor(settings: SettingsFile = None) -> None:
    """Say whether this machine, this home and this tree are fit to trade."""
    from pipelines.cli.doctor import examine
    from pipelines.home import Home

    is_fit = True
    for finding in examine(Home.from_environment(), settings):
        print(f"{finding.verdict:<8} {finding.subject:<13} {finding.detail}")
        is_fit = is_fit and finding.verdict != "failed"
    if not is_fit:
        raise typer.Exit(1)


@app.command()
def status(settings: SettingsFile = None) -> None:
    """Show the clock, the last sessions, and what is held."""
    from pipelines.cli.status import status_page
    from pipelines.home import Home
    from pipelines.settings import load_settings

    print(status_page(load_settings(settings), Home.from_environment()))


@app.command()
def ui(
    settings: SettingsFile = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine's loopback.")] = 3000,
) -> None:
    """Start the web page and the daemon on this machine only, until Ctrl-C."""
    from pipelines.cli.ui import serve
    from pipelines.home import Home
    from pipelines.settings import load_settings

    sys.exit(serve(load_settings(settings), Home.from_environment(), port=port, settings_path=settings))


@app.command()
def cycle(settings: SettingsFile = None, session: Session = None) -> None:
    """Run the analysis of one session in this process, without the daemon: raw rows to signal batch. Never trains."""
    _run_analysis("cycle", settings, session)


@app.command()
def train(
    settings: SettingsFile = None,
    session: Annotated[
        Optional[datetime],  # noqa: UP045 - typer reads this annotation at run time
        typer.Option(formats=["%Y-%m-%d"], help="The session you expect it to be of; any other is refused."),
    ] = None,
) -> None:
    """Train and judge a challenger in this process, on what is known at the newest cut-off that has features."""
    _run_analysis("train", settings, session)


@config.command("show")
def config_show(settings: SettingsFile = None) -> None:
    """Print every setting with its value and where it came from; secrets are masked."""
    from pipelines.cli.text_table import text_table
    from pipelines.settings import load_settings

    tree = load_settings(settings)
    print(text_table(("setting", "value", "origin"), tree.origins()))
    print(f"\nread from      {', '.join(str(file.absolute()) for file in tree.files_read) or 'no file'}")
    print(f"settings hash  {tree.settings_hash}")


def main() -> None:
    """Run the command line; a refusal is one line on stderr and exit code 1.

    A character the terminal's encoding does not have is shown as another one: no day that was lived ends for that.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except (TouchstoneError, NotASession) as error:
        _refused(str(error))
    except Exception as error:
        from pipelines.home import Home

        # Each library stumbles over an unusable home in its own words; whoever typed the verb needs the home's fault.
        fault = Home.from_environment().fault()
        if not fault:
            raise
        _refused(f"{fault} ({type(error).__name__})")


def _refused(reason: str) -> NoReturn:
    print(f"touchstone: {reason}", file=sys.stderr)
    sys.exit(1)


def _run_analysis(act: str, settings: Path | None, session: datetime | None) -> None:
    from pipelines.cli.analysis_run import run_analysis
    from pipelines.home import Home
    from pipelines.logging_setup import configure_logging
    from pipelines.settings import load_settings

    tree, home = load_settings(settings), Home.from_environment()
    configure_logging(home, level=tree.log.level, secrets=tree.secrets())
    print(run_analysis(act, tree, home, day_of(session)))


if __name__ == "__main__":
    main()
