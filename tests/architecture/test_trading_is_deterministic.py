"""What decides must decide the same again: no wall clock, no chance, no thread, no order that hashes choose.

A set of strings is iterated in another order in every process, so a set may be asked and sorted, never walked.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT, dotted, imported, named, parsed

CORE = (
    "execution/domain",
    "execution/portfolio",
    "execution/risk",
    "execution/session",
    "execution/ledger/book.py",
    "execution/ledger/folding.py",
    "execution/ledger/order_record.py",
    "execution/ledger/risk_day.py",
)
UNCERTAIN = {"random", "secrets", "uuid", "time", "threading", "multiprocessing", "asyncio", "concurrent", "socket"}
MAY_IMPORT = {
    "execution/session/lease_of_act.py": "names the holder of a lease, which nothing is decided by",
}
WALL_CLOCK = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
ORDERLESS = {"sorted", "set", "frozenset", "sum", "any", "all", "min", "max", "len", "bool", "Counter"}
MAKES_SETS = {"set", "frozenset"}
SEQUENCES = {"list", "tuple", "join", "enumerate"}


def core() -> list[Path]:
    found = [ROOT / part for part in CORE]
    return sorted(path for part in found for path in ([part] if part.is_file() else part.rglob("*.py")))


def is_set(node: ast.expr, names: set[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call():
            return dotted(node.func) in MAKES_SETS
        case ast.BinOp(op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
            return is_set(node.left, names) or is_set(node.right, names) or _is_keys(node.left)
        case ast.Name():
            return node.id in names
        case _:
            return False


def _is_keys(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func).endswith(".keys")


def walked_sets(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield where a set is walked in whatever order its hashes have."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for scope in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        names = {
            target.id
            for node in ast.walk(scope)
            if isinstance(node, ast.Assign) and is_set(node.value, set())
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(scope):
            if isinstance(node, ast.For) and is_set(node.iter, names):
                yield node.lineno, "a loop over a set"
            elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
                is_walked = any(is_set(part.iter, names) for part in node.generators)
                outer = parents[node]
                is_orderless = isinstance(outer, ast.Call) and dotted(outer.func) in ORDERLESS
                if is_walked and not is_orderless:
                    yield node.lineno, "a comprehension over a set"
            elif isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in SEQUENCES:
                yield from ((node.lineno, "a set made a sequence") for one in node.args if is_set(one, names))


def test_the_core_is_found() -> None:
    assert len(core()) > 50


@pytest.mark.parametrize("path", core(), ids=named)
def test_a_decision_can_be_made_again(path: Path) -> None:
    tree = parsed(path)
    found = [f"{line}: {what}" for line, what in walked_sets(tree)]
    found += [
        f"{node.lineno}: {dotted(node.func)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ".".join(dotted(node.func).split(".")[-2:]) in WALL_CLOCK
    ]
    found += [
        f"{node.lineno}: {dotted(node.func)}, which differs between processes"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func) in {"hash", "id"}
    ]
    if named(path) not in MAY_IMPORT:
        found += [f"imports {module}" for module in sorted(imported(path) & UNCERTAIN)]
    assert found == []


@pytest.mark.parametrize(
    "walking",
    [
        "for symbol in {'A', 'B'}: print(symbol)",
        "names = set(given)\n    return tuple(names)",
        "return [one for one in ours.keys() | theirs.keys()]",
        "return ', '.join({one for one in given})",
        "return {one: 1 for one in frozenset(given)}",
    ],
)
def test_a_walk_over_a_set_is_seen(walking: str) -> None:
    assert list(walked_sets(ast.parse(f"def decide(given, ours, theirs):\n    {walking}")))


@pytest.mark.parametrize(
    "asking", ["return sorted(set(given))", "return sum(one for one in set(given))", "return 'A' in {'A'}"]
)
def test_a_set_that_is_asked_or_sorted_is_let_be(asking: str) -> None:
    assert not list(walked_sets(ast.parse(f"def decide(given):\n    {asking}")))
