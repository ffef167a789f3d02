from datetime import UTC, date, datetime, timedelta

import pytest

from execution.trading_calendar import TradingCalendar
from sensors.rules import (
    Act,
    AnalysisFacts,
    TradingFacts,
    Work,
    analysis_due,
    next_instant,
    trading_due,
)

CALENDAR = TradingCalendar.shipped()
TUESDAY = date(2024, 1, 2)
WEDNESDAY = date(2024, 1, 3)
FRIDAY = date(2024, 1, 5)
NOTHING = frozenset[date]()


def analysis_facts(**changes: object) -> AnalysisFacts:
    facts: dict[str, object] = {
        "first_session": TUESDAY,
        "last_session": None,
        "ingested": None,
        "decided": NOTHING,
        "scored": NOTHING,
        "judged_as_of": None,
        "settled": NOTHING,
        "reported": NOTHING,
    }
    return AnalysisFacts(**(facts | changes))  # type: ignore[arg-type]  # a builder varies one field


def trading_facts(**changes: object) -> TradingFacts:
    facts: dict[str, object] = {
        "first_session": TUESDAY,
        "planned": NOTHING,
        "published": (),
        "recorded": frozenset[str](),
        "submitted": NOTHING,
        "open_entries": NOTHING,
        "watched": None,
        "settled": NOTHING,
    }
    return TradingFacts(**(facts | changes))  # type: ignore[arg-type]  # a builder varies one field


def analysis_at(now: datetime, **changes: object) -> tuple[Work, ...]:
    return analysis_due(now=now, calendar=CALENDAR, facts=analysis_facts(**changes))


def trading_at(now: datetime, **changes: object) -> tuple[Work, ...]:
    return trading_due(now=now, calendar=CALENDAR, facts=trading_facts(**changes))


def test_the_first_cycle_of_a_home_trains() -> None:
    assert analysis_at(CALENDAR.as_of(TUESDAY)) == (Work(act=Act.FIRST_CYCLE, session=TUESDAY),)


def test_a_first_cycle_that_has_just_taught_its_model_is_the_work_still_due() -> None:
    now = CALENDAR.as_of(TUESDAY)
    (begun,) = analysis_at(now)
    (still_due,) = analysis_at(now, judged_as_of=now)
    assert (begun.act, still_due.act) == (Act.FIRST_CYCLE, Act.CYCLE)
    assert begun.name == still_due.name


def test_no_cycle_is_due_before_the_cut_off() -> None:
    assert analysis_at(CALENDAR.as_of(TUESDAY) - timedelta(microseconds=1)) == ()


def test_later_cycles_do_not_train() -> None:
    due = analysis_at(CALENDAR.as_of(WEDNESDAY), decided=frozenset({TUESDAY}), judged_as_of=CALENDAR.as_of(TUESDAY))
    assert due == (Work(act=Act.CYCLE, session=WEDNESDAY),)


def test_missed_cycles_are_caught_up_in_order() -> None:
    due = analysis_at(CALENDAR.as_of(FRIDAY), decided=frozenset({TUESDAY}), judged_as_of=CALENDAR.as_of(TUESDAY))
    assert [work.session.day for work in due] == [3, 4, 5]


def test_no_cycle_is_due_past_the_end_of_the_source() -> None:
    over = {"decided": frozenset({TUESDAY}), "ingested": WEDNESDAY}
    assert analysis_at(CALENDAR.as_of(FRIDAY), **over, last_session=WEDNESDAY) == ()


def test_the_last_session_of_a_source_is_taken_in_though_nobody_can_trade_on_it() -> None:
    over = {"decided": frozenset({TUESDAY}), "ingested": TUESDAY, "last_session": WEDNESDAY}
    due = (Work(act=Act.INGEST, session=WEDNESDAY),)
    assert analysis_at(CALENDAR.bars_known_at(WEDNESDAY), **over) == due
    assert analysis_at(CALENDAR.as_of(WEDNESDAY), **over) == due, "no cycle comes that would do it"
    assert analysis_at(CALENDAR.as_of(WEDNESDAY), **(over | {"ingested": WEDNESDAY})) == ()


