"""The world of a backtest: stored bars as a tape, with what happened to holders of each symbol."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from assets import schemas
from assets.ml.backtest_market import recorded_tape
from assets.raw_store import RawStore
from tests.builders.raw_rows import CALENDAR, action, bar, rows, sessions

NOW = datetime(2024, 6, 1, tzinfo=UTC)
FIRST, SECOND, THIRD, FOURTH = DAYS = sessions(4, first=date(2024, 3, 5))


def test_a_split_on_a_session_without_a_bar_is_on_the_tape_of_the_symbols_next_bar(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    bars = [bar("AAA", day, 20 if day == FIRST else 10) for day in DAYS if day != SECOND]
    bars += [bar("BBB", day, 30) for day in DAYS]
    store.append(schemas.DAILY_BARS, rows(schemas.DAILY_BARS, bars), session=FOURTH, recorded_at=NOW)
    actions = [action("AAA", SECOND, "split", "2"), action("BBB", THIRD, "dividend", "0.25")]
    told = rows(schemas.CORPORATE_ACTIONS, actions)
    store.append(schemas.CORPORATE_ACTIONS, told, session=FOURTH, recorded_at=NOW)
    tape = recorded_tape(store, first=FIRST, last=FOURTH, calendar=CALENDAR)
    assert "AAA" not in tape.rows(SECOND)
    assert {day: tape.rows(day)["AAA"].split_ratio for day in (FIRST, THIRD, FOURTH)} == {FIRST: 1, THIRD: 2, FOURTH: 1}
    assert [tape.rows(day)["BBB"].dividend_usd for day in DAYS] == [0, 0, Decimal("0.25"), 0]
