from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus

from assets.run_tags import BUSY_TAG, FAILURE_KIND_TAG
from execution.clock import SystemClock
from execution.trading_calendar import TradingCalendar
from pipelines.jobs import Location, job_definitions
from sensors import attempts
from sensors.attempts import MOST_ATTEMPTS, WORK_TAG
from sensors.due_work import due_work_sensor
from sensors.rules import TRADING, Act, Work
from sensors.session_clock import session_clock

SESSION = date(2024, 1, 4)
PLAN = Work(act=Act.PLAN, session=SESSION, batch_hash="abc")
CALENDAR = TradingCalendar.shipped()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    # In a folder: one of memory alone knows no switches of sensors.
    with dg.DagsterInstance.local_temp(str(tmp_path)) as local:
        yield local


def failed_run(instance: dg.DagsterInstance, work: Work) -> None:
    instance.report_run_failed(asked_run(instance, work))


def asked_run(instance: dg.DagsterInstance, work: Work, **tags: str) -> dg.DagsterRun:
    """Return a run as the daemon makes it of a request: with the request's key among its tags."""
    key = attempts.run_request(instance, work, job_name="plan", run_config={}).run_key or ""
    return instance.create_run_for_job(_nothing, tags={WORK_TAG: work.name, "dagster/run_key": key, **tags})


@dg.job
def _nothing() -> None:
    pass


def tick(instance: dg.DagsterInstance | None, *due: Work) -> dg.RunRequest | dg.SkipReason:
    sensor = due_work_sensor(
        name="signal_batches",
        description="asks",
        jobs={Act.PLAN: job_definitions("trading")[Act.PLAN]},
        due=lambda: due,
        run_config=lambda work: {"ops": {"x": work.batch_hash}},
        starts_running=True,
    )
    context = dg.build_sensor_context(instance=instance)
    return sensor._raw_fn(context)  # type: ignore[no-any-return]  # the bare tick, without a repository around it


def test_due_work_is_asked_for_with_a_key_of_its_first_attempt(instance: dg.DagsterInstance) -> None:
    request = tick(instance, PLAN)
    assert isinstance(request, dg.RunRequest)
    assert (request.run_key, request.partition_key) == ("plan:abc:0", "2024-01-04")


def test_the_same_facts_give_the_same_key(instance: dg.DagsterInstance) -> None:
    first, second = tick(instance, PLAN), tick(instance, PLAN)
    assert isinstance(first, dg.RunRequest)
    assert isinstance(second, dg.RunRequest)
    assert first.run_key == second.run_key


def test_a_failed_attempt_is_followed_by_another_under_a_new_key(instance: dg.DagsterInstance) -> None:
    failed_run(instance, PLAN)
    request = tick(instance, PLAN)
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "plan:abc:1"


@pytest.mark.parametrize("deleted", [0, 1])
def test_a_deleted_attempt_leaves_no_key_that_is_remembered(instance: dg.DagsterInstance, deleted: int) -> None:
    runs = [asked_run(instance, PLAN)]
    instance.report_run_failed(runs[0])
    runs.append(asked_run(instance, PLAN))
    instance.report_run_failed(runs[1])
    instance.delete_run(runs[deleted].run_id)
    request = tick(instance, PLAN)
    assert isinstance(request, dg.RunRequest)
    assert request.run_key not in {run.tags["dagster/run_key"] for run in instance.get_runs()}


def test_work_is_given_up_after_its_last_attempt(instance: dg.DagsterInstance) -> None:
    for _ in range(MOST_ATTEMPTS):
        failed_run(instance, PLAN)
    answer = tick(instance, PLAN)
    assert isinstance(answer, dg.SkipReason)
    assert "given up" in str(answer.skip_message)


def test_work_of_another_sensor_is_left_alone(instance: dg.DagsterInstance) -> None:
    answer = tick(instance, Work(act=Act.SETTLE, session=SESSION))
    assert isinstance(answer, dg.SkipReason)


class TickingClock:
    def __init__(self, now: datetime, until: datetime, data_end: datetime | None = None) -> None:
        self.instant, self.limit, self.data_end = now, until, data_end

    def advance_to(self, instant: datetime) -> None:
        self.instant = instant


def clock_tick(
    instance: dg.DagsterInstance | None, clock: TickingClock, *due_from: tuple[datetime, Work]
) -> dg.RunRequest | dg.SkipReason:
    sensor = session_clock(
        now=lambda: clock.instant,
        until=lambda: clock.limit,
        data_end=lambda: clock.data_end,
        advance_to=clock.advance_to,
        due=lambda: tuple(work for begins, work in due_from if begins <= clock.instant),
        jobs=job_definitions("analysis"),
        calendar=CALENDAR,
        starts_running=True,
    )
    return sensor._raw_fn(dg.build_sensor_context(instance=instance))  # type: ignore[no-any-return]  # the bare tick


