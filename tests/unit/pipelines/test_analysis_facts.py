"""What a home's own stores say of the data side, as the rules of due work read it."""

from datetime import timedelta

from assets.ml.model_registry import ModelRegistry
from execution.trading_calendar import TradingCalendar
from pipelines.analysis_adapters import analysis_facts_of
from pipelines.home import Home
from pipelines.settings import Settings
from pipelines.trading_adapters import batches_of
from sensors.rules import Act, analysis_due
from tests.builders.batches import a_certificate
from tests.unit.ml.test_model_registry import AS_OF, a_model

CALENDAR = TradingCalendar.shipped()


class Sources:
    """The two dates facts ask a source for."""

    first_session, last_session = CALENDAR.sessions[1000], None


def a_friday():
    (found,) = [day for day in CALENDAR.sessions[2000:2005] if day.isoweekday() == 5]
    return found


def due_after(home: Home) -> set[Act]:
    session = a_friday()
    facts = analysis_facts_of(Settings(first_cycle_session=session), home, Sources())
    now = CALENDAR.as_of(session) + timedelta(minutes=1)
    return {work.act for work in analysis_due(now=now, calendar=CALENDAR, facts=facts)}


def test_a_session_without_a_word_is_still_to_be_decided(tmp_path):
    home = Home(tmp_path).create()
    batches_of(home.artifacts).publish_certificate(a_certificate(session=a_friday()))
    assert due_after(home) == {Act.FIRST_CYCLE}


def test_a_held_session_is_decided_and_its_week_teaches(tmp_path):
    home, session = Home(tmp_path).create(), a_friday()
    batches_of(home.artifacts).publish_certificate(a_certificate(session=session))
    batches_of(home.artifacts).publish_hold(session, "there is no champion; paper mode holds")
    refused_at = CALENDAR.as_of(CALENDAR.previous(session))
    ModelRegistry(home.artifacts).refuse(trained_as_of=refused_at, reason="too little history", at=refused_at)
    assert due_after(home) == {Act.TRAIN}


def test_a_refused_training_is_not_asked_for_again_in_its_week(tmp_path):
    home, session = Home(tmp_path).create(), a_friday()
    batches_of(home.artifacts).publish_hold(session, "there is no champion; paper mode holds")
    refused_at = CALENDAR.as_of(session)
    ModelRegistry(home.artifacts).refuse(trained_as_of=refused_at, reason="too little history", at=refused_at)
    assert due_after(home) == set()


def test_a_demotion_is_a_fact_until_something_was_taught_after_it(tmp_path):
    home, registry = Home(tmp_path).create(), ModelRegistry(tmp_path / "artifacts")

    def is_demoted() -> bool:
        return analysis_facts_of(Settings(first_cycle_session=a_friday()), home, Sources()).is_demoted

    champion = registry.publish(a_model())
    registry.promote(champion, reason="first", at=AS_OF)
    assert not is_demoted()
    registry.demote(champion, reason="features moved", at=AS_OF)
    assert is_demoted()
    registry.keep(registry.publish(a_model(code_hash="newer")), reason="not enough", at=AS_OF)
    assert not is_demoted()
