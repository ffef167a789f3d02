"""Structured logs: JSON lines into the home, a readable line to stderr, both masked after rendering.

Configured once per process, by the command line or by a code location. Rooms only ask `structlog.get_logger()` or
`logging.getLogger()`; both end here. Wall time stamps the lines; no decision reads it.
"""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor

from pipelines.home import Home
from pipelines.secret_masking import SecretMask

_OURS: Final = "_touchstone_handler"
_OWN_PACKAGES: Final = ("assets", "execution", "pipelines", "sensors")
# Not a context variable: a thread that a library starts would begin without it.
_IDS_OF_THE_RUN: Final[dict[str, str]] = {}


class _MaskedFormatter(structlog.stdlib.ProcessorFormatter):
    """Renders a record, traceback included, and masks what came out."""

    def __init__(self, renderer: Processor, mask: SecretMask) -> None:
        super().__init__(
            foreign_pre_chain=_shared_processors(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
        self.mask = mask

    def format(self, record: logging.LogRecord) -> str:
        return self.mask(super().format(record))


class _DailyFileHandler(logging.Handler):
    """Appends lines to one file a day. Several processes write at once, so each line is one append of its own."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._folder = home.logs

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + "\n"
            day = datetime.now(UTC).date()
            # Made with the first line: configuring a process, as a code location does when loaded, writes nothing.
            self._folder.mkdir(parents=True, exist_ok=True)
            # Unbuffered: one write call per line, which O_APPEND keeps whole beside other writers.
            with (self._folder / f"touchstone-{day}.jsonl").open("ab", buffering=0) as file:
                file.write(line.encode())
        except Exception:  # noqa: BLE001 - a log that cannot be written must not stop a trade; logging reports it
            self.handleError(record)


def configure_logging(home: Home, *, level: str = "info", secrets: Iterable[str] = (), console: bool = True) -> None:
    """Send the log records of this process to the home's log and, if wanted, to stderr; later calls change nothing.

    Args:
        home: where the log folder is; it is made with the first line.
        level: least severity written of our own packages: debug, info, warning or error; of libraries, at least
            warning.
        secrets: values that must not appear in any spelling; see `settings.secrets()`.
        console: also write a readable line to stderr.
    """
    root = logging.getLogger()
    if any(getattr(handler, _OURS, False) for handler in root.handlers):
        return
    mask, least = SecretMask(secrets), logging.getLevelNamesMapping()[level.upper()]
    to_file = _DailyFileHandler(home)
    to_file.setFormatter(_MaskedFormatter(structlog.processors.JSONRenderer(sort_keys=True), mask))
    handlers: list[logging.Handler] = [to_file]
    if console:
        to_console = logging.StreamHandler(sys.stderr)
        # A rich traceback would print local variables, and wrap a secret over two lines where no mask finds it.
        plain = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        to_console.setFormatter(_MaskedFormatter(plain, mask))
        handlers.append(to_console)
    for handler in handlers:
        setattr(handler, _OURS, True)
        handler.addFilter(_worth_reading)
        root.addHandler(handler)
    root.setLevel(least)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def unconfigure_logging() -> None:
    """Undo `configure_logging`; for processes that live through several homes, such as tests."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if getattr(handler, _OURS, False)]:
        root.removeHandler(handler)
        handler.close()
    structlog.reset_defaults()


def process_mask() -> SecretMask | None:
    """Return the mask this process's logging was configured with; None before that.

    For the other places a process writes to: the orchestrator's events and captured streams.
    """
    formatters = [handler.formatter for handler in logging.getLogger().handlers if getattr(handler, _OURS, False)]
    return next((formatter.mask for formatter in formatters if isinstance(formatter, _MaskedFormatter)), None)


def _worth_reading(record: logging.LogRecord) -> bool:
    """Leave out what libraries say below a warning: there is much of it, and some set their own level."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in _OWN_PACKAGES


@contextmanager
def bind_run(
    *, run_id: str | None = None, job: str | None = None, session: str | None = None, decision_id: str | None = None
) -> Iterator[None]:
    """Put ids on every log line this process writes in the block, whichever thread or library writes it.

    A run has its process for itself. What a line says of itself stays as it says.

    Args:
        run_id: the orchestrator's id of the run; None leaves the outer one, here as below.
        job: name of its job.
        session: the session it is of.
        decision_id: the cycle or plan the block works on.
    """
    told = {"run_id": run_id, "job": job, "session": session, "decision_id": decision_id}
    outer = dict(_IDS_OF_THE_RUN)
    _IDS_OF_THE_RUN.update({key: value for key, value in told.items() if value is not None})
    try:
        yield
    finally:
        _IDS_OF_THE_RUN.clear()
        _IDS_OF_THE_RUN.update(outer)


def _with_ids_of_the_run(_logger: Any, _method: str, line: EventDict) -> EventDict:
    return {**_IDS_OF_THE_RUN, **line}


def _shared_processors() -> list[Processor]:
    return [
        _with_ids_of_the_run,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
