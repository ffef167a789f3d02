"""`touchstone replay`: one past decision again, from raw parts to the plan, with a hash beside a hash for each step."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from execution.artifact_files import FileArtifacts
from execution.domain.errors import LedgerError, TouchstoneError
from execution.replay import Step, decision, replay_plan
from pipelines.cli.text_table import text_table
from pipelines.home import Home
from pipelines.replay_analysis import replay_analysis
from pipelines.settings import Settings
from pipelines.trading_adapters import open_desk

_SHOWN_DIGITS: Final = 16
# These say why another step may differ; they are no part of the decision.
_CIRCUMSTANCES: Final = frozenset({"code", "settings", "limits"})
# What was sent follows from these alone.
_OUTCOMES: Final = frozenset({"plan", "why-rows"})


class ReplayDiffers(TouchstoneError):
    """A step of a decision did not come out as it did then."""


def replay_page(settings: Settings, home: Home, name: str, *, tell: Callable[[str], None]) -> str:
    """Make a decision again and return a table of its steps.

    Args:
        settings: the tree of the home.
        home: the home it was decided in; only read, but for its log.
        name: a session, a plan hash or a client order id.
        tell: told what begins, for work of half a minute and more.

    Raises:
        ReplayDiffers: a step came out otherwise; the message holds the table.
        LedgerError: no decision has this name.
    """
    if not name.strip():
        raise LedgerError("found an empty name, expected a session, a plan hash or a client order id")
    desk = open_desk(settings, home, actor="replay")
    cycle = decision(desk.ledger.book(), name)
    steps: tuple[Step, ...] = ()
    with tempfile.TemporaryDirectory(prefix="touchstone-replay-") as folder:
        beside = Path(folder)
        if cycle.batch_hash is not None:
            tell(f"the data half of {cycle.session}: every part is hashed, every feature and score is made again")
            steps += replay_analysis(settings, home, desk.batches.load(cycle.batch_hash), beside=beside / "home")
        tell(f"the trading half of {cycle.session}")
        steps += replay_plan(desk, cycle, beside=FileArtifacts(beside / "artifacts"))
    table = text_table(
        ("step", "then", "now", "verdict"),
        [(step.name, _short(step.recorded), _short(step.repeated), _verdict(step)) for step in steps],
    )
    return _ending(cycle.session, steps, table)


def _ending(session: date, steps: Sequence[Step], table: str) -> str:
    differing = [step.name for step in steps if not step.is_equal]
    if set(differing) - _CIRCUMSTANCES:
        told = [table, *(f"{step.name}: {step.difference}" for step in steps if step.difference)]
        same = [step.name for step in steps if step.name in _OUTCOMES and step.is_equal]
        kept = f"; {' and '.join(same)} came out bit for bit" if same else ""
        raise ReplayDiffers("\n".join([*told, f"the decision of {session} differs at {', '.join(differing)}{kept}"]))
    said = f", though {' and '.join(differing)} changed since" if differing else ""
    return f"{table}\nthe decision of {session} came out bit for bit{said}"


def _short(digest: str | None) -> str | None:
    return None if digest is None else digest[:_SHOWN_DIGITS]


def _verdict(step: Step) -> str:
    if step.is_equal:
        return "equal"
    return "changed" if step.name in _CIRCUMSTANCES else "DIFFERS"
