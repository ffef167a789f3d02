"""The core with one rule taken out at a time. A checker that catches none of these proves nothing.

A mutant changes words of a function's source and swaps the code object of the very function that runs; words that are
not there any more are an error, so a mutant cannot quietly stop mutating. Each names the arena it is caught in: a mode
of venue and policy, and faults that make what it breaks likely. The core as it is holds every promise there.
"""

import importlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from execution.domain import events
from execution.simulation.draws import Draws
from execution.simulation.exhaustive import LADDER
from execution.simulation.faults import MODES, Faults, Mode, drawn_faults
from execution.simulation.plot import drawn_plot
from execution.simulation.schedule import Outcome, run_plot


@dataclass(frozen=True)
class Arena:
    """A mode, and rates and plots that replace those the seed draws."""

    mode: Mode
    faults: dict[str, float] = field(default_factory=dict)
    plot: dict[str, Any] = field(default_factory=dict)

    def live(self, seed: int) -> Outcome:
        options = Draws(seed, "options")
        faults: Faults = replace(drawn_faults(options), **self.faults)
        return run_plot(seed, self.mode, faults, replace(drawn_plot(options, faults), **self.plot))


@dataclass(frozen=True)
class Change:
    """Words of a function, and what stands there instead."""

    where: str
    old: str
    new: str

    @property
    def function(self) -> Any:
        """The function itself; `Class.method[Event]` is a method's branch for one kind of event."""
        module, _, path = self.where.partition(":")
        path, _, event = path.removesuffix("]").partition("[")
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = inspect.getattr_static(found, part)
        if event:
            return found.dispatcher.dispatch(getattr(events, event))
        if isinstance(found, property):
            found = found.fget
        return inspect.unwrap(found.func if isinstance(found, cached_property) else found)

    def applied(self, source: str) -> str:
        assert self.old in source, f"{self.where} no longer says {self.old!r}: write the mutant anew"
        return source.replace(self.old, self.new)


@dataclass(frozen=True)
class Mutant:
    """One rule less.

    Attributes:
        changes: all of them together take the one rule out, wherever it is kept a second time.
        invariants: at least one of these is broken.
        seeds: within so many schedules of its arena.
    """

    name: str
    changes: tuple[Change, ...]
    arena: Arena
    invariants: frozenset[str]
    seeds: int = 400

    @contextmanager
    def alive(self) -> Iterator[None]:
        functions = {change.where: change.function for change in self.changes}
        sources = {where: _source(function) for where, function in functions.items()}
        for change in self.changes:
            sources[change.where] = change.applied(sources[change.where])
        before = {where: function.__code__ for where, function in functions.items()}
        try:
            for where, function in functions.items():
                # A mutant may name events that the module it changes does not import.
                for name, kind in events.EVENT_TYPES.items():
                    function.__globals__.setdefault(name, kind)
                scope: dict[str, Any] = dict(function.__globals__)
                exec(compile(sources[where], where, "exec"), scope)  # noqa: S102 - our own source, one rule less
                function.__code__ = scope[function.__name__].__code__
            yield
        finally:
            for where, function in functions.items():
                function.__code__ = before[where]


def _source(function: Any) -> str:
    source = textwrap.dedent(inspect.getsource(function))
    return source[source.index("def ") :]


