import json
import logging
from urllib.parse import quote

import pytest
import structlog

from pipelines.home import Home
from pipelines.logging_setup import bind_run, configure_logging, unconfigure_logging

CANARY = "canary-s3cr3t/with+signs=="


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home")
    configure_logging(home, secrets=[CANARY])
    yield home
    unconfigure_logging()


def written(home):
    return "".join(path.read_text() for path in sorted(home.logs.glob("*.jsonl")))


def lines(home):
    return [json.loads(line) for line in written(home).splitlines()]


def test_an_event_is_one_json_line_with_time_and_level(home):
    structlog.get_logger("execution.desk").info("order_submitted", symbol="AAPL", shares=5)
    (line,) = lines(home)
    assert line["event"] == "order_submitted"
    assert (line["symbol"], line["shares"], line["level"], line["logger"]) == ("AAPL", 5, "info", "execution.desk")
    assert line["timestamp"].endswith("Z")


def test_no_secret_is_written_from_nested_values_exceptions_or_urls(home, capsys):
    log = structlog.get_logger("execution.desk")
    log.warning("answer", headers={"inner": [{"key": CANARY}]}, url=f"/v2?k={quote(CANARY, safe='')}")
    try:
        {}[f"refused {CANARY}"]
    except KeyError:
        log.exception("failed")
        logging.getLogger("some.library").exception("also %s", CANARY)
    text = written(home) + capsys.readouterr().err
    assert "KeyError" in text
    assert CANARY not in text
    assert quote(CANARY, safe="") not in text


def test_lines_of_libraries_get_the_same_form(home):
    logging.getLogger("some.library").warning("disk %s", "full")
    (line,) = lines(home)
    assert (line["event"], line["level"], line["logger"]) == ("disk full", "warning", "some.library")


def test_run_and_decision_are_on_each_line_of_the_block_and_not_after(home):
    log = structlog.get_logger("execution.desk")
    with bind_run(run_id="r1", decision_id="d1"):
        log.info("inside")
        with bind_run(decision_id="d2"):
            log.info("deeper")
    log.info("outside")
    inside, deeper, outside = lines(home)
    assert (inside["run_id"], inside["decision_id"]) == ("r1", "d1")
    assert (deeper["run_id"], deeper["decision_id"]) == ("r1", "d2")
    assert "run_id" not in outside


def test_configuring_twice_writes_each_line_once(home):
    configure_logging(home, secrets=[CANARY])
    structlog.get_logger("execution.desk").info("once")
    assert len(lines(home)) == 1


def test_what_is_below_the_level_is_not_written(home):
    structlog.get_logger("execution.desk").debug("quiet")
    assert lines(home) == []


def test_configuring_alone_writes_nothing(home):
    assert not home.root.exists()


def test_the_chatter_of_libraries_is_left_out(home):
    logging.getLogger("some.library").info("setting up")
    assert lines(home) == []