def test_at_the_end_of_a_source_training_looks_at_the_last_session_that_was_decided() -> None:
    *decided, friday = CALENDAR.between(TUESDAY, FRIDAY)
    days = frozenset(decided)
    over = {"decided": days, "scored": days, "ingested": friday, "last_session": friday}
    tuesday, thursday = CALENDAR.as_of(TUESDAY), CALENDAR.as_of(decided[-1])
    assert analysis_at(CALENDAR.as_of(friday), **over, judged_as_of=tuesday) == (), "its week is not over"
    due = analysis_at(CALENDAR.as_of(friday), **over, judged_as_of=tuesday, is_demoted=True)
    assert due == (Work(act=Act.TRAIN, session=decided[-1]),)
    assert analysis_at(CALENDAR.as_of(friday), **over, judged_as_of=thursday, is_demoted=True) == ()


def test_bars_are_taken_in_between_their_known_time_and_the_cut_off() -> None:
    done = {"decided": frozenset({TUESDAY}), "judged_as_of": CALENDAR.as_of(TUESDAY), "ingested": TUESDAY}
    assert analysis_at(CALENDAR.bars_known_at(WEDNESDAY), **done) == (Work(act=Act.INGEST, session=WEDNESDAY),)
    assert analysis_at(CALENDAR.bars_known_at(WEDNESDAY), **(done | {"ingested": WEDNESDAY})) == ()


def test_training_is_due_once_a_week_after_its_last_cycle() -> None:
    week = frozenset(CALENDAR.between(TUESDAY, FRIDAY))
    tuesday, friday = CALENDAR.as_of(TUESDAY), CALENDAR.as_of(FRIDAY)
    done = {"decided": week, "scored": week}
    assert analysis_at(friday, **done, judged_as_of=tuesday) == (Work(act=Act.TRAIN, session=FRIDAY),)
    assert analysis_at(friday, **done, judged_as_of=friday) == ()


def test_an_older_cycle_that_never_ends_keeps_no_week_from_teaching() -> None:
    rest = frozenset(CALENDAR.between(WEDNESDAY, FRIDAY))
    due = analysis_at(CALENDAR.as_of(FRIDAY), decided=rest, scored=rest, judged_as_of=CALENDAR.as_of(WEDNESDAY))
    assert due == (Work(act=Act.CYCLE, session=TUESDAY), Work(act=Act.TRAIN, session=FRIDAY))


def test_a_home_whose_first_session_was_red_trains_on_the_first_session_that_was_scored() -> None:
    wednesday = CALENDAR.as_of(WEDNESDAY)
    red = {"decided": frozenset({TUESDAY, WEDNESDAY}), "ingested": WEDNESDAY}
    assert analysis_at(wednesday, **red) == ()
    due = analysis_at(wednesday, **red, scored=frozenset({WEDNESDAY}))
    assert due == (Work(act=Act.TRAIN, session=WEDNESDAY),)
    assert analysis_at(wednesday, **red, scored=frozenset({WEDNESDAY}), judged_as_of=wednesday) == ()


def test_after_a_demotion_training_waits_for_no_end_of_a_week() -> None:
    days = frozenset({TUESDAY, WEDNESDAY})
    tuesday, wednesday = CALENDAR.as_of(TUESDAY), CALENDAR.as_of(WEDNESDAY)
    done = {"decided": days, "scored": days}
    assert analysis_at(wednesday, **done, judged_as_of=tuesday) == ()
    due = analysis_at(wednesday, **done, judged_as_of=tuesday, is_demoted=True)
    assert due == (Work(act=Act.TRAIN, session=WEDNESDAY),)
    assert analysis_at(wednesday, **done, judged_as_of=wednesday, is_demoted=True) == ()


def test_nothing_is_learned_from_a_week_whose_last_data_were_refused() -> None:
    week = frozenset(CALENDAR.between(TUESDAY, FRIDAY))
    due = analysis_at(
        CALENDAR.as_of(FRIDAY), decided=week, scored=week - {FRIDAY}, judged_as_of=CALENDAR.as_of(TUESDAY)
    )
    assert due == ()


