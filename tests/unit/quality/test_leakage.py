"""A feature that knows the future is found, by a bit; an honest one is not."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.quality.leakage import FeatureRows, Recomputation, check_leakage, sampled_moments, sampled_symbols
from tests.builders.raw_market import CALENDAR, SESSION

MOMENTS = (date(2024, 2, 1), date(2024, 2, 15))
SYMBOLS = ("AAA", "BBB", "CCC")
HISTORY = CALENDAR.between(date(2023, 6, 1), SESSION)


def rows_with(changes: Mapping[tuple[date, str, str], float | None] | None = None) -> FeatureRows:
    """Feature rows with the value 0.1 everywhere except where changed."""

    def rows(session: date, symbols: Sequence[str]) -> pa.Table:
        names = ("momentum", "volatility")
        values = {
            name: pa.array([(changes or {}).get((session, symbol, name), 0.1) for symbol in symbols], pa.float64())
            for name in names
        }
        return pa.table({"session": [session] * len(symbols), "symbol": list(symbols), **values})

    return rows


def again(rows: FeatureRows) -> Recomputation:
    """A recomputation that leaves nothing out at any moment."""

    return lambda sessions, symbols: (rows(session, symbols) for session in sessions)


def test_equal_rows_hold() -> None:
    verdict = check_leakage(stored=rows_with(), recompute=again(rows_with()), sessions=MOMENTS, symbols=SYMBOLS)
    assert verdict.passed
    assert "0 differences in 12 values of 2 of 2 features" in verdict.value


def test_one_bit_of_one_value_is_found_and_named() -> None:
    changed = rows_with({(MOMENTS[1], "BBB", "volatility"): math.nextafter(0.1, 1)})
    verdict = check_leakage(stored=changed, recompute=again(rows_with()), sessions=MOMENTS, symbols=SYMBOLS)
    assert not verdict.passed
    (row,) = verdict.offenders
    assert (row["feature"], row["session"], row["symbol"], row["values"]) == ("volatility", "2024-02-15", "BBB", "1")
    assert row["largest_difference"] == "1.388e-17"


def test_value_that_only_the_future_fills_is_found() -> None:
    recompute = rows_with({(MOMENTS[0], "AAA", "momentum"): None})
    verdict = check_leakage(stored=rows_with(), recompute=again(recompute), sessions=MOMENTS, symbols=SYMBOLS)
    assert verdict.offenders[0]["largest_difference"] == "present in one only"


def test_zero_and_absent_are_different() -> None:
    stored, recompute = (
        rows_with({(MOMENTS[0], "AAA", "momentum"): 0.0}),
        rows_with({(MOMENTS[0], "AAA", "momentum"): None}),
    )
    assert not check_leakage(stored=stored, recompute=again(recompute), sessions=MOMENTS, symbols=SYMBOLS).passed


def test_order_of_rows_does_not_matter() -> None:
    def reversed_rows(session: date, symbols: Sequence[str]) -> pa.Table:
        return rows_with()(session, symbols[::-1])

    assert check_leakage(stored=rows_with(), recompute=again(reversed_rows), sessions=MOMENTS, symbols=SYMBOLS).passed


def test_symbol_that_only_one_side_has_is_found() -> None:
    def fewer(session: date, symbols: Sequence[str]) -> pa.Table:
        return rows_with()(session, symbols[1:])

    verdict = check_leakage(stored=rows_with(), recompute=again(fewer), sessions=MOMENTS, symbols=SYMBOLS)
    assert not verdict.passed
    assert verdict.offenders[0]["symbol"] == "AAA"


def test_recomputed_feature_that_is_not_stored_is_found() -> None:
    def without(session: date, symbols: Sequence[str]) -> pa.Table:
        return rows_with()(session, symbols).drop_columns(["momentum"])

    assert not check_leakage(stored=without, recompute=again(rows_with()), sessions=MOMENTS, symbols=SYMBOLS).passed


@pytest.mark.parametrize(("sessions", "symbols"), [((), SYMBOLS), (MOMENTS, ())])
def test_nothing_compared_proves_nothing(sessions: Sequence[date], symbols: Sequence[str]) -> None:
    verdict = check_leakage(stored=rows_with(), recompute=again(rows_with()), sessions=sessions, symbols=symbols)
    assert not verdict.passed
    assert "nothing is proven" in verdict.reason


def test_recomputation_that_covers_no_feature_proves_nothing() -> None:
    def keys_only(session: date, symbols: Sequence[str]) -> pa.Table:
        return rows_with()(session, symbols).select(["session", "symbol"])

    assert not check_leakage(stored=rows_with(), recompute=again(keys_only), sessions=MOMENTS, symbols=SYMBOLS).passed


def test_stored_feature_that_is_never_recomputed_is_unproven() -> None:
    def one_feature(session: date, symbols: Sequence[str]) -> pa.Table:
        return rows_with()(session, symbols).drop_columns(["volatility"])

    verdict = check_leakage(stored=rows_with(), recompute=again(one_feature), sessions=MOMENTS, symbols=SYMBOLS)
    assert not verdict.passed
    assert "6 values of 1 of 2 features" in verdict.value
    assert verdict.reason == "1 stored features are not recomputed, so unproven: volatility"


def test_what_needs_the_whole_market_is_compared_at_the_newest_moment_at_least() -> None:
    def sparing(sessions: Sequence[date], symbols: Sequence[str]) -> Iterator[pa.Table]:
        assert list(sessions) == sorted(MOMENTS, reverse=True)
        yield rows_with()(sessions[0], symbols)
        yield rows_with()(sessions[1], symbols).drop_columns(["volatility"])

    verdict = check_leakage(stored=rows_with(), recompute=sparing, sessions=MOMENTS, symbols=SYMBOLS)
    assert verdict.passed
    assert "0 differences in 9 values of 2 of 2 features" in verdict.value


def test_moving_average_that_looks_one_session_ahead_is_found() -> None:
    closes = np.random.default_rng(3).normal(100, 1, size=len(HISTORY))

    def centred(upto: int) -> FeatureRows:
        def rows(session: date, symbols: Sequence[str]) -> pa.Table:
            at = HISTORY.index(session)
            window = closes[: upto + 1 if upto >= 0 else at + 1][at - 1 : at + 2]
            return pa.table({"session": [session], "symbol": list(symbols)[:1], "mean": [float(window.mean())]})

        return rows

    verdict = check_leakage(
        stored=centred(len(closes)), recompute=again(centred(-1)), sessions=MOMENTS, symbols=["AAA"]
    )
    assert verdict.offenders[0]["feature"] == "mean"


def test_moments_lie_odd_numbers_of_sessions_back() -> None:
    for session in HISTORY[60:]:
        known = HISTORY[: HISTORY.index(session) + 1]
        offsets = [HISTORY.index(session) - HISTORY.index(m) for m in sampled_moments(known, session=session, count=2)]
        assert len(offsets) == 2
        assert all(offset % 2 == 1 for offset in offsets)


def test_moments_are_the_same_in_every_process_and_others_every_day() -> None:
    today = sampled_moments(HISTORY, session=SESSION, count=2)
    assert today == sampled_moments(HISTORY, session=SESSION, count=2)
    chosen = {sampled_moments(HISTORY, session=session, count=2) for session in HISTORY[-20:]}
    assert len(chosen) > 15


def test_first_session_is_its_own_moment() -> None:
    assert sampled_moments(HISTORY[:1], session=HISTORY[0], count=2) == (HISTORY[0],)


def test_short_history_gives_fewer_moments() -> None:
    assert sampled_moments(HISTORY[:3], session=HISTORY[2], count=2) == (HISTORY[1],)


@given(count=st.integers(1, 30), n_symbols=st.integers(0, 40))
@settings(deadline=None, max_examples=50)
def test_sampled_symbols_are_sorted_distinct_and_at_most_as_many(count: int, n_symbols: int) -> None:
    symbols = [f"S{number}" for number in range(n_symbols)]
    chosen = sampled_symbols(symbols, session=SESSION, count=count)
    assert list(chosen) == sorted(set(chosen) & set(symbols))
    assert len(chosen) == min(count, n_symbols)
