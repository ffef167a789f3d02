"""Is each daily bar possible? One small rule per fault a price feed is known to have.

A rule marks bars; what a mark means is the same for all: a young fault leaves its symbol out, many of them close the
gate, and old bars taken in now may hold a few, however few bars are taken in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from assets.quality.raw_evidence import RawEvidence
from assets.quality.verdicts import EVIDENCE_ROWS, Check, Row, Verdict, share_text
from assets.schemas import ALL, RawTable

_SUBJECT = "raw/daily_bars"
_PRICES = ["open_usd", "high_usd", "low_usd", "close_usd"]

# Below a split of three for two, or of two for three, an ordinary night moves a price as much.
_LEAST_TELLING_SPLIT: Final = 1.5
_LEAST_TELLING_REVERSE_SPLIT: Final = 0.67
# A real history has a few splits that a spin-off on the same day hides, or that its source tells wrongly.
_FEWEST_TELLING_SPLITS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRule:
    """One way a bar can be impossible.

    Attributes:
        name: of the check.
        promise: what holds when no bar is marked.
        fault: what a marked bar is said to have, continuing "symbol AAA left out: ".
        marks: which bars of `RawEvidence.bars` are at fault, in their order.
        further: red verdicts that one bar alone cannot give. What it finds fine it is silent of, so that a green
            certificate keeps the bytes it had before the question was asked.
    """

    name: str
    promise: str
    fault: str
    marks: Callable[[RawEvidence], "pd.Series[bool]"]
    further: Callable[[RawEvidence], tuple[Verdict, ...]] = lambda _: ()


def non_positive_prices(evidence: RawEvidence) -> "pd.Series[bool]":
    """Mark bars with a price of zero or less."""
    return (evidence.bars[_PRICES] <= 0).any(axis=1)


def disordered_prices(evidence: RawEvidence) -> "pd.Series[bool]":
    """Mark bars whose high or low does not enclose open and close."""
    bars = evidence.bars
    body = bars[["open_usd", "close_usd"]]
    return (bars["low_usd"] > body.min(axis=1)) | (bars["high_usd"] < body.max(axis=1))


def impossible_volumes(evidence: RawEvidence) -> "pd.Series[bool]":
    """Mark bars with negative volume, or with none although the symbol was not halted."""
    volume = evidence.bars["volume_shares"]
    return (volume < 0) | ((volume == 0) & ~evidence.bars["is_halted"])


def unexplained_jumps(evidence: RawEvidence) -> "pd.Series[bool]":
    """Mark bars whose return from the bar before no split or dividend explains.

    The return is (close x split + dividend) / previous close - 1, as the source of the real test data defines it.
    """
    bars = evidence.bars
    previous = bars.groupby("symbol", sort=False)["close_usd"].shift()
    splits, dividends = _action_values(evidence, "split"), _action_values(evidence, "dividend")
    change = (bars["close_usd"] * splits.fillna(1.0) + dividends.fillna(0.0)) / previous - 1.0
    return (previous > 0) & (change.abs() > evidence.policy.max_unexplained_return)


def split_adjusted_prices(evidence: RawEvidence) -> tuple[Verdict, ...]:
    """Return a red verdict when most splits leave the price where it was: prices are on one scale already.

    Every split would be applied a second time. In a long history its days are too few for the share of older bars at
    fault, so the splits themselves are counted: those large enough to tell, by whether the first open after is nearer
    the close before than that close over the split's ratio, as ratios go.
    """
    bars = evidence.bars
    if bars.empty:
        return ()
    splits = _action_values(evidence, "split")
    previous = bars.groupby("symbol", sort=False)["close_usd"].shift()
    is_telling = (splits >= _LEAST_TELLING_SPLIT) | (splits <= _LEAST_TELLING_REVERSE_SPLIT)
    is_telling &= (previous > 0) & (bars["open_usd"] > 0)
    told = bars[is_telling]
    fall = np.log((previous / bars["open_usd"])[is_telling].to_numpy())
    unmoved = told[np.abs(fall) < np.abs(fall - np.log(splits[is_telling].to_numpy()))]
    if len(told) < _FEWEST_TELLING_SPLITS or 2 * len(unmoved) <= len(told):
        return ()
    found = f"{share_text(len(unmoved), len(told))} splits leave the price where it was"
    return (
        Verdict(
            passed=False,
            value=found,
            threshold=(
                f"at most half of the splits of {_LEAST_TELLING_SPLIT} and more or {_LEAST_TELLING_REVERSE_SPLIT} and "
                f"less, where there are {_FEWEST_TELLING_SPLITS}"
            ),
            reason=(
                f"prices look split-adjusted already: {found}, and each would be applied a second time; deliver prices "
                "as they traded, or no splits beside adjusted ones"
            ),
            detail="split_adjusted_prices",
            offenders=_as_read(unmoved),
        ),
    )


def stale_repeats(evidence: RawEvidence) -> "pd.Series[bool]":
    """Mark bars that repeat the bars before them to the last digit and yet claim to have traded."""
    bars = evidence.bars
    values = [*_PRICES, "volume_shares"]
    is_repeat = (bars[values] == bars[values].shift()).all(axis=1) & (bars["symbol"] == bars["symbol"].shift())
    is_repeat &= (bars["volume_shares"] > 0) & ~bars["is_halted"]
    marks = is_repeat.copy()
    for step in range(1, evidence.policy.stale_repeat_sessions - 1):
        marks &= is_repeat.shift(step, fill_value=False)
    return marks


def impossible_sessions(evidence: RawEvidence) -> "pd.Series[bool]":
    """Mark bars of days the exchange was closed, or of days after the session judged."""
    days = evidence.bars["session"].to_numpy().astype("datetime64[D]")
    sessions = np.array(evidence.calendar.between(days.min().item(), evidence.session), dtype="datetime64[D]")
    return pd.Series(~np.isin(days, sessions), index=evidence.bars.index)


def known_too_early(evidence: RawEvidence) -> "pd.Series[bool]":
    """Mark bars that claim to have been known before their session closed."""
    days = evidence.bars["session"].to_numpy().astype("datetime64[D]")
    closes = {
        np.datetime64(day, "D"): np.datetime64(evidence.calendar.closes_at(day).replace(tzinfo=None), "us")
        for day in np.unique(days).tolist()
        if evidence.calendar.is_session(day)
    }
    unique, position = np.unique(days, return_inverse=True)
    # A day without a close has no instant to be compared with; `possible_sessions` marks it.
    limits = np.array([closes.get(day, np.datetime64("1970-01-01", "us")) for day in unique])[position]
    return evidence.bars["known_at"] < limits


BAR_RULES: tuple[BarRule, ...] = (
    BarRule(
        name="positive_prices",
        promise="every price is above zero",
        fault="a price of zero or less",
        marks=non_positive_prices,
    ),
    BarRule(
        name="ohlc_order",
        promise="low <= open, close <= high",
        fault="high and low do not enclose open and close",
        marks=disordered_prices,
    ),
    BarRule(
        name="possible_volumes",
        promise="no negative volume, and none without volume unless halted",
        fault="no or negative volume although not halted",
        marks=impossible_volumes,
    ),
    BarRule(
        name="explained_jumps",
        promise="no large return without a split or dividend that explains it",
        fault="a jump that no split or dividend explains",
        marks=unexplained_jumps,
        further=split_adjusted_prices,
    ),
    BarRule(
        name="fresh_values",
        promise="no traded bar repeats the bar before it to the last digit",
        fault="the bar repeats the one before",
        marks=stale_repeats,
    ),
    BarRule(
        name="possible_sessions",
        promise="every bar is of an exchange session up to the one judged",
        fault="a bar of a day without a session or of the future",
        marks=impossible_sessions,
    ),
    BarRule(
        name="possible_known_at",
        promise="no bar was known before its session closed",
        fault="known before its session closed",
        marks=known_too_early,
    ),
)


def judge_bars(rule: BarRule, evidence: RawEvidence) -> tuple[Verdict, ...]:
    """Return one verdict on all bars in reach: symbols with young faults left out, old faults by their share."""
    bars, policy = evidence.bars, evidence.policy
    if bars.empty:
        return (Verdict(passed=False, value="no bars", threshold=rule.promise, reason="there is no bar to judge"),)
    marks = rule.marks(evidence).to_numpy(dtype=bool)
    is_young = (bars["session"] >= np.datetime64(evidence.quarantine_start)).to_numpy()
    young, old_marks = bars[marks & is_young], int((marks & ~is_young & bars["is_new"]).sum())
    old_total = int((~is_young & bars["is_new"]).sum())
    symbols = sorted(set(young["symbol"]))
    allowed = policy.excludable(len(evidence.listed))
    is_history_fine = old_marks <= max(policy.tolerated_symbols, policy.max_history_fault_share * old_total)
    reasons = []
    if len(symbols) > allowed:
        reasons.append(f"{share_text(len(symbols), len(evidence.listed))} symbols have {rule.fault}")
    if not is_history_fine:
        reasons.append(f"{share_text(old_marks, old_total)} older bars have {rule.fault}")
    return (
        Verdict(
            passed=not reasons,
            value=f"{len(symbols)} symbols at fault in {policy.quarantine_sessions} sessions, {old_marks} older bars",
            threshold=(
                f"at most {allowed} symbols, "
                f"at most {policy.max_history_fault_share:.2%} of older bars or {policy.tolerated_symbols} of them"
            ),
            reason="; ".join(reasons),
            offenders=_as_read(young if len(young) else bars[marks]),
            excluded=dict.fromkeys(symbols, rule.fault),
        ),
    )


def judge_duplicates(evidence: RawEvidence) -> tuple[Verdict, ...]:
    """Return one verdict on all tables: no fact has two newest versions, known at the same instant.

    An older tie that a later correction settled is no fault: there is one truth again.
    """
    found = {table.name: _duplicates(table, evidence) for table in ALL}
    offenders = [{"table": name, **row} for name, rows in found.items() for row in rows]
    counts = [f"{len(rows)} in raw/{name}" for name, rows in found.items() if rows]
    return (
        Verdict(
            passed=not offenders,
            value=f"{len(offenders)} facts with two versions at once",
            threshold="none",
            reason=f"which version is true cannot be told: {', '.join(counts)}" if offenders else "",
            offenders=tuple(offenders[:EVIDENCE_ROWS]),
        ),
    )


def _duplicates(table: RawTable, evidence: RawEvidence) -> list[Row]:
    fresh = evidence.new(table)
    if fresh.num_rows == 0:
        return []
    key = [*table.fact_key, "known_at"]
    rows = evidence.rows.known(table, since=pc.min(fresh.column("known_at")).as_py()).select(key)
    counted = rows.group_by(key).aggregate([([], "count_all")])
    repeated = counted.filter(pc.greater(counted.column("count_all"), 1))
    if repeated.num_rows == 0:
        return []
    newest = rows.group_by(list(table.fact_key)).aggregate([("known_at", "max")])
    open_ties = repeated.join(newest, keys=list(table.fact_key), join_type="inner")
    open_ties = open_ties.filter(pc.equal(open_ties.column("known_at"), open_ties.column("known_at_max")))
    repeated = open_ties.drop_columns(["known_at_max"]).sort_by([(name, "ascending") for name in key])
    return [{name: str(value) for name, value in row.items()} for row in repeated.to_pylist()]


def _action_values(evidence: RawEvidence, action: str) -> "pd.Series[float]":
    """Return, per bar, the product of its splits or the sum of its dividends; NaN where there is none.

    An action whose ex-session has no bar of its symbol acts on the next bar it has.
    """
    bars = evidence.bars[["symbol", "session"]].assign(bar=np.arange(len(evidence.bars)))
    actions = evidence.actions[evidence.actions["action"] == action]
    first = bars["session"].min()
    actions = actions[actions["session"] >= first].sort_values("session")
    met = pd.merge_asof(actions, bars.sort_values("session"), on="session", by="symbol", direction="forward").dropna()
    per_bar = met.groupby("bar")["value"].prod() if action == "split" else met.groupby("bar")["value"].sum()
    per_bar.index = per_bar.index.astype(np.int64)
    return pd.Series(per_bar.reindex(np.arange(len(bars))).to_numpy(), index=evidence.bars.index)


def _as_read(bars: pd.DataFrame) -> tuple[Row, ...]:
    shown = bars.sort_values(["session", "symbol"], ascending=[False, True]).head(EVIDENCE_ROWS)
    columns = ["symbol", "session", *_PRICES, "volume_shares"]
    return tuple({str(name): _cell(value) for name, value in row.items()} for row in shown[columns].to_dict("records"))


def _cell(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    return format(value, ".10g") if isinstance(value, float) else str(value)


def bar_checks() -> Sequence[Check[RawEvidence]]:
    """Return the checks of daily bars in declared order."""
    rules = [
        Check(name=rule.name, subject=_SUBJECT, promise=rule.promise, judge=_judge_with(rule)) for rule in BAR_RULES
    ]
    duplicates = Check(
        name="unique_versions",
        subject="raw/snapshot",
        promise="no fact has two newest versions",
        judge=judge_duplicates,
    )
    return [*rules, duplicates]


def _judge_with(rule: BarRule) -> Callable[[RawEvidence], tuple[Verdict, ...]]:
    return lambda evidence: (*judge_bars(rule, evidence), *rule.further(evidence))
