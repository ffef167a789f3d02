"""dbt in this process: write down what is asked, build exactly those nodes, say what became of each.

A build of warm code takes half a second in the process and four in a process of its own. dbt reports nodes it skipped
quietly; here a node without a good result is a failure, whatever the reason, because a silent skip would let the rows
of yesterday pass for those of today.
"""

import logging
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from assets.features.feature_parts import FeaturePart
from assets.features.model_sources import project_hash
from assets.memory import give_back
from assets.schemas import INSTANT, PRICE_USD
from assets.snapshots import DataSnapshot
from assets.universe_policy import UniversePolicy
from assets.warehouse import Warehouse
from execution.domain.errors import DataError
from execution.trading_calendar import AS_OF_AFTER_CLOSE, TradingCalendar

HOME_VARIABLE: Final = "TOUCHSTONE_HOME"
MEMORY_VARIABLE: Final = "TOUCHSTONE_DBT_MEMORY"
MEMORY_MB: Final = 400
"""What a build may hold in memory; the rest goes through files beside the warehouse."""
PARSED_TEXT: Final = ("DBT_ENV_CUSTOM_ENV_PROJECT_TEXT", "PROJECT_TEXT")
"""The variable dbt copies into a manifest, and its name there: which text of the project was parsed."""
_GOOD: Final = frozenset({"success", "pass", "warn"})


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What a build is asked for; it becomes the tables of schema `request`.

    Attributes:
        session: the session being built.
        snapshot: its pinned raw parts.
        raw_paths: per raw table the files of those parts, the zero-row schema file first.
        feature_parts: feature parts in force up to the session.
        first_bar_session: oldest session with a bar; None while there is none.
        policy: the screen of the universe.
    """

    session: date
    snapshot: DataSnapshot
    raw_paths: Mapping[str, Sequence[Path]]
    feature_parts: Sequence[FeaturePart]
    first_bar_session: date | None
    policy: UniversePolicy


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What became of one node.

    Attributes:
        unique_id: dbt's name of it.
        status: dbt's word: success, pass, warn, fail, error, skipped; `missing` when dbt did not mention it.
        message: dbt's message; may be empty.
        failures: rows a test found; 0 for models.
        seconds: wall time of the node.
    """

    unique_id: str
    status: str
    message: str
    failures: int
    seconds: float

    @property
    def is_good(self) -> bool:
        """Whether the node did what it should."""
        return self.status in _GOOD


