"""Twenty symbols with corrections, late splits and gaps, against features written out naively from what was known."""

import math
from functools import cache

import numpy as np
import pytest

from assets import schemas
from assets.features.price_features import feature_rows, read_past
from tests.builders import raw_rows
from tests.builders.feature_market import market
from tests.builders.raw_rows import CALENDAR

DAYS = raw_rows.sessions(280)
RECORDS = market(DAYS, symbols=20)
PLACES = (25, 61, 93, 143, 171, 184, 207, 211, 221, 227, 231, 241, 279)


@cache
def rebuilt():
    tables = {name: raw_rows.rows(schemas.BY_NAME[name], RECORDS[name]) for name in ("daily_bars", "corporate_actions")}
    whole = read_past(
        bars=tables["daily_bars"],
        actions=tables["corporate_actions"],
        membership=raw_rows.rows(schemas.MEMBERSHIP, RECORDS["membership"]),
        last=DAYS[-1],
        calendar=CALENDAR,
    )
    rows = feature_rows(whole, [DAYS[place] for place in PLACES]).to_pylist()
    return {(row["session"], row["symbol"]): row for row in rows}


def known(name, session, key):
    """Return the newest versions known at a session's cut-off, by fact."""
    found = {}
    for row in sorted(RECORDS[name], key=lambda row: row["known_at"]):
        if row["known_at"] <= CALENDAR.as_of(session):
            found[tuple(row[column] for column in key)] = row
    return found


def naive_history(symbol, session):
    """Return closes on today's scale, highs, lows, volumes and returns of every session since the last long absence."""
    bars = known("daily_bars", session, ("symbol", "session"))
    actions = known("corporate_actions", session, ("symbol", "ex_session", "action"))
    closes, returns, missing = [], [], 0
    for day in (day for day in DAYS if day <= session):
        ratio = float(getattr(actions.get((symbol, day, "split")), "get", lambda *_: 1)("value", 1))
        cash = float(getattr(actions.get((symbol, day, "dividend")), "get", lambda *_: 0)("value", 0))
        bar = bars.get((symbol, day))
        usable = bar is not None and bar["close_usd"] > 0
        if not closes and not usable:
            continue
        missing = 0 if usable else missing + 1
        if usable and not closes:
            closes, returns = [float(bar["close_usd"])], [math.nan]
            continue
        before = closes[-1]
        closes = [close / ratio for close in closes]
        closes.append(float(bar["close_usd"]) if usable else closes[-1])
        returns.append((closes[-1] * ratio + cash) / before - 1.0)
        if missing > 5:
            closes, returns, missing = [], [], 0
    return closes, returns


@pytest.mark.parametrize("place", PLACES)
def test_features_are_those_of_the_history_as_it_was_known(place):
    session = DAYS[place]
    compared = 0
    for symbol in sorted({row["symbol"] for row in RECORDS["daily_bars"]}):
        row = rebuilt().get((session, symbol))
        closes, returns = naive_history(symbol, session)
        if row is None:
            assert (symbol, session) not in known("daily_bars", session, ("symbol", "session")) or not closes
            continue
        expected = {
            "return_1d": returns[-1],
            "return_20d": np.prod(1.0 + np.array(returns[-20:])) - 1.0 if len(closes) > 20 else math.nan,
            "volatility_20d": np.std(returns[-20:], ddof=1) if len(closes) > 20 else math.nan,
            "close_to_sma_20d": closes[-1] / np.mean(closes[-20:]) - 1.0 if len(closes) >= 20 else math.nan,
            "momentum_6_1": np.prod(1.0 + np.array(returns[-126:-21])) - 1.0 if len(closes) > 126 else math.nan,
        }
        for name, value in expected.items():
            if math.isnan(value):
                assert row[name] is None, (symbol, name)
            else:
                assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-12), (symbol, name)
                compared += 1
    assert compared > 30
