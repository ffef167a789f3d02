"""`touchstone resume`: what is stopped and by whom, and the two steps back."""

from execution.risk.kill_switch import KillSwitch
from execution.session.consent import must_be_signed
from execution.session.control import control_sentence
from execution.session.resume import Stopped, look_before_resuming, resume
from pipelines.home import Home
from pipelines.stopping import open_acting_desk, prepare_stopping
from pipelines.trading_adapters import orders_url
from pipelines.trading_settings import TradingSettings


def look(settings: TradingSettings, home: Home) -> str:
    """Return what a person must read before resuming, with the token that stands for it."""
    desk = open_acting_desk(settings, home, actor="resume")
    stopped = look_before_resuming(desk, kill_switch=KillSwitch(home.kill), stop_requests=home.stop_requests)
    return stopped_page(stopped, signed_for=desk.account if must_be_signed(desk) else "")


def confirm(  # noqa: D417 - the rest is explained at `resume`
    settings: TradingSettings, home: Home, *, token: str, actor: str, reason: str, is_reducing: bool, word: str = ""
) -> str:
    """Resume with a token and return what to say.

    Args:
        is_reducing: let out only what takes a position nearer to zero.
        word: the person's signed word, where one is wanted.
    """
    desk = open_acting_desk(settings, home, actor=actor)
    resumed = resume(
        desk,
        kill_switch=KillSwitch(home.kill),
        stop_requests=home.stop_requests,
        token=token,
        actor=actor,
        reason=reason,
        to="reducing" if is_reducing else "active",
        word=word,
    )
    # The spare file may have become the switch that was just taken away.
    prepare_stopping(home, orders_url=orders_url(settings))
    return f"trading is {resumed.state} from {resumed.at.isoformat()}, by {resumed.actor}: {resumed.reason}"


def stopped_page(stopped: Stopped, *, signed_for: str = "") -> str:
    """Return what the first step found, for a person to read.

    Args:
        stopped: what was found.
        signed_for: the account whose signer has to sign the second step; empty where nobody has to.
    """
    held = ", ".join(f"{symbol} {shares}" for symbol, shares in stopped.held_shares.items())
    lines = [
        f"trading state {control_sentence(stopped.control)}",
        f"kill file     {stopped.kill_file or 'none'}",
        "ledger        the chain holds, and ledger and venue agree",
        f"working       {len(stopped.working)} orders: {', '.join(stopped.working) or 'none'}",
        f"held          {held or 'nothing'}",
    ]
    if stopped.state == "active" and not stopped.kill_file:
        return "\n".join([*lines, "nothing is stopped"])
    again = f"touchstone resume --token {stopped.token} --by YOU --reason WHY [--reducing]"
    if signed_for:
        sign = f"touchstone sign resume active:{stopped.token} --account {signed_for} --by YOU --key FILE"
        lines += [f"to sign       {sign}   (reducing:{stopped.token} for --reducing)"]
        again += " --word WHAT_SIGN_PRINTED"
    return "\n".join([*lines, f"to resume     {again}"])