def reports_at(now: datetime, **changes: object) -> list[date]:
    done = {"decided": frozenset({TUESDAY}), "settled": frozenset({TUESDAY})}
    return [work.session for work in analysis_at(now, **(done | changes)) if work.act is Act.REPORT]


def test_a_settled_session_is_reported_once_the_bars_it_was_traded_on_are_taken_in() -> None:
    settled_at = CALENDAR.bars_known_at(WEDNESDAY)
    assert reports_at(settled_at, ingested=TUESDAY) == []
    assert reports_at(settled_at, ingested=WEDNESDAY) == [TUESDAY]
    assert reports_at(settled_at, ingested=WEDNESDAY, reported=frozenset({TUESDAY})) == []


def test_a_source_that_ends_is_reported_to_its_last_session_but_one_with_the_bars_traded_on() -> None:
    settled_at = CALENDAR.bars_known_at(WEDNESDAY)
    assert reports_at(settled_at, ingested=TUESDAY, last_session=WEDNESDAY) == []
    assert reports_at(settled_at, ingested=WEDNESDAY, last_session=WEDNESDAY) == [TUESDAY]


def test_a_published_batch_of_the_tradable_session_is_planned() -> None:
    due = trading_at(CALENDAR.as_of(TUESDAY), published=("a",))
    assert due == (Work(act=Act.PLAN, session=TUESDAY, batch_hash="a"),)


def test_a_second_batch_is_handed_over_to_be_recorded_as_superseded() -> None:
    due = trading_at(
        CALENDAR.as_of(TUESDAY), published=("a", "b"), recorded=frozenset({"a"}), planned=frozenset({TUESDAY})
    )
    assert due == (Work(act=Act.PLAN, session=TUESDAY, batch_hash="b"),)


def test_without_a_batch_positions_are_managed_once_the_submit_window_opens() -> None:
    opens, _ = CALENDAR.submit_window(TUESDAY)
    assert trading_at(opens - timedelta(seconds=1)) == ()
    assert trading_at(opens) == (Work(act=Act.PLAN, session=TUESDAY),)


def test_a_batch_that_is_not_planned_by_then_comes_before_the_plan_without_one() -> None:
    opens, _ = CALENDAR.submit_window(TUESDAY)
    batch, hold = trading_at(opens, published=("a",))
    assert (batch.batch_hash, hold.batch_hash) == ("a", None)


def test_a_plan_is_submitted_only_inside_its_window() -> None:
    opens, closes = CALENDAR.submit_window(TUESDAY)
    planned = {"planned": frozenset({TUESDAY})}
    assert trading_at(opens - timedelta(seconds=1), **planned) == ()
    assert trading_at(opens, **planned) == (Work(act=Act.SUBMIT, session=TUESDAY),)
    assert trading_at(opens, **planned, submitted=frozenset({TUESDAY})) == ()
    assert trading_at(closes, **planned) == ()


def test_entries_still_working_at_the_deadline_are_cancelled() -> None:
    _, closes = CALENDAR.submit_window(TUESDAY)
    due = trading_at(closes, planned=frozenset({TUESDAY}), open_entries=frozenset({TUESDAY}))
    assert due == (Work(act=Act.CANCEL_REST, session=TUESDAY),)


def test_held_positions_are_watched_from_the_deadline_to_the_close_where_there_are_exit_rules() -> None:
    _, deadline = CALENDAR.submit_window(TUESDAY)
    closes = CALENDAR.closes_at(WEDNESDAY)
    planned = frozenset({TUESDAY})
    watch = Work(act=Act.WATCH, session=TUESDAY)
    assert watch not in trading_at(deadline - timedelta(seconds=1), planned=planned, watched=NOTHING)
    assert trading_at(deadline, planned=planned, watched=NOTHING) == (watch,)
    assert trading_at(closes - timedelta(seconds=1), planned=planned, watched=NOTHING) == (watch,)
    assert trading_at(closes, planned=planned, watched=NOTHING) == ()
    assert trading_at(deadline, planned=planned, watched=planned) == ()
    assert trading_at(deadline, planned=planned, watched=None) == ()


