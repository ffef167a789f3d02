from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture(autouse=True)
def _reads_are_asked_again_without_a_pause() -> Iterator[None]:
    with stamina.set_testing(True, attempts=10, cap=True):
        yield