def test_the_clock_waits_for_due_work(instance: dg.DagsterInstance) -> None:
    now = CALENDAR.as_of(SESSION)
    clock = TickingClock(now, now + timedelta(days=9))
    clock_tick(instance, clock, (now, PLAN))
    assert clock.instant == now


def switched(instance: dg.DagsterInstance, name: str, status: InstigatorStatus) -> None:
    """Note a sensor's state as the page's switch does."""
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("trading"), "__repository__"), name
    )
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, status))


def test_a_clock_that_waits_says_which_sensors_are_switched_off(instance: dg.DagsterInstance) -> None:
    now = CALENDAR.as_of(SESSION)
    clock = TickingClock(now, now + timedelta(days=9))
    switched(instance, "open_orders", InstigatorStatus.RUNNING)
    told = clock_tick(instance, clock, (now, PLAN))
    assert isinstance(told, dg.SkipReason)
    assert told.skip_message == "waiting for plan:abc"
    switched(instance, "signal_batches", InstigatorStatus.STOPPED)
    told = clock_tick(instance, clock, (now, PLAN))
    assert isinstance(told, dg.SkipReason)
    assert told.skip_message == "waiting for plan:abc; switched off: signal_batches"


def test_the_clock_passes_events_at_which_nothing_is_due(instance: dg.DagsterInstance) -> None:
    now, settle_at = CALENDAR.as_of(SESSION), CALENDAR.bars_known_at(CALENDAR.next(SESSION))
    clock = TickingClock(now, now + timedelta(days=9))
    clock_tick(instance, clock, (settle_at, Work(act=Act.SETTLE, session=SESSION)))
    assert clock.instant == settle_at


def test_the_clock_stops_where_the_data_end_however_far_it_may_go(instance: dg.DagsterInstance) -> None:
    now, data_end = CALENDAR.as_of(SESSION), CALENDAR.as_of(CALENDAR.next(SESSION))
    clock = TickingClock(now, now + timedelta(days=9), data_end)
    reason = clock_tick(instance, clock)
    assert clock.instant == data_end
    assert isinstance(reason, dg.SkipReason)
    assert f"the data end at {data_end.isoformat()}" in str(reason.skip_message)


def test_work_the_clock_has_made_due_is_asked_for_in_the_same_tick(instance: dg.DagsterInstance) -> None:
    now, cut_off = CALENDAR.bars_known_at(SESSION), CALENDAR.as_of(SESSION)
    clock = TickingClock(now, now + timedelta(days=9))
    request = clock_tick(instance, clock, (cut_off, Work(act=Act.CYCLE, session=SESSION)))
    assert clock.instant == cut_off
    assert isinstance(request, dg.RunRequest)
    assert (request.job_name, request.run_key) == ("cycle", "cycle:2024-01-04:0")


def test_work_that_was_due_before_the_clock_moved_is_asked_for_by_the_clock_too(instance: dg.DagsterInstance) -> None:
    now = CALENDAR.as_of(SESSION)
    clock = TickingClock(now, now + timedelta(days=9))
    request = clock_tick(instance, clock, (now, Work(act=Act.CYCLE, session=SESSION)))
    assert isinstance(request, dg.RunRequest)
    assert (request.job_name, clock.instant) == ("cycle", now)


def test_the_nights_work_waits_for_a_plan_that_is_due(instance: dg.DagsterInstance) -> None:
    now, night = CALENDAR.as_of(SESSION), Work(act=Act.UPKEEP, session=CALENDAR.previous(SESSION))
    clock = TickingClock(now, now + timedelta(days=9))
    assert isinstance(clock_tick(instance, clock, (now, night), (now, PLAN)), dg.SkipReason)
    request = clock_tick(instance, clock, (now, night))
    assert isinstance(request, dg.RunRequest)
    assert request.job_name == "upkeep"


TRAIN = Work(act=Act.TRAIN, session=SESSION)


def tick_of_cycles(instance: dg.DagsterInstance, *due: Work) -> dg.RunRequest | dg.SkipReason:
    jobs = job_definitions("analysis")
    sensor = due_work_sensor(
        name="cycles",
        description="asks",
        jobs={act: jobs[act] for act in (Act.CYCLE, Act.TRAIN)},
        due=lambda: due,
        run_config=lambda _work: {},
        starts_running=True,
    )
    return sensor._raw_fn(dg.build_sensor_context(instance=instance))  # type: ignore[no-any-return]  # the bare tick


