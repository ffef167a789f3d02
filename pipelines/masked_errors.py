"""Errors of ticks without secrets: Dagster stores what a sensor raised in a table that no mask of ours reaches."""

import traceback
from collections.abc import Callable
from typing import TypeVar

from execution.domain.errors import TouchstoneError
from pipelines.logging_setup import process_mask

T = TypeVar("T")


def without_secrets(ask: Callable[[], T]) -> Callable[[], T]:
    """Return the same question, whose errors tell no secret that this process knows.

    Raises:
        TouchstoneError: the masked text of an error that held one, without its causes.
    """

    def asked() -> T:
        try:
            return ask()
        except Exception as error:
            mask, told = process_mask(), "".join(traceback.format_exception(error))
            if mask is None or (masked := mask.without_known(told)) == told:
                raise
            raise TouchstoneError(masked) from None

    return asked
