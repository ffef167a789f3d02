"""Fire or wait: pure rules over facts. No orchestrator, no store; the time is an argument.

The same rules are asked by sensors (a clock that moves when told) and by schedules (the wall clock). They name work
that is due; starting that work twice must be harmless, because an orchestrator may always do so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from execution.trading_calendar import TradingCalendar


class Act(StrEnum):
    """A kind of work, named as its job is."""

    INGEST = "ingest"
    CYCLE = "cycle"
    FIRST_CYCLE = "first_cycle"
    TRAIN = "train"
    REPORT = "report"
    UPKEEP = "upkeep"
    PLAN = "plan"
    SUBMIT = "submit"
    CANCEL_REST = "cancel_rest"
    WATCH = "watch"
    SETTLE = "settle"


TRADING: Final = frozenset({Act.PLAN, Act.SUBMIT, Act.CANCEL_REST, Act.WATCH, Act.SETTLE})
"""Acts at the desk; some of them are too late within minutes."""
AFTER_TRADING: Final = frozenset({Act.TRAIN, Act.REPORT, Act.UPKEEP})
"""Nobody waits for these; started beside a plan, they would only make it late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One piece of due work.

    Attributes:
        act: what to do.
        session: the decision session it is for.
        batch_hash: for a plan, the batch to plan; None for a plan that only manages positions.
    """

    act: Act
    session: date
    batch_hash: str | None = None

    @property
    def is_for_one_session(self) -> bool:
        """Whether a run of it is for one session; learning looks at all of them at once."""
        return self.act is not Act.TRAIN

    @property
    def name(self) -> str:
        """What the work is known by from one attempt to the next: the batch for a plan, else act and session."""
        # A first cycle is the session's cycle: once it has taught a model, the same work falls due under the other act.
        act = Act.CYCLE if self.act is Act.FIRST_CYCLE else self.act
        return f"{act}:{self.batch_hash or self.session.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisFacts:
    """What is so on the data side.

    Attributes:
        first_session: the first session a decision is made for.
        last_session: the last one with bars so far; None when the source goes on. It is taken in, and not decided
            before there is a next one to trade in.
        ingested: the newest session with stored bars; None before the first.
        decided: sessions whose cycle has ended, in a batch, in a hold or in a refusal.
        scored: sessions whose data passed and whose cycle has ended: in a batch, or in a hold.
        judged_as_of: cut-off of the newest training that was judged or refused, whatever came of it; None before any.
        settled: sessions the ledger has settled.
        reported: sessions with a written report.
        upkept: sessions after which the home was backed up and its restore tried; None where nobody asks for it.
        is_demoted: whether the champion was demoted and nothing was taught since.
    """

    first_session: date
    last_session: date | None
    ingested: date | None
    decided: frozenset[date]
    scored: frozenset[date]
    judged_as_of: datetime | None
    settled: frozenset[date]
    reported: frozenset[date]
    upkept: frozenset[date] | None = None
    is_demoted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingFacts:
    """What is so on the trading side.

    Attributes:
        first_session: the first session a decision is made for.
        planned: sessions with a plan, whatever it holds.
        published: hashes of the batches published for the session that may be traded now, oldest first.
        recorded: the batch hashes of that session the ledger knows, planned or superseded.
        submitted: sessions whose sending has finished.
        open_entries: sessions with entries or exits still to be sent, or working and not asked to end.
        watched: sessions whose positions need no more looking after; None when there are no exit rules to ask.
        settled: sessions that are settled.
    """

    first_session: date
    planned: frozenset[date]
    published: tuple[str, ...]
    recorded: frozenset[str]
    submitted: frozenset[date]
    open_entries: frozenset[date]
    watched: frozenset[date] | None
    settled: frozenset[date]


def analysis_due(*, now: datetime, calendar: TradingCalendar, facts: AnalysisFacts) -> tuple[Work, ...]:
    """Return the data side's due work, most urgent first.

    Missed sessions are caught up in order. A cycle never trains, except the first of a home, which has no model to
    score with. Training is due once a week, after the cycle of the week's last session, if its data passed; after a
    demotion, and where no model was ever judged because the first session was red, it waits for no week's end. Training
    and upkeep wait for what else is due of their session and after it, and for nothing older.
    """
    newest = calendar.last_closed(now)
    if newest is None:
        return ()
    last = newest if facts.last_session is None else min(newest, facts.last_session)
    decidable = newest if facts.last_session is None else min(newest, calendar.previous(facts.last_session))
    due: list[Work] = []
    for session in calendar.between(facts.first_session, decidable):
        if session not in facts.decided and calendar.as_of(session) <= now:
            act = Act.FIRST_CYCLE if facts.judged_as_of is None and not facts.decided else Act.CYCLE
            due.append(Work(act=act, session=session))
    is_new = facts.ingested is not None and facts.ingested < last
    # From its cut-off on a session is taken in by its cycle, where one can come.
    if is_new and calendar.bars_known_at(last) <= now and (last > decidable or now < calendar.as_of(last)):
        due.append(Work(act=Act.INGEST, session=last))
    due.extend(
        Work(act=Act.REPORT, session=session)
        for session in sorted(facts.settled - facts.reported)
        # The page measures fills against the opens of the traded session.
        if facts.ingested is not None and facts.ingested >= calendar.next(session)
    )
    judged = facts.judged_as_of
    upto = decidable if facts.is_demoted or judged is None else _last_session_of_a_week(decidable, calendar)
    is_untaught = upto in facts.scored and (judged is None or judged < calendar.as_of(upto))
    if is_untaught and not _any_from(upto, due):
        due.append(Work(act=Act.TRAIN, session=upto))
    if facts.upkept is not None:
        # In the evening after a settled day, when the next cycle is over: nobody waits for it, and a day has one.
        nights = [session for session in facts.settled if calendar.as_of(calendar.next(session)) <= now]
        if nights and max(nights) not in facts.upkept and not _any_from(max(nights), due):
            due.append(Work(act=Act.UPKEEP, session=max(nights)))
    return tuple(due)


def trading_due(*, now: datetime, calendar: TradingCalendar, facts: TradingFacts) -> tuple[Work, ...]:
    """Return the trading side's due work, most urgent first.

    A session whose batch is missing or cannot be planned gets a plan that only manages positions once its submit window
    opens, so that stops and exits are looked after even when the gate is red. Sessions that went by unplanned are
    recorded as missed.
    """
    due: list[Work] = []
    tradable = calendar.tradable_session(now)
    newest = calendar.last_closed(now)
    if newest is not None:
        passed = calendar.between(facts.first_session, newest)
        missed = [s for s in passed if calendar.as_of(s) <= now and s != tradable and s not in facts.planned]
        due.extend(Work(act=Act.PLAN, session=session) for session in missed)
    if tradable is not None and tradable >= facts.first_session:
        due.extend(
            Work(act=Act.PLAN, session=tradable, batch_hash=batch_hash)
            for batch_hash in facts.published
            if batch_hash not in facts.recorded
        )
        opens, closes = calendar.submit_window(tradable)
        if opens <= now < closes:
            if tradable in facts.planned and tradable not in facts.submitted:
                due.append(Work(act=Act.SUBMIT, session=tradable))
            if tradable not in facts.planned:
                # Last of the plans: a published batch comes first, and only when it was given up is this one started.
                due.append(Work(act=Act.PLAN, session=tradable))
    for session in sorted(facts.planned - facts.settled):
        if session in facts.open_entries and calendar.submit_window(session)[1] <= now:
            due.append(Work(act=Act.CANCEL_REST, session=session))
        is_open = calendar.submit_window(session)[1] <= now < calendar.closes_at(calendar.next(session))
        if facts.watched is not None and session not in facts.watched and is_open:
            due.append(Work(act=Act.WATCH, session=session))
        if calendar.bars_known_at(calendar.next(session)) <= now:
            due.append(Work(act=Act.SETTLE, session=session))
    return tuple(due)


def next_instant(*, now: datetime, calendar: TradingCalendar) -> datetime:
    """Return the next instant at which work can become due.

    Each session has four: its submit window opens, the window closes, its bars are known, its cut-off.
    """
    newest = calendar.last_closed(now) or calendar.sessions[0]
    instants = [calendar.bars_known_at(newest), calendar.as_of(newest), *calendar.submit_window(newest)]
    following = calendar.next(newest)
    instants += [calendar.bars_known_at(following), calendar.as_of(following)]
    return min(instant for instant in instants if instant > now)


def _any_from(session: date, due: Iterable[Work]) -> bool:
    """Return whether anything is due of a session or of one after it; an older one may never come to its end."""
    return any(work.session >= session for work in due)


def _last_session_of_a_week(upto: date, calendar: TradingCalendar) -> date:
    """Return the newest session not after a day that is the last of its ISO week."""
    session = upto
    while calendar.next(session).isocalendar().week == session.isocalendar().week:
        session = calendar.previous(session)
    return session
