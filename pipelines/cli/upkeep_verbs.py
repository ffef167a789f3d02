"""Verbs that keep a home well: copies and their return, what may leave, the ledger, figures and alerts."""

import sys
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from pipelines.cli.verb_options import SettingsFile, home_ledger, home_place, ledger_place

# ruff: noqa: PLC0415 - a verb imports what it needs when it is called, so that help and halt stay quick

app = typer.Typer()
ledger = typer.Typer(help="The append-only, hash-chained ledger.", no_args_is_help=True)
app.add_typer(ledger, name="ledger")


@app.command()
def alerts(
    trial: Annotated[bool, typer.Option("--try", help="Send one alert of no consequence and end.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Watch this home until Ctrl-C and tell people what goes wrong, by the channels its settings name."""
    from pipelines.cli.alerts import run_alerts, try_channels
    from pipelines.home import Home
    from pipelines.logging_setup import configure_logging
    from pipelines.settings import load_settings

    tree, home = load_settings(settings), Home.from_environment()
    configure_logging(home, level=tree.log.level, secrets=tree.secrets())
    if trial:
        print(try_channels(tree, home))
    else:
        sys.exit(run_alerts(tree, home))


@app.command()
def metrics(
    settings: SettingsFile = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine's loopback.")] = 9187,
) -> None:
    """Serve this home's figures to Prometheus until Ctrl-C; reads only."""
    from pipelines.cli.metrics import serve_metrics
    from pipelines.home import Home
    from pipelines.settings import load_settings

    sys.exit(serve_metrics(load_settings(settings), Home.from_environment(), port=port))


@app.command()
def backup(
    full: Annotated[bool, typer.Option("--full", help="Write every piece again, as after a damaged one.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Copy this home to where its backups lie; only what is new is written."""
    from pipelines.cli.backup import backup_page
    from pipelines.settings import load_settings

    _, home = home_place(settings)
    print(backup_page(load_settings(settings), home, is_full=full))


@app.command()
def restore(
    to: Annotated[Path, typer.Option("--to", help="An empty place for the home.")],
    by: Annotated[str, typer.Option("--by", help="Name of the person who restores.")],
    backup: Annotated[str, typer.Option("--backup", help="Beginning of a backup's name; the newest otherwise.")] = "",
    settings: SettingsFile = None,
) -> None:
    """Bring a home back from a backup to an empty place; trading is halted there until a person resumes."""
    from pipelines.cli.restore import restored_page
    from pipelines.home import Home
    from pipelines.settings import load_settings

    print(restored_page(load_settings(settings), Home.from_environment(), to=to, name=backup, actor=by))


@app.command()
def retain(
    apply: Annotated[bool, typer.Option("--apply", help="Archive and prune what the plan names.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Show what is old enough to leave this home, and what decisions stand on; archive and prune only when told."""
    from pipelines.cli.retain import retention_page
    from pipelines.settings import load_settings

    _, home = home_place(settings)
    print(retention_page(load_settings(settings), home, is_applied=apply))


@app.command()
def migrate(
    to: Annotated[str, typer.Option(help="`postgres`, or `home` for the way back.")],
    settings: SettingsFile = None,
) -> None:
    """Move this home's ledger and run history to Postgres or back; the chain is verified on both sides."""
    from pipelines.cli.migrate import migrated_home
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    if to not in {"home", "postgres"}:
        raise typer.BadParameter("--to is `postgres` or `home`")
    place: Literal["home", "postgres"] = "postgres" if to == "postgres" else "home"
    print(migrated_home(load_trading_settings(settings), Home.from_environment(), to=place))


@ledger.command("verify")
def ledger_verify() -> None:
    """Hash every row again, find every anchored head, compare every table; exit code 1 when something differs."""
    from pipelines.cli.ledger_care import verified_page

    print(verified_page(*ledger_place()))


@ledger.command("anchor")
def ledger_anchor() -> None:
    """Sign the head of the verified chain and keep it in every anchor folder."""
    from pipelines.cli.ledger_care import anchored_page

    print(anchored_page(*ledger_place()))


@ledger.command("migrate")
def ledger_migrate(
    to: Annotated[Optional[int], typer.Option(min=1, help="Schema; the newest when none is named.")] = None,  # noqa: UP045 - typer reads it
) -> None:
    """Take the ledger's tables to a schema, up or down; events are never touched."""
    from pipelines.cli.ledger_care import migrated_page

    print(migrated_page(*ledger_place(), to=to))


@ledger.command("rebuild")
def ledger_rebuild() -> None:
    """Fold every table from the verified events again."""
    from pipelines.cli.ledger_care import rebuilt_page

    print(rebuilt_page(*ledger_place()))


@ledger.command("show")
def ledger_show(last: Annotated[int, typer.Option(min=0, help="Only so many newest rows; 0 for all.")] = 50) -> None:
    """Print the ledger's rows, oldest first."""
    from pipelines.cli.ledger_pages import events_page

    print(events_page(list(home_ledger().events())[-last:]))
