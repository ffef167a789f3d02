from datetime import datetime, time

import pytest

from execution.domain.errors import LedgerError
from execution.session import run_session
from pipelines.cli import question_verbs
from pipelines.cli.red_gate import red_gate
from pipelines.cli.status import status_page
from pipelines.home import Home
from pipelines.settings import load_settings
from tests.builders.batches import a_certificate, a_red_certificate
from tests.builders.trading_days import FIRST, SYMBOLS, TradingDays


@pytest.fixture
def days(tmp_path):
    days = TradingDays(tmp_path, is_on_files=True)
    days.desk.batches.publish_certificate(a_red_certificate(session=FIRST, symbols=SYMBOLS))
    return days


def test_status_names_a_red_gate_and_what_it_will_come_to_before_the_session_has_a_plan(days, tmp_path):
    page = status_page(load_settings(environ={}), Home(tmp_path))
    assert f"gate          the raw gate of {FIRST} is red: raw/daily_bars completeness" in page
    assert "the session will be held at the open unless the gate turns green" in page


def test_status_leaves_the_word_to_the_plan_once_there_is_one(days, tmp_path):
    assert "will be held at the open" in status_page(load_settings(environ={}), Home(tmp_path))
    run_session.plan(days.evening(FIRST), session=FIRST, batch_hash=None)
    page = status_page(load_settings(environ={}), Home(tmp_path))
    assert "the gate is red" in page
    assert "will be held at the open" not in page


def test_a_gate_that_turned_green_is_told_no_more(days, tmp_path):
    assert "gate   " in status_page(load_settings(environ={}), Home(tmp_path))
    days.desk.batches.publish_certificate(a_certificate(session=FIRST))
    assert "gate   " not in status_page(load_settings(environ={}), Home(tmp_path))
    assert red_gate(days.desk.batches, FIRST) == ""


def test_why_of_a_session_without_a_plan_tells_its_red_gate(days, tmp_path, monkeypatch):
    monkeypatch.setenv("TOUCHSTONE_HOME", str(tmp_path))
    monkeypatch.setattr(question_verbs, "home_ledger", lambda: days.desk.ledger)
    with pytest.raises(LedgerError, match=f"{FIRST} has no plan yet: the raw gate of {FIRST} is red.*unless the gate"):
        question_verbs.why("AAA", session=datetime.combine(FIRST, time()))
