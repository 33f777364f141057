"""The pages show the examples as they are."""

import re
from pathlib import Path

import pytest

from tests.verify.apps import COMMANDS, EXAMPLES

DOCS = EXAMPLES.parents[1] / "docs" / "verify"
PAGES = sorted(path.stem for path in DOCS.glob("*.md") if path.stem != "index")
# What is locked for the tests, and not copied by readers.
FOR_TESTS = {"go.mod", "go.sum"}


def shown(page: Path) -> dict[str, str]:
    """The files that the page shows: name -> text."""
    blocks = re.findall(r"^`([^`\n]+)`:\n\n```[a-z]+\n(.*?)^```", page.read_text(), re.M | re.S)
    return dict(blocks)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_every_file_of_its_example_and_no_other(name):
    files = {
        path.name: path.read_text()
        for path in (EXAMPLES / name).iterdir()
        if path.is_file() and path.name not in FOR_TESTS
    }

    assert files
    assert shown(DOCS / f"{name}.md") == files


def test_every_example_has_a_page_that_the_index_links():
    examples = {path.name for path in EXAMPLES.iterdir() if path.is_dir()} - {"node_modules"}
    linked = set(
        re.findall(r"^\| \[[^]]+\]\(([a-z]+)\.md\)", (DOCS / "index.md").read_text(), re.M)
    )

    assert set(PAGES) == examples == linked


def test_the_index_says_which_examples_are_not_run():
    text = (DOCS / "index.md").read_text()

    assert set(PAGES) - COMMANDS.keys() == {"php", "spring"}
    assert "Those for\nPHP and Spring Boot are not run there." in text
