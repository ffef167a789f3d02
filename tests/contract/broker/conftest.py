from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from tests.builders.alpaca_account import AlpacaAccount, alpaca_account


@pytest.fixture(autouse=True)
def _reads_are_asked_again_without_a_pause() -> Iterator[None]:
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.fixture
def account(tmp_path: Path) -> Iterator[AlpacaAccount]:
    with alpaca_account(tmp_path) as made:
        yield made
