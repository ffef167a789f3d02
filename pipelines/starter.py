"""A process and who started it: neither is left running by a closed terminal, a kill, or a starter that died.

A starter that is asked to end does so in order, and ends what it started. One that dies without a word closes the pipe
that is the standard input of what it started, which then ends by itself.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

WITH_STARTER: Final = "--with-starter"
"""Argument of a process whose standard input is a pipe that its starter holds open."""


@contextmanager
def interrupted_in_order() -> Iterator[None]:
    """Turn Ctrl-C, a closed terminal and SIGTERM into KeyboardInterrupt until the block ends; for the main thread.

    SIGINT too, because a shell that starts us in the background has it ignored. A hang-up that `nohup` had ignored
    stays ignored.
    """
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    if kept[signal.SIGHUP] is signal.SIG_IGN:
        del kept[signal.SIGHUP]

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        # A terminal that closes says so more than once; the second word must not break the ending off.
        for number in kept.keys() - {signal.SIGINT}:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in kept:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, former in kept.items():
            signal.signal(number, former)


def end_with_starter() -> None:
    """Interrupt this process once its standard input ends; returns at once."""

    def watch() -> None:
        # Not through sys.stdin: a thread that waits inside its buffer breaks the interpreter's own ending.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, name="end-with-starter", daemon=True).start()
