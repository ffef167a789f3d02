"""Verbs of the trading desk: stop and resume, look and listen, and what a person must say yes to."""

import sys
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from pipelines.cli.verb_options import (
    By,
    Reason,
    Session,
    SettingsFile,
    Word,
    day_of,
    home_ledger,
    home_place,
)

# ruff: noqa: PLC0415 - a verb imports what it needs when it is called, so that help and halt stay quick

KeyFile = Annotated[Path, typer.Option("--key", help="File of your private key; best on a machine of your own.")]

app = typer.Typer()
release = typer.Typer(help="Which version of program, settings, ledger and model may trade.", no_args_is_help=True)
quarantine = typer.Typer(help="Symbols in which something is not ours or not explained.", no_args_is_help=True)
adjust = typer.Typer(help="What moved on the account without a trade: deposits and transfers.", no_args_is_help=True)
app.add_typer(release, name="release")
app.add_typer(adjust, name="adjust")
app.add_typer(quarantine, name="quarantine")


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
def resume(  # noqa: PLR0917 - typer reads options by name, whatever their order
    token: Annotated[str, typer.Option(help="What the first step printed; without it, that step.")] = "",
    by: Annotated[str, typer.Option(help="Name of the person who resumes.")] = "",
    reason: Annotated[str, typer.Option(help="Why, one sentence.")] = "",
    reducing: Annotated[bool, typer.Option("--reducing", help="Let out only what reduces positions.")] = False,
    word: Word = "",
    settings: SettingsFile = None,
) -> None:
    """Resume after a stop, in two steps: look and get a token; then name yourself, with that token."""
    from pipelines.cli import resume as back

    tree, home = home_place(settings)
    if not token:
        print(back.look(tree, home))
    else:
        print(back.confirm(tree, home, token=token, actor=by, reason=reason, is_reducing=reducing, word=word))


@app.command()
def flatten(
    arm: Annotated[str, typer.Option(help="The phrase that arms it, word for word.")] = "",
    by: Annotated[str, typer.Option(help="Name of the person who closes.")] = "",
    reason: Annotated[str, typer.Option(help="Why, one sentence.")] = "",
    settings: SettingsFile = None,
) -> None:
    """Close every position: cancel what is in the way, then sell; exit code 1 while something is not being sold."""
    from pipelines.cli.flatten import close_everything

    tree, home = home_place(settings)
    is_closing, said = close_everything(tree, home, arm=arm, actor=by, reason=reason)
    print(said)
    if not is_closing:
        raise typer.Exit(1)


@app.command()
def watchdog(settings: SettingsFile = None) -> None:
    """Watch this home until Ctrl-C: cancel orders when the kill switch is on or nobody shows a sign of life."""
    from pipelines.cli.watchdog import run_watchdog
    from pipelines.logging_setup import configure_logging

    tree, home = home_place(settings)
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
def orders(session: Session = None) -> None:
    """List the orders of the ledger, or of one decision session."""
    from pipelines.cli.ledger_pages import orders_page

    print(orders_page(home_ledger().book(), day_of(session)))


@app.command()
def approve(
    plan_hash: Annotated[str, typer.Argument(help="Whole hash of the plan that was read.")],
    by: By,
    reason: Reason,
    word: Word = "",
    settings: SettingsFile = None,
) -> None:
    """Let exactly one plan's orders go out; sends nothing itself."""
    from pipelines.cli.consent import approve_plan
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    home = Home.from_environment()
    tree = load_trading_settings(settings)
    print(approve_plan(tree, home, plan_hash=plan_hash, by=by, reason=reason, word=word))


@app.command("sign-key")
def sign_key(key: KeyFile) -> None:
    """Make a key for signing your word, if there is none yet, and print its public half for approval.signers."""
    from pipelines.cli.signing import make_signing_key

    print(make_signing_key(key))


@app.command()
def sign(  # noqa: PLR0917 - typer reads options by name, whatever their order
    matter: Annotated[Literal["plan", "release", "resume"], typer.Argument(help="What to let go.")],
    subject: Annotated[str, typer.Argument(help="Which one: the hash, the id, or STATE:TOKEN.")],
    account: Annotated[str, typer.Option(help="Account of the settings it is for.")],
    by: By,
    key: KeyFile,
    hours: Annotated[float, typer.Option(help="How long it holds.")] = 24,
    at: Annotated[str, typer.Option(help="Instant it is made at, with its zone, where the clock is told.")] = "",
) -> None:
    """Sign your word and print it; reads your key, and nothing of a home."""
    from pipelines.cli.signing import sign_word

    print(sign_word(matter, subject, account=account, by=by, key_file=key, hours=hours, at=at))


@release.command("approve")
def release_approve(
    by: By,
    model: Annotated[Optional[str], typer.Option(help="Hash of the model that may decide; none for a rule.")] = None,  # noqa: UP045 - typer reads it
    word: Word = "",
    settings: SettingsFile = None,
) -> None:
    """Let the installed program trade, with these settings, this ledger and one model."""
    from pipelines.cli.consent import approve_this_release
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    tree = load_trading_settings(settings)
    print(approve_this_release(tree, Home.from_environment(), model_hash=model, by=by, word=word))


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


@adjust.command("cash")
def adjust_cash(
    usd: Annotated[str, typer.Option(help="Dollars that came in; with a minus, that went out.")],
    by: By,
    reason: Reason,
    settings: SettingsFile = None,
) -> None:
    """Book a deposit or a withdrawal; refused unless it is the whole difference between ledger and venue."""
    from execution.domain.quantities import number_of
    from pipelines.cli.consent import book_cash
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    home, cash_usd = Home.from_environment(), number_of(usd, named="--usd")
    print(book_cash(load_trading_settings(settings), home, cash_usd=cash_usd, by=by, reason=reason))


@adjust.command("shares")
def adjust_shares(  # noqa: PLR0917 - typer reads options by name, whatever their order
    symbol: Annotated[str, typer.Argument(help="Exchange symbol.")],
    shares: Annotated[str, typer.Option(help="Shares that came in; with a minus, that went out.")],
    by: By,
    reason: Reason,
    cost_usd: Annotated[str, typer.Option(help="What shares that came in are booked at, in all.")] = "0",
    settings: SettingsFile = None,
) -> None:
    """Book shares carried over; refused unless they are the whole difference between ledger and venue."""
    from execution.domain.quantities import number_of
    from pipelines.cli.consent import book_shares
    from pipelines.home import Home
    from pipelines.trading_settings import load_trading_settings

    said = book_shares(
        load_trading_settings(settings),
        Home.from_environment(),
        symbol=symbol.upper(),
        shares=number_of(shares, named="--shares"),
        cost_usd=number_of(cost_usd, named="--cost-usd"),
        by=by,
        reason=reason,
    )
    print(said)
