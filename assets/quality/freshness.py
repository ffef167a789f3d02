"""Is each raw table as new as its session demands, and is everyone there?

Ages are counted in exchange sessions: over a weekend nothing grows old.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from assets.quality.raw_evidence import RawEvidence, bar_frame
from assets.quality.verdicts import EVIDENCE_ROWS, Check, Verdict, share_text
from assets.schemas import EVENTS, FILINGS, INDICES, NEWS, RawTable


def judge_bars_are_current(evidence: RawEvidence) -> tuple[Verdict, ...]:
    """Return whether the newest bars are those of the session judged."""
    up_to_now = evidence.bars[evidence.bars["session"] <= np.datetime64(evidence.session)]
    newest = up_to_now["session"].max().date() if len(up_to_now) else None
    passed = newest == evidence.session
    return (
        Verdict(
            passed=passed,
            value=f"newest bars of {newest or 'no session'}, {len(evidence.session_bars)} of {evidence.session}",
            threshold=f"bars of {evidence.session}",
            reason=""
            if passed
            else f"the source has not delivered {evidence.session}; its newest bars are of {newest}",
        ),
    )


def judge_universe_is_complete(evidence: RawEvidence) -> tuple[Verdict, ...]:
    """Return whether enough listed symbols have a bar of the session; those without are left out by name."""
    expected, present = evidence.listed, set(evidence.session_bars["symbol"])
    if not expected:
        return (
            Verdict(
                passed=False,
                value="no listed symbol",
                threshold="at least one",
                reason="the reference data list no symbol on this session",
            ),
        )
    missing = [symbol for symbol in expected if symbol not in present]
    smallest = evidence.policy.min_bar_share
    is_tolerated = len(missing) <= evidence.policy.tolerated_symbols and len(missing) < len(expected)
    passed = len(expected) - len(missing) >= smallest * len(expected) or is_tolerated
    return (
        Verdict(
            passed=passed,
            value=f"{share_text(len(expected) - len(missing), len(expected))} listed symbols have a bar",
            threshold=f"at least {smallest:.2%}, or at most {evidence.policy.tolerated_symbols} missing",
            reason="" if passed else f"{len(missing)} listed symbols have no bar, first {', '.join(missing[:5])}",
            offenders=tuple({"symbol": symbol, "fault": "no bar"} for symbol in missing[:EVIDENCE_ROWS]),
            excluded=dict.fromkeys(missing, "listed, but without a bar of the session"),
        ),
    )


def judge_bars_are_on_time(evidence: RawEvidence) -> tuple[Verdict, ...]:
    """Return whether the session's bars became known soon enough after its close; a correction is not lateness."""
    versions, policy = bar_frame(evidence.bar_versions), evidence.policy
    of_session = versions[versions["session"] == np.datetime64(evidence.session)]
    bars = of_session.sort_values("known_at").drop_duplicates("symbol").sort_values("symbol")
    if bars.empty:
        return (_no_bars("known in time"),)
    close = evidence.calendar.closes_at(evidence.session)
    limit = np.datetime64((close + timedelta(minutes=policy.max_bar_delay_minutes)).replace(tzinfo=None), "us")
    late = bars[bars["known_at"] > limit]
    passed = len(late) <= policy.max_late_bar_share * len(bars)
    return (
        Verdict(
            passed=passed,
            value=f"{share_text(len(late), len(bars))} bars late; the last one {_minutes_after(close, bars)} min after",
            threshold=f"at most {policy.max_late_bar_share:.2%} later than {policy.max_bar_delay_minutes} min",
            reason="" if passed else f"the source was late with {share_text(len(late), len(bars))} bars",
            offenders=tuple(
                {"symbol": str(row.symbol), "known_at": str(row.known_at)}
                for row in late.head(EVIDENCE_ROWS).itertuples()
            ),
        ),
    )


