"""One raw table after the other is read as if its later rows had been known at the cut-off: the gate's own check tells.

The stored features are made by the project's own program from a store that lies about when it knew; the check computes
them again from the store that does not.
"""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets import schemas
from assets.features.feature_library import FeatureLibrary
from assets.features.recompute import recompute, recompute_moments
from assets.quality.leakage import check_leakage
from assets.quality.verdicts import Verdict
from assets.raw_store import RawStore
from assets.schemas import INSTANT, RawTable
from tests.builders import raw_rows
from tests.builders.feature_market import Records, market, take_in
from tests.builders.raw_rows import CALENDAR

DAYS = raw_rows.sessions(280)
TOLD_LATE = CALENDAR.as_of(DAYS[240])


def records() -> Records:
    """A market in which a membership's end, a sector and some levels of the index were told late as well."""
    made = market(DAYS)
    member, security = made["membership"][0], made["securities"][1]
    other = next(row["sector"] for row in made["securities"] if row["sector"] not in (None, security["sector"]))
    levels = [row for row in made["indices"] if DAYS[231] <= row["session"] <= DAYS[235]]
    changed = {
        "membership": [{**member, "to_session": DAYS[230]}],
        "securities": [{**security, "sector": other}],
        "indices": [{**level, "close": level["close"] + 7.0} for level in levels],
    }
    late = {name: [{**row, "known_at": TOLD_LATE} for row in rows] for name, rows in changed.items()}
    return {name: [*rows, *late.get(name, [])] for name, rows in made.items()}


RECORDS = records()
SYMBOLS = sorted({row["symbol"] for row in RECORDS["daily_bars"]})
SPEAKS_OF = {"daily_bars": "session", "indices": "session", "corporate_actions": "ex_session"}
"""Tables whose rows say which session they are of: none of a later one is read, only what was told late."""


class Backdated(RawStore):
    """A store in which everything one table was told later was known at the cut-off that is asked for."""

    def __init__(self, root: Path, table: RawTable) -> None:
        super().__init__(root)
        self._table = table

    def read(
        self, table: RawTable, *, as_of: datetime, columns: Sequence[str] | None = None, only: Any = None
    ) -> pa.Table:
        if table is not self._table:
            return super().read(table, as_of=as_of, columns=columns, only=only)
        rows = super().read(table, as_of=CALENDAR.as_of(DAYS[-1]), columns=columns, only=only)
        of = SPEAKS_OF.get(table.name)
        if of is not None:
            rows = rows.filter(pc.less_equal(rows[of], pa.scalar(as_of.date())))
        cut_off = pa.scalar(as_of, INSTANT)
        told = pc.if_else(pc.greater(rows["known_at"], cut_off), cut_off, rows["known_at"])
        return rows.set_column(rows.column_names.index("known_at"), "known_at", told)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that was ever told, what became known late too."""
    root = tmp_path_factory.mktemp("everything")
    take_in(RawStore(root), RECORDS, after=None, session=DAYS[-1])
    return root


def rows(store: RawStore, session: date) -> pa.Table:
    return recompute(
        raw_store=store, session=session, as_of=CALENDAR.as_of(session), symbols=SYMBOLS, library=FeatureLibrary()
    )


def judged(honest: RawStore, stored: pa.Table, session: date) -> Verdict:
    return check_leakage(
        stored=lambda _moment, _symbols: stored,
        recompute=lambda sessions, symbols: recompute_moments(
            raw_store=honest, sessions=sessions, symbols=symbols, library=FeatureLibrary()
        ),
        sessions=[session],
        symbols=SYMBOLS,
    )


@pytest.mark.parametrize(
    ("table", "session", "features"),
    [
        (schemas.DAILY_BARS, DAYS[211], {"beta_60d", "close_to_sma_200d", "downside_volatility_60d"}),
        (schemas.CORPORATE_ACTIONS, DAYS[229], {"close_to_sma_20d", "close_to_sma_200d", "position_in_range_20d"}),
        (schemas.MEMBERSHIP, DAYS[235], {"market_return_1d", "market_breadth_1d"}),
        (schemas.SECURITIES, DAYS[235], {"sector_rank_return_20d"}),
        (schemas.INDICES, DAYS[235], {"vix_level", "vix_change_5d"}),
        (schemas.NEWS, DAYS[235], {"news_count_1d", "news_sentiment_5d"}),
        (schemas.FILINGS, DAYS[235], {"book_to_price", "earnings_yield", "days_since_filing"}),
    ],
    ids=lambda given: getattr(given, "name", ""),
)
def test_features_of_one_table_read_before_its_time_are_caught(
    folder: Path, table: RawTable, session: date, features: set[str]
) -> None:
    honest = RawStore(folder)
    assert judged(honest, rows(honest, session), session).passed
    verdict = judged(honest, rows(Backdated(folder, table), session), session)
    assert not verdict.passed
    assert features <= {row["feature"] for row in verdict.offenders}
