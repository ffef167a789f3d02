"""Circuit breakers: facts that stop the account without a person, as changes of control for the acts to record.

Pure. What ends by itself, the day's loss and a drawdown of play money, is the business of the pre-trade checks; here
stands what only a named person may lift again. A broken chain is not here: it cannot be recorded in the ledger it
breaks, so the act that finds it engages the kill switch (`session/lease_of_act.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from execution.domain.events import ControlChanged, ControlState
from execution.risk.findings import dollars, percent
from execution.risk.limits import RiskLimits
from execution.risk.throttles import is_repeating

ACTOR: Final = "circuit breaker"
_STRICTNESS: Final[dict[ControlState, int]] = {"active": 0, "reducing": 1, "halted": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerFacts:
    """What the breakers look at, all of it known at one instant.

    Attributes:
        now: the clock's instant.
        control: the newest change of control; None when nobody ever said anything, which is active.
        has_person: the mode is real, so that somebody looks after it and can resume.
        equity_usd: cash and positions at the newest closes.
        day_start_equity_usd: equity the day's loss is counted from.
        drawdown_fraction: loss from the highest equity, as a fraction of it.
        held: symbols held that were not halted.
        stale: those of them without a price of the session.
        cycles_sent_at: when each cycle sent its first entry.
    """

    now: datetime
    control: ControlChanged | None
    has_person: bool
    equity_usd: Decimal
    day_start_equity_usd: Decimal
    drawdown_fraction: Decimal
    held: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    cycles_sent_at: tuple[datetime, ...] = ()


def tripped(facts: BreakerFacts, limits: RiskLimits) -> tuple[ControlChanged, ...]:
    """Return the changes of control to record, the strictest first; none that the account's state covers already."""
    state: ControlState = facts.control.state if facts.control else "active"
    found = sorted(_trips(facts, limits), key=lambda trip: -_STRICTNESS[trip[0]])
    return tuple(
        ControlChanged(at=facts.now, state=wanted, actor=ACTOR, reason=reason)
        for wanted, reason in found
        if _STRICTNESS[wanted] > _STRICTNESS[state]
    )


def _trips(facts: BreakerFacts, limits: RiskLimits) -> Iterator[tuple[ControlState, str]]:
    enabled_at = facts.control.at if facts.control and facts.control.state == "active" else None
    if is_repeating(facts.cycles_sent_at, now=facts.now, enabled_at=enabled_at, limits=limits):
        yield (
            "reducing",
            f"more than {limits.cycles_in_a_row_max} cycles sent entries within {limits.cycles_in_a_row_hours} hours",
        )
    if not facts.has_person:
        return
    if facts.drawdown_fraction >= limits.drawdown_max_fraction:
        yield "halted", f"the drawdown is {percent(facts.drawdown_fraction)}"
    loss = facts.day_start_equity_usd - facts.equity_usd
    hard = limits.daily_loss_hard_usd(facts.day_start_equity_usd)
    if loss >= hard:
        yield "reducing", f"{dollars(loss)} lost today, the hard limit is {dollars(hard)}"
    if len(facts.stale) > limits.stale_quotes_max_fraction * len(facts.held):
        yield "reducing", f"no price of the session for {', '.join(facts.stale)} of {len(facts.held)} symbols held"
