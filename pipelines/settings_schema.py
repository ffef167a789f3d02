"""The shape of the whole tree, as JSON schema: which keys exist, which are secrets or paths, what is defaulted.

The types of the tree live in the rooms that use them, and the trading location may import only its own half. Both
locations read this one schema instead, so both refuse the same unknown keys and compute the same hash. It is written
from the types by `make schema`; a test compares the two. Editors that know YAML schemas can use it as well.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from typing import Any, Final, Self

from execution.domain.canonical import content_hash

NOT_HASHED: Final[dict[str, Any]] = {"x-not-hashed": True}
"""`json_schema_extra` of a field that changes how a run is watched, never what it decides."""

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SettingsSchema:
    """The JSON schema of the settings tree.

    Attributes:
        document: the schema, references and all.
    """

    document: Node

    @classmethod
    @cache
    def shipped(cls) -> Self:
        """Return the committed schema, read once per process."""
        return cls(json.loads((files("pipelines") / "settings_schema.json").read_text(encoding="utf-8")))

    def unknown_keys(self, tree: Mapping[str, Any]) -> tuple[tuple[str, str | None], ...]:
        """Return each dotted key that no field has, with the nearest valid key beside it, None when none is near."""
        return tuple(self._unknown(tree, self.document, ""))

    def is_text(self, key: str) -> bool:
        """Return whether a dotted key takes text only: a name or a secret, never a number, a date or a list."""
        shapes = [shape for shape in self._shapes_at(key) if shape.get("type") != "null"]
        return bool(shapes) and all(
            shape.get("type") == "string" and shape.get("format") in {None, "password", "path"} for shape in shapes
        )

    def is_secret(self, key: str) -> bool:
        """Return whether a dotted key holds a secret."""
        return any(_is_secret(shape) for shape in self._shapes_at(key))

    def holds_secret(self, key: str) -> bool:
        """Return whether a dotted key is a secret or a section with one somewhere below it."""
        return any(self._has_secret(shape) for shape in self._shapes_at(key))

    def is_number(self, key: str) -> bool:
        """Return whether a dotted key takes a number and neither true nor false."""
        kinds = {shape.get("type") for shape in self._shapes_at(key)}
        return bool(kinds & {"integer", "number"}) and "boolean" not in kinds

    def is_path(self, key: str) -> bool:
        """Return whether a dotted key names a file or folder."""
        return any("path" in str(shape.get("format", "")) for shape in self._shapes_at(key))

    def keys(self) -> tuple[str, ...]:
        """Return every dotted key that can be set, sorted; `*` stands for a name the user chooses."""
        return tuple(sorted(self._keys(self.document, "")))

    def settings_hash(self, tree: Mapping[str, Any]) -> str:
        """Return the content hash of a tree with its defaults, without paths, secrets and what only watches.

        Saying a default aloud does not change the hash; neither does 5.0 for 5.
        """
        return content_hash(self._resolved(dict(tree), self.document))

    def _shapes(self, node: Node) -> Iterator[Node]:
        """Yield what a node may be, references followed and alternatives flattened."""
        if "$ref" in node:
            # Beside a reference stand only this use's own words, such as a default.
            yield from self._shapes(self.document["$defs"][node["$ref"].rpartition("/")[2]])
        elif alternatives := node.get("anyOf") or node.get("oneOf") or node.get("allOf"):
            for alternative in alternatives:
                yield from self._shapes(alternative)
        else:
            yield node

    def _shapes_at(self, key: str) -> list[Node]:
        shapes: list[Node] = [self.document]
        for name in key.split("."):
            below = [child for shape in shapes if (child := _child(shape, name)) is not None]
            shapes = [shape for node in below for shape in self._shapes(node)]
        return shapes

    def _has_secret(self, shape: Node) -> bool:
        below = [*shape.get("properties", {}).values(), shape.get("additionalProperties"), shape.get("items")]
        children = [child for node in below if isinstance(node, Mapping) for child in self._shapes(node)]
        return _is_secret(shape) or any(self._has_secret(child) for child in children)

    def _unknown(self, value: Any, node: Node, prefix: str) -> Iterator[tuple[str, str | None]]:
        shapes = list(self._shapes(node))
        if isinstance(value, Mapping):
            objects = [shape for shape in shapes if shape.get("type") == "object"]
            for name, below in value.items():
                children = [child for shape in objects if (child := _child(shape, name)) is not None]
                if objects and not children:
                    yield f"{prefix}{name}", self._nearest(f"{prefix}{name}")
                for child in children[:1]:
                    yield from self._unknown(below, child, f"{prefix}{name}.")
        elif isinstance(value, list):
            for item in value:
                for shape in shapes:
                    if isinstance(shape.get("items"), Mapping):
                        yield from self._unknown(item, shape["items"], prefix)

    def _nearest(self, key: str) -> str | None:
        known = self.keys()
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
        # A field that is right in the wrong section: look at its last word alone.
        last = key.rpartition(".")[2]
        namesakes = [candidate for candidate in known if candidate.rpartition(".")[2] == last]
        return namesakes[0] if namesakes else near[0] if near else None

    def _keys(self, node: Node, prefix: str) -> Iterator[str]:
        for shape in self._shapes(node):
            properties = shape.get("properties")
            extra = shape.get("additionalProperties")
            if properties:
                for name, child in properties.items():
                    yield from self._keys(child, f"{prefix}{name}.")
            elif isinstance(extra, Mapping):
                yield from self._keys(extra, f"{prefix}*.")
            elif shape.get("type") != "null":
                yield prefix.rstrip(".")

    def _resolved(self, value: Any, node: Node) -> Any:
        shapes = list(self._shapes(node))
        if isinstance(value, Mapping):
            shape = next((shape for shape in shapes if shape.get("type") == "object"), {})
            return self._resolved_mapping(value, shape)
        if isinstance(value, (list, tuple)):
            items: Node = next((shape["items"] for shape in shapes if isinstance(shape.get("items"), Mapping)), {})
            return [self._resolved(item, items) for item in value]
        return _normal(value, is_number=any(shape.get("type") in {"number", "integer"} for shape in shapes))

    def _resolved_mapping(self, value: Mapping[str, Any], shape: Node) -> dict[str, Any]:
        resolved: dict[str, Any] = {}
        for name, child in shape.get("properties", {}).items():
            if self._is_hashed(child):
                default = child.get("default", {} if self._is_section(child) else None)
                resolved[name] = self._resolved(value.get(name, default), child)
        extra = shape.get("additionalProperties")
        for name in value.keys() - shape.get("properties", {}).keys():
            if isinstance(extra, Mapping) and self._is_hashed(extra):
                resolved[str(name)] = self._resolved(value[name], extra)
        return resolved

    def _is_hashed(self, node: Node) -> bool:
        if node.get("x-not-hashed"):
            return False
        shapes = list(self._shapes(node))
        return not any(_is_secret(shape) or "path" in str(shape.get("format", "")) for shape in shapes)

    def _is_section(self, node: Node) -> bool:
        shapes = list(self._shapes(node))
        return bool(shapes) and all(shape.get("type") == "object" for shape in shapes)


def _child(shape: Node, name: str) -> Node | None:
    properties = shape.get("properties", {})
    if name in properties:
        found: Node = properties[name]
        return found
    extra = shape.get("additionalProperties")
    return extra if isinstance(extra, Mapping) else None


def _is_secret(shape: Node) -> bool:
    return bool(shape.get("writeOnly")) or shape.get("format") == "password"


def _normal(value: Any, *, is_number: bool) -> Any:
    """Return one spelling per value: 5, 5.0 and "5" are the same number where a number is meant."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float, Decimal)):
        return Decimal(str(value))
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if is_number:
        try:
            return Decimal(value)
        except InvalidOperation:
            return value
    return value
