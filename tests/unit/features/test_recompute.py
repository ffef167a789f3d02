"""Every feature is computed again from what its cut-off knew; a rank, market or filing that knew more is caught."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from assets.feature_catalogue import FEATURES, NAMES
from assets.features.feature_library import FeatureLibrary
from assets.features.filed_figures import FIGURE_COLUMNS, filed_figures
from assets.features.recompute import NEED_THE_WHOLE_MARKET, recompute, recompute_moments
from assets.quality.leakage import FeatureRows, check_leakage
from assets.quality.verdicts import Verdict
from assets.raw_store import RawStore
from assets.schemas import FILINGS
from tests.builders import raw_rows
from tests.builders.feature_market import market, take_in
from tests.builders.raw_rows import CALENDAR

DAYS = raw_rows.sessions(280)
RECORDS = market(DAYS)
SYMBOLS = sorted({row["symbol"] for row in RECORDS["daily_bars"]})
MOMENT = DAYS[265]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> RawStore:
    """A store that holds every row, those known after the moment too."""
    store = RawStore(tmp_path_factory.mktemp("everything"))
    take_in(store, RECORDS, after=None, session=DAYS[-1])
    return store


def rows(store: RawStore, session: date, *, as_of: datetime | None = None, is_whole: bool = True) -> pa.Table:
    return recompute(
        raw_store=store,
        session=session,
        as_of=as_of or CALENDAR.as_of(session),
        symbols=SYMBOLS,
        library=FeatureLibrary(),
        is_whole=is_whole,
    )


def judged(everything: RawStore, stored: FeatureRows, session: date = MOMENT) -> Verdict:
    """What the leakage check says of stored rows, when it computes them again from the store."""

    def again(sessions: Sequence[date], symbols: Sequence[str]) -> Iterator[pa.Table]:
        return recompute_moments(raw_store=everything, sessions=sessions, symbols=symbols, library=FeatureLibrary())

    return check_leakage(stored=stored, recompute=again, sessions=[session], symbols=SYMBOLS)


def restated() -> datetime:
    """When a net income that had been told before first became known with another value."""
    versions: dict[tuple[str, str, date], list[datetime]] = {}
    for row in RECORDS["filings"]:
        if row["metric"] == "net_income":
            versions.setdefault((row["symbol"], row["form"], row["period_end"]), []).append(row["known_at"])
    return min(sorted(known)[1] for known in versions.values() if len(known) > 1)


def session_before(instant: datetime) -> date:
    return max(day for day in DAYS if CALENDAR.as_of(day) < instant)


# Bars and a split are corrected after the first, between the others and after the last.
@pytest.mark.parametrize("session", [DAYS[219], DAYS[229], DAYS[239], MOMENT])
def test_rows_that_became_known_later_change_no_bit(everything: RawStore, tmp_path: Path, session: date) -> None:
    then = RawStore(tmp_path)
    take_in(then, RECORDS, after=None, session=session)
    assert rows(everything, session).equals(rows(then, session))


def test_moments_read_together_have_the_bits_of_each_alone(everything: RawStore) -> None:
    sessions = [MOMENT, DAYS[239], DAYS[219]]
    together = recompute_moments(raw_store=everything, sessions=sessions, symbols=SYMBOLS, library=FeatureLibrary())
    for session, found in zip(sessions, together, strict=True):
        assert found.equals(rows(everything, session, is_whole=session == MOMENT))


def test_honest_rows_pass_with_every_feature_covered(everything: RawStore) -> None:
    verdict = judged(everything, lambda moment, _: rows(everything, moment))
    assert verdict.passed
    assert f"of {len(NAMES)} of {len(NAMES)} features" in verdict.value


def test_no_covered_feature_is_empty(everything: RawStore) -> None:
    table = rows(everything, MOMENT)
    assert [name for name in NAMES if table[name].null_count == table.num_rows] == []


def test_without_the_whole_market_the_other_features_have_the_same_bits(everything: RawStore) -> None:
    whole, part = rows(everything, MOMENT), rows(everything, MOMENT, is_whole=False)
    assert part.equals(whole.select(part.column_names))
    assert set(whole.column_names) - set(part.column_names) == NEED_THE_WHOLE_MARKET


@pytest.fixture(scope="module")
def by_session(everything: RawStore) -> dict[date, pa.Table]:
    """Honest rows of a run of sessions."""
    return {session: rows(everything, session) for session in DAYS[215:280]}


@pytest.mark.parametrize("name", sorted(feature.name for feature in FEATURES if feature.family in {"rank", "market"}))
def test_rank_or_market_feature_that_knows_the_next_session_is_caught(
    everything: RawStore, by_session: dict[date, pa.Table], name: str
) -> None:
    # A regime lasts: the planted leak shows on a session before the one that turns it.
    session, tomorrow = next(
        (before, after)
        for before, after in pairwise(by_session)
        if by_session[before]["symbol"].equals(by_session[after]["symbol"])
        and not by_session[before][name].equals(by_session[after][name])
    )
    honest = by_session[session]
    leaking = honest.set_column(honest.column_names.index(name), name, by_session[tomorrow][name])
    verdict = judged(everything, lambda _moment, _symbols: leaking, session)
    assert not verdict.passed
    assert {row["feature"] for row in verdict.offenders} == {name}


def test_volatility_index_is_the_stand_in_where_there_is_none_of_its_own(tmp_path: Path) -> None:
    levels = [{**row, "index_name": "vix_stand_in"} for row in RECORDS["indices"]]
    told = {row["session"]: row["close"] for row in levels}
    take_in(RawStore(tmp_path), {**RECORDS, "indices": levels}, after=None, session=MOMENT)
    row = rows(RawStore(tmp_path), MOMENT).to_pylist()[0]
    assert row["vix_level"] == told[MOMENT]
    assert row["vix_change_5d"] == told[MOMENT] - told[DAYS[260]]


def test_volatility_index_is_the_markets_own_volatility_where_no_index_is_told(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    take_in(store, {**RECORDS, "indices": []}, after=None, session=MOMENT)
    now, before = (rows(store, session).to_pylist()[0] for session in (MOMENT, DAYS[260]))
    annualised = 100 * 252**0.5
    assert now["vix_level"] == pytest.approx(annualised * now["market_volatility_20d"], rel=1e-12)
    assert now["vix_change_5d"] == pytest.approx(now["vix_level"] - before["vix_level"], rel=1e-9)


def test_restated_filing_used_before_it_was_told_is_caught(everything: RawStore) -> None:
    session = session_before(restated())
    verdict = judged(everything, lambda moment, _: rows(everything, moment, as_of=restated()), session)
    assert not verdict.passed
    assert {"earnings_yield", "net_margin"} <= {row["feature"] for row in verdict.offenders}


def test_filing_known_a_minute_after_the_cut_off_is_caught(everything: RawStore) -> None:
    first = min(row["known_at"] for row in RECORDS["filings"] if row["known_at"] > CALENDAR.as_of(DAYS[200]))
    session = session_before(first)
    verdict = judged(everything, lambda moment, _: rows(everything, moment, as_of=first), session)
    assert not verdict.passed
    assert {"days_since_filing", "revenue_growth_yoy"} & {row["feature"] for row in verdict.offenders}


def test_figures_of_the_future_are_refused(everything: RawStore) -> None:
    figures = everything.read(FILINGS, as_of=CALENDAR.as_of(DAYS[-1]), columns=FIGURE_COLUMNS)
    splits = pa.table(
        {
            "symbol": pa.array([], pa.string()),
            "ex_session": pa.array([], pa.date32()),
            "ratio": pa.array([], pa.float64()),
        }
    )
    closes = pa.table({"symbol": SYMBOLS, "close_usd": [50.0] * len(SYMBOLS)})
    with pytest.raises(ValueError, match="known after the cut-off"):
        filed_figures(figures=figures, splits=splits, closes=closes, session=DAYS[9], as_of=CALENDAR.as_of(DAYS[9]))
