"""The statements of an increment: noted when dbt sends them, and sent again until the project's text changes.

dbt writes the same SQL every session: what differs stands in the tables of schema `request`, not in the text. Importing
dbt, parsing the project and rendering its templates takes several times as long as the statements themselves. So the
statements of an increment that dbt built well are noted, and a later session sends them as they are. dbt stays the
judge: it builds what is new, and as soon as one statement fails or one test finds a row, it is asked to build the whole
step itself, and what it says counts.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from assets.features.dbt_bridge import NodeResult
from assets.features.model_sources import project_hash
from assets.warehouse import Warehouse
from execution.durable_files import DurableFiles

if TYPE_CHECKING:
    import duckdb

Statements = Mapping[str, Sequence[str]]
"""Per node, by dbt's unique id and in the order they were built, the statements dbt sent for it."""

_BOUNDS: Final = frozenset({"BEGIN", "COMMIT", "ROLLBACK"})
_WRITERS: Final = ("dbt-core", "dbt-duckdb", "duckdb")


@dataclass(frozen=True, slots=True)
class NotedIncrement:
    """Where the statements of one step's increments are noted.

    Attributes:
        path: one JSON file; without it dbt is asked.
        text: hash of everything the statements follow from: the project, the feature library, the libraries that wrote
            them.
    """

    path: Path
    text: str

    @classmethod
    def of(cls, *, project_dir: Path, library: str, work: Path, step: str) -> "NotedIncrement":
        """Return where a step of a project notes its increments.

        Args:
            project_dir: the dbt project.
            library: fingerprint of the feature library that is switched on.
            work: folder of dbt's working files in the home.
            step: name of the step.
        """
        told = [project_hash(project_dir), library, *(f"{name} {version(name)}" for name in _WRITERS)]
        return cls(work / f"{step}.increment.json", hashlib.sha256("\n".join(told).encode()).hexdigest())

    def note(self, statements: Statements) -> None:
        """Note what dbt sent for an increment; atomic, the former note is replaced."""
        # dbt ends some transactions without a statement, so their bounds are drawn anew: one around each node.
        kept = {node: [one for one in sent if one.upper() not in _BOUNDS] for node, sent in statements.items()}
        body = orjson.dumps({"text": self.text, "statements": kept})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        DurableFiles().publish(self.path, lambda path: _write(path, body))

    def noted(self) -> Statements | None:
        """Return what was noted for exactly this text; None when nothing was, or the note cannot be read."""
        try:
            found = orjson.loads(self.path.read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None
        if not isinstance(found, dict) or found.get("text") != self.text:
            return None
        statements: Statements = found["statements"]
        return statements

    def repeat(self, warehouse: Warehouse, nodes: Sequence[str]) -> tuple[NodeResult, ...] | None:
        """Send the noted statements and return a good result per node; None when dbt has to be asked.

        A node that fails leaves the nodes before it built and itself undone: each is a transaction, and each clears the
        session it writes, so that dbt may begin anew. The connection reaches no file outside the home.

        Args:
            warehouse: built by an increment or a whole build before.
            nodes: unique ids asked for; all of them must be noted.
        """
        import duckdb  # noqa: PLC0415 - definitions import this module; the library loads when a query runs

        statements = self.noted()
        if statements is None or statements.keys() != set(nodes):
            return None
        results = []
        try:
            with warehouse.connect(read_only=False) as connection:
                for node, of_node in statements.items():
                    result = _sent(connection, node, of_node)
                    if result is None:
                        return None
                    results.append(result)
        except duckdb.Error:
            return None
        return tuple(results)


def _sent(connection: "duckdb.DuckDBPyConnection", node: str, statements: Sequence[str]) -> NodeResult | None:
    """Send a node's statements in one transaction; None when it is a test and found a row."""
    started = time.perf_counter()
    is_test = node.startswith("test.")
    connection.execute("begin")
    for statement in statements:
        connection.execute(statement)
    # The last statement of a test counts the rows at fault; dbt alone says what they mean.
    if is_test and _found_rows(connection.fetchone()):
        return None
    connection.execute("commit")
    return NodeResult(node, "pass" if is_test else "success", "", 0, time.perf_counter() - started)


def _found_rows(answer: Any) -> bool:
    return answer is None or any(bool(value) for value in answer)


def _write(path: Path, body: bytes) -> None:
    path.write_bytes(body)
