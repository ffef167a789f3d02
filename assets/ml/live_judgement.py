"""What published scores were worth, and what was bought by them: judged like a model, on what really happened."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

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
)
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
    """Return scored names with what followed.

    Args:
        warehouse: holds the total returns; nothing after `upto` is read.
        batches: published batches, one per session, ascending.
        bought: names entered by decision session.
        calendar: exchange sessions.
        upto: newest session whose returns are known.
    """
    columns: list[tuple[np.datetime64, float, float, float, bool]] = []
    past = [batch for batch in batches if batch.session < upto]
    if past:
        grid = calendar.between(past[0].session, upto)
        returns = ForwardReturns.read(warehouse, grid=grid)
        place = {session: position for position, session in enumerate(grid)}
        for batch in past:
            told = [signal for signal in batch.signals if signal.score is not None]
            day = np.full(len(told), place[batch.session])
            symbols = pa.chunked_array([[signal.symbol for signal in told]], pa.string())
            forward = returns.of(returns.over(batch.horizon_sessions), day, symbols)
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
        seed: of the resampling.
    """
    days = np.unique(rows.sessions)
    is_told, got = np.isfinite(rows.promised), rows.is_bought
    bins = bins_of_promises(rows.promised[is_told], rows.net_return[is_told])
    bought = [rows.net_return[got & (rows.sessions == day)] for day in np.unique(rows.sessions[got])]

    def over_days(daily: Floats) -> Estimate:
        return estimate(daily, block_sessions=horizon_sessions, seed=seed)

    return LiveJudgement(
        first=days[0].item() if len(days) else None,
        last=days[-1].item() if len(days) else None,
        ranking=judge_horizon(
            rows.sessions, rows.scores, rows.net_return, horizon_sessions=horizon_sessions, seed=seed
        ),
        hit_rate=over_days(daily_hit_rates(rows.sessions, rows.scores, rows.net_return)),
        calibration=bins,
        calibration_error=estimate_calibration_error(
            rows.sessions[is_told],
            rows.promised[is_told],
            rows.net_return[is_told],
            block_sessions=horizon_sessions,
            seed=seed,
        ),
        bought=int(got.sum()),
        bought_sessions=len(bought),
        bought_net_bps=over_days(1e4 * np.array([day.mean() for day in bought])),
        bought_hit_rate=over_days(np.array([(day > 0).mean() for day in bought])),
    )