@dataclass(frozen=True, slots=True)
class DbtProject:
    """The dbt project of one home.

    Attributes:
        project_dir: folder of `dbt_project.yml` and `profiles.yml`.
        home: the home whose warehouse is built; dbt's own working files go to `<home>/dbt`.
    """

    project_dir: Path
    home: Path

    def build(
        self,
        nodes: Sequence[str],
        *,
        log: Callable[[str], None],
        sent: Callable[[str, str], None] = lambda _node, _statement: None,
        is_full_refresh: bool = False,
        memory_mb: int = MEMORY_MB,
    ) -> tuple[NodeResult, ...]:
        """Build models and run tests, in the order of the graph, and return a result for each asked node.

        Args:
            nodes: names of models and data tests.
            log: called with each warning and error dbt tells.
            sent: called with each statement dbt sends for a node: the node's unique id and the SQL.
            is_full_refresh: drop what the models hold and build every session again.
            memory_mb: what DuckDB may hold in memory; not every operation knows how to go through files instead.

        Raises:
            DataError: dbt could not start the build (a project that does not parse, a locked warehouse).
        """
        from dbt.adapters.duckdb.connections import (  # noqa: PLC0415 - two seconds of imports only a build needs
            DuckDBConnectionManager,
        )
        from dbt.cli.main import dbtRunner  # noqa: PLC0415 - as above

        # What earlier steps of this process have freed, allocators keep; the build needs room of its own.
        give_back()
        told: list[str] = []
        hear = _listener(told, log, sent)
        try:
            with (
                _environment(HOME_VARIABLE, str(self.home.resolve())),
                _environment(MEMORY_VARIABLE, f"{memory_mb}MB"),
                _quiet_loggers(),
            ):
                manifest, outcome = self._parsed(hear)
                if manifest is not None:
                    runner = dbtRunner(manifest=manifest, callbacks=[hear])
                    outcome = runner.invoke(self._arguments("build", *_build_options(nodes, is_full_refresh)))
        finally:
            # The adapter keeps its handle on the class: the next connection of this process would be refused.
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]  # dbt's own, untyped
        if outcome.result is None:
            reason = outcome.exception or "; ".join(told[-3:]) or "dbt gave no reason"
            raise DataError(f"dbt could not build {len(nodes)} nodes: {reason}")
        told_of: Any = outcome.result  # the runner's type is a union over every command; build gives run results
        return tuple(_node_result(result) for result in told_of.results)

    def _parsed(self, hear: Callable[[Any], None]) -> tuple[Any, Any]:
        """Return the project as dbt parsed it and None, or None and dbt's answer when it cannot parse it.

        Parsing takes five seconds of a new process. It is left out where what `make manifest` wrote, or what this
        process parsed, is of exactly this text.
        """
        from dbt.cli.main import dbtRunner  # noqa: PLC0415 - as in `build`

        key = (self.project_dir, project_hash(self.project_dir))
        if key not in _PARSED:
            manifest, outcome = _written(*key), None
            if manifest is None:
                outcome = dbtRunner(callbacks=[hear]).invoke(self._arguments("parse"))
                if not outcome.success:
                    return None, outcome
                manifest = outcome.result
            _PARSED.clear()
            _PARSED[key] = manifest
        return _PARSED[key], None

    def _arguments(self, command: str, *options: str) -> list[str]:
        work = self.home.resolve() / "dbt"
        return [
            # What matters arrives through the listener; without a level dbt writes no line of its own.
            "--log-level",
            "none",
            "--log-level-file",
            "none",
            "--no-use-colors",
            "--no-version-check",
            "--no-send-anonymous-usage-stats",
            "--no-write-json",
            # The schemas of the nodes asked for hold all that they ask the catalog about.
            "--cache-selected-only",
            command,
            "--project-dir",
            str(self.project_dir),
            "--profiles-dir",
            str(self.project_dir),
            "--target-path",
            str(work),
            "--log-path",
            str(work),
            *options,
        ]


# What this process knows parsed: dbt's manifest by the project's folder and text. It names no home, so homes share it.
_PARSED: Final[dict[tuple[Path, str], Any]] = {}


def write_manifest(project_dir: str | Path) -> None:
    """Let dbt parse a project and write to `target` its manifest and what it parsed, which tell the text they are of.

    Raises:
        DataError: the project does not parse.
    """
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - seconds of imports

    folders = ("--project-dir", str(project_dir), "--profiles-dir", str(project_dir))
    # A parse that goes on from an earlier one would keep the text that one was told.
    quiet = ("--quiet", "--no-partial-parse", "--no-send-anonymous-usage-stats")
    with _environment(PARSED_TEXT[0], project_hash(Path(project_dir))):
        outcome = dbtRunner().invoke([*quiet, "parse", *folders])
    if not outcome.success:
        raise DataError(f"dbt cannot parse {project_dir}: {outcome.exception or 'its reasons stand above'}")


def _written(project_dir: Path, text: str) -> Any:
    """Return what `write_manifest` left, if it is of this text and of the dbt that is installed."""
    from dbt.constants import PARTIAL_PARSE_FILE_NAME  # noqa: PLC0415 - as above
    from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415 - as above

    # The JSON beside it does not tell a test of a column from a test that is a file of its own.
    path = project_dir / "target" / PARTIAL_PARSE_FILE_NAME
    try:
        manifest = Manifest.from_msgpack(path.read_bytes())
    except Exception:  # noqa: BLE001 - there is none, or another dbt wrote it: dbt parses instead
        return None
    told = manifest.metadata
    return manifest if (told.env.get(PARSED_TEXT[1]), told.dbt_version) == (text, version("dbt-core")) else None


def _build_options(nodes: Sequence[str], is_full_refresh: bool) -> list[str]:  # noqa: FBT001 - private, named at its one call
    return [
        "--exclude-resource-type",
        "unit_test",
        "--indirect-selection",
        "empty",
        *(["--full-refresh"] if is_full_refresh else []),
        "--select",
        *nodes,
    ]


