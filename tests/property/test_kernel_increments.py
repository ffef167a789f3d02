"""The kernel's promise: a session's bytes do not depend on when they were computed, nor on what became known later."""

from datetime import timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets import schemas
from assets.feature_catalogue import FEATURES
from assets.features.price_features import COLUMNS, feature_rows, market_rows, read_past
from execution.domain.errors import DataError
from tests.builders import raw_rows
from tests.builders.feature_market import market
from tests.builders.raw_rows import CALENDAR

DAYS = raw_rows.sessions(300)
RECORDS = market(DAYS, symbols=20)


@cache
def table(name):
    return raw_rows.rows(schemas.BY_NAME[name], RECORDS[name])


def past(last, *, known_by=None, records=None):
    """Return the past read up to a session, from rows known by an instant only when one is given."""
    tables = {name: table(name) for name in ("daily_bars", "corporate_actions", "membership")} | (records or {})
    if known_by is not None:
        tables = {
            name: rows.filter(pc.less_equal(rows["known_at"], pa.scalar(known_by, schemas.INSTANT)))
            for name, rows in tables.items()
        }
    return read_past(
        bars=tables["daily_bars"],
        actions=tables["corporate_actions"],
        membership=tables["membership"],
        last=last,
        calendar=CALENDAR,
    )


@cache
def full_rebuild():
    whole = past(DAYS[-1])
    return feature_rows(whole, DAYS), market_rows(whole, DAYS)


def of_session(rows, session):
    return rows.filter(pc.equal(rows["session"], pa.scalar(session))).combine_chunks()


# Odd places, and some right after a correction, a split, a halt, a gap: the harness below must not be lucky.
RANDOM_PLACES = np.random.default_rng(2024).choice(np.arange(23, 300), size=20, replace=False).tolist()
TELLING_PLACES = (91, 141, 161, 163, 181, 183, 201, 205, 211, 212, 221, 226, 227, 229, 230, 231, 233, 240, 299)


@pytest.mark.parametrize("place", sorted({*RANDOM_PLACES, *TELLING_PLACES}))
def test_session_computed_on_its_own_evening_has_the_bytes_of_the_full_rebuild(place):
    session = DAYS[place]
    evening = past(session, known_by=CALENDAR.as_of(session))
    rows, series = full_rebuild()
    assert feature_rows(evening, [session]).equals(of_session(rows, session))
    assert market_rows(evening, [session]).equals(of_session(series, session))


@pytest.mark.parametrize("places", [(40, 41, 57), (133, 134, 135, 136), (222, 250, 251, 299), range(17, 300, 13)])
def test_catching_up_sessions_at_once_has_the_same_bytes(places):
    sessions = [DAYS[place] for place in places]
    rows, _ = full_rebuild()
    expected = pa.concat_tables([of_session(rows, session) for session in sessions]).combine_chunks()
    assert feature_rows(past(sessions[-1]), sessions).combine_chunks().equals(expected)


def test_correction_changes_the_session_that_could_know_it_and_later_ones_only():
    rows, _ = full_rebuild()
    about, known = DAYS[150], DAYS[271]
    bars = table("daily_bars").to_pylist()
    bar = next(row for row in bars if row["symbol"] == "SYM00" and row["session"] == about)
    corrected = {
        **bar,
        "close_usd": bar["close_usd"] * 2,
        "high_usd": bar["high_usd"] * 2,
        "known_at": CALENDAR.closes_at(known) + timedelta(hours=1),
    }
    again = past(DAYS[-1], records={"daily_bars": raw_rows.rows(schemas.DAILY_BARS, [*bars, corrected])})
    after = feature_rows(again, DAYS)
    changed = {session for session in DAYS if not of_session(after, session).equals(of_session(rows, session))}
    assert changed
    assert min(changed) == known


def test_older_history_that_arrives_late_changes_no_session_before_it_became_known():
    bars, known = RECORDS["daily_bars"], CALENDAR.closes_at(DAYS[285])
    begins = DAYS[40]
    rest = raw_rows.rows(schemas.DAILY_BARS, [row for row in bars if row["session"] >= begins])
    late = [{**row, "known_at": max(known, row["known_at"])} if row["session"] < begins else row for row in bars]
    whole = past(DAYS[-1], records={"daily_bars": raw_rows.rows(schemas.DAILY_BARS, late)})
    for place in (41, 100, 200, 239, 240, 241, 262, 284):
        session = DAYS[place]
        evening = past(session, known_by=CALENDAR.as_of(session), records={"daily_bars": rest})
        assert market_rows(evening, [session]).equals(market_rows(whole, [session])), session
        assert feature_rows(evening, [session]).equals(feature_rows(whole, [session])), session
    assert market_rows(whole, [DAYS[240]])["trend_200d"].null_count == 0
    assert market_rows(whole, [DAYS[238]])["trend_200d"].null_count == 1


def test_correction_of_one_symbol_moves_no_bit_of_another():
    rows, series = full_rebuild()
    bars = table("daily_bars").to_pylist()
    bar = next(row for row in bars if row["symbol"] == "SYM00" and row["session"] == DAYS[150])
    late = {**bar, "close_usd": bar["low_usd"], "known_at": CALENDAR.as_of(DAYS[200])}
    again = past(DAYS[-1], records={"daily_bars": raw_rows.rows(schemas.DAILY_BARS, [*bars, late])})
    others = pc.not_equal(rows["symbol"], "SYM00")
    after = feature_rows(again, DAYS)
    assert after.filter(pc.not_equal(after["symbol"], "SYM00")).equals(rows.filter(others))
    assert market_rows(again, DAYS).equals(series)


def test_order_of_raw_rows_changes_nothing():
    shuffled = {
        name: table(name).take(np.random.default_rng(3).permutation(table(name).num_rows))
        for name in ("daily_bars", "corporate_actions", "membership")
    }
    rows, series = full_rebuild()
    again = past(DAYS[-1], records=shuffled)
    assert feature_rows(again, DAYS).equals(rows)
    assert market_rows(again, DAYS).equals(series)


def test_every_value_is_finite_or_null_and_the_keys_are_ordered():
    rows, _ = full_rebuild()
    for name in COLUMNS:
        values = rows[name].drop_null().to_numpy()
        assert np.isfinite(values).all(), name
        assert not (np.signbit(values) & (values == 0)).any(), name
    keys = list(zip(rows["session"].to_pylist(), rows["symbol"].to_pylist(), strict=True))
    assert keys == sorted(set(keys))


def test_feature_is_null_until_its_look_back_is_full_and_present_after():
    rows, _ = full_rebuild()
    listed_late = rows.filter(pc.equal(rows["symbol"], "SYM18"))
    for feature in FEATURES:
        if feature.name not in COLUMNS:
            continue
        places = np.flatnonzero(listed_late[feature.name].is_valid().to_numpy())
        if listed_late.num_rows >= feature.look_back_sessions:
            assert places.size, feature.name
            assert places[0] == feature.look_back_sessions - 1, feature.name
        else:
            assert places.size == 0, feature.name


def test_bar_on_a_closed_day_is_named_and_refused():
    saturday = {**RECORDS["daily_bars"][0], "session": DAYS[0] + timedelta(days=2)}
    wrong = raw_rows.rows(schemas.DAILY_BARS, [*RECORDS["daily_bars"], saturday])
    with pytest.raises(DataError, match=r"SYM00 has a bar on 2014-01-04, which is no exchange session"):
        past(DAYS[-1], records={"daily_bars": wrong})
