"""What may go wrong in a schedule, and how often: drawn anew by every seed, many of them with some faults switched off.

Swarm testing (Groce et al., 2012): a schedule in which everything goes wrong at once hides what one fault alone shows.
"""

from dataclasses import dataclass
from typing import Final, Literal

from execution.domain.broker_capabilities import IdUniqueness
from execution.simulation.draws import Draws


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """What kind of venue and policy a schedule meets; the seed draws everything else.

    Attributes:
        ids: for how long the venue truly refuses a used client order id.
        declared_ids: what its adapter says of that; another value breaks the assumption on purpose.
        lag_seconds: the longest time after which an accepted order or fill truly shows in the venue's reads.
        declared_lag_seconds: what its adapter says of that.
        unknown: what the desk does with an order of unknown outcome.
        ledger: where the ledger lives.
    """

    name: str
    ids: IdUniqueness = "forever"
    declared_ids: IdUniqueness = "forever"
    lag_seconds: float = 8.0
    declared_lag_seconds: float = 8.0
    unknown: Literal["never", "same_id"] = "never"
    ledger: Literal["memory", "sqlite"] = "memory"


MODES: Final[dict[str, Mode]] = {
    mode.name: mode
    for mode in (
        Mode(name="normal"),
        Mode(name="long_lag", lag_seconds=120.0),
        Mode(name="open_only", ids="open_only", declared_ids="open_only", unknown="same_id"),
        Mode(name="ttl", ids="ttl", declared_ids="ttl"),
        Mode(name="no_ids", ids="none", declared_ids="none"),
        Mode(name="same_id", unknown="same_id"),
        Mode(name="same_id_long_lag", unknown="same_id", lag_seconds=120.0),
        # The venue's word on ids is not kept, so that only waiting, fencing and looking up stand between us and a copy.
        Mode(name="broken_ids", ids="none", unknown="same_id"),
        Mode(name="sqlite", ledger="sqlite"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Rates of one schedule, each the probability at one occasion unless it says otherwise.

    Attributes:
        crash: a process dies at a stop.
        pause: a process sleeps at a stop, up to `pause_seconds`, past its lease and its deadline if need be.
        clock_jump: a process has its wall clock set wrong at a stop, by up to `clock_jump_seconds`.
        switch: another process runs after a stop.
        disk_full: a write of the ledger or of an artifact fails and changes nothing.
        commit_unknown: a write of the ledger is durable and its caller is told that it failed.
        lost_request: an order or cancel never reaches the venue.
        late_request: an order reaches the venue after its sender gave up.
        lost_answer: the venue took an order and its sender never hears of it.
        late_answer: the sender hears late, but hears.
        refused: the venue refuses an order.
        silent_read: a read of the venue fails.
        repeated_fills: a read of fills holds some twice, out of order.
        lagging_read: something new is not shown yet, for up to the mode's lag.
        partial_fill: an order fills in several parts.
        unfilled: a DAY order does not fill in whole.
        foreign_order: somebody else trades on the account, in one session.
        bust: the venue takes a fill back, in one session.
        split: a symbol splits, on one morning.
        halt: a symbol does not trade, in one session.
        red_gate: a session's batch carries no proof.
        late_batch: a second batch comes after the first.
        kill: somebody presses stop in one session.
        stray_act: a process calls an act nobody needs.
        in_flight_seconds: the longest time an order is on its way, which nobody can check or stop.
    """

    crash: float = 0.0
    pause: float = 0.0
    clock_jump: float = 0.0
    switch: float = 0.1
    disk_full: float = 0.0
    commit_unknown: float = 0.0
    lost_request: float = 0.0
    late_request: float = 0.0
    lost_answer: float = 0.0
    late_answer: float = 0.0
    refused: float = 0.0
    silent_read: float = 0.0
    repeated_fills: float = 0.0
    lagging_read: float = 0.0
    partial_fill: float = 0.0
    unfilled: float = 0.0
    foreign_order: float = 0.0
    bust: float = 0.0
    split: float = 0.0
    halt: float = 0.0
    red_gate: float = 0.0
    late_batch: float = 0.0
    kill: float = 0.0
    stray_act: float = 0.0
    pause_seconds: float = 300.0
    clock_jump_seconds: float = 120.0
    in_flight_seconds: float = 5.0
    step_microseconds: int = 20_000


_HIGHEST: Final = {
    "crash": 0.02,
    "pause": 0.01,
    "clock_jump": 0.004,
    "switch": 0.3,
    "disk_full": 0.03,
    "commit_unknown": 0.03,
    "lost_request": 0.3,
    "late_request": 0.3,
    "lost_answer": 0.4,
    "late_answer": 0.3,
    "refused": 0.3,
    "silent_read": 0.05,
    "repeated_fills": 0.3,
    "lagging_read": 0.7,
    "partial_fill": 0.8,
    "unfilled": 0.5,
    "foreign_order": 0.4,
    "bust": 0.2,
    "split": 0.3,
    "halt": 0.2,
    "red_gate": 0.3,
    "late_batch": 0.3,
    "kill": 0.4,
    "stray_act": 0.3,
}
_QUIET: Final = 0.4
"""Part of the faults that a seed switches off."""


def drawn_faults(draws: Draws) -> Faults:
    """Return the rates of one seed: each fault off, or anywhere up to its highest rate, mostly low."""
    rates = {name: 0.0 if draws.chance(_QUIET) else highest * draws.unit() ** 2 for name, highest in _HIGHEST.items()}
    return Faults(
        **rates, pause_seconds=draws.choice((5.0, 60.0, 900.0)), step_microseconds=draws.choice((500, 20_000))
    )
