"""What published scores were worth, and what was bought by them: judged like a model, on what really happened."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from assets.ml.dataset import Floats
from assets.ml.forward_returns import ForwardReturns
from assets.ml.judgement import (
    CalibrationBin,
    Estimate,
    HorizonJudgement,
    bins_of_promises,
    daily_hit_rates,
    estimate,
    estimate_calibration_error,
    judge_horizon,
    quantile_returns,
)
from assets.ml.walk_forward import day_slices
from assets.warehouse import Warehouse
from execution.domain.signals import SignalBatch
from execution.trading_calendar import TradingCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveJudgement:
    """Published scores against what followed; sessions whose horizon is not over are left out.

    Attributes:
        first: first session judged; None when there is none yet.
        last: last one.
        ranking: how the scores of all names ranked their returns.
        hit_rate: share of names on the same side of their day's median score and of a net return of 0.
        calibration: promised probability against event; none where the rule scored.
        calibration_error: mean distance of the two.
        bought: entries judged.
        bought_sessions: sessions they were decided in.
        bought_net_bps: mean net return of a session's entries over the horizon, before costs.
        bought_hit_rate: share of entries that beat the market, by session.
        calibration_bought: promised probability against event of the entries alone; sizes were taken from these.
        calibration_error_bought: mean distance of the two; None on a judgement from before it was told.
    """

    first: date | None
    last: date | None
    ranking: HorizonJudgement
    hit_rate: Estimate
    calibration: tuple[CalibrationBin, ...]
    calibration_error: Estimate
    bought: int
    bought_sessions: int
    bought_net_bps: Estimate
    bought_hit_rate: Estimate
    calibration_bought: tuple[CalibrationBin, ...] = ()
    calibration_error_bought: Estimate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What followed scores over one horizon, in the sessions for which it is over.

    Attributes:
        rows: names judged, all sessions together.
        sessions: sessions with such a name.
        ranking: how scores ranked returns within a session; its `days` are those with at least two different names.
        hit_rate: share of a session's names on the right side: of a net return of 0 as of the median score, or of what
            was bought those above 0.
        net_bps: mean net return of a session's highest fifth by score, or of what was bought, before costs.
    """

    rows: int
    sessions: int
    ranking: HorizonJudgement
    hit_rate: Estimate
    net_bps: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonOutcomes:
    """What followed over one horizon: all published scores, and the entries that were really bought by them."""

    horizon_sessions: int
    scored: Outcomes
    bought: Outcomes


