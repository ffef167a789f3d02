"""A real process that lives two trading sessions in a home on disk, from wherever the home's clock stands."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from execution.clock import FileClock
from execution.domain.errors import DataError, Fenced, TouchstoneError
from execution.ledger.postgres_ledger import PostgresLedger
from execution.ledger.sqlite_ledger import SqliteLedger
from execution.ledger.store import LedgerStore
from execution.session import run_session
from tests.builders.trading_days import CALENDAR, FIRST, SESSIONS, TradingDays, a_day_of

SECOND = SESSIONS[1]
LIVED = (FIRST, SECOND)
FAST = 600.0
"""How much faster than real time leases run, so that one can be outlived in a test."""
# The second session sells AAA, keeps BBB and CCC, buys DDD in full and EEE in part; CCC falls through its stop.
BARS = (
    a_day_of("EEE", SESSIONS[2], volume_shares=400),
    a_day_of("CCC", SESSIONS[2], low_usd="40.00", close_usd="41.00"),
)
ACTS = (run_session.plan, run_session.submit, run_session.cancel_rest, run_session.settle)
_RETRIES = 2_000


class Place(NamedTuple):
    """Where the ledger lives: a schema of a Postgres database, else a file of the home."""

    dsn: str = ""
    schema: str = ""


def moments() -> list[tuple[datetime, int]]:
    """Return when which act is due: the instant, and the number of session and act in one."""
    found = []
    for session in LIVED:
        opens, closes = CALENDAR.submit_window(session)
        settled_at = CALENDAR.closes_at(CALENDAR.next(session)) + timedelta(minutes=15)
        found += [CALENDAR.as_of(session), opens, closes, settled_at]
    return list(zip(found, range(len(found)), strict=True))


def made_home(folder: Path) -> Path:
    """Make a home in which nothing was traded yet: prices, two batches, a clock."""
    days = TradingDays(folder, bars=BARS, is_on_files=True)
    days.publish(days.a_batch(FIRST))
    days.publish(days.a_batch(SECOND, best=("BBB", "DDD", "EEE", "CCC", "FFF", "AAA")))
    (folder / "ledger.db").unlink()
    FileClock(folder / "clock.json").initialise(moments()[0][0])
    return folder


def opened_days(folder: Path, run_id: str, place: Place) -> TradingDays:
    """Open a home as a process that starts does."""

    def ledger(_: SqliteLedger) -> LedgerStore:
        if place.dsn:
            return PostgresLedger(place.dsn, schema=place.schema)
        return SqliteLedger(folder / "ledger.db", clock_seconds=lambda: time.monotonic() * FAST)

    days = TradingDays(folder, bars=BARS, desk_changes={"run_id": run_id}, wrap_ledger=ledger, is_on_files=True)
    days.clock = FileClock(folder / "clock.json")  # type: ignore[assignment]  # in a file, instead of one moved by hand
    days.restarted()
    return days


def live(folder: str, run_id: str, place: Place) -> None:
    """Live what is left of the two sessions; whoever loses the lease, or is late, looks at the clock again."""
    desk, clock = opened_days(Path(folder), run_id, place).desk, FileClock(Path(folder) / "clock.json")
    for _ in range(_RETRIES):
        now = clock.now()
        number = next(number for at, number in moments() if at == now)
        try:
            if acted(desk, number) == "busy":
                time.sleep(0.005)
                continue
        except Fenced:
            continue
        except TouchstoneError:
            # Late: the other process has let the clock go on in the middle of this act.
            if clock.now() == now:
                raise
            continue
        if number + 1 == len(moments()):
            return
        step_on(clock, moments()[number + 1][0])
    raise RuntimeError("the sessions did not come to their end")


def acted(desk: run_session.Desk, number: int) -> str:
    """Run an act of a session and return the status of its report."""
    session, act = LIVED[number // len(ACTS)], number % len(ACTS)
    if act == 0:
        return run_session.plan(desk, session=session, batch_hash=desk.batches.published(session)[-1]).status
    chosen: Callable[..., run_session.SubmitReport | run_session.SettleReport] = ACTS[act]  # type: ignore[assignment]  # the plan is asked for above
    return chosen(desk, session=session).status


def step_on(clock: FileClock, instant: datetime) -> None:
    """Let the clock go on, unless somebody else did."""
    with suppress(DataError):
        clock.advance_to(instant)
