"""Where settings come from: YAML files first, then the environment. Text becomes one plain tree with an origin per key.

No type is known here and nothing is defaulted. What two careful readers could read differently is refused: a key said
twice, in one file or in two, an alias, a number that is not finite.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from execution.domain.errors import SettingsRefused

ENVIRONMENT_PREFIX: Final = "TOUCHSTONE__"
INCLUDES: Final = "includes"

Tree = dict[str, Any]

_PLAIN_TAGS: Final = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


@dataclass(frozen=True, slots=True)
class Given:
    """What files and environment said, before any type or default.

    Attributes:
        tree: nested mappings with plain leaves, as said.
        origins: dotted key of each leaf to where it was said: `settings.yaml:3`, or the name of a variable.
        files: every file that was read, the including one first.
        said_in: dotted key of each leaf that a file said, to that file.
    """

    tree: Tree = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    said_in: dict[str, Path] = field(default_factory=dict)


def given_settings(path: Path | None, environ: Mapping[str, str], *, is_text: Callable[[str], bool]) -> Given:
    """Return what a settings file, its includes and the environment say; the environment wins over files.

    Args:
        path: the settings file; None when there is none.
        environ: the environment; only TOUCHSTONE__SECTION__FIELD names are read.
        is_text: whether a dotted key takes text only. A variable has no quotes, so an account named 007 would
            otherwise be read as a number.

    Raises:
        SettingsRefused: a file cannot be read or says a key twice, or a value has no single meaning.
    """
    given = Given() if path is None else _from_files(path)
    for key, value, name in _from_environment(environ, is_text):
        if isinstance(value_at(given.tree, key), dict) and not isinstance(value, dict) and value is not None:
            raise SettingsRefused(f"{name}: {key} is a section; set its fields one by one")
        put(given.tree, key, value)
        # A variable may replace a whole section: the origins of the leaves it replaced are gone with them.
        for stale in [old for old in given.origins if old == key or old.startswith(f"{key}.")]:
            del given.origins[stale]
            given.said_in.pop(stale, None)
        given.origins.update(dict.fromkeys(_leaves(key, value), name))
    return given


def _from_files(path: Path) -> Given:
    tree, origins = _read(path)
    patterns = tree.pop(INCLUDES, [])
    origins = {key: origin for key, origin in origins.items() if key != INCLUDES}
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise SettingsRefused(f"{path.name}: includes must be a list of file names, found {patterns!r}")
    files, said_in = [path], dict.fromkeys(origins, path)
    for pattern in patterns:
        # Sorted, so that a message about two files does not depend on the order a folder lists them in.
        found = sorted(path.parent.glob(pattern)) if any(mark in pattern for mark in "*?[") else [path.parent / pattern]
        if not found:
            raise SettingsRefused(f"{path.name}: includes names {pattern!r}, which matches no file beside it")
        for included in found:
            more, more_origins = _read(included)
            if INCLUDES in more:
                raise SettingsRefused(
                    f"{included.name}: an included file cannot include others; list them in {path.name}"
                )
            _join(tree, more, origins, more_origins)
            origins.update(more_origins)
            said_in.update(dict.fromkeys(more_origins, included))
            files.append(included)
    return Given(tree, origins, tuple(files), said_in)


def _join(
    tree: Tree, more: Tree, origins: Mapping[str, str], more_origins: Mapping[str, str], prefix: str = ""
) -> None:
    for name, value in more.items():
        key = f"{prefix}{name}"
        if name not in tree:
            tree[name] = value
        elif isinstance(tree[name], dict) and isinstance(value, dict):
            _join(tree[name], value, origins, more_origins, f"{key}.")
        else:
            first, second = _origin(origins, key), _origin(more_origins, key)
            raise SettingsRefused(f"{key} is said twice: {first} and {second}; keep one of them")


def _origin(origins: Mapping[str, str], key: str) -> str:
    return origins.get(key) or next(origin for known, origin in origins.items() if known.startswith(f"{key}."))


class _Loader(yaml.SafeLoader):
    """Safe YAML without anchors, and with `true` and `false` as the only booleans: ON is a stock, not a switch."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call] # the stubs leave it untyped
            raise yaml.constructor.ConstructorError(None, None, "aliases are not allowed: write the value again", mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


# YAML 1.1 reads 010 as eight, 1:30 as ninety and 1e-3 as text. Numbers and booleans are those of YAML 1.2.
_NUMBERS_AND_BOOLEANS: Final = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NUMBERS_AND_BOOLEANS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9_]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^([-+]?([0-9][0-9_]*\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


def _read(path: Path) -> tuple[Tree, dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsRefused(f"settings file {path} does not exist; create it or correct the name") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsRefused(f"settings file {path} cannot be read as UTF-8 text: {error}") from None
    loader = _Loader(text)
    origins: dict[str, str] = {}
    try:
        node = loader.get_single_node()
        value = {} if node is None else _value(loader, node, path.name, "", origins)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise SettingsRefused(f"{path.name}{line}: not valid YAML: {problem}") from None
    finally:
        loader.dispose()
    if not isinstance(value, dict):
        raise SettingsRefused(f"{path.name}: expected keys and values, found {type(value).__name__}")
    return value, origins


def _value(loader: _Loader, node: yaml.Node, file: str, key: str, origins: dict[str, str] | None) -> Any:
    where = f"{file}:{node.start_mark.line + 1}"
    if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
        raise SettingsRefused(f"{where}: the tag {node.tag} is not allowed; write plain keys, values and lists")
    if isinstance(node, yaml.MappingNode) and node.value:
        return _mapping(loader, node, file, key, origins)
    if origins is not None and key:
        origins[key] = where
    if isinstance(node, yaml.SequenceNode):
        # Items have no origin of their own: a list is one value.
        return [_value(loader, item, file, key, None) for item in node.value]
    if isinstance(node, yaml.ScalarNode) and node.tag in _NUMBERS_AND_BOOLEANS and "_" in node.value:
        raise SettingsRefused(f"{key} ({where}): found {node.value}, expected a number without underscores")
    try:
        value = {} if isinstance(node, yaml.MappingNode) else loader.construct_object(node)
    except (ValueError, KeyError, AttributeError):
        # The text has the look of its kind, or a tag says it is of it, and means nothing: the 30th of February.
        kind = node.tag.rpartition(":")[2]
        raise SettingsRefused(
            f"{key} ({where}): found {node.value}, which is no {kind}: correct it, or quote it where text is meant"
        ) from None
    return _finite(value, key, where)


def _mapping(loader: _Loader, node: yaml.MappingNode, file: str, key: str, origins: dict[str, str] | None) -> Tree:
    mapping: Tree = {}
    seen: dict[str, int] = {}
    for name_node, value_node in node.value:
        line = name_node.start_mark.line + 1
        name = name_node.value
        if not isinstance(name_node, yaml.ScalarNode) or name == "<<" or not name:
            raise SettingsRefused(f"{file}:{line}: a key must be a plain word, found {name!r}")
        full = f"{key}.{name}" if key else name
        if name in seen:
            raise SettingsRefused(f"{file}:{line}: {full} is said twice, first on line {seen[name]}; keep one of them")
        if "." in name and origins is not None:
            raise SettingsRefused(f"{file}:{line}: {name!r} has a dot; write sections below each other instead")
        seen[name] = line
        mapping[name] = _value(loader, value_node, file, full, origins)
    return mapping


def _finite(value: Any, key: str, where: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsRefused(f"{key} ({where}): found {value}, expected a finite number")
    return value


def _from_environment(environ: Mapping[str, str], is_text: Callable[[str], bool]) -> Iterator[tuple[str, Any, str]]:
    for name in sorted(environ):
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        key = name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
        if not key or key.startswith(".") or key.endswith(".") or ".." in key:
            raise SettingsRefused(f"{name}: expected {ENVIRONMENT_PREFIX}SECTION__FIELD")
        text = environ[name]
        yield key, text if is_text(key) else _environment_value(text, key, name), name


def _environment_value(text: str, key: str, name: str) -> Any:
    """Read a variable as a YAML value, so that a list is written `[a, b]`; what is no YAML is the text itself."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return text if node is None else _value(loader, node, name, key, {})
    except yaml.YAMLError:
        return text
    finally:
        loader.dispose()


def put(tree: Tree, key: str, value: Any) -> None:
    """Set the value at a dotted key, making the sections above it."""
    *parents, last = key.split(".")
    for parent in parents:
        below = tree.get(parent)
        if not isinstance(below, dict):
            # Also `files: null` in a file and a variable that fills the section: the later word wins.
            below = tree[parent] = {}
        tree = below
    tree[last] = value


def value_at(tree: Tree, key: str) -> Any:
    """Return the value at a dotted key, None when there is none."""
    value: Any = tree
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _leaves(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, below in value.items():
            yield from _leaves(f"{key}.{name}", below)
    else:
        yield key
