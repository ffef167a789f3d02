import json
import logging
import sys
import threading
from datetime import date

import dagster as dg
import pytest
import structlog

# What the worker of a launched run calls has no public name; `pyproject.toml` pins the version.
from dagster._core.execution.api import execute_run_iterator

from execution.clock import FileClock
from execution.trading_calendar import TradingCalendar
from pipelines.cli.analysis_run import RunFailed, run_analysis
from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.logging_setup import bind_run, configure_logging, unconfigure_logging
from pipelines.run_executor import run_executor
from pipelines.secret_masking import MASK
from pipelines.settings import load_settings

CANARY = "canary-s3cr3t/with+signs=="


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home")
    configure_logging(home, secrets=[CANARY], console=False)
    yield home
    unconfigure_logging()


@dg.resource
def desk(_context: dg.InitResourceContext) -> str:
    """Say something before the first step, as a desk does that opens a ledger."""
    structlog.get_logger("execution.desk").info("ledger_opened")
    return "a desk"


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["2024-01-04"]), required_resource_keys={"desk"})
def talkative() -> None:
    """Have everyone speak: our own log, libraries, a thread that a library started, one who names another session."""
    structlog.get_logger("assets").info("rows_taken_in", rows=3)
    structlog.get_logger("assets").info("batch_of_another_day", decision_id="2024-01-05")
    logging.getLogger("urllib3.connectionpool").warning("Retrying after a broken connection")
    logging.getLogger("dbt").error("a model failed")
    thread = threading.Thread(target=logging.getLogger("httpx").warning, args=("a thread of a library",))
    thread.start()
    thread.join()
    try:
        {}["what is not there"]
    except KeyError:
        logging.getLogger("pipelines").exception("step_failed")
        raise


def a_job_of_a_location() -> dg.JobDefinition:
    """Return a job as a code location has it: by name, with the location's executor."""
    return a_location().resolve_job_def("cycle")


def a_location() -> dg.Definitions:
    return dg.Definitions(
        assets=[talkative],
        jobs=[dg.define_asset_job("cycle", selection=[talkative])],
        resources={"desk": desk},
        executor=run_executor,
    )


def test_every_line_of_a_run_names_run_job_session_and_decision(home):
    structlog.get_logger("sensors").info("before")
    tags = {"dagster/partition": "2024-01-04"}
    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        run = instance.create_run_for_job(a_job_of_a_location(), tags=tags)
        # As the worker of a launched run does it.
        happened = list(execute_run_iterator(dg.reconstructable(a_job_of_a_location), run, instance))
    assert happened[-1].event_type is dg.DagsterEventType.RUN_FAILURE
    structlog.get_logger("sensors").info("after")
    (path,) = home.logs.glob("*.jsonl")
    before, *within, after = [json.loads(line) for line in path.read_text().splitlines()]
    said = {line["event"] for line in within}
    assert {"ledger_opened", "rows_taken_in", "Retrying after a broken connection", "a thread of a library"} <= said
    assert {(line["run_id"], line["job"], line["session"]) for line in within} == {(run.run_id, "cycle", "2024-01-04")}
    named = {line["event"]: line["decision_id"] for line in within}
    assert named.pop("batch_of_another_day") == "2024-01-05"
    assert set(named.values()) == {"2024-01-04"}
    assert "run_id" not in before
    assert "run_id" not in after


def test_a_cycle_that_a_person_runs_at_the_command_line_names_itself_too(home, monkeypatch):
    monkeypatch.setattr("pipelines.analysis.build_definitions", lambda *_: a_location())
    session = date(2024, 1, 4)
    FileClock(home.clock).initialise(TradingCalendar.shipped().as_of(session))
    with pytest.raises(RunFailed):
        run_analysis("cycle", load_settings(environ={}), home, session)
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        (run,) = instance.get_runs()
    (path,) = home.logs.glob("*.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert "ledger_opened" in {line["event"] for line in lines}
    assert {(line["run_id"], line["job"], line["session"]) for line in lines} == {(run.run_id, "cycle", "2024-01-04")}


def test_a_run_writes_masked_lines_that_carry_its_id(home):
    @dg.op
    def send(context: dg.OpExecutionContext) -> None:
        with bind_run(run_id=context.run_id):
            structlog.get_logger("execution.desk").info("order_submitted", key=CANARY)

    @dg.job
    def day() -> None:
        send()

    with dg.DagsterInstance.ephemeral() as instance:
        result = day.execute_in_process(instance=instance)
    text = "".join(path.read_text() for path in home.logs.glob("*.jsonl"))
    ours = [json.loads(line) for line in text.splitlines() if "order_submitted" in line]
    assert [line["run_id"] for line in ours] == [result.run_id]
    assert CANARY not in text


def test_a_run_that_fails_with_a_secret_in_its_words_leaves_none_in_the_log(home):
    @dg.op
    def send() -> None:
        with bind_run(decision_id="d1"):
            try:
                {}[f"the venue refused {CANARY}"]
            except KeyError:
                structlog.get_logger("execution.desk").exception("order_failed")
                raise

    @dg.job
    def day() -> None:
        send()

    with dg.DagsterInstance.ephemeral() as instance:
        assert not day.execute_in_process(instance=instance, raise_on_error=False).success
    text = "".join(path.read_text() for path in home.logs.glob("*.jsonl"))
    (line,) = [json.loads(line) for line in text.splitlines() if "order_failed" in line]
    assert "KeyError" in line["exception"]
    assert line["decision_id"] == "d1"
    assert CANARY not in text


def test_a_run_that_says_a_secret_everywhere_and_dies_of_it_leaves_it_nowhere_in_the_home(home):
    @dg.op
    def send(context: dg.OpExecutionContext) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.write(f"asking with {CANARY}\n")
        context.log.info(f"asking with {CANARY}")
        context.add_output_metadata({"asked_with": CANARY})
        raise dg.Failure(f"the venue refused {CANARY}", metadata={"asked_with": CANARY}) from ValueError(CANARY)

    @dg.job
    def day() -> None:
        send()

    with dg.DagsterInstance.from_config(str(prepare_instance(home))) as instance:
        result = day.execute_in_process(instance=instance, raise_on_error=False)
        told = [str(entry) for entry in instance.all_logs(result.run_id)]
    assert not result.success
    assert sum(f"asking with {MASK}" in entry for entry in told) == 1
    assert any(f"the venue refused {MASK}" in entry for entry in told)
    streams = {path.suffix: path.read_text() for path in home.dagster.glob("storage/**/compute_logs/*")}
    assert streams[".out"] == f"asking with {MASK}\n"
    assert f"asking with {MASK}\n" in streams[".err"]
    assert not [path for path in home.root.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
