"""Runbooks, README and pages name commands that exist, with options that exist; runbooks name pages that exist."""

import re
import shlex
from pathlib import Path

import pytest
import typer.core
import typer.main

from assets.quality.feature_checks import FEATURE_CHECKS
from assets.quality.gate import LEFT_OUT, RAW_CHECKS
from assets.quality.policy import GatePolicy
from pipelines.cli.main import app

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
WITH_COMMANDS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SITUATIONS = {
    "missed-cycle",
    "failed-gate",
    "unknown-order",
    "broken-chain",
    "halt-and-resume",
    "restore",
    "key-rotation",
    "sign-a-word",
    "page",
    "upgrade",
}
# In a sentence a command may stop after its verb; what an operator copies from a block is whole.
BLOCK = re.compile(r"^ *```\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^ *(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(touchstone .+)$", re.MULTILINE)


def commands(page: Path) -> list[str]:
    return [line for block in BLOCK.findall(page.read_text()) for line in COMMAND.findall(block.replace("\\\n", " "))]


WHOLE = [(page.stem, line) for page in WITH_COMMANDS for line in commands(page)]
NAMED = [
    (page.stem, words)
    for page in WITH_COMMANDS
    for words in re.findall(r"`(?:[A-Z_]+=\S+ )?touchstone ([^`]+)`", BLOCK.sub("", page.read_text()))
]


def verb_of(words: list[str]) -> tuple[typer.core.TyperCommand, list[str]]:
    found = typer.main.get_command(app)
    while isinstance(found, typer.core.TyperGroup):
        assert words, f"{found.name} wants a verb"
        assert words[0] in found.commands, f"there is no `touchstone {words[0]}`"
        found, words = found.commands[words[0]], words[1:]
    assert isinstance(found, typer.core.TyperCommand)
    return found, words


def test_the_runbook_of_a_red_gate_tells_each_check_and_each_setting_of_the_gate() -> None:
    table = (ROOT / "docs" / "runbooks" / "failed-gate.md").read_text().split("| check |")[1]
    rows = [row.split("|")[1:3] for row in table.splitlines() if row.startswith("| `")]
    checks = {name for first, _ in rows for name in re.findall(r"`(\w+)`", first)}
    told = {name for _, second in rows for name in re.findall(r"`(\w+)`", second)}
    there = {check.name for check in (*RAW_CHECKS, *FEATURE_CHECKS)} | {LEFT_OUT}
    assert checks <= there
    assert {name for name in there - checks if not name.endswith("_expectations")} == set()
    assert told == set(GatePolicy.model_fields)


def test_every_situation_has_its_page() -> None:
    assert {page.stem for page in PAGES} == SITUATIONS


@pytest.mark.parametrize(("page", "line"), WHOLE)
def test_a_command_to_copy_is_understood_as_written(page: str, line: str) -> None:
    verb, words = verb_of(shlex.split(line, comments=True)[1:])
    verb.make_context(page, list(words), resilient_parsing=False)


@pytest.mark.parametrize(("page", "words"), NAMED)
def test_a_command_in_a_sentence_exists(page: str, words: str) -> None:
    verb, rest = verb_of(words.split())
    known = {name for option in verb.params for name in (*option.opts, *option.secondary_opts)}
    assert {word for word in rest if word.startswith("--")} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_a_runbook_points_to_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).is_file(), target
