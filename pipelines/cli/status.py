"""`touchstone status`: the clock, the kill switch, the last sessions and what is held, on one screen."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from assets.maintenance.data_ages import DataAge
from assets.maintenance.nights import newest_backup, newest_night
from execution.clock import SystemClock
from execution.domain.errors import ChainBroken, CorruptArtifact
from execution.domain.events import PlanRecorded
from execution.ledger.book import Book
from execution.risk.kill_switch import KillSwitch
from execution.session.control import control_sentence, control_state
from execution.session.limits_used import limits_used
from execution.session.protect import unprotected
from execution.session.ramp_stage import ramp_stage
from execution.signal_batch_store import SignalBatchStore
from execution.trading_calendar import TradingCalendar
from pipelines.alerting.outbox import outbox_of
from pipelines.cli.clock import clock_page, movable_clock
from pipelines.cli.ledger_pages import cycles_page, positions_page
from pipelines.cli.red_gate import newest_red_gate
from pipelines.data_ages import data_ages_of
from pipelines.home import Home
from pipelines.ledger_opening import has_ledger, open_ledger
from pipelines.settings import Settings
from pipelines.trading_settings import TradingSettings

_WATCH_MAX_AGE: Final = timedelta(minutes=2)


def status_page(settings: Settings, home: Home) -> str:
    """Return the state of a home; reads only, and never creates what is missing.

    Args:
        settings: the whole tree.
        home: the home to look at.
    """
    parts = [
        f"home          {home.root}\nmode          {settings.mode}, account {settings.account}, {settings.strategy}"
    ]
    switch = KillSwitch(home.kill)
    if switch.is_engaged:
        parts.append(f"KILL SWITCH   engaged {switch.told()}; nothing is sent while {home.kill} is there")
    if settings.mode in {"simulated", "files"} and home.clock.exists():
        parts.append(clock_page(movable_clock(settings, home), TradingCalendar.shipped()))
    parts += [*_data_lines(settings, home), *_upkeep_lines(settings, home)]
    batches = SignalBatchStore(home.artifacts)
    if not has_ledger(settings, home):
        return "\n".join([*parts, *_gate_lines(batches, None), "ledger        none yet; `make demo` lives a first day"])
    ledger = open_ledger(settings, home)
    try:
        parts.append(f"chain         holds, {ledger.verify_chain().sequence} rows")
    except ChainBroken as broken:
        # What a changed row says of orders and positions must not be believed, if it can be read at all.
        told = "trading       not told from a broken ledger: docs/runbooks/broken-chain.md"
        return "\n".join([*parts, f"chain         BROKEN: {broken}", told])
    book = ledger.book()
    parts += _gate_lines(batches, book)
    parts += _trading_lines(settings, book, home)
    return "\n".join(parts) + f"\n\n{cycles_page(book)}\n\n{positions_page(book)}"


def _data_lines(settings: Settings, home: Home) -> list[str]:
    if not home.raw.exists() or (ages := data_ages_of(settings, home)) == ():
        return ["data          none yet"]
    late = ", ".join(age.table for age in ages if age.is_late)
    return [f"data          {f'LATE: {late}' if late else 'none late'}", *(_age_line(age) for age in ages)]


def _age_line(age: DataAge) -> str:
    allowed = "" if age.allowed_sessions is None else f", {age.allowed_sessions} allowed"
    return f"              {age.table:<17} of {age.newest}, {age.sessions} sessions old{allowed}"


def _gate_lines(batches: SignalBatchStore, book: Book | None) -> list[str]:
    told = newest_red_gate(batches, book)
    return [f"gate          {told}"] if told else []


def _trading_lines(settings: TradingSettings, book: Book, home: Home) -> list[str]:
    records = book.orders.values()
    opened = sum(record.exposed_shares > 0 for record in records)
    unknown = sum(record.state in ("in_flight", "unknown") for record in records)
    cycles = [cycle for cycle in book.cycles.values() if isinstance(cycle.plan, PlanRecorded)]
    last = max((cycle.session for cycle in cycles), default=None)
    used = limits_used(book, settings.limits, mode=settings.mode)
    limits = ", ".join(f"{one.name} {one.share:.0%}{' NEAR' if one.is_near else ''}" for one in used)
    stage = ramp_stage(book, settings.sizing.capital_ramp)
    return [
        f"trading       {_control_line(book, home)}",
        f"last cycle    {last or 'none was planned from a batch yet'}",
        f"open orders   {opened}, of {unknown} nobody knows the outcome",
        *([f"NO STOP       {', '.join(bare)}"] if (bare := unprotected(book)) else []),
        *(f"quarantine    {symbol}: {event.reason}" for symbol, event in sorted(book.quarantined.items())),
        f"limits used   {limits or 'nothing was marked yet'}",
        *([f"capital ramp  {stage.told}, {stage.reason}"] if stage else []),
    ]


def _control_line(book: Book, home: Home) -> str:
    """Return what may be sent; the switch is on before the ledger hears of it, and counts."""
    if not KillSwitch(home.kill).is_engaged or control_state(book) == "halted":
        return control_sentence(book.control)
    # Acts take in what `touchstone halt` asked for; the file itself is written down by the watchdog alone.
    if any(home.stop_requests.glob("*.json")):
        return "halted by the kill file; the next act writes it into the ledger"
    return "halted by the kill file; only a running `touchstone watchdog` writes it into the ledger"


def _upkeep_lines(settings: TradingSettings, home: Home) -> list[str]:
    outbox = outbox_of(settings, home)
    waiting, failed = outbox.standing()
    return [
        f"backup        {_read_or_damaged(_backup_line, home)}",
        f"restore       {_read_or_damaged(_drill_line, home)}",
        f"alerts        {waiting} wait, {failed} of them no channel took; {_watch_line(outbox.watched_at())}",
    ]


def _read_or_damaged(line: Callable[[Path], str], home: Home) -> str:
    """Return a line, or that its file is damaged: the page has more to tell."""
    try:
        return line(home.upkeep)
    except CorruptArtifact as error:
        return f"DAMAGED: {error}"


def _backup_line(root: Path) -> str:
    made = newest_backup(root)
    return f"made {made['made_at']}, {made['rows']} rows of the ledger" if made else "none was made yet"


def _drill_line(root: Path) -> str:
    night = newest_night(root)
    if night is None:
        return "none was tried yet"
    if night["refusal"]:
        return f"CANNOT BE RESTORED, session {night['session']}: {night['refusal']}"
    restored = f"restored in {night['restore_seconds']} s after session {night['session']}"
    # Nights from before this was told are of a decision that came out equal.
    return f"{restored}; newest decision: {night.get('decision', 'equal')}"


def _watch_line(watched_at: datetime | None) -> str:
    """Return whether somebody tells; by the machine's time, in which alerts live in every mode."""
    if watched_at is None:
        return "NOBODY ever watched: start `touchstone alerts`"
    age = SystemClock().now() - watched_at
    if age > _WATCH_MAX_AGE:
        return f"NOBODY watches since {watched_at.isoformat()}: start `touchstone alerts`"
    return f"watched {age.seconds} s ago"