def test_training_waits_for_a_plan_that_is_due_whoever_starts_it(instance: dg.DagsterInstance) -> None:
    answer = tick_of_cycles(instance, TRAIN, PLAN)
    assert isinstance(answer, dg.SkipReason)
    assert str(answer.skip_message) == "train:2024-01-04 waits for plan:abc"
    request = tick_of_cycles(instance, TRAIN)
    assert isinstance(request, dg.RunRequest)
    assert request.job_name == "train"


def test_training_waits_for_no_plan_that_was_given_up(instance: dg.DagsterInstance) -> None:
    for _ in range(MOST_ATTEMPTS):
        failed_run(instance, PLAN)
    assert isinstance(tick_of_cycles(instance, TRAIN, PLAN), dg.RunRequest)


def test_a_cycle_waits_for_no_plan(instance: dg.DagsterInstance) -> None:
    request = tick_of_cycles(instance, Work(act=Act.CYCLE, session=SESSION), PLAN)
    assert isinstance(request, dg.RunRequest)
    assert request.job_name == "cycle"


@pytest.mark.parametrize("location", ["analysis", "trading"])
def test_trading_acts_are_the_jobs_of_the_trading_half(location: Location) -> None:
    assert {act in TRADING for act in job_definitions(location)} == {location == "trading"}


def test_bars_are_taken_in_beside_a_settle_that_waits_for_them(instance: dg.DagsterInstance) -> None:
    now = CALENDAR.bars_known_at(SESSION)
    settle = Work(act=Act.SETTLE, session=CALENDAR.previous(SESSION))
    clock = TickingClock(now, now + timedelta(days=9))
    request = clock_tick(instance, clock, (now, settle), (now, Work(act=Act.INGEST, session=SESSION)))
    assert isinstance(request, dg.RunRequest)
    assert request.job_name == "ingest"


def test_the_clock_asks_for_nothing_that_is_under_way(instance: dg.DagsterInstance) -> None:
    work, now = Work(act=Act.CYCLE, session=SESSION), CALENDAR.as_of(SESSION)
    instance.create_run_for_job(_nothing, tags={WORK_TAG: work.name}, status=dg.DagsterRunStatus.STARTED)
    clock = TickingClock(now, now + timedelta(days=9))
    assert isinstance(clock_tick(instance, clock, (now, work)), dg.SkipReason)
    assert clock.instant == now


def test_a_clock_with_nothing_to_do_opens_no_run_history() -> None:
    clock = TickingClock(CALENDAR.as_of(SESSION), CALENDAR.as_of(SESSION))
    # A context without an instance refuses to be asked for one.
    assert isinstance(clock_tick(None, clock), dg.SkipReason)


def test_a_sensor_with_nothing_due_opens_no_run_history() -> None:
    assert isinstance(tick(None), dg.SkipReason)


def test_work_of_the_other_location_is_left_to_its_own_sensors(instance: dg.DagsterInstance) -> None:
    now, settle_at = CALENDAR.as_of(SESSION), CALENDAR.bars_known_at(CALENDAR.next(SESSION))
    clock = TickingClock(now, now + timedelta(days=9))
    assert isinstance(clock_tick(instance, clock, (settle_at, Work(act=Act.SETTLE, session=SESSION))), dg.SkipReason)


def test_the_clock_goes_no_further_than_it_was_asked(instance: dg.DagsterInstance) -> None:
    now = CALENDAR.as_of(SESSION)
    clock = TickingClock(now, now + timedelta(minutes=1))
    answer = clock_tick(instance, clock)
    assert clock.instant == now
    assert isinstance(answer, dg.SkipReason)
    assert "touchstone clock live" in str(answer.skip_message)


def test_the_clock_does_not_wait_for_work_that_was_given_up(instance: dg.DagsterInstance) -> None:
    now = datetime(2024, 1, 4, 23, tzinfo=UTC)
    for _ in range(MOST_ATTEMPTS):
        failed_run(instance, PLAN)
    clock = TickingClock(now, now + timedelta(days=1))
    clock_tick(instance, clock, (now, PLAN))
    assert clock.instant > now


def test_a_given_up_batch_makes_way_for_the_plan_that_only_manages(instance: dg.DagsterInstance) -> None:
    for _ in range(MOST_ATTEMPTS):
        failed_run(instance, PLAN)
    request = tick(instance, PLAN, Work(act=Act.PLAN, session=SESSION))
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == "plan:2024-01-04:0"


