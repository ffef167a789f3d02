"""Verbs that answer a question and trade nothing: why, from where, once more, what if; and a venue to rehearse at."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Optional

import typer

from pipelines.cli.verb_options import Session, SettingsFile, day_of, home_ledger, ledger_place

# ruff: noqa: PLC0415 - a verb imports what it needs when it is called, so that help and halt stay quick

app = typer.Typer()


def tell_aside(line: str) -> None:
    """Print a line of progress where it does not get into what is printed."""
    print(line, file=sys.stderr, flush=True)


@app.command()
def why(
    symbol: Annotated[str, typer.Argument(help="Exchange symbol.")],
    session: Session = None,
) -> None:
    """Say what happened to one symbol in one session, and why."""
    from execution.artifact_files import FileArtifacts
    from execution.ledger import explain
    from execution.signal_batch_store import SignalBatchStore
    from pipelines.cli.red_gate import red_gate
    from pipelines.home import Home

    folder, day = Home.from_environment().artifacts, day_of(session)
    gate = red_gate(SignalBatchStore(folder), day) if day else ""
    print(explain.why(home_ledger(), artifacts=FileArtifacts(folder), symbol=symbol.upper(), session=day, gate=gate))


@app.command()
def explain(
    what: Annotated[str, typer.Argument(help="A client order id or its beginning; or the name of a raw table.")],
    columns: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads this annotation at run time
        typer.Argument(help="With a raw table: column=value, which name the row."),
    ] = None,
) -> None:
    """Walk from an order to its raw rows, or from a row to its orders: explain daily_bars symbol=A."""
    from pipelines.cli.explain_page import explain_order, explain_row, wanted_row
    from pipelines.home import Home

    wanted = wanted_row(what, columns or ())
    home, book = Home.from_environment(), home_ledger().book()
    print(explain_row(home, book, table_name=what, wanted=wanted) if wanted else explain_order(home, book, what))


@app.command()
def replay(
    decision: Annotated[str, typer.Argument(help="A session, a plan hash or a client order id.")],
    settings: SettingsFile = None,
) -> None:
    """Make one past decision again, from raw parts to plan, and compare the hash of each step."""
    from pipelines.cli.replay_page import replay_page
    from pipelines.logging_setup import configure_logging
    from pipelines.settings import load_settings

    _, home = ledger_place(settings)
    tree = load_settings(settings)
    # Else libraries of the data half write their own lines between ours.
    configure_logging(home, level=tree.log.level, secrets=tree.secrets())
    print(replay_page(tree, home, decision, tell=print))


@app.command()
def backtest(  # noqa: PLR0917 - typer passes each option by its name
    first: Annotated[
        Optional[datetime],  # noqa: UP045 - typer reads this annotation at run time
        typer.Option(
            formats=["%Y-%m-%d"], help="Day of the first decision session; by default a year before the last."
        ),
    ] = None,
    last: Annotated[
        Optional[datetime],  # noqa: UP045 - typer reads this annotation at run time
        typer.Option(formats=["%Y-%m-%d"], help="Day of the last one; by default the newest that can be traded."),
    ] = None,
    scores: Annotated[
        str,
        typer.Option(
            help="A rule (momentum_12_1, reversal_5d, range_bound, level_high_252d), or model: taught on the way."
        ),
    ] = "momentum_12_1",
    every: Annotated[int, typer.Option(min=1, help="Sessions from one publication of scores to the next.")] = 1,
    retrain: Annotated[int, typer.Option(min=1, help="Sessions from one training to the next.")] = 63,
    costs: Annotated[str, typer.Option(help="Multiples of the settings' costs, 1 among them.")] = "1,2,3",
    beside: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads this annotation at run time
        typer.Option(help="Settings file or way to score that lives the same days beside production; repeatable."),
    ] = None,
    capital: Annotated[str, typer.Option(help="Other opening cash in USD, one portfolio each: its capacity.")] = "",
    settings: SettingsFile = None,
) -> None:
    """Trade stored history again with the live session's own sizing, checks and ledger."""
    from pipelines.cli.backtest import run_backtest, stored_sessions, trial_of
    from pipelines.home import Home
    from pipelines.settings import load_settings

    home = Home.from_environment()
    span = stored_sessions(home, first=first and first.date(), last=last and last.date(), sessions=252)
    trial = trial_of(span, scores=scores, every=every, retrain=retrain, costs=costs, capital=capital)
    print(run_backtest(load_settings(settings), home, trial, tell=print, beside=beside or ()))


@app.command()
def performance(session: Session = None, settings: SettingsFile = None) -> None:
    """Tell what the traded account came to, as a backtest is told: a table, and a page, a PDF and JSON beside it."""
    from pipelines.cli.performance import performance_page
    from pipelines.settings import load_settings

    _, home = ledger_place(settings)
    print(performance_page(load_settings(settings), home, day_of(session)))


@app.command()
def results(
    retrain: Annotated[int, typer.Option(min=1, help="Sessions from one teaching of the model to the next.")] = 126,
    leaks: Annotated[bool, typer.Option("--leaks/--no-leaks", help="Say too what leaks would add.")] = True,
    settings: SettingsFile = None,
) -> None:
    """Judge model and rules year by year on stored history, each on the past alone; every look is a counted trial."""
    from pipelines.cli.results import make_results
    from pipelines.home import Home
    from pipelines.settings import load_settings

    home = Home.from_environment()
    print(make_results(load_settings(settings), home, retrain_sessions=retrain, has_leaks=leaks, tell=tell_aside))


@app.command()
def tune(settings: SettingsFile = None) -> None:
    """Search the learner's settings on the newest training set; every choice counts as a trial, none is promoted."""
    from pipelines.cli.tune import run_search
    from pipelines.home import Home
    from pipelines.settings import load_settings

    print(run_search(load_settings(settings), Home.from_environment(), tell=print))


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
