"""`touchstone status`: the clock, the kill switch, the last sessions and what is held, on one screen."""

from assets.maintenance.nights import newest_night
from execution.session.control import control_sentence
from execution.trading_calendar import TradingCalendar
from pipelines.alerting.outbox import outbox_of
from pipelines.cli.clock import clock_page, movable_clock
from pipelines.cli.ledger_pages import cycles_page, positions_page
from pipelines.home import Home
from pipelines.ledger_opening import has_ledger, open_ledger
from pipelines.trading_settings import TradingSettings


def status_page(settings: TradingSettings, home: Home) -> str:
    """Return the state of a home; reads only, and never creates what is missing.

    Args:
        settings: names mode, account and strategy.
        home: the home to look at.
    """
    parts = [
        f"home          {home.root}\nmode          {settings.mode}, account {settings.account}, {settings.strategy}"
    ]
    if home.kill.exists():
        parts.append(f"KILL SWITCH   engaged by {home.kill}: nothing is sent")
    if settings.mode in {"simulated", "files"} and home.clock.exists():
        parts.append(clock_page(movable_clock(settings, home), TradingCalendar.shipped()))
    parts += _upkeep_lines(settings, home)
    if not has_ledger(settings, home):
        return "\n".join([*parts, "ledger        none yet; `make demo` lives a first day"])
    book = open_ledger(settings, home).book()
    parts.append(f"trading       {control_sentence(book.control)}")
    return "\n".join(parts) + f"\n\n{cycles_page(book)}\n\n{positions_page(book)}"


def _upkeep_lines(settings: TradingSettings, home: Home) -> list[str]:
    night = newest_night(home.upkeep)
    if night is None:
        backup = "none was tried yet"
    elif night["refusal"]:
        backup = f"CANNOT BE RESTORED, session {night['session']}: {night['refusal']}"
    else:
        backup = f"restored in {night['restore_seconds']} s after session {night['session']}, decision equal"
    waiting, failed = outbox_of(settings, home).standing()
    return [f"backup        {backup}", f"alerts        {waiting} wait, {failed} of them no channel took"]