# What is waited for between two sendings is measured by wall clocks: where the venue does not keep its word on ids
# either, a clock set wrong by more than the wait is a fault too many.
TRUE_CLOCKS = {"clock_jump": 0.0}
CALM = {"bust": 0.0, "foreign_order": 0.0, "split": 0.0, "silent_read": 0.0, "disk_full": 0.0, "commit_unknown": 0.0}
NORMAL = Arena(MODES["normal"])
LOSSY = Arena(MODES["normal"], {**CALM, "lost_answer": 0.4, "late_request": 0.2, "lost_request": 0.1})
LAGGING = Arena(MODES["long_lag"], {**CALM, "lagging_read": 0.8, "lost_answer": 0.4, "crash": 0.01})
PARTIAL = Arena(MODES["normal"], {**CALM, "partial_fill": 0.9, "unfilled": 0.5, "lagging_read": 0.7})
STOPPED = Arena(MODES["normal"], {**CALM, "kill": 1.0, "pause": 0.02, "pause_seconds": 60.0, "refused": 0.0})
PAUSED = Arena(MODES["normal"], {**CALM, "pause": 0.03, "pause_seconds": 900.0, "crash": 0.0, "red_gate": 0.0})
FOREIGN = Arena(MODES["normal"], {"foreign_order": 1.0, "red_gate": 0.0})
SAME_ID = Arena(MODES["same_id"], {**CALM, "lost_answer": 0.4, "late_request": 0.2, "lagging_read": 0.8, "kill": 0.0})
SAME_ID_LATE = Arena(MODES["same_id_long_lag"], SAME_ID.faults)
RESENDING = Arena(
    MODES["broken_ids"],
    {
        **CALM,
        **TRUE_CLOCKS,
        "lost_answer": 0.4,
        "late_request": 0.3,
        "lagging_read": 0.9,
        "kill": 0.0,
        "pause": 0.0,
        "red_gate": 0.0,
    },
)
BROKEN_IDS = Arena(
    MODES["broken_ids"],
    {
        **CALM,
        **TRUE_CLOCKS,
        "lost_request": 0.3,
        "late_request": 0.2,
        "lost_answer": 0.2,
        "lagging_read": 0.8,
        "kill": 0.0,
        "pause": 0.02,
        "pause_seconds": 300.0,
        "red_gate": 0.0,
    },
)
SHORT_OF_CASH = Arena(MODES["normal"], {**CALM, "red_gate": 0.0, "kill": 0.0, "refused": 0.0, "foreign_order": 1.0})
RED = Arena(MODES["normal"], {**CALM, "red_gate": 1.0, "kill": 0.0})
SELLING = Arena(
    MODES["normal"], {**CALM, "red_gate": 0.0, "kill": 0.0, "refused": 0.0, "lost_request": 0.3, "switch": 0.3}
)
BUSY = Arena(MODES["no_ids"], {**CALM, "stray_act": 0.8, "red_gate": 0.0, "kill": 0.0})
UNFENCED = Arena(
    MODES["broken_ids"],
    {
        **CALM,
        **TRUE_CLOCKS,
        "late_request": 0.5,
        "lost_request": 0.4,
        "lagging_read": 0.9,
        "crash": 0.0,
        "pause": 0.006,
        "pause_seconds": 200.0,
        "kill": 0.0,
        "red_gate": 0.0,
        "refused": 0.0,
        "halt": 0.0,
        "stray_act": 0.0,
        "late_batch": 0.0,
    },
)
LADDERED = Arena(
    MODES["normal"],
    {
        **CALM,
        "partial_fill": 0.9,
        "unfilled": 0.9,
        "lagging_read": 0.7,
        "lost_request": 0.1,
        "lost_answer": 0.1,
        "crash": 0.01,
        "red_gate": 0.0,
        "kill": 0.0,
    },
    # A symbol that opens above its first limit, on one day: short schedules in which most ladders are climbed.
    {"days": LADDER.plot.days, "liked": LADDER.plot.liked, "world": LADDER.plot.world, "entry_rungs": 3}
    | {"protective_stop": "stop", "healed_at": LADDER.plot.healed_at},
)
LADDERED_LAGGING = Arena(
    MODES["long_lag"], {**LADDERED.faults, "lost_answer": 0.6, "lagging_read": 0.9, "lost_request": 0.0}, LADDERED.plot
)
TAKEN_BACK = Arena(MODES["normal"], {**LADDERED.faults, "bust": 1.0, "crash": 0.0}, LADDERED.plot)
TWO_AT_ONCE = Arena(MODES["no_ids"], {**CALM, "switch": 0.4, "pause": 0.01, "red_gate": 0.0})

