"""What a build of every session may hold in memory: enough for its bars, and no less than any build."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from assets.features.build import build_memory_mb
from assets.features.dbt_bridge import MEMORY_MB
from assets.raw_part import Part
from assets.schemas import RawTable
from assets.snapshots import DataSnapshot

NOW = datetime(2024, 1, 8, 21, 15, tzinfo=UTC)
PART = Part(
    table="daily_bars",
    hash="a" * 64,
    session=date(2024, 1, 8),
    rows=1,
    min_known_at=NOW,
    max_known_at=NOW,
    recorded_at=NOW,
    ranges=(),
)
SNAPSHOT = DataSnapshot(session=PART.session, as_of=NOW, parts=(("daily_bars", (PART.hash,)),))


class Bars:
    """A store of daily bars that tells how many rows its parts hold."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)

    def parts(self, table: RawTable) -> tuple[Part, ...]:
        assert table.name == "daily_bars"
        return self._parts


@pytest.mark.parametrize(("bars", "megabytes"), [(75_000, MEMORY_MB), (880_000, MEMORY_MB), (5_300_000, 2_385)])
def test_a_build_may_hold_more_of_a_market_with_more_bars(bars: int, megabytes: int) -> None:
    store = Bars([replace(PART, rows=bars), replace(PART, hash="b" * 64, rows=9_000_000)])
    assert build_memory_mb(store, SNAPSHOT) == megabytes  # type: ignore[arg-type] # all it is asked for
