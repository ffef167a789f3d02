"""What a gate reads from the raw store: nothing known after the cut-off, and everything no proven session saw."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.carried_actions import MAX_CARRIED_SESSIONS
from assets.quality.bar_checks import bar_checks
from assets.quality.policy import GatePolicy
from assets.quality.raw_evidence import RawEvidence, StoredRows
from assets.quality.verdicts import run_check
from assets.raw_store import RawStore
from assets.schemas import DAILY_BARS, NEWS
from assets.snapshots import DataSnapshot
from tests.builders.faults import append_unchecked
from tests.builders.quality import a_gate_home
from tests.builders.raw_market import CALENDAR, SESSION, RawMarket, a_raw_market, symbols_of

YESTERDAY = CALENDAR.previous(SESSION)
MARKET = a_raw_market(n_symbols=3, n_sessions=14)


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    """A store that took in everything up to the session in one part."""
    return a_gate_home(tmp_path, MARKET).store


def snapshot(store: RawStore, session: date = SESSION) -> DataSnapshot:
    return store.snapshot(session=session, as_of=CALENDAR.as_of(session))


def rows(store: RawStore, *, previous: DataSnapshot | None = None, session: date = SESSION) -> StoredRows:
    return StoredRows(store, snapshot=snapshot(store, session), previous=previous)


def sessions_of(table: pa.Table) -> set[date]:
    return set(table.column("session").to_pylist())


def a_bar(market: RawMarket, session: date, **changes: Any) -> dict[str, Any]:
    return {**market.bar("S001", session), **changes}


def test_row_known_after_the_cut_off_is_not_seen(store: RawStore) -> None:
    assert max(sessions_of(rows(store, session=YESTERDAY).known(DAILY_BARS, since=None))) == YESTERDAY


def test_rows_known_since_an_instant_include_it(store: RawStore) -> None:
    since = CALENDAR.bars_known_at(YESTERDAY)
    assert sessions_of(rows(store).known(DAILY_BARS, since=since)) == {YESTERDAY, SESSION}


def test_everything_is_new_when_nothing_is_proven(store: RawStore) -> None:
    assert rows(store).new(DAILY_BARS).num_rows == 3 * 14


def test_row_that_ripened_in_a_part_listed_before_is_new(store: RawStore) -> None:
    assert sessions_of(rows(store, previous=snapshot(store, YESTERDAY)).new(DAILY_BARS)) == {SESSION}


def test_old_row_that_arrived_today_is_new(store: RawStore) -> None:
    before = snapshot(store, YESTERDAY)
    late = a_bar(MARKET, MARKET.sessions[0], volume_shares=1)
    append_unchecked(store, DAILY_BARS, [late], session=SESSION)
    assert sessions_of(rows(store, previous=before).new(DAILY_BARS)) == {MARKET.sessions[0], SESSION}


def test_table_without_rows_is_empty_with_its_schema(tmp_path: Path) -> None:
    empty = rows(RawStore(tmp_path / "empty"))
    assert empty.known(NEWS, since=None).schema.equals(NEWS.schema)
    assert empty.new(NEWS).num_rows == 0
    assert empty.newest_known_at(NEWS) is None


@pytest.mark.parametrize("session", [YESTERDAY, SESSION])
def test_newest_known_instant_never_passes_the_cut_off(session: date, store: RawStore) -> None:
    assert rows(store, session=session).newest_known_at(DAILY_BARS) == CALENDAR.bars_known_at(session)


def evidence(store: RawStore, previous: DataSnapshot | None) -> RawEvidence:
    return RawEvidence(
        session=SESSION,
        as_of=CALENDAR.as_of(SESSION),
        rows=rows(store, previous=previous),
        policy=GatePolicy(),
        calendar=CALENDAR,
    )


def test_bars_in_reach_are_few_on_an_ordinary_day(store: RawStore) -> None:
    bars = evidence(store, snapshot(store, YESTERDAY)).bars
    assert bars["session"].nunique() == 5 + 1 + MAX_CARRIED_SESSIONS
    assert set(bars.loc[bars["is_new"], "session"].dt.date) == {SESSION}


def test_late_old_bar_is_judged_beside_its_neighbours(store: RawStore) -> None:
    before = snapshot(store, YESTERDAY)
    impossible = {"close_usd": Decimal(9999), "known_at": CALENDAR.as_of(SESSION)}
    late = [a_bar(MARKET, MARKET.sessions[3], symbol=symbol, **impossible) for symbol in symbols_of(2)]
    append_unchecked(store, DAILY_BARS, late, session=SESSION)
    report = run_check({check.name: check for check in bar_checks()}["explained_jumps"], evidence(store, before))
    assert not report.passed
    assert MARKET.sessions[3].isoformat() in {row["session"] for row in report.verdicts[0].offenders}


def test_new_bar_that_claims_to_be_known_long_ago_is_judged(store: RawStore) -> None:
    before = snapshot(store, YESTERDAY)
    known_at = CALENDAR.opens_at(MARKET.sessions[0]) - timedelta(days=1)
    append_unchecked(store, DAILY_BARS, [a_bar(MARKET, SESSION, symbol="S999", known_at=known_at)], session=SESSION)
    report = run_check({check.name: check for check in bar_checks()}["possible_known_at"], evidence(store, before))
    assert set(report.excluded) == {"S999"}