_SEND = "execution.session.send:"
_RECONCILE = "execution.session.reconcile:"
_LADDER = "execution.session.ladder:"
# Two orders of one entry would mostly be too much for a position's limit, too.
_NO_LAST_LOOK = Change(
    "execution.session.reservation:refused_at_send", "return last_look(", "return None and last_look("
)
_FOLDING = "execution.ledger.folding:Folding.apply"
_MEMORY = "execution.ledger.memory_ledger:MemoryLedger."
_NO_FENCE = Change(_MEMORY + "_record", "if lease is not None:", "if False:")
_NO_LEASE = (Change(_MEMORY + "take_lease", "found.holder != holder and", "False and"), _NO_FENCE)


def _mutant(name: str, *changes: Change, arena: Arena, breaks: str, seeds: int = 400) -> Mutant:
    return Mutant(name, changes, arena, frozenset(breaks.split()), seeds)


MUTANTS = (
    _mutant(
        "no row before the wire",
        Change(
            _SEND + "send",
            "desk.ledger.record(lambda book: attempt.let_out(book, book.orders[order_id]))",
            "attempt.let_out(desk.ledger.book(), desk.ledger.book().orders[order_id])",
        ),
        arena=NORMAL,
        breaks="I6",
    ),
    _mutant(
        "a session is planned again under new ids",
        Change("execution.session.plan:_planned_once", "if cycle is not None:", "if False:"),
        Change("execution.session.plan:_unless_taken", "if cycle_id in book.cycles:", "if False:"),
        Change("execution.session.submit:_sent", "refuse_changed_plan(desk, _cycle(desk, session))", "pass"),
        Change("execution.session.desk:Desk.order_id", "account=self.account", "account=self.account + self.run_id"),
        Change(_FOLDING + "[PlanRecorded]", "if event.cycle_id in self._cycles:", "if False:"),
        Change(_MEMORY + "_record", "if leg in self._legs or leg in legs:", "if False:"),
        arena=BUSY,
        breaks="I1",
    ),
    _mutant(
        "a time-out is a refusal",
        Change(_SEND + "_answer", "OutcomeUnknown(", "OrderRefused("),
        arena=LOSSY,
        breaks="I2",
    ),
    _mutant(
        "not found is a refusal",
        Change(_RECONCILE + "_of_absence", "OutcomeUnknown(", "OrderRefused("),
        arena=LAGGING,
        breaks="I2",
    ),
    _mutant(
        "what is unknown is sent under a new id",
        Change(
            _SEND + "_answered",
            "outcome = outcome_told(desk.broker.submit(attempt.order))",
            "outcome, sent = outcome_told(desk.broker.submit(attempt.order)), attempt.order; "
            "again = __import__('dataclasses').replace(sent, client_order_id=sent.client_order_id + 'b'); "
            "outcome = outcome_told(desk.broker.submit(again)) if hasattr(outcome, 'reason') else outcome",
        ),
        arena=LOSSY,
        breaks="I3 I6",
    ),
    _mutant(
        "fills are not counted once",
        Change("execution.session.answers:fills_told", "if known is None:", "if True:"),
        Change(_RECONCILE + "_bookings", "if fill.execution_id not in book.fills", "if True"),
        Change(_FOLDING + "[FillBooked]", "if fill.execution_id in self._fills:", "if False:"),
        arena=PARTIAL,
        breaks="I2",
    ),
    _mutant(
        "an end is believed before its fills are here",
        Change(_RECONCILE + "_news", "and state.filled_shares == record.filled_shares:", ":"),
        Change(_RECONCILE + "_news", "filled_shares=state.filled_shares", "filled_shares=record.filled_shares"),
        arena=PARTIAL,
        breaks="I2",
    ),
    _mutant(
        "acts do not reconcile first",
        Change(_RECONCILE + "reconcile", "seen = _seen(desk, book)", "seen = _Seen({}, (), ())"),
        arena=LOSSY,
        breaks="I2 I9",
    ),
    _mutant(
        "what is sent reserves nothing",
        Change("execution.session.reservation:_working_buys", "record.exposed_shares > 0", "False"),
        arena=SHORT_OF_CASH,
        breaks="I4",
    ),
    _mutant(
        "the account is not looked at again before the wire",
        Change("execution.session.reservation:refused_at_send", "return last_look(", "return None and last_look("),
        arena=SHORT_OF_CASH,
        breaks="I4",
    ),
    _mutant(
        "the switch is not read again before the wire",
        Change(_SEND + "_Attempt.too_late", "desk.refuse_when_halted()", "pass"),
        Change(_SEND + "_Attempt.too_late", "if waited > desk.sending.window_seconds:", "if False:"),
        arena=STOPPED,
        breaks="I7",
    ),
    _mutant(
        "the switch is never read",
        Change("execution.session.desk:Desk.refuse_when_halted", "self.kill_switch.refuse_when_engaged()", "return"),
        arena=STOPPED,
        breaks="I7",
    ),
    _mutant(
        "the deadline is not looked at",
        Change(_SEND + "is_in_time", "return ", "return True or "),
        Change("execution.session.submit:_refusal", "if not desk.is_in_submit_window(session):", "if False:"),
        arena=PAUSED,
        breaks="I8",
    ),
    _mutant(
        "no window between the row and the wire",
        Change(_SEND + "_Attempt.too_late", "if waited > desk.sending.window_seconds:", "if False:"),
        Change(_SEND + "_Attempt.too_late", "if not is_in_time(desk, self.view, self.order):", "if False:"),
        arena=PAUSED,
        breaks="I8",
    ),
    _mutant(
        "no wait before sending again",
        Change(_SEND + "send_again", "or looked_at - last_sent < waited", ""),
        arena=RESENDING,
        breaks="I1",
    ),
    _mutant(
        "no fence",
        _NO_FENCE,
        Change(_MEMORY + "renew_lease", "self._refuse_lost(lease)", "pass"),
        arena=UNFENCED,
        breaks="I1",
    ),
    _mutant(
        "a refused repeat is a refusal",
        Change(_SEND + "_answered", "if is_repeated and isinstance(outcome, Refused):", "if False:"),
        arena=SAME_ID_LATE,
        breaks="I2",
    ),
    _mutant(
        "what was sent ends by our decision",
        Change("execution.session.day_orders:end_day_orders", 'if record.state == "intended":', "if True:"),
        Change("execution.session.day_orders:void", '== "intended"', '!= ""'),
        Change(
            "execution.ledger.order_record:OrderRecord.after",
            "if self.state not in MAY_FOLLOW[type(event)]:",
            "if False:",
        ),
        arena=PARTIAL,
        breaks="I2",
    ),
    _mutant(
        "what is unknown is not looked up again",
        Change(
            "execution.ledger.book:Book.unproven_orders",
            "self.unproven.values()",
            "one for one in self.unproven.values() if one.state not in ('unknown', 'missed')",
        ),
        arena=LAGGING,
        breaks="I2 I9",
    ),
    _mutant(
        "a stop of unknown outcome is not looked up again",
        Change(
            "execution.ledger.book:Book.unproven_orders",
            "self.unproven.values()",
            "one for one in self.unproven.values() if one.state != 'unknown' or one.order.leg != 'stop'",
        ),
        arena=LOSSY,
        breaks="I9",
    ),
    _mutant(
        "nobody need approve",
        Change("execution.session.submit:_refusal", "return approval_refusal(desk, cycle)", "return ''"),
        arena=NORMAL,
        breaks="I3",
    ),
    _mutant(
        "a red gate is as good as a green one",
        Change("execution.session.proof:refuse_unproven_batch", "if not certificate.is_green:", "if False:"),
        Change(_SEND + "_Attempt._ungated", 'self.order.leg != "entry"', "True"),
        arena=RED,
        breaks="I3",
    ),
    _mutant(
        "an order is sent whatever became of it",
        *_NO_LEASE,
        Change(_SEND + "_Attempt.let_out", 'record.state != "intended"', "False"),
        Change(
            "execution.ledger.order_record:OrderRecord.after",
            "if self.state not in MAY_FOLLOW[type(event)]:",
            "if False:",
        ),
        arena=TWO_AT_ONCE,
        breaks="I1",
    ),
    _mutant(
        "a stop may be sold beside its exit",
        Change("execution.session.submit:_send_exit", "if working_stops(book, symbol):", "if False:"),
        Change("execution.session.submit:_send_exit", 'held - book.exposed_shares(symbol, side="sell")', "held"),
        Change(_SEND + "_Attempt._may_go", "oversells = ", "oversells = False and "),
        arena=SELLING,
        breaks="I4",
    ),
    _mutant(
        "a watch sells beside the stop",
        Change("execution.session.monitor:_sold", "if working_stops(book, symbol):", "if False:"),
        Change(
            "execution.session.monitor:_sold",
            'book.held_shares.get(symbol, 0) - book.exposed_shares(symbol, side="sell")',
            "book.held_shares.get(symbol, 0)",
        ),
        Change(_SEND + "_Attempt._may_go", "oversells = ", "oversells = False and "),
        arena=SELLING,
        breaks="I4",
    ),
    _mutant(
        "a cancel leaves no row",
        Change("execution.session.day_orders:cancel", "desk.ledger.record(ask)", "pass"),
        arena=PARTIAL,
        breaks="I6",
    ),
    _mutant(
        "quarantine keeps nothing back",
        Change(_SEND + "_Attempt._end", "if symbol in book.quarantined:", "if False:"),
        Change(_SEND + "_Attempt._may_go", "and order.symbol not in self.view.apart_shares", ""),
        Change(
            "execution.ledger.book:Book.foreign_symbols",
            "return frozenset(traded | self.quarantined.keys())",
            "return frozenset()",
        ),
        Change("execution.session.day_orders:_overtaken", "if symbol in book.quarantined:", "if False:"),
        Change("execution.session.reservation:_context", "quarantined=", "quarantined={} and "),
        arena=FOREIGN,
        breaks="I10",
    ),
    _mutant(
        "the next limit goes out before the former is proven to have ended",
        _NO_LAST_LOOK,
        Change(_LADDER + "turn_of", 'former.state == "intended" or former.is_unproven', "former.followed_by is None"),
        Change(_LADDER + "turn_of", 'if former.state != "cancelled" or former.followed_by', "if former.followed_by"),
        arena=LADDERED,
        breaks="I1",
    ),
    _mutant(
        "an entry of unknown outcome is given up for the next limit",
        _NO_LAST_LOOK,
        Change("execution.session.reprice:_is_due", 'record.state != "open"', "False"),
        Change("execution.session.reprice:_give_up", 'newest.state == "open"', "True"),
        Change(
            "execution.ledger.order_record:OrderRecord.after",
            "if self.state not in MAY_FOLLOW[type(event)]:",
            "if False:",
        ),
        Change(_LADDER + "turn_of", "former.is_unproven", 'former.state == "open" or former.followed_by is None'),
        Change(_LADDER + "turn_of", 'former.state != "cancelled"', 'former.state not in ("cancelled", "unknown")'),
        arena=LADDERED_LAGGING,
        breaks="I1 I2",
    ),
    _mutant(
        "the next limit buys all that was planned again",
        Change(_LADDER + "turn_of", "bought += bought_shares(book, former)", "pass"),
        arena=LADDERED,
        breaks="I1",
    ),
    _mutant(
        "all limits go out at once",
        _NO_LAST_LOOK,
        Change(
            _LADDER + "turn_of", "order_id = record.order.client_order_id", "return Turn(record.order.quantity_shares)"
        ),
        arena=LADDERED,
        breaks="I1",
    ),
    _mutant(
        "a limit is left without a row of why",
        Change("execution.session.reprice:_give_up", "desk.ledger.record(ask)", "pass"),
        Change(
            "execution.session.reprice:_give_up",
            "if desk.ledger.book().orders[order_id].is_cancel_requested:",
            "if True:",
        ),
        arena=LADDERED,
        breaks="I6",
    ),
    _mutant(
        "an order of twice the shares goes out",
        Change(
            _SEND + "_answered",
            "desk.broker.submit(attempt.order)",
            "desk.broker.submit(attempt.order.of_size(2 * attempt.order.quantity_shares))",
        ),
        arena=NORMAL,
        breaks="I4",
    ),
)

ARENAS = {name.lower(): value for name, value in tuple(globals().items()) if isinstance(value, Arena)}
