"""What `touchstone doctor` looks at around a venue: who may read the home, which keys are there, how much may be asked.

Nothing here asks anybody anything; the account itself is looked at by `paper_smoke.looks`.
"""

import sqlite3
import stat
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from execution.clock import SystemClock
from execution.request_budget import WINDOW_SECONDS
from execution.trade_updates import TradeUpdates
from pipelines.cli.finding import Finding
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.trading_adapters import is_clock_told

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_WRITTEN_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_SECTORS: Final = "securities with a sector"


def permissions(home: Home) -> Finding:
    """Say whether anybody but its owner may write in the home or read its signing key."""
    if not home.root.exists():
        return Finding("permissions", "ok", "no home yet")
    if _mode(home.root) & _WRITTEN_BY_OTHERS:
        return Finding("permissions", "failed", f"others may write in {home.root}: run `chmod go-w` on it")
    if home.anchor_key.exists() and _mode(home.anchor_key) & _OTHERS:
        return Finding("permissions", "failed", f"others may read {home.anchor_key.name}: run `chmod 600` on it")
    return Finding("permissions", "ok", "only its owner writes in the home")


def keys(settings: Settings) -> Finding:
    """Say which keys are there, never what they are."""
    if is_clock_told(settings.mode):
        return Finding("keys", "ok", f"mode {settings.mode} needs none")
    if settings.yahoo.use != "never" and find_spec("yfinance") is None:
        return Finding("keys", "failed", "Yahoo is to be read and yfinance is not there: install the extra `yahoo`")
    if settings.yahoo.use == "prices":
        return Finding(
            "keys",
            "warning",
            "those of the account are there; prices come from Yahoo without keys and without a promise, headlines and "
            "filings from nobody: a paper account's own keys read Alpaca's data too",
        )
    if not (settings.alpaca_data.key_id and settings.alpaca_data.secret_key):
        return Finding(
            "keys",
            "failed",
            "those of the account are there, those for market data are not: set TOUCHSTONE__ALPACA_DATA__KEY_ID and "
            "TOUCHSTONE__ALPACA_DATA__SECRET_KEY",
        )
    if settings.edgar.sender is None:
        return Finding("keys", "warning", "both pairs are there; no edgar.sender, so no filings are read: name one")
    return Finding("keys", "ok", "both pairs and the sender for the SEC are there")


def unknown_blocks(settings: Settings) -> Finding:
    """Say whether a check demands what no source of the mode tells, so that it would block every entry."""
    limits, told = settings.limits, _told(settings)
    demands = (
        ("limits.earnings_blackout_sessions", "0", "events", limits.earnings_blackout_sessions > 0),
        ("limits.sector_max_weight", "1", _SECTORS, limits.sector_max_weight < 1),
    )
    unmet = [(name, off, table) for name, off, table, is_demanded in demands if is_demanded and table not in told]
    if not unmet:
        return Finding("limits", "ok", "nothing is demanded that no source tells")
    names = " and ".join(name for name, _, _ in unmet)
    if settings.mode == "files":
        tables = " and no ".join(table for _, _, table in unmet)
        switched_off = " and ".join(f"{name} to {off}" for name, off, _ in unmet)
        return Finding(
            "limits",
            "warning",
            f"{names} cannot be judged: files.tables maps no {tables}, and what is unknown blocks, so nothing would be "
            f"bought; map them, or set {switched_off}, which switches the check off",
        )
    return Finding(
        "limits",
        "warning",
        f"{names} cannot be judged: Alpaca tells no calendar of events and no sectors, and what is unknown blocks, so "
        "nothing would be bought; examples/paper.yaml has the two switched off",
    )


def _told(settings: Settings) -> frozenset[str]:
    """Return which of the things that limits ask for the mode's source tells."""
    if settings.mode == "files" and settings.files is not None:
        tables = settings.files.tables
        has_sector = any(
            "sector" in file.columns.keys() | file.constants.keys() for file in tables.get("securities", ())
        )
        return frozenset({"events"} if tables.get("events") else ()) | ({_SECTORS} if has_sector else set())
    return frozenset({"events", _SECTORS}) if settings.mode == "simulated" else frozenset()


def signers(settings: Settings) -> Finding:
    """Say who may sign the word that live money waits for."""
    policy = settings.approval
    names = ", ".join(sorted(policy.signers))
    if names:
        return Finding("signers", "ok", names)
    if settings.mode == "live" or policy.always_signed:
        return Finding(
            "signers",
            "failed",
            "approval.signers names nobody, so nobody can let a plan, a release or trading go: `touchstone sign-key "
            "--key FILE` makes a key and prints what belongs there",
        )
    return Finding("signers", "ok", f"mode {settings.mode} wants no signature")


def requests(settings: Settings, home: Home) -> Finding:
    """Say how many requests of the last minute count against each quota, and which provider is held back."""
    if is_clock_told(settings.mode) or not home.operations.exists():
        return Finding("rate limits", "ok", "nothing was asked of anybody yet")
    since = SystemClock().now().timestamp() - WINDOW_SECONDS
    counted = _rows(home.operations, "select provider, count(*) from requests where at > ? group by provider", since)
    paused = _rows(home.operations, "select provider, until from pauses where until > ?", since + WINDOW_SECONDS)
    away = _rows(home.operations, "select provider, state from breakers where state != ?", "closed")
    per_minute = settings.alpaca.requests_per_minute
    told = ", ".join(f"{provider} {count} of {per_minute} a minute" for provider, count in counted) or "none just now"
    held = [f"{provider} asked us to wait" for provider, _ in paused]
    held += [
        f"the breaker of {provider} is {state}, it did not answer several times in a row" for provider, state in away
    ]
    return Finding("rate limits", "warning" if held else "ok", "; ".join([told, *held]))


def listener(settings: Settings, home: Home) -> Finding:
    """Say whether somebody listens to trade updates; nothing depends on it."""
    if is_clock_told(settings.mode) or not home.operations.exists():
        return Finding("trade updates", "ok", "nobody needs to listen")
    told = TradeUpdates(home.operations).listener()
    if told is None:
        return Finding("trade updates", "ok", "nobody listens; `touchstone listen` would let fills be seen sooner")
    state, since = told
    detail = f"{state} since {since.isoformat(timespec='seconds')}"
    if state == "refused":
        return Finding("trade updates", "failed", f"{detail}: look whether the keys are those of this account")
    return Finding("trade updates", "ok" if state == "listening" else "warning", detail)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _rows(path: Path, query: str, value: object) -> list[tuple[str, object]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            return list(connection.execute(query, (value,)))
        except sqlite3.OperationalError:
            # A table nobody has written to yet.
            return []