SETTLE = Work(act=Act.SETTLE, session=CALENDAR.previous(SESSION))


def tick_of_settles(instance: dg.DagsterInstance, *due: Work) -> dg.RunRequest | dg.SkipReason:
    sensor = due_work_sensor(
        name="open_orders",
        description="asks",
        jobs={Act.SETTLE: job_definitions("trading")[Act.SETTLE]},
        due=lambda: due,
        run_config=lambda _work: {},
        starts_running=True,
    )
    return sensor._raw_fn(dg.build_sensor_context(instance=instance))  # type: ignore[no-any-return]  # the bare tick


@pytest.fixture
def minutes_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the machine's time be so many minutes from now."""
    return lambda minutes: monkeypatch.setattr(
        attempts, "machine_now", lambda: SystemClock().now() + timedelta(minutes=minutes)
    )


def test_an_act_given_up_while_the_venue_was_away_is_begun_again_after_growing_pauses(
    instance: dg.DagsterInstance, minutes_later: Callable[[float], None]
) -> None:
    for _ in range(MOST_ATTEMPTS):
        failed_run(instance, SETTLE)
    assert isinstance(tick_of_settles(instance, SETTLE), dg.SkipReason)
    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        minutes_later(pause - 0.5)
        assert isinstance(tick_of_settles(instance, SETTLE), dg.SkipReason)
        minutes_later(pause + 0.5)
        assert isinstance(tick_of_settles(instance, SETTLE), dg.RunRequest)
        failed_run(instance, SETTLE)


def test_a_cycle_given_up_while_a_provider_was_away_is_begun_again_after_a_pause(
    instance: dg.DagsterInstance, minutes_later: Callable[[float], None]
) -> None:
    cycle = Work(act=Act.CYCLE, session=SESSION)
    for _ in range(MOST_ATTEMPTS):
        failed_run(instance, cycle)
    assert isinstance(tick_of_cycles(instance, cycle), dg.SkipReason)
    minutes_later(1.5)
    assert isinstance(tick_of_cycles(instance, cycle), dg.RunRequest)


def test_an_act_a_person_terminated_as_often_is_not_begun_again(
    instance: dg.DagsterInstance, minutes_later: Callable[[float], None]
) -> None:
    for _ in range(MOST_ATTEMPTS):
        instance.report_run_canceled(asked_run(instance, SETTLE))
    minutes_later(600)
    assert isinstance(tick_of_settles(instance, SETTLE), dg.SkipReason)


def test_learning_is_given_up_however_long_ago_it_failed_until_it_is_due_anew(
    instance: dg.DagsterInstance, minutes_later: Callable[[float], None]
) -> None:
    for _ in range(MOST_ATTEMPTS):
        failed_run(instance, TRAIN)
    minutes_later(600)
    assert isinstance(tick_of_cycles(instance, TRAIN), dg.SkipReason)


def test_an_act_that_waits_for_a_person_is_not_begun_again_however_long_ago_it_failed(
    instance: dg.DagsterInstance, minutes_later: Callable[[float], None]
) -> None:
    run = instance.create_run_for_job(_nothing, tags={WORK_TAG: SETTLE.name, FAILURE_KIND_TAG: "needs_review"})
    instance.report_run_failed(run)
    minutes_later(600)
    assert isinstance(tick_of_settles(instance, SETTLE), dg.SkipReason)


def busy_run(instance: dg.DagsterInstance, work: Work) -> None:
    instance.report_run_failed(asked_run(instance, work, **{BUSY_TAG: "true"}))


def test_a_run_that_was_told_to_ask_again_is_no_attempt_and_keeps_no_key(instance: dg.DagsterInstance) -> None:
    for _ in range(2 * MOST_ATTEMPTS):
        busy_run(instance, PLAN)
    request = tick(instance, PLAN)
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == f"plan:abc:{2 * MOST_ATTEMPTS}"


def test_work_whose_failure_asks_for_a_person_is_not_tried_again(instance: dg.DagsterInstance) -> None:
    tags = {WORK_TAG: PLAN.name, FAILURE_KIND_TAG: "needs_review"}
    instance.report_run_failed(instance.create_run_for_job(_nothing, tags=tags))
    assert isinstance(tick(instance, PLAN), dg.SkipReason)


def test_work_whose_failure_may_pass_is_tried_again(instance: dg.DagsterInstance) -> None:
    tags = {WORK_TAG: PLAN.name, FAILURE_KIND_TAG: "recoverable"}
    instance.report_run_failed(instance.create_run_for_job(_nothing, tags=tags))
    assert isinstance(tick(instance, PLAN), dg.RunRequest)