def results_of(asked: Sequence[str], results: Sequence[NodeResult]) -> dict[str, NodeResult]:
    """Return one result per asked node, in the order asked; a node dbt did not mention is `missing`, which is not good.

    Args:
        asked: unique ids.
        results: what dbt told, in any order.
    """
    told = {result.unique_id: result for result in results}
    silent = "dbt told nothing of it: the manifest and the project differ, run `make manifest`"
    return {node: told.get(node) or NodeResult(node, "missing", silent, 0, 0.0) for node in asked}


def write_request(warehouse: Warehouse, request: BuildRequest, calendar: TradingCalendar) -> None:
    """Write the tables of schema `request`, in one transaction."""
    tables = {
        "sessions": _sessions(request, calendar),
        "raw_parts": _raw_parts(request),
        "feature_parts": _feature_parts(request, calendar),
        "universe_policy": _policy(request.policy),
    }
    with warehouse.connect(read_only=False) as connection:
        connection.execute("begin")
        connection.execute("create schema if not exists request")
        for name, table in tables.items():
            connection.register("incoming", table)
            connection.execute(f"create or replace table request.{name} as select * from incoming")  # noqa: S608 - own names
            connection.unregister("incoming")
        connection.execute("commit")


def _sessions(request: BuildRequest, calendar: TradingCalendar) -> pa.Table:
    end = calendar.index(request.session) + 1
    first = end if request.first_bar_session is None else bisect_left(calendar.sessions, request.first_bar_session)
    sessions, cut_offs = _calendar_columns(calendar)
    positions = np.arange(end, dtype=np.int32)
    return pa.table(
        {
            "session": sessions[:end],
            "position": pa.array(positions),
            "as_of": cut_offs[:end],
            "is_current": pa.array(positions == end - 1),
            "has_bars": pa.array(positions >= first),
        }
    )


@cache
def _calendar_columns(calendar: TradingCalendar) -> tuple[pa.Array, pa.Array]:
    cut_offs = [close + AS_OF_AFTER_CLOSE for close in calendar.closes]
    return pa.array(calendar.sessions, pa.date32()), pa.array(cut_offs, INSTANT)


def _raw_parts(request: BuildRequest) -> pa.Table:
    rows = [(table, path.stem, str(path.absolute())) for table, paths in request.raw_paths.items() for path in paths]
    names = ("table_name", "part", "path")
    return pa.table({name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)})


def _feature_parts(request: BuildRequest, calendar: TradingCalendar) -> pa.Table:
    parts = request.feature_parts
    positions = [None if part.session is None else calendar.index(part.session) for part in parts]
    places = {path: str(path.absolute()) for path in {part.path for part in parts}}
    return pa.table(
        {
            "kind": pa.array([part.kind for part in parts], pa.string()),
            "part": pa.array([part.part for part in parts], pa.string()),
            "path": pa.array([places[part.path] for part in parts], pa.string()),
            "session": pa.array([part.session for part in parts], pa.date32()),
            "position": pa.array(positions, pa.int32()),
        }
    )


def _policy(policy: UniversePolicy) -> pa.Table:
    types = {
        "index_name": pa.string(),
        "watchlists": pa.list_(pa.string()),
        "min_adv20_shares": pa.int64(),
        "min_close_usd": PRICE_USD,
        "max_close_usd": PRICE_USD,
        "min_daily_volatility": pa.float64(),
        "max_daily_volatility": pa.float64(),
        "blacklist": pa.list_(pa.string()),
        "max_names": pa.int32(),
    }
    values = policy.model_dump()
    return pa.table({name: pa.array([values[name]], kind) for name, kind in types.items()})


def _node_result(result: Any) -> NodeResult:
    return NodeResult(
        unique_id=str(result.node.unique_id),
        status=str(result.status),
        message=str(result.message or ""),
        failures=int(result.failures or 0),
        seconds=float(result.execution_time),
    )


def _listener(told: list[str], log: Callable[[str], None], sent: Callable[[str, str], None]) -> Callable[[Any], None]:
    def hear(event: Any) -> None:
        if event.info.name == "SQLQuery" and event.data.node_info.unique_id:
            sent(event.data.node_info.unique_id, event.data.sql)
        if event.info.level in {"warn", "error"}:
            told.append(str(event.info.msg).strip())
            log(f"dbt: {told[-1]}")

    return hear


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    # dbt's profile reads them from the environment, where a person who runs dbt by hand has them too.
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _quiet_loggers() -> Iterator[None]:
    # dbt prints through handlers of its own; what matters arrives through the listener.
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
