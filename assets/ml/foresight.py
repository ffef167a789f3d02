"""Does a pipeline know the future? Run it on what was known at a moment, and on changed prices, and compare every bit.

A pipeline is any function from facts, each with the instant it could be known, to rows of (session, symbol). Nothing is
asked about how it works: what it says of a session may not change when facts that came later are taken away, and what
it calls the outcome of a decision may not change when prices from before the first possible trade do.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assets.ml.dataset import TrainingSet, build_training_set
from assets.ml.policy import LearningPolicy
from assets.warehouse import Warehouse
from execution.domain.errors import DataError
from execution.trading_calendar import TradingCalendar

Facts = Mapping[str, pa.Table]
Pipeline = Callable[[Facts], pa.Table]

LABEL: Final = "label"
LABEL_END: Final = "label_end"
_KEYS: Final = frozenset({"session", "symbol", LABEL_END})


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """A column that changed though nothing it may know did.

    Attributes:
        column: its name; `(rows)` when rows came or went.
        session: the moment looked at.
        values: how many values differ.
        why: what was done to the facts.
    """

    column: str
    session: date
    values: int
    why: str


def find_foresight(
    make: Pipeline, facts: Facts, *, moments: Sequence[date], as_of: Callable[[date], datetime], seed: int = 0
) -> tuple[Foresight, ...]:
    """Return every column that knows what it may not.

    Args:
        make: the pipeline: rows with `session`, `symbol`, numbers told at the session's cut-off, and, where it labels,
            `label` with `label_end`, the session on whose close the label was complete; null until then.
        facts: tables with `known_at`; prices are columns `*_usd` of `daily_bars`, which has `session` too.
        moments: sessions to look at.
        as_of: cut-off instant of a session.
        seed: of the changed prices.
    """
    whole = make(facts)
    found: list[Foresight] = []
    for moment in moments:
        known = {name: table.filter(pc.less_equal(table["known_at"], as_of(moment))) for name, table in facts.items()}
        found += _differences(
            _up_to(whole, moment), _up_to(make(known), moment), moment, "facts known later taken away"
        )
        if LABEL in whole.column_names:
            changed = make({**facts, "daily_bars": _with_other_prices(facts["daily_bars"], moment, seed)})
            columns = ["session", "symbol", LABEL]
            found += _differences(
                _of(whole, moment).select(columns),
                _of(changed, moment).select(columns),
                moment,
                "prices of the decision's own session changed",
            )
    return tuple(found)


def label_differences(
    training_set: TrainingSet,
    warehouse: Warehouse,
    *,
    moment: date,
    policy: LearningPolicy,
    calendar: TradingCalendar,
) -> int:
    """Return how many labels complete at a moment are others when no session after it can be read.

    Args:
        training_set: the rows as they will be learned from.
        warehouse: where they came from.
        moment: an earlier cut-off.
        policy: as the rows were made.
        calendar: exchange sessions.

    """
    # The history begins where it began, so that the same sessions are labelled by both.
    again = build_training_set(
        warehouse,
        cut_off=moment,
        feature_names=(),
        policy=policy.model_copy(
            update={"max_history_sessions": _reach(training_set, moment, calendar), "min_history_sessions": 1}
        ),
        calendar=calendar,
        # A session up to the moment is told with the corrections that came since: they are no look ahead.
        known=training_set.cut_off,
    )
    then = training_set.label_end <= np.datetime64(moment)
    was = dict(
        zip(_keys(training_set.sessions[then], training_set.symbols[then]), _bits(training_set, then), strict=True)
    )
    now = dict(zip(_keys(again.sessions, again.symbols), _bits(again, np.ones(len(again.label), bool)), strict=True))
    return sum(was.get(key) != now.get(key) for key in was.keys() | now.keys())


def earlier_moment(training_set: TrainingSet, *, seed: int) -> date:
    """Return a session of the training set's newest half, drawn by seed, to cut off at.

    Raises:
        DataError: there are fewer than two sessions.
    """
    days = training_set.days
    if len(days) < 2:
        raise DataError(f"found {len(days)} labelled sessions, expected at least two: take in more history")
    place = int(np.random.default_rng(seed).integers(len(days) // 2, len(days)))
    moment = days[place].item()
    if not isinstance(moment, date):
        raise DataError(f"found {moment!r} for a session, expected a day")
    return moment


def _reach(training_set: TrainingSet, moment: date, calendar: TradingCalendar) -> int:
    first = training_set.sessions[0].item()
    return calendar.index(moment) - calendar.index(first) + 1


def _keys(sessions: npt.NDArray[np.datetime64], symbols: npt.NDArray[np.object_]) -> list[tuple[str, str]]:
    return list(zip(sessions.astype(str).tolist(), symbols.tolist(), strict=True))


def _bits(training_set: TrainingSet, rows: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    label = training_set.label[rows].view(np.int32).tolist()
    return list(zip(label, training_set.net_return[rows].view(np.int64).tolist(), strict=True))


def _up_to(rows: pa.Table, moment: date) -> pa.Table:
    """Return rows of sessions up to a moment; a label that was not complete by then is null."""
    kept = rows.filter(pc.less_equal(rows["session"], pa.scalar(moment)))
    if LABEL not in kept.column_names:
        return kept
    is_over = pc.fill_null(pc.less_equal(kept[LABEL_END], pa.scalar(moment)), False)  # noqa: FBT003 - arrow's own order
    label = pc.if_else(is_over, kept[LABEL], pa.scalar(None, kept[LABEL].type))
    return kept.set_column(kept.column_names.index(LABEL), LABEL, label)


def _of(rows: pa.Table, moment: date) -> pa.Table:
    return rows.filter(pc.equal(rows["session"], pa.scalar(moment)))


def _with_other_prices(bars: pa.Table, moment: date, seed: int) -> pa.Table:
    """Return bars whose prices of one session are others, each symbol's by a factor of its own."""
    random = np.random.default_rng(seed)
    told = bars["session"].to_pylist()
    factors = [Decimal(round(random.uniform(0.5, 2.0), 3)).quantize(Decimal("0.001")) for _ in told]
    for name in bars.column_names:
        if name.endswith("_usd"):
            prices = [
                price if price is None or session != moment else type(price)(price * type(price)(factor))
                for price, session, factor in zip(bars[name].to_pylist(), told, factors, strict=True)
            ]
            bars = bars.set_column(bars.column_names.index(name), name, pa.array(prices, bars[name].type))
    return bars


def _differences(was: pa.Table, now: pa.Table, moment: date, why: str) -> list[Foresight]:
    was, now = (rows.sort_by([("session", "ascending"), ("symbol", "ascending")]) for rows in (was, now))
    if was.select(["session", "symbol"]) != now.select(["session", "symbol"]):
        return [Foresight(column="(rows)", session=moment, values=abs(was.num_rows - now.num_rows), why=why)]
    return [
        Foresight(column=name, session=moment, values=count, why=why)
        for name in was.column_names
        if name not in _KEYS and (count := _count(was[name], now[name]))
    ]


def _count(was: pa.ChunkedArray, now: pa.ChunkedArray) -> int:
    left, right = (column.combine_chunks().cast(pa.float64()) for column in (was, now))
    bits = [pc.fill_null(side, 0.0).to_numpy(zero_copy_only=False).view(np.int64) for side in (left, right)]
    has = [side.is_valid().to_numpy(zero_copy_only=False) for side in (left, right)]
    return int(((bits[0] != bits[1]) | (has[0] != has[1])).sum())
