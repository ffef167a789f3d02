"""What `manifest.json` says of the dbt project: models, tests and what each rests on, as plain values.

The file is made by `make manifest` and only read here: neither dbt nor its parser is imported to define assets.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

from execution.domain.errors import DataError

Key = tuple[str, ...]
Nodes = Mapping[str, Mapping[str, Any]]

_RAW_SNAPSHOT: Final[Key] = ("raw", "snapshot")


@dataclass(frozen=True, slots=True)
class DbtModel:
    """One model as an asset.

    Attributes:
        unique_id: dbt's own name of it.
        name: the model's name; unique in the project.
        key: asset key: marts are `features/<name>`, other layers `features/<layer>/<name>`.
        schema: the warehouse schema it is built in.
        deps: asset keys of what it reads.
        description: the grain sentence.
    """

    unique_id: str
    name: str
    key: Key
    schema: str
    deps: tuple[Key, ...]
    description: str


@dataclass(frozen=True, slots=True)
class DbtTest:
    """One data test as a check of an asset.

    Attributes:
        unique_id: dbt's own name of it.
        name: the test's name.
        model_key: asset key of the model it judges; of the first one for a test over several.
        is_blocking: whether its failure stops what comes after: severity error.
    """

    unique_id: str
    name: str
    model_key: Key
    is_blocking: bool


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """The models of one tag and the tests that can run once they are built."""

    models: tuple[DbtModel, ...]
    tests: tuple[DbtTest, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all models and tests, as dbt selects them."""
        return (*(model.name for model in self.models), *(test.name for test in self.tests))

    @property
    def nodes(self) -> tuple[str, ...]:
        """Dbt's unique ids of all models and tests, in the order of `names`."""
        return (*(model.unique_id for model in self.models), *(test.unique_id for test in self.tests))


def read_manifest(path: Path) -> Mapping[str, Any]:
    """Return the manifest dbt made.

    Raises:
        DataError: it is absent or no JSON.
    """
    try:
        manifest: Mapping[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(
            f"{path.name} not found in {path.parent}: expected dbt's manifest; run `make manifest`"
        ) from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path.name} is no JSON ({error}); run `make manifest`") from error
    return manifest


def build_plan(manifest: Mapping[str, Any], tag: str) -> BuildPlan:
    """Return the models of a tag, each after what it reads, and every data test whose last model is among them."""
    nodes: Nodes = manifest["nodes"]
    parents = {
        unique_id: sorted(node["depends_on"]["nodes"])
        for unique_id, node in sorted(nodes.items())
        if node["resource_type"] == "model" and tag in node["tags"]
    }
    models = {
        unique_id: _model(unique_id, manifest)
        for unique_id in TopologicalSorter(parents).static_order()
        if unique_id in parents
    }
    tests = tuple(
        test
        for unique_id, node in sorted(nodes.items())
        if node["resource_type"] == "test" and (test := _test(unique_id, node, models, nodes)) is not None
    )
    return BuildPlan(tuple(models.values()), tests)


def _model(unique_id: str, manifest: Mapping[str, Any]) -> DbtModel:
    node = manifest["nodes"][unique_id]
    parents = [_parent_key(parent, manifest) for parent in node["depends_on"]["nodes"]]
    deps = {parent for parent in parents if parent is not None}
    if any(dep[0] == "raw" for dep in deps):
        # Which parts exist for the session is the snapshot's word, so whatever reads raw parts waits for it.
        deps.add(_RAW_SNAPSHOT)
    return DbtModel(
        unique_id=unique_id,
        name=node["name"],
        key=_model_key(node),
        schema=node["schema"],
        deps=tuple(sorted(deps)),
        description=" ".join(node["description"].split()),
    )


def _test(unique_id: str, node: Mapping[str, Any], models: Mapping[str, DbtModel], nodes: Nodes) -> DbtTest | None:
    judged = [parent for parent in node["depends_on"]["nodes"] if parent in nodes]
    # The attached model of a generic test comes first; a test over several layers runs with the last of them.
    subject = node.get("attached_node") or next((parent for parent in judged if parent in models), "")
    tags = {tag for parent in judged for tag in nodes[parent]["tags"]}
    if subject not in models or ("marts" in tags and "marts" not in nodes[subject]["tags"]):
        return None
    return DbtTest(
        unique_id=unique_id,
        name=node["name"],
        model_key=models[subject].key,
        is_blocking=str(node["config"]["severity"]).lower() == "error",
    )


def _parent_key(unique_id: str, manifest: Mapping[str, Any]) -> Key | None:
    if unique_id in manifest["nodes"]:
        return _model_key(manifest["nodes"][unique_id])
    source = manifest["sources"][unique_id]
    if source["source_name"] == "request":
        return None
    return (source["source_name"], str(source["meta"].get("asset", source["name"])))


def _model_key(node: Mapping[str, Any]) -> Key:
    return ("features", node["name"]) if node["schema"] == "marts" else ("features", node["schema"], node["name"])
