"""What a schedule is about, apart from what goes wrong in it."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from pydantic import TypeAdapter

from execution.portfolio.exit_rules import ExitRule, ExitRules
from execution.portfolio.sizing_policy import ProtectiveStop
from execution.simulation.draws import Draws
from execution.simulation.faults import Faults
from execution.simulation.market import CALENDAR, SESSIONS, SYMBOLS, WORLDS
from execution.simulation.timeline import virtual_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What a schedule is about, apart from its faults.

    Attributes:
        days: decision sessions lived.
        executors: processes that trade at the same time.
        world: number of the world whose prices are lived.
        split: which symbol splits on the morning of which session, by its index.
        liked: by decision session, the symbols with a score, best first.
        is_told_by_person: whether plans wait for a person.
        healed_at: virtual time from which nothing goes wrong any more.
        crash_at: stops at which a process dies, whatever the rates say.
        forced: the fate of every submission; empty leaves it to the seed.
        exits: exit rules asked in the evening and, by a process of its own, while the market is open.
        protective_stop: the form of the stop behind a position.
        share_decimals: digits after the point of an entry's shares.
        entry_rungs: limits an entry tries one after the other.
    """

    days: tuple[date, ...]
    executors: int = 1
    world: int = 0
    split: tuple[int, str] | None = None
    liked: tuple[tuple[str, ...], ...] = ()
    is_told_by_person: bool = False
    healed_at: int = 0
    crash_at: frozenset[int] = frozenset()
    forced: str = ""
    exits: tuple[ExitRule, ...] = ()
    share_decimals: int = 0
    protective_stop: ProtectiveStop = "stop"
    entry_rungs: int = 1


EXITS: Final = tuple(
    TypeAdapter(ExitRules).validate_python([{"name": name, "when": [{"fact": "gain_fraction", bound: level}], **part}])
    for name, bound, level, part in (
        ("at_once", "at_least", "-0.5", {}),
        ("falls", "at_most", "-0.01", {}),
        ("half_at_once", "at_least", "-0.5", {"sell_fraction": "0.5"}),
    )
)
"""The strategies' exit rules a plot may be about."""


def drawn_plot(draws: Draws, faults: Faults) -> Plot:
    """Return what one seed's schedule is about."""
    days = SESSIONS[: draws.choice((1, 1, 2, 2, 3))]
    liked = tuple(tuple(symbol for symbol in _shuffled(draws) if draws.chance(0.7)) for _ in days)
    last = virtual_time(CALENDAR.bars_known_at(CALENDAR.next(days[-1])))
    plot = Plot(
        days=days,
        executors=draws.choice((1, 2, 2)),
        world=draws.below(WORLDS),
        split=(1 + draws.below(len(days)), draws.choice(SYMBOLS)) if draws.chance(faults.split) else None,
        liked=liked,
        is_told_by_person=draws.chance(0.2),
        healed_at=int(draws.between(0.3, 1.0) * last),
        exits=draws.choice(EXITS) if draws.chance(0.25) else (),
        share_decimals=draws.choice((1, 9)) if draws.chance(0.25) else 0,
        protective_stop=draws.choice(("stop", "stop", "trailing_stop", "bracket")),
    )
    # A bracket's exits would end with each rung.
    return plot if plot.protective_stop == "bracket" else replace(plot, entry_rungs=draws.choice((1, 1, 3)))


def _shuffled(draws: Draws) -> tuple[str, ...]:
    return tuple(sorted(SYMBOLS, key=lambda _: draws.unit()))
