from dataclasses import replace

import numpy as np
import pytest

from assets.ml.live_judgement import judge_live, live_rows
from tests.builders.batches import a_batch, a_signal
from tests.unit.ml.marts_builder import CALENDAR, SIGNAL, a_market

MARKET = a_market(symbols=12, sessions=60, signal=0.5)
UPTO = MARKET.sessions[-1]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    return MARKET.write(tmp_path_factory.mktemp("live") / "warehouse.duckdb")


def published(first: int, last: int, *, probability_up=0.6, sign=1.0):
    batches = []
    for place in range(first, last):
        signals = [
            a_signal(
                symbol,
                score=sign * float(MARKET.features[SIGNAL][place, column]),
                probability_up=probability_up,
            )
            for column, symbol in enumerate(MARKET.symbols)
        ]
        batches.append(replace(a_batch(signals, session=MARKET.sessions[place]), horizon_sessions=5))
    return batches


def rows(warehouse, batches, bought=None):
    return live_rows(warehouse, batches, bought or {}, calendar=CALENDAR, upto=UPTO)


def judged(found):
    return judge_live(found, horizon_sessions=5, seed=1)


def test_scores_that_knew_the_signal_ranked_right_live(warehouse):
    live = judged(rows(warehouse, published(5, 45)))
    assert live.ranking.days == 40
    assert live.ranking.rank_ic.low > 0.1
    assert live.hit_rate.value > 0.52


def test_a_session_whose_horizon_is_not_over_is_left_out(warehouse):
    # The last session whose return over five sessions from the next close is complete lies six before the end.
    found = rows(warehouse, published(50, 60))
    assert found.sessions.max() == np.datetime64(MARKET.sessions[-7])


def test_returns_are_net_of_the_scored_names_of_the_day(warehouse):
    found = rows(warehouse, published(5, 8))
    for day in np.unique(found.sessions):
        assert found.net_return[found.sessions == day].sum() == pytest.approx(0.0, abs=1e-12)


def test_what_was_bought_is_judged_apart(warehouse):
    batches = published(5, 45)
    best = {
        batch.session: {max(batch.signals, key=lambda signal: signal.score or 0.0).symbol} for batch in batches[::2]
    }
    live = judged(rows(warehouse, batches, best))
    assert live.bought == 20
    assert live.bought_net_bps.value > 0
    assert 0.0 < live.bought_hit_rate.value <= 1.0


def test_promises_are_held_against_what_happened(warehouse):
    live = judged(rows(warehouse, published(5, 45, probability_up=0.9)))
    assert live.calibration_error.value == pytest.approx(
        abs(0.9 - np.mean([b.happened for b in live.calibration])), abs=0.02
    )


def test_a_rule_promises_nothing(warehouse):
    assert judged(rows(warehouse, published(5, 45, probability_up=None))).calibration == ()


def test_nothing_published_is_nothing_judged(warehouse):
    live = judged(rows(warehouse, []))
    assert (live.first, live.ranking.days, live.bought) == (None, 0, 0)
