from collections.abc import Iterator
from pathlib import Path

import pytest

from execution.domain.errors import TouchstoneError
from pipelines.home import Home
from pipelines.logging_setup import configure_logging, unconfigure_logging
from pipelines.masked_errors import without_secrets

SECRET = "sk-4711-very-secret"


@pytest.fixture(autouse=True)
def knowing_process(tmp_path: Path) -> Iterator[None]:
    configure_logging(Home(tmp_path), secrets=[SECRET], console=False)
    yield
    unconfigure_logging()


def test_an_error_that_holds_a_secret_is_told_without_it_and_without_its_cause() -> None:
    def connect() -> None:
        raise ConnectionError(f"https://user:{SECRET}@db refused")

    def asks() -> None:
        try:
            connect()
        except ConnectionError as error:
            raise ValueError("the ledger cannot be opened") from error

    with pytest.raises(TouchstoneError, match="the ledger cannot be opened") as told:
        without_secrets(asks)()
    assert SECRET not in str(told.value)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__


def test_an_error_without_a_secret_is_left_as_it_is() -> None:
    def asks() -> None:
        raise ValueError("found 3, expected 4")

    with pytest.raises(ValueError, match="found 3, expected 4"):
        without_secrets(asks)()


def test_an_answer_is_handed_on() -> None:
    assert without_secrets(lambda: 7)() == 7
