import json
import sys

import dagster as dg
import pytest
import structlog

from pipelines.dagster_instance import prepare_instance
from pipelines.home import Home
from pipelines.logging_setup import bind_run, configure_logging, unconfigure_logging
from pipelines.secret_masking import MASK

CANARY = "canary-s3cr3t/with+signs=="


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home")
    configure_logging(home, secrets=[CANARY], console=False)
    yield home
    unconfigure_logging()


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