def judge_reference_data(evidence: RawEvidence) -> tuple[Verdict, ...]:
    """Return whether the reference data know the symbols that trade, and how old their newest row is."""
    listed, traded = set(evidence.listed), sorted(set(evidence.session_bars["symbol"]))
    if not traded:
        return (_no_bars("known to the reference data"),)
    unknown = [symbol for symbol in traded if symbol not in listed]
    largest = evidence.policy.max_unknown_symbol_share
    is_known = len(unknown) <= largest * len(traded)
    known = Verdict(
        passed=is_known,
        value=f"{share_text(len(unknown), len(traded))} symbols trade unlisted",
        threshold=f"at most {largest:.2%}",
        reason="" if is_known else f"symbols trade that raw/securities does not list, first {', '.join(unknown[:5])}",
        detail="known_symbols",
        offenders=tuple({"symbol": symbol, "fault": "not listed"} for symbol in unknown[:EVIDENCE_ROWS]),
        excluded=dict.fromkeys(unknown, "trades, but the reference data do not list it"),
    )
    newest = pc.max(evidence.securities.column("known_at")).as_py()
    age, limit = _age_sessions(evidence, newest), evidence.policy.max_reference_age_sessions
    aged = Verdict(
        passed=age <= limit,
        value=f"newest row {age} sessions old",
        threshold=f"at most {limit} sessions",
        reason="" if age <= limit else f"the reference data were last refreshed {age} sessions ago",
        detail="age",
    )
    return known, aged


def judge_sources_are_awake(evidence: RawEvidence) -> tuple[Verdict, ...]:
    """Return, per source that exists, whether its newest row is recent; a source that never spoke is none."""
    policy = evidence.policy
    limits: tuple[tuple[RawTable, int | None], ...] = (
        (INDICES, policy.max_indices_silence_sessions),
        (NEWS, policy.max_news_silence_sessions),
        (FILINGS, policy.max_filings_silence_sessions),
        (EVENTS, policy.max_events_silence_sessions),
    )
    return tuple(_silence(evidence, table, limit) for table, limit in limits)


def _silence(evidence: RawEvidence, table: RawTable, limit: int | None) -> Verdict:
    demand = "measured, not demanded" if limit is None else f"at most {limit} sessions"
    newest = evidence.rows.newest_known_at(table)
    if newest is None:
        return Verdict(passed=True, value="no such source: skipped", threshold=demand, detail=table.name)
    age = _age_sessions(evidence, newest)
    passed = limit is None or age <= limit
    return Verdict(
        passed=passed,
        value=f"newest row {age} sessions old",
        threshold=demand,
        reason="" if passed else f"raw/{table.name} has had nothing new for {age} sessions",
        detail=table.name,
    )


def _age_sessions(evidence: RawEvidence, instant: datetime) -> int:
    """Return how many sessions ago an instant fell: 0 when it fell after the previous session's cut-off."""
    calendar = evidence.calendar
    usable = calendar.first_usable(instant)
    first: date = usable if usable is not None else calendar.sessions[-1]
    return max(0, calendar.index(evidence.session) - calendar.index(first))


def _minutes_after(close: datetime, bars: pd.DataFrame) -> int:
    newest = pd.Timestamp(bars["known_at"].max())
    return int((newest.to_pydatetime() - close.replace(tzinfo=None)).total_seconds() // 60)


def _no_bars(promise: str) -> Verdict:
    return Verdict(
        passed=False, value="no bar of the session", threshold=promise, reason="the session has no bar to judge"
    )


FRESHNESS_CHECKS: Sequence[Check[RawEvidence]] = (
    Check(
        name="bars_are_current",
        subject="raw/daily_bars",
        promise="the newest bars are those of the session",
        judge=judge_bars_are_current,
    ),
    Check(
        name="universe_is_complete",
        subject="raw/daily_bars",
        promise="the listed symbols have a bar of the session",
        judge=judge_universe_is_complete,
    ),
    Check(
        name="bars_are_on_time",
        subject="raw/daily_bars",
        promise="the bars became known soon after the close",
        judge=judge_bars_are_on_time,
    ),
    Check(
        name="reference_data",
        subject="raw/securities",
        promise="the reference data know what trades and are not outdated",
        judge=judge_reference_data,
    ),
    Check(
        name="sources_are_awake",
        subject="raw/snapshot",
        promise="no source that exists has fallen silent",
        judge=judge_sources_are_awake,
    ),
)