def test_a_plan_is_settled_after_the_next_close() -> None:
    due = trading_at(CALENDAR.bars_known_at(WEDNESDAY), planned=frozenset({TUESDAY}))
    assert due == (Work(act=Act.SETTLE, session=TUESDAY),)


def test_a_session_that_went_by_unplanned_is_recorded_as_missed() -> None:
    due = trading_at(CALENDAR.as_of(WEDNESDAY))
    assert due == (Work(act=Act.PLAN, session=TUESDAY),)


def test_no_session_is_tradable_between_the_end_of_its_window_and_the_next_cut_off() -> None:
    _, closes = CALENDAR.submit_window(TUESDAY)
    assert CALENDAR.tradable_session(closes - timedelta(seconds=1)) == TUESDAY
    assert CALENDAR.tradable_session(closes) is None
    assert CALENDAR.tradable_session(CALENDAR.as_of(WEDNESDAY)) == WEDNESDAY


def test_the_clock_stops_four_times_a_session() -> None:
    now = CALENDAR.as_of(TUESDAY)
    stops = []
    for _ in range(5):
        now = next_instant(now=now, calendar=CALENDAR)
        stops.append(now)
    opens, closes = CALENDAR.submit_window(TUESDAY)
    assert stops == [
        opens,
        closes,
        CALENDAR.bars_known_at(WEDNESDAY),
        CALENDAR.as_of(WEDNESDAY),
        CALENDAR.submit_window(WEDNESDAY)[0],
    ]


def test_the_end_of_the_calendar_is_named() -> None:
    with pytest.raises(ValueError, match="make calendar"):
        next_instant(now=datetime(2029, 12, 31, 23, 59, tzinfo=UTC), calendar=CALENDAR)


def nightly(now: datetime, **changes: object) -> tuple[Work, ...]:
    lived = frozenset({TUESDAY, WEDNESDAY})
    given = {"ingested": WEDNESDAY, "decided": lived, "scored": lived, "judged_as_of": CALENDAR.as_of(WEDNESDAY)}
    day = {"settled": frozenset({TUESDAY}), "reported": frozenset({TUESDAY}), "upkept": NOTHING}
    return analysis_at(now, **(given | day | changes))


def test_a_settled_day_is_backed_up_in_the_evening_when_the_next_cycle_is_over() -> None:
    evening = CALENDAR.as_of(WEDNESDAY)
    assert nightly(evening) == (Work(act=Act.UPKEEP, session=TUESDAY),)
    assert nightly(evening - timedelta(minutes=1)) == ()


def test_upkeep_waits_for_what_is_due_of_its_day_and_after_it() -> None:
    waiting = nightly(CALENDAR.as_of(WEDNESDAY), decided=frozenset({TUESDAY}))
    assert [work.act for work in waiting] == [Act.CYCLE]
    waiting = nightly(CALENDAR.as_of(WEDNESDAY), reported=NOTHING, ingested=WEDNESDAY)
    assert [work.act for work in waiting] == [Act.REPORT]


def test_an_older_cycle_that_never_ends_keeps_no_night_from_its_backup() -> None:
    thursday = date(2024, 1, 4)
    due = nightly(
        CALENDAR.as_of(thursday),
        decided=frozenset({WEDNESDAY, thursday}),
        settled=frozenset({WEDNESDAY}),
        reported=frozenset({WEDNESDAY}),
    )
    assert due == (Work(act=Act.CYCLE, session=TUESDAY), Work(act=Act.UPKEEP, session=WEDNESDAY))


def test_a_night_is_kept_once_and_nobody_catches_up_on_older_ones() -> None:
    evening = CALENDAR.as_of(WEDNESDAY)
    assert nightly(evening, upkept=frozenset({TUESDAY})) == ()
    both = frozenset({date(2023, 12, 29), TUESDAY})
    assert nightly(evening, settled=both, reported=both) == (Work(act=Act.UPKEEP, session=TUESDAY),)


def test_no_upkeep_is_due_where_nobody_asks_for_it() -> None:
    assert nightly(CALENDAR.as_of(WEDNESDAY), upkept=None) == ()
