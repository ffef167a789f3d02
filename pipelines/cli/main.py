"""The verb table of `touchstone`: one function per verb, one call each. Heavy imports wait until their verb is called.

Exit codes: 0 done, 1 refused or failed with one clear line, 2 a wrong command line.
"""

import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from execution.domain.errors import SettingsRefused, TouchstoneError

if TYPE_CHECKING:
    from execution.clock import FileClock
    from execution.ledger.sql_ledger import SqlLedger
    from pipelines.home import Home
    from pipelines.trading_settings import TradingSettings

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
clock = typer.Typer(help="The clock of simulated and files mode.", no_args_is_help=True)
ledger = typer.Typer(help="The append-only, hash-chained ledger.", no_args_is_help=True)
app.add_typer(config, name="config")
app.add_typer(clock, name="clock")
app.add_typer(ledger, name="ledger")
release = typer.Typer(help="Which version of program, settings, ledger and model may trade.", no_args_is_help=True)
quarantine = typer.Typer(help="Symbols in which something is not ours or not explained.", no_args_is_help=True)
app.add_typer(release, name="release")
app.add_typer(quarantine, name="quarantine")

SettingsFile = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads this annotation at run time
    typer.Option(
        "--settings", help="Settings file; else TOUCHSTONE_SETTINGS, else the home's own, else ./settings.yaml."
    ),
]
Session = Annotated[
    Optional[datetime],  # noqa: UP045 - as above
    typer.Option("--session", formats=["%Y-%m-%d"], help="Decision session, an exchange day."),
]


@app.command()
def demo(settings: SettingsFile = None) -> None:
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
    from pipelines.cli.init import create_home
    from pipelines.home import Home
    from pipelines.settings import load_settings

    if ask:
        home = Home.from_environment()
        print(guide(home, home.process_environment(), ask=input, tell=print))
        return
    print(create_home(load_settings(settings), Home.from_environment(), is_time_told=told_time))


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
    from pipelines.trading_settings import load_trading_settings

    print(status_page(load_trading_settings(settings), Home.from_environment()))


@app.command("paper-smoke")
def paper_smoke(
    settings: SettingsFile = None,
    symbol: Annotated[str, typer.Option(help="Symbol whose prices are looked at.")] = "SPY",
    with_order: Annotated[bool, typer.Option("--with-order", help="Bid for one share at half its price.")] = False,
) -> None:
    """Look at the paper account of the settings, and say what was found and what no look can prove."""
    from pipelines.cli.paper_smoke import NOT_PROVEN, run_smoke
    from pipelines.home import Home
    from pipelines.logging_setup import configure_logging
    from pipelines.trading_settings import load_trading_settings

    tree, home = load_trading_settings(settings), Home.from_environment()
    configure_logging(home, level=tree.log.level, secrets=tree.secrets(), console=False)
    is_fit = True
    for finding in run_smoke(tree, home, symbol=symbol, sends_order=with_order):
        print(f"{finding.verdict:<8} {finding.subject:<13} {finding.detail}")
        is_fit = is_fit and finding.verdict != "failed"
    for unproven in NOT_PROVEN:
        print(f"unproven {unproven}")
    if not is_fit:
        raise typer.Exit(1)


@app.command()
def halt(
    reason: Annotated[str, typer.Option(help="Why, one sentence.")],
    by: Annotated[str, typer.Option(help="Who stops; the system user when absent.")] = "",
    keep_stops: Annotated[bool, typer.Option("--keep-stops", help="Leave protective stops working.")] = False,
) -> None:
    """Stop now: nothing is sent any more, and every working order is cancelled (docs/runbooks/halt-and-resume.md)."""
    from pipelines.cli import halt as stop

    sys.exit(stop.main(["--reason", reason, "--by", by, *(["--keep-stops"] if keep_stops else [])]))


