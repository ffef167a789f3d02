"""The world around the executors: batches arrive, people approve and press stop, strangers trade, fills are busted."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from execution.domain.errors import TouchstoneError
from execution.domain.events import ControlChanged, ControlState
from execution.domain.orders import OrderRequest, Side
from execution.session import run_session
from execution.session.desk import Desk
from execution.simulation.hub import SECOND, VirtualProcess
from execution.simulation.market import CALENDAR, SYMBOLS, World, batch_of
from execution.simulation.plot import Plot
from execution.simulation.stage import Stage
from execution.simulation.timeline import instant_of, virtual_time
from execution.simulation.venue import schedule_sessions

_APPROVE_AGAIN_SECONDS: Final = 600.0
_FORGETS: Final = 0.3
"""How often the person who approves has other things to do."""


def let_the_world_turn(stage: Stage, plot: Plot) -> None:
    """Schedule everything that happens to a stage whatever its executors do."""
    schedule_sessions(stage.venue, (*plot.days[1:], CALENDAR.next(plot.days[-1])))
    stage.hub.at(plot.healed_at, lambda: _heal(stage))
    for number, session in enumerate(plot.days):
        _publish(stage, plot, number, session)
        _disturb(stage, CALENDAR.next(session))
    if plot.is_told_by_person:
        stage.hub.start("approver", _Approver(stage).live, is_mortal=False)
    if stage.draws.chance(stage.faults.kill):
        stage.hub.start("operator", _Operator(stage).live, at=_some_time(stage, plot), is_mortal=False)


def _heal(stage: Stage) -> None:
    stage.hub.is_healed = True
    stage.hub.note("faults stop")


def _publish(stage: Stage, plot: Plot, number: int, session: date) -> None:
    world, draws, as_of = stage.venue.world, stage.draws, virtual_time(CALENDAR.as_of(session))
    is_green = not draws.chance(stage.faults.red_gate)
    digest, batch = batch_of(world, session, liked=plot.liked[number], is_green=is_green, mode=stage.trading_mode)
    stage.hub.at(as_of - SECOND, lambda: stage.batches.publish(digest, batch))
    if draws.chance(stage.faults.late_batch):
        late, other = batch_of(world, session, liked=plot.liked[number][::-1], is_green=True, mode=stage.trading_mode)
        stage.hub.at(as_of + int(draws.between(0, 7200) * SECOND), lambda: stage.batches.publish(late, other))


def _disturb(stage: Stage, session: date) -> None:
    """Schedule what strangers and the venue do in a session."""
    draws, faults = stage.draws, stage.faults
    opens, closes = virtual_time(CALENDAR.opens_at(session)), virtual_time(CALENDAR.closes_at(session))
    if draws.chance(faults.foreign_order):
        # Most come early, where they meet ours; some before ours go out.
        at = opens + int(draws.between(0, draws.choice((40, 1200, 20_000))) * SECOND)
        order = _foreign_order(stage.venue.world, session, draws.below(1000), draws.choice(SYMBOLS), draws.chance(0.7))
        stage.hub.at(at, lambda: _trade_by_hand(stage, order))
    if draws.chance(faults.bust):
        stage.hub.at(opens + int(draws.between(120, 20_000) * SECOND), lambda: _bust(stage))
    if draws.chance(faults.halt):
        symbol = draws.choice(SYMBOLS)
        stage.hub.at(opens + int(draws.between(0, 900) * SECOND), lambda: stage.venue.halted.add(symbol))
    stage.hub.at(closes, lambda: None)


def _foreign_order(world: World, session: date, number: int, symbol: str, is_buy: bool) -> OrderRequest:  # noqa: FBT001 - one draw each
    side: Side = "buy" if is_buy else "sell"
    price = world.bars[session, symbol].open_usd
    shares = max(1, int(Decimal(1 + number * 40) / price))
    return OrderRequest(
        client_order_id=f"by-hand-{session}-{symbol}",
        symbol=symbol,
        side=side,
        leg="entry",
        quantity_shares=shares,
        order_type="market",
        time_in_force="day",
    )


def _trade_by_hand(stage: Stage, order: OrderRequest) -> None:
    if not stage.hub.is_healed:
        stage.venue.touched.add(order.symbol)
        stage.venue.take(order, is_ours=False)


def _bust(stage: Stage) -> None:
    ours = [fill.execution_id for _, fill in stage.venue.fills if fill.side == "buy" and fill.reverses is None]
    if ours and not stage.hub.is_healed:
        stage.venue.bust(stage.draws.choice(ours))


def _some_time(stage: Stage, plot: Plot) -> int:
    """Return a moment somebody may press stop at: mostly while orders go out."""
    session = stage.draws.choice(plot.days)
    opens, _ = CALENDAR.submit_window(session)
    if stage.draws.chance(0.7):
        return virtual_time(opens) + int(stage.draws.between(-30, 300) * SECOND)
    return int(stage.draws.between(0, virtual_time(CALENDAR.closes_at(CALENDAR.next(session)))))


@dataclass(slots=True)
class _Approver:
    """A person who approves every plan that waits, by the act itself."""

    stage: Stage

    def live(self, process: VirtualProcess) -> None:
        desk = self.stage.desk(process)
        for session in self.stage.days:
            if self.stage.draws.chance(_FORGETS):
                continue
            opens, closes = CALENDAR.submit_window(session)
            self.stage.hub.sleep_until(virtual_time(CALENDAR.as_of(session)) + int(600 * SECOND))
            while instant_of(self.stage.hub.now) < closes:
                self._approve(desk, session)
                self.stage.hub.sleep(_APPROVE_AGAIN_SECONDS if instant_of(self.stage.hub.now) > opens else 7200.0)

    def _approve(self, desk: Desk, session: date) -> None:
        cycle = self.stage.checker.peek().cycles.get(desk.cycle_id(session))
        if cycle is None or cycle.plan_hash is None or cycle.approval is not None:
            return
        try:
            run_session.approve(desk, session=session, plan_hash=cycle.plan_hash, approver="a person", reason="read it")
        except (TouchstoneError, OSError) as refusal:
            self.stage.hub.note(f"approver is refused: {refusal}")


@dataclass(slots=True)
class _Operator:
    """A person who presses stop: the flag first, then the row; and later, mostly, lets it go again."""

    stage: Stage

    def live(self, process: VirtualProcess) -> None:  # noqa: ARG002 - the signature of a process
        hub, draws = self.stage.hub, self.stage.draws
        self.stage.switch.is_engaged = True
        self.stage.checker.halted_at = hub.now
        hub.note("operator presses stop")
        if draws.chance(0.5):
            self._say("halted")
        if draws.chance(0.2):
            return
        hub.sleep(draws.choice((60.0, 600.0, 6000.0, 80_000.0)))
        self._say("active")
        self.stage.switch.is_engaged = False
        self.stage.checker.halted_at = None
        hub.note("operator lets go")

    def _say(self, state: ControlState) -> None:
        said = ControlChanged(at=instant_of(self.stage.hub.now), state=state, actor="an operator", reason="simulated")
        try:
            self.stage.ledger().record(lambda _: (said,))
        except TouchstoneError as refusal:
            self.stage.hub.note(f"operator is refused: {refusal}")
