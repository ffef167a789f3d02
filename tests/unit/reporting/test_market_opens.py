from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from assets.raw_store import RawStore
from assets.reporting.market_opens import opens_usd, split_ratios
from assets.schemas import CORPORATE_ACTIONS, DAILY_BARS
from tests.builders.raw_rows import CALENDAR, bar, rows, sessions

YESTERDAY, TODAY, TOMORROW = sessions(3)


def a_store(root: Path, *records: dict[str, object]) -> RawStore:
    store = RawStore(root)
    store.append(DAILY_BARS, rows(DAILY_BARS, records), session=TODAY, recorded_at=CALENDAR.as_of(TODAY))
    return store


def test_each_symbol_opens_where_its_bar_of_the_session_says(tmp_path: Path) -> None:
    days = [bar("AAA", session, 10.0 + number) for number, session in enumerate((YESTERDAY, TODAY, TOMORROW))]
    store = a_store(tmp_path, *days, bar("BBB", TODAY, 99.5))
    assert opens_usd(store, TODAY) == {"AAA": Decimal("11.00"), "BBB": Decimal("99.50")}


def test_a_symbol_without_a_bar_of_the_session_has_no_open(tmp_path: Path) -> None:
    assert opens_usd(a_store(tmp_path, bar("AAA", YESTERDAY, 10.0)), TODAY) == {}


def test_a_correction_of_a_later_day_does_not_change_the_open(tmp_path: Path) -> None:
    store = a_store(tmp_path, bar("AAA", TODAY, 10.0))
    later = CALENDAR.bars_known_at(TODAY) + timedelta(days=1)
    corrected = rows(DAILY_BARS, [bar("AAA", TODAY, 12.0, known_at=later)])
    store.append(DAILY_BARS, corrected, session=TOMORROW, recorded_at=later)
    assert opens_usd(store, TODAY) == {"AAA": Decimal("10.00")}


def test_a_split_counts_on_its_ex_session_alone_and_a_dividend_is_none(tmp_path: Path) -> None:
    known_at = CALENDAR.as_of(YESTERDAY)
    told = [("AAA", TODAY, "split", 4), ("BBB", TOMORROW, "split", 2), ("CCC", TODAY, "dividend", 1)]
    records = [
        {"symbol": symbol, "ex_session": ex, "action": action, "value": Decimal(value), "known_at": known_at}
        for symbol, ex, action, value in told
    ]
    store = RawStore(tmp_path)
    table = rows(CORPORATE_ACTIONS, records)
    store.append(CORPORATE_ACTIONS, table, session=YESTERDAY, recorded_at=known_at)
    assert split_ratios(store, TODAY) == {"AAA": Decimal(4)}
    assert split_ratios(store, YESTERDAY) == {}