@app.command()
def resume(
    token: Annotated[str, typer.Option(help="What the first step printed; without it, that step.")] = "",
    by: Annotated[str, typer.Option(help="Name of the person who resumes.")] = "",
    reason: Annotated[str, typer.Option(help="Why, one sentence.")] = "",
    reducing: Annotated[bool, typer.Option("--reducing", help="Let out only what reduces positions.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Resume after a stop, in two steps: look and get a token; then name yourself, with that token."""
    from pipelines.cli import resume as back
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    tree, home = load_trading_settings(settings), Home.from_environment()
    if not token:
        print(back.look(tree, home))
    else:
        print(back.confirm(tree, home, token=token, actor=by, reason=reason, is_reducing=reducing))


@app.command()
def flatten(
    arm: Annotated[str, typer.Option(help="The phrase that arms it, word for word.")] = "",
    by: Annotated[str, typer.Option(help="Name of the person who closes.")] = "",
    reason: Annotated[str, typer.Option(help="Why, one sentence.")] = "",
    settings: SettingsFile = None,
) -> None:
    """Close every position: cancel what is in the way, then sell; exit code 1 while something is not being sold."""
    from pipelines.cli.flatten import close_everything
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    is_closing, said = close_everything(
        load_trading_settings(settings), Home.from_environment(), arm=arm, actor=by, reason=reason
    )
    print(said)
    if not is_closing:
        raise typer.Exit(1)


@app.command()
def watchdog(settings: SettingsFile = None) -> None:
    """Watch this home until Ctrl-C: cancel orders when the kill switch is on or nobody shows a sign of life."""
    from pipelines.cli.watchdog import run_watchdog
    from pipelines.home import Home
    from pipelines.logging_setup import configure_logging
    from pipelines.trading_settings import load_trading_settings

    tree, home = load_trading_settings(settings), Home.from_environment()
    configure_logging(home, level=tree.log.level, secrets=tree.secrets())
    sys.exit(run_watchdog(tree, home))


@app.command()
def listen(settings: SettingsFile = None) -> None:
    """Write down the venue's trade updates until Ctrl-C, so that whoever waits for a fill looks sooner."""
    from pipelines.cli.listen import run_listener
    from pipelines.home import Home
    from pipelines.logging_setup import configure_logging
    from pipelines.trading_settings import load_trading_settings

    tree, home = load_trading_settings(settings), Home.from_environment()
    configure_logging(home, level=tree.log.level, secrets=tree.secrets())
    sys.exit(run_listener(tree, home))


@app.command()
def alerts(
    trial: Annotated[bool, typer.Option("--try", help="Send one alert of no consequence and end.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Watch this home until Ctrl-C and tell people what goes wrong, by the channels its settings name."""
    from pipelines.cli.alerts import run_alerts, try_channels
    from pipelines.home import Home
    from pipelines.logging_setup import configure_logging
    from pipelines.trading_settings import load_trading_settings

    tree, home = load_trading_settings(settings), Home.from_environment()
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
    from pipelines.trading_settings import load_trading_settings

    sys.exit(serve_metrics(load_trading_settings(settings), Home.from_environment(), port=port))


@app.command()
def ui(
    settings: SettingsFile = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine's loopback.")] = 3000,
) -> None:
    """Start the web page and the daemon on this machine only, until Ctrl-C."""
    from pipelines.cli.ui import serve
    from pipelines.home import Home
    from pipelines.settings import load_settings

    load_settings(settings)
    sys.exit(serve(Home.from_environment(), port=port))


@app.command()
def cycle(settings: SettingsFile = None, session: Session = None) -> None:
    """Run the analysis of one session in this process, without the daemon: raw rows to signal batch. Never trains."""
    _run_analysis("cycle", settings, session)


@app.command()
def train(settings: SettingsFile = None, session: Session = None) -> None:
    """Train and judge a challenger on what is known at a session's cut-off, in this process."""
    _run_analysis("train", settings, session)


@app.command()
def backup(
    full: Annotated[bool, typer.Option("--full", help="Write every piece again, as after a damaged one.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Copy this home to where its backups lie; only what is new is written."""
    from pipelines.cli.backup import backup_page
    from pipelines.home import Home
    from pipelines.settings import load_settings

    print(backup_page(load_settings(settings), Home.from_environment(), is_full=full))


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


@app.command()
def retain(
    apply: Annotated[bool, typer.Option("--apply", help="Archive and prune what the plan names.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Show what is old enough to leave this home, and what decisions stand on; archive and prune only when told."""
    from pipelines.cli.retain import retention_page
    from pipelines.home import Home
    from pipelines.settings import load_settings

    print(retention_page(load_settings(settings), Home.from_environment(), is_applied=apply))


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


@app.command("simulate")
def simulate_verb(
    schedules: Annotated[
        int, typer.Option("--schedules", min=1, help="How many seeds to live, one after the other.")
    ] = 1_000,
    seed: Annotated[
        Optional[int],  # noqa: UP045 - typer reads this annotation at run time
        typer.Option("--seed", min=0, help="Live this seed again and print the hash of its trace last."),
    ] = None,
    first_seed: Annotated[int, typer.Option("--first-seed", min=0, help="The first of the seeds.")] = 0,
    mode: Annotated[
        str, typer.Option("--mode", help="Kind of venue: normal, long_lag, same_id, no_ids, sqlite, ...")
    ] = "normal",
    processes: Annotated[int, typer.Option("--processes", min=1, help="Processes that share the work.")] = 2,
) -> None:
    """Crash simulated trading days at every call and check what must hold: no order twice, nothing lost."""
    from pipelines.cli.simulate import mode_named, replay, simulate

    chosen = mode_named(mode)
    if seed is not None:
        sys.exit(replay(seed, mode=chosen))
    sys.exit(simulate(schedules=schedules, first_seed=first_seed, mode=chosen, processes=processes))


@app.command()
def venue(  # noqa: PLR0917 - typer hands options over by name
    settings: SettingsFile = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine's loopback.")] = 8085,
    wall_clock: Annotated[bool, typer.Option("--wall-clock", help="Live in the machine's own time.")] = False,
    clock_of: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads this annotation at run time
        typer.Option("--clock-of", help="Live in the time of another home, made by `init --told-time`."),
    ] = None,
    fault_seed: Annotated[
        Optional[int],  # noqa: UP045 - as above
        typer.Option("--fault-seed", min=0, help="Let requests go wrong, drawn from this seed."),
    ] = None,
    fault_rate: Annotated[float, typer.Option("--fault-rate", min=0, max=1, help="Part of requests that do.")] = 0.05,
    requests_per_minute: Annotated[
        Optional[int],  # noqa: UP045 - as above
        typer.Option("--requests-per-minute", min=1, help="Above it, answer 429; no limit when absent."),
    ] = None,
) -> None:
    """Serve the simulated venue over HTTP in Alpaca's words, on this machine only: rehearse a paper account offline."""
    from pipelines.cli.venue import serve_venue
    from pipelines.home import Home
    from pipelines.settings import load_settings

    serve_venue(
        load_settings(settings),
        Home.from_environment(),
        port=port,
        by_wall_clock=wall_clock,
        told_by=clock_of,
        fault_seed=fault_seed,
        fault_rate=fault_rate,
        requests_per_minute=requests_per_minute,
    )


@app.command()
def why(
    symbol: Annotated[str, typer.Argument(help="Exchange symbol.")],
    session: Session = None,
) -> None:
    """Say what happened to one symbol in one session, and why."""
    from execution.artifact_files import FileArtifacts
    from execution.ledger import explain
    from pipelines.home import Home

    artifacts = FileArtifacts(Home.from_environment().artifacts)
    print(explain.why(_ledger(), artifacts=artifacts, symbol=symbol.upper(), session=_day(session)))


@app.command()
def explain(
    what: Annotated[str, typer.Argument(help="A client order id or its beginning; or the name of a raw table.")],
    columns: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads this annotation at run time
        typer.Argument(help="With a raw table: column=value, which name the row."),
    ] = None,
) -> None:
    """Walk from an order to its raw rows, or from a row to its orders: explain daily_bars symbol=A."""
    from pipelines.cli.explain_page import explain_order, explain_row
    from pipelines.home import Home

    home, book = Home.from_environment(), _ledger().book()
    if columns is None:
        print(explain_order(home, book, what))
        return
    wanted = dict(column.partition("=")[::2] for column in columns)
    print(explain_row(home, book, table_name=what, wanted=wanted))


@app.command()
def replay(
    decision: Annotated[str, typer.Argument(help="A session, a plan hash or a client order id.")],
    settings: SettingsFile = None,
) -> None:
    """Make one past decision again, from raw parts to plan, and compare the hash of each step."""
    from pipelines.cli.replay_page import replay_page
    from pipelines.home import Home
    from pipelines.settings import load_settings

    print(replay_page(load_settings(settings), Home.from_environment(), decision, tell=print))


@app.command()
def backtest(  # noqa: PLR0917 - typer passes each option by its name
    first: Annotated[
        Optional[datetime],  # noqa: UP045 - typer reads this annotation at run time
        typer.Option(formats=["%Y-%m-%d"], help="First decision session; by default a year before the last."),
    ] = None,
    last: Annotated[
        Optional[datetime],  # noqa: UP045 - typer reads this annotation at run time
        typer.Option(formats=["%Y-%m-%d"], help="Last decision session; by default the newest that can be traded."),
    ] = None,
    scores: Annotated[
        str, typer.Option(help="momentum_12_1, or model: taught on the way, on the past alone.")
    ] = "momentum_12_1",
    every: Annotated[int, typer.Option(min=1, help="Sessions from one publication of scores to the next.")] = 1,
    retrain: Annotated[int, typer.Option(min=1, help="Sessions from one training to the next.")] = 63,
    costs: Annotated[str, typer.Option(help="Multiples of the settings' costs, one desk each.")] = "1,2,3",
    settings: SettingsFile = None,
) -> None:
    """Trade stored history again with the live session's own sizing, checks and ledger."""
    from pipelines.cli.backtest import run_backtest, stored_sessions, trial_of
    from pipelines.home import Home
    from pipelines.settings import load_settings

    home = Home.from_environment()
    span = stored_sessions(home, first=first and first.date(), last=last and last.date(), sessions=252)
    trial = trial_of(span, scores=scores, every=every, retrain=retrain, costs=costs)
    print(run_backtest(load_settings(settings), home, trial, tell=print))


@app.command()
def orders(session: Session = None) -> None:
    """List the orders of the ledger, or of one decision session."""
    from pipelines.cli.ledger_pages import orders_page

    print(orders_page(_ledger().book(), _day(session)))


By = Annotated[str, typer.Option("--by", help="Name of the person who says so.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, one sentence.")]


@app.command()
def approve(
    plan_hash: Annotated[str, typer.Argument(help="Whole hash of the plan that was read.")],
    by: By,
    reason: Reason,
    settings: SettingsFile = None,
) -> None:
    """Let exactly one plan's orders go out; sends nothing itself."""
    from pipelines.cli.consent import approve_plan
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    home = Home.from_environment()
    print(approve_plan(load_trading_settings(settings), home, plan_hash=plan_hash, by=by, reason=reason))


@release.command("approve")
def release_approve(
    by: By,
    model: Annotated[Optional[str], typer.Option(help="Hash of the model that may decide; none for a rule.")] = None,  # noqa: UP045 - typer reads it
    settings: SettingsFile = None,
) -> None:
    """Let the installed program trade, with these settings, this ledger and one model."""
    from pipelines.cli.consent import approve_this_release
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    print(approve_this_release(load_trading_settings(settings), Home.from_environment(), model_hash=model, by=by))


@quarantine.command("lift")
def quarantine_lift(
    symbol: Annotated[str, typer.Argument(help="Exchange symbol.")],
    by: By,
    reason: Reason,
    settings: SettingsFile = None,
) -> None:
    """Trade a symbol again; what the account holds of it is managed as ours."""
    from pipelines.cli.consent import lift
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    home = Home.from_environment()
    print(lift(load_trading_settings(settings), home, symbol=symbol.upper(), by=by, reason=reason))


@app.command("write-off")
def write_off(
    order: Annotated[str, typer.Argument(help="Whole client order id.")],
    by: By,
    reason: Reason,
    settings: SettingsFile = None,
) -> None:
    """Stop looking up an order nobody knows the outcome of, once a later day's account agrees without it."""
    from pipelines.cli.consent import close_unknown
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    home = Home.from_environment()
    print(close_unknown(load_trading_settings(settings), home, client_order_id=order, by=by, reason=reason))


@config.command("show")
def config_show(settings: SettingsFile = None) -> None:
    """Print every setting with its value and where it came from; secrets are masked."""
    from pipelines.cli.text_table import text_table
    from pipelines.settings import load_settings

    tree = load_settings(settings)
    print(text_table(("setting", "value", "origin"), tree.origins()))
    print(f"\nread from      {', '.join(str(file.absolute()) for file in tree.files_read) or 'no file'}")
    print(f"settings hash  {tree.settings_hash}")


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


@ledger.command("verify")
def ledger_verify() -> None:
    """Hash every row again, find every anchored head, compare every table; exit code 1 when something differs."""
    from pipelines.cli.ledger_care import verified_page

    print(verified_page(*_ledger_place()))


@ledger.command("anchor")
def ledger_anchor() -> None:
    """Sign the head of the verified chain and keep it in every anchor folder."""
    from pipelines.cli.ledger_care import anchored_page

    print(anchored_page(*_ledger_place()))


@ledger.command("migrate")
def ledger_migrate(
    to: Annotated[Optional[int], typer.Option(min=1, help="Schema; the newest when none is named.")] = None,  # noqa: UP045 - typer reads it
) -> None:
    """Take the ledger's tables to a schema, up or down; events are never touched."""
    from pipelines.cli.ledger_care import migrated_page

    print(migrated_page(*_ledger_place(), to=to))


@ledger.command("rebuild")
def ledger_rebuild() -> None:
    """Fold every table from the verified events again."""
    from pipelines.cli.ledger_care import rebuilt_page

    print(rebuilt_page(*_ledger_place()))


@ledger.command("show")
def ledger_show(last: Annotated[int, typer.Option(min=0, help="Only so many newest rows; 0 for all.")] = 50) -> None:
    """Print the ledger's rows, oldest first."""
    from pipelines.cli.ledger_pages import events_page

    print(events_page(list(_ledger().events())[-last:]))


def main() -> None:
    """Run the command line; a refusal is one line on stderr and exit code 1."""
    try:
        app()
    except TouchstoneError as error:
        print(f"touchstone: {error}", file=sys.stderr)
        sys.exit(1)


def _day(session: datetime | None) -> date | None:
    return None if session is None else session.date()


def _clock(settings: Path | None) -> "FileClock":
    from pipelines.cli.clock import movable_clock
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    return movable_clock(load_trading_settings(settings), Home.from_environment())


def _ledger() -> "SqlLedger":
    from pipelines.ledger_opening import open_ledger

    return open_ledger(*_ledger_place())


def _ledger_place() -> "tuple[TradingSettings, Home]":
    from pipelines.home import Home
    from pipelines.ledger_opening import has_ledger
    from pipelines.trading_settings import load_trading_settings

    settings, home = load_trading_settings(), Home.from_environment()
    if not has_ledger(settings, home):
        raise SettingsRefused(
            f"there is no ledger at {home.ledger}; run `make demo`, or name the home with TOUCHSTONE_HOME"
        )
    return settings, home


def _run_analysis(act: str, settings: Path | None, session: datetime | None) -> None:
    from pipelines.cli.analysis_run import run_analysis
    from pipelines.home import Home
    from pipelines.logging_setup import configure_logging
    from pipelines.settings import load_settings

    tree, home = load_settings(settings), Home.from_environment()
    configure_logging(home, level=tree.log.level, secrets=tree.secrets())
    print(run_analysis(act, tree, home, _day(session)))


if __name__ == "__main__":
    main()
