"""README and every page name files, headings and tests that exist."""

import re
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT, named

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# A page may say where a file of the reader's own goes.
OF_THE_READER = {"assets/features/library/overnight.py", "benchmarks/results/", "deploy/.env"}
FOLDERS = r"(?:assets|benchmarks|dbt_project|deploy|docs|examples|execution|pipelines|sensors|tests|\.ci|\.github)"
PATH = re.compile(rf"(?<![\w/.-])({FOLDERS}/[\w./-]*[\w/])(?:::(\w+))?")
LINK = re.compile(r"\]\(([^)#\s:]*)(?:#([\w-]+))?\)")


def headings(page: Path) -> set[str]:
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_its_heading(page: Path) -> None:
    for target, heading in LINK.findall(page.read_text(encoding="utf-8")):
        found = page.parent / target if target else page
        assert found.exists(), target
        assert not heading or heading in headings(found), f"{target}#{heading}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_path_of_the_tree_is_in_it_and_every_test_in_its_file(page: Path) -> None:
    for path, test in PATH.findall(page.read_text(encoding="utf-8")):
        assert path in OF_THE_READER or (ROOT / path).exists(), path
        assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"
