from dataclasses import replace

import numpy as np
import pytest

from assets.ml.afterwards.looking_back import LookedBack
from assets.ml.afterwards.pages import live_pages
from assets.ml.live_judgement import LIVE_HORIZONS, judge_live, live_outcomes, live_rows
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


def outcomes(warehouse, batches, bought=None):
    found = live_outcomes(warehouse, batches, bought or {}, calendar=CALENDAR, upto=UPTO)
    return {one.horizon_sessions: one for one in found}


def best_of(batches, count=1):
    """The best names of each session, as if they were what was bought."""
    return {
        batch.session: {
            signal.symbol for signal in sorted(batch.signals, key=lambda signal: -(signal.score or 0.0))[:count]
        }
        for batch in batches
    }


def test_promises_of_what_was_bought_are_held_against_what_happened_to_it_alone(warehouse):
    batches = published(5, 45, probability_up=0.5)
    best = best_of(batches)
    sure = [
        replace(
            batch,
            signals=tuple(
                replace(signal, probability_up=0.9 if signal.symbol in best[batch.session] else 0.5)
                for signal in batch.signals
            ),
        )
        for batch in batches
    ]
    live = judged(rows(warehouse, sure, best))
    assert [one.promised for one in live.calibration_bought] == pytest.approx([0.9] * 5)
    assert sum(one.rows for one in live.calibration_bought) == live.bought == 40
    happened = np.array([one.happened for one in live.calibration_bought])
    assert live.calibration_error_bought.value == pytest.approx(np.abs(0.9 - happened).mean())
    assert live.calibration_error.value != live.calibration_error_bought.value


def test_outcomes_are_told_over_each_horizon_for_the_sessions_in_which_it_is_over(warehouse):
    batches = published(0, 60)
    found = outcomes(warehouse, batches, best_of(batches))
    assert tuple(found) == LIVE_HORIZONS == (1, 5, 10, 20)
    # A return over one session from the next close on ends two sessions later.
    assert [one.scored.sessions for one in found.values()] == [58, 54, 49, 39]
    assert [one.bought.sessions for one in found.values()] == [58, 54, 49, 39]
    assert {one.scored.rows / one.scored.sessions for one in found.values()} == {12}


def test_scores_that_knew_the_signal_have_good_outcomes_at_every_horizon(warehouse):
    batches = published(0, 60)
    for one in outcomes(warehouse, batches, best_of(batches, 3)).values():
        assert one.scored.ranking.rank_ic.low > 0
        assert one.scored.net_bps.value > 0
        assert one.scored.hit_rate.value > 0.5
        assert one.bought.net_bps.value > 0
        assert one.bought.ranking.days == one.bought.sessions
        for told in (one.scored.net_bps, one.bought.hit_rate, one.bought.ranking.ic):
            assert told.low < told.value < told.high


def test_the_outcome_over_the_batchs_own_horizon_is_what_is_judged(warehouse):
    batches = published(5, 45)
    live, own = judged(rows(warehouse, batches, best_of(batches))), outcomes(warehouse, batches, best_of(batches))[5]
    assert own.scored.ranking == live.ranking
    assert own.scored.hit_rate == live.hit_rate
    assert (own.bought.rows, own.bought.sessions) == (live.bought, live.bought_sessions)
    assert (own.bought.net_bps, own.bought.hit_rate) == (live.bought_net_bps, live.bought_hit_rate)


def test_one_entry_a_session_has_a_return_and_no_order(warehouse):
    batches = published(5, 45)
    one = outcomes(warehouse, batches, best_of(batches))[5]
    assert one.bought.ranking.days == 0
    assert one.bought.sessions == 40


def test_nothing_published_has_no_outcome_and_the_page_says_so(warehouse):
    found = live_outcomes(warehouse, [], {}, calendar=CALENDAR, upto=UPTO)
    assert {one.scored.sessions for one in found} == {0}
    nothing = LookedBack(live=judged(rows(warehouse, [])), drift=None, demoted=None, outcomes=found)
    assert live_pages(nothing)["outcomes"].count("none is over") == 4 * 2 * len(LIVE_HORIZONS)


def test_the_page_tells_entries_beside_all_scores_at_every_horizon(warehouse):
    batches = published(5, 45)
    best = best_of(batches, 2)
    found = live_outcomes(warehouse, batches, best, calendar=CALENDAR, upto=UPTO)
    told = live_pages(LookedBack(live=judged(rows(warehouse, batches, best)), drift=None, demoted=None, outcomes=found))
    starts = [line.split("|")[1:5] for line in told["outcomes"].splitlines()[2:]]
    assert [start[0].strip() for start in starts] == ["1", "1", "5", "5", "10", "10", "20", "20"]
    assert [cell.strip() for cell in starts[3][1:]] == ["entries bought", "40", "80"][:3]
    assert "| the same of entries | 0.600 became" in told["live"]


def told_of(warehouse, batches):
    """The pages of published scores whose two best names were bought."""
    best = best_of(batches, 2)
    found = live_outcomes(warehouse, batches, best, calendar=CALENDAR, upto=UPTO)
    return live_pages(LookedBack(live=judged(rows(warehouse, batches, best)), drift=None, demoted=None, outcomes=found))


def test_the_page_tells_no_interval_where_fewer_sessions_than_twice_the_horizon_were_judged(warehouse):
    page = told_of(warehouse, published(5, 24))["outcomes"]
    for line in page.splitlines()[2:]:
        horizon, sessions = int(line.split("|")[1]), int(line.split("|")[3])
        assert sessions == 19
        assert line.count(" (too short for an interval)") == (4 if horizon >= 10 else 0)
        assert line.count(" to ") == (0 if horizon >= 10 else 4)


@pytest.mark.parametrize(("sessions", "expected"), [(1, 7), (9, 7), (10, 0)])
def test_the_page_on_live_scores_tells_no_interval_of_so_few_sessions_either(warehouse, sessions, expected):
    told = told_of(warehouse, published(5, 5 + sessions))
    assert told["live"].count(" (too short for an interval)") == expected


def test_one_judged_session_has_no_interval_at_any_horizon(warehouse):
    page = told_of(warehouse, published(5, 6))["outcomes"]
    assert page.count(" (too short for an interval)") == 4 * 2 * len(LIVE_HORIZONS)
