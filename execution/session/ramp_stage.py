"""At which stage of the capital ramp an account is: a fold of its ledger, so that anybody can reckon it again.

A mark ends a session. It objects when the account was halted or a symbol went into quarantine since the mark before,
when equity fell too far from its highest of the stage, or, at the stage's end, when its trades cost too much. An
objection falls back one stage; enough sessions without one rise by one. Each stage begins its counting anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import takewhile

from execution.domain.events import ControlChanged, FillBooked, PositionsMarked
from execution.ledger.book import Alarm, Book
from execution.portfolio.capital_ramp import CapitalRamp, RampStage
from execution.risk.findings import percent

_BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    stage: int
    why: str
    since: date | None
    sessions: int = 0
    peak_usd: Decimal
    paid_in_usd: Decimal
    lost_usd: Decimal = Decimal(0)
    decided_usd: Decimal = Decimal(0)


def ramp_stage(book: Book, ramp: CapitalRamp) -> RampStage | None:
    """Return the stage the ledger proves; None without a ramp."""
    if not ramp.stages:
        return None
    opening = book.opened.cash_usd if book.opened else Decimal(0)
    standing = _Standing(stage=0, why="the first", since=None, peak_usd=opening, paid_in_usd=opening)
    seen = 0
    for mark in book.marks:
        alarms = _until(book.alarms[seen:], mark.at)
        seen += len(alarms)
        if ramp.counts_from is None or mark.marked_session >= ramp.counts_from:
            standing = _after(standing, mark, alarms, book=book, ramp=ramp)
        else:
            standing = replace(standing, peak_usd=mark.equity_usd, paid_in_usd=mark.paid_in_usd)
    for alarm in book.alarms[seen:][:1]:
        # The next mark will say so; until then nothing is bought at a size that was objected to.
        standing = replace(standing, stage=max(0, standing.stage - 1), sessions=0, why=_objection(alarm))
    return RampStage(
        number=standing.stage + 1,
        stages=len(ramp.stages),
        share=ramp.stages[standing.stage],
        reason=_told(standing, ramp),
    )


def _after(
    before: _Standing, mark: PositionsMarked, alarms: tuple[Alarm, ...], *, book: Book, ramp: CapitalRamp
) -> _Standing:
    peak = max(before.peak_usd + mark.paid_in_usd - before.paid_in_usd, mark.equity_usd)
    lost, decided = _cost(book, mark.marked_session)
    standing = replace(
        before,
        sessions=min(before.sessions + 1, ramp.sessions),
        peak_usd=peak,
        paid_in_usd=mark.paid_in_usd,
        lost_usd=before.lost_usd + lost,
        decided_usd=before.decided_usd + decided,
    )
    objection = next(_objections(standing, mark, alarms, ramp), None)
    if objection is not None:
        return _begun(max(0, before.stage - 1), objection, mark)
    # A stage in which nothing was traded proves nothing about costs: it goes on.
    if standing.sessions < ramp.sessions or standing.decided_usd <= 0:
        return standing
    why = f"{ramp.sessions} sessions without an objection at {_bps(standing):.1f} bps"
    return _begun(min(len(ramp.stages) - 1, before.stage + 1), why, mark)


def _objections(
    standing: _Standing, mark: PositionsMarked, alarms: tuple[Alarm, ...], ramp: CapitalRamp
) -> Iterator[str]:
    yield from map(_objection, alarms)
    drawdown = (standing.peak_usd - mark.equity_usd) / standing.peak_usd if standing.peak_usd > 0 else Decimal(1)
    if drawdown > ramp.max_drawdown_fraction:
        most = percent(ramp.max_drawdown_fraction)
        yield f"{percent(drawdown)} below the highest equity of the stage, at most {most}"
    is_over = standing.sessions >= ramp.sessions and standing.decided_usd > 0
    if is_over and _bps(standing) > ramp.max_cost_bps:
        yield f"its trades cost {_bps(standing):.1f} bps, at most {ramp.max_cost_bps}"


def _objection(alarm: Alarm) -> str:
    if isinstance(alarm, ControlChanged):
        return f"halted by {alarm.actor} at {alarm.at.isoformat()}: {alarm.reason}"
    return f"{alarm.symbol} went into quarantine at {alarm.at.isoformat()}: {alarm.reason}"


def _until(alarms: Sequence[Alarm], instant: datetime) -> tuple[Alarm, ...]:
    return tuple(takewhile(lambda alarm: alarm.at <= instant, alarms))


def _begun(stage: int, why: str, mark: PositionsMarked) -> _Standing:
    return _Standing(
        stage=stage, why=why, since=mark.marked_session, peak_usd=mark.equity_usd, paid_in_usd=mark.paid_in_usd
    )


def _cost(book: Book, session: date) -> tuple[Decimal, Decimal]:
    """Return dollars lost beside the prices a day's trades were decided at, and what they were worth at those."""
    lost, decided = Decimal(0), Decimal(0)
    for booked in book.days[session].fills if session in book.days else ():
        reference = _decided_at(book, booked)
        if reference is not None:
            fill = booked.fill
            # A reversal takes back what its fill cost; it names the other side.
            sign = 1 if fill.reverses is None else -1
            bought = fill.side == "buy" if fill.reverses is None else fill.side == "sell"
            difference = fill.price_usd - reference if bought else reference - fill.price_usd
            lost += sign * difference * fill.quantity_shares + fill.fee_usd
            decided += sign * reference * fill.quantity_shares
    return lost, decided


def _decided_at(book: Book, booked: FillBooked) -> Decimal | None:
    record = book.orders.get(booked.fill.client_order_id)
    return record.reference_price_usd if record is not None else None


def _bps(standing: _Standing) -> Decimal:
    return standing.lost_usd / standing.decided_usd * _BPS


def _told(standing: _Standing, ramp: CapitalRamp) -> str:
    since = f"since {standing.since}" if standing.since else "since the beginning"
    return f"{since}: {standing.why}; {standing.sessions} of {ramp.sessions} sessions without an objection"
