import json

import dagster as dg
import pytest
import structlog

from pipelines.home import Home
from pipelines.logging_setup import bind_run, configure_logging, unconfigure_logging

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