LIVE_HORIZONS: Final = (1, 5, 10, 20)
"""Sessions after which outcomes of signals are looked at, beside the batch's own horizon."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LiveRows:
    """One row per session and scored name whose horizon is over, in order of both."""

    sessions: np.ndarray[tuple[int], np.dtype[np.datetime64]]
    scores: Floats
    promised: Floats
    net_return: Floats
    is_bought: np.ndarray[tuple[int], np.dtype[np.bool_]]

    def bought(self) -> "LiveRows":
        """Return the rows of names that were really bought."""
        return self._of(self.is_bought)

    def newest(self, sessions: int) -> "LiveRows":
        """Return the rows of so many newest sessions."""
        return self._of(np.isin(self.sessions, np.unique(self.sessions)[-sessions:]))

    def _of(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> "LiveRows":
        return LiveRows(
            sessions=self.sessions[chosen],
            scores=self.scores[chosen],
            promised=self.promised[chosen],
            net_return=self.net_return[chosen],
            is_bought=self.is_bought[chosen],
        )


def live_rows(
    warehouse: Warehouse,
    batches: Sequence[SignalBatch],
    bought: Mapping[date, AbstractSet[str]],
    *,
    calendar: TradingCalendar,
    upto: date,
) -> LiveRows:
    """Return scored names with what followed over the horizon of their batch.

    Args:
        warehouse: holds the total returns; nothing after `upto` is read.
        batches: published batches, one per session, ascending.
        bought: names entered by decision session.
        calendar: exchange sessions.
        upto: newest session whose returns are known.
    """
    past = [(batch, batch.horizon_sessions) for batch in batches if batch.session < upto]
    grid = calendar.between(past[0][0].session, upto) if past else ()
    returns = ForwardReturns.read(warehouse, grid=grid, calendar=calendar) if grid else None
    return _rows(past, bought, grid=grid, returns=returns)


def live_outcomes(
    warehouse: Warehouse,
    batches: Sequence[SignalBatch],
    bought: Mapping[date, AbstractSet[str]],
    *,
    calendar: TradingCalendar,
    upto: date,
) -> tuple[HorizonOutcomes, ...]:
    """Return what followed published scores over each of `LIVE_HORIZONS`, whatever horizon they were made for.

    Args:
        warehouse: holds the total returns; nothing after `upto` is read.
        batches: published batches, one per session, ascending.
        bought: names entered by decision session.
        calendar: exchange sessions.
        upto: newest session whose returns are known.
    """
    past = [batch for batch in batches if batch.session < upto]
    grid = calendar.between(past[0].session, upto) if past else ()
    returns = ForwardReturns.read(warehouse, grid=grid, calendar=calendar) if grid else None
    found = []
    for span in LIVE_HORIZONS:
        rows = _rows([(batch, span) for batch in past], bought, grid=grid, returns=returns)
        found.append(
            HorizonOutcomes(
                horizon_sessions=span,
                scored=_outcomes_of_scores(rows, horizon_sessions=span),
                bought=_outcomes_of_entries(rows.bought(), horizon_sessions=span),
            )
        )
    return tuple(found)


def _rows(
    past: Sequence[tuple[SignalBatch, int]],
    bought: Mapping[date, AbstractSet[str]],
    *,
    grid: Sequence[date],
    returns: ForwardReturns | None,
) -> LiveRows:
    """Return scored names with what followed each batch over so many sessions; none without returns."""
    columns: list[tuple[np.datetime64, float, float, float, bool]] = []
    if returns is not None:
        place = {session: position for position, session in enumerate(grid)}
        over = {span: returns.over(span) for span in {span for _, span in past}}
        for batch, span in past:
            told = [signal for signal in batch.signals if signal.score is not None]
            day = np.full(len(told), place[batch.session])
            symbols = pa.chunked_array([[signal.symbol for signal in told]], pa.string())
            forward = returns.of(over[span], day, symbols)
            known = np.isfinite(forward)
            if known.any():
                net, names = forward - forward[known].mean(), bought.get(batch.session, frozenset())
                columns += [
                    (
                        np.datetime64(batch.session),
                        float(signal.score or 0.0),
                        np.nan if signal.probability_up is None else signal.probability_up,
                        float(net[at]),
                        signal.symbol in names,
                    )
                    for at, signal in enumerate(told)
                    if known[at]
                ]
    sessions, scores, promised, net_return, is_bought = zip(*columns, strict=True) if columns else ((),) * 5
    return LiveRows(
        sessions=np.array(sessions, dtype="datetime64[D]"),
        scores=np.array(scores, dtype=np.float64),
        promised=np.array(promised, dtype=np.float64),
        net_return=np.array(net_return, dtype=np.float64),
        is_bought=np.array(is_bought, dtype=np.bool_),
    )


def judge_live(rows: LiveRows, *, horizon_sessions: int, seed: int) -> LiveJudgement:
    """Return what scores and entries were worth.

    Args:
        rows: scored names with what followed.
        horizon_sessions: sessions the returns span.
        seed: of the resampling behind the error of calibration.
    """
    days = np.unique(rows.sessions)
    bought = rows.bought()
    bins, error = _calibration(rows, horizon_sessions=horizon_sessions, seed=seed)
    bins_bought, error_bought = _calibration(bought, horizon_sessions=horizon_sessions, seed=seed)
    entries = _outcomes_of_entries(bought, horizon_sessions=horizon_sessions)
    return LiveJudgement(
        first=days[0].item() if len(days) else None,
        last=days[-1].item() if len(days) else None,
        ranking=judge_horizon(rows.sessions, rows.scores, rows.net_return, horizon_sessions=horizon_sessions),
        hit_rate=estimate(
            daily_hit_rates(rows.sessions, rows.scores, rows.net_return), block_sessions=horizon_sessions
        ),
        calibration=bins,
        calibration_error=error,
        bought=entries.rows,
        bought_sessions=entries.sessions,
        bought_net_bps=entries.net_bps,
        bought_hit_rate=entries.hit_rate,
        calibration_bought=bins_bought,
        calibration_error_bought=error_bought,
    )


def _calibration(rows: LiveRows, *, horizon_sessions: int, seed: int) -> tuple[tuple[CalibrationBin, ...], Estimate]:
    """Return promise against event of rows that were promised something, and the mean distance of the two."""
    told = np.isfinite(rows.promised)
    sessions, promised, net = rows.sessions[told], rows.promised[told], rows.net_return[told]
    error = estimate_calibration_error(sessions, promised, net, block_sessions=horizon_sessions, seed=seed)
    return bins_of_promises(promised, net), error


def _outcomes_of_scores(rows: LiveRows, *, horizon_sessions: int) -> Outcomes:
    return _outcomes(
        rows,
        hit_rate=daily_hit_rates(rows.sessions, rows.scores, rows.net_return),
        net_bps=quantile_returns(rows.sessions, rows.scores, rows.net_return)[:, -1],
        horizon_sessions=horizon_sessions,
    )


def _outcomes_of_entries(bought: LiveRows, *, horizon_sessions: int) -> Outcomes:
    by_session = [bought.net_return[day] for day in day_slices(bought.sessions)]
    return _outcomes(
        bought,
        hit_rate=np.array([(net > 0).mean() for net in by_session]),
        net_bps=1e4 * np.array([net.mean() for net in by_session]),
        horizon_sessions=horizon_sessions,
    )


def _outcomes(rows: LiveRows, *, hit_rate: Floats, net_bps: Floats, horizon_sessions: int) -> Outcomes:
    return Outcomes(
        rows=len(rows.sessions),
        sessions=len(np.unique(rows.sessions)),
        ranking=judge_horizon(rows.sessions, rows.scores, rows.net_return, horizon_sessions=horizon_sessions),
        hit_rate=estimate(hit_rate, block_sessions=horizon_sessions),
        net_bps=estimate(net_bps, block_sessions=horizon_sessions),
    )
