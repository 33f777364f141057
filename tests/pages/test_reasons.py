"""The table of reasons is complete and is what the documentation says."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import gateway
from gateway.pages.reasons import REASONS, SECTIONS, reason_for, reasons_document

DOCUMENT = Path(__file__).parents[2] / "docs" / "reasons.md"


# What ends a request with a reason, and where the reason stands among the arguments.
CALLS = {"Deny", "Unmet", "Unreadable", "Rejected", "StepUp", "SignIn", "problem", "rejected"}


def sources() -> Iterator[ast.AST]:
    for file in Path(gateway.__file__).parent.rglob("*.py"):
        if "demo" not in file.parts:
            yield from ast.walk(ast.parse(file.read_text("utf-8")))


def constants(nodes: Iterable[ast.AST]) -> dict[str, object]:
    """Names assigned a constant in the body of a class."""
    return {
        node.targets[0].id: node.value.value
        for node in nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }


def errors() -> dict[str, int]:
    """Reason and status of every error class."""
    bodies = [constants(node.body) for node in sources() if isinstance(node, ast.ClassDef)]
    return {
        str(body["reason"]): int(str(body["status"]))
        for body in bodies
        if "reason" in body and "status" in body
    }


def outcomes() -> set[str]:
    """Every reason written out where an outcome is made."""
    found = set()
    for node in sources():
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = [a.value for a in node.args if isinstance(a, ast.Constant)]
            texts = [value for value in first if isinstance(value, str)]
            if name in CALLS and texts and re.fullmatch(r"[a-z]+(-[a-z]+)*", texts[0]):
                found.add(texts[0])
    return found


def test_the_documentation_is_the_table() -> None:
    assert DOCUMENT.read_text("utf-8") == reasons_document()


def test_every_error_is_in_the_table_with_its_status() -> None:
    found = errors()

    assert {name: REASONS[name].status for name in found if name in REASONS} == found


def test_every_outcome_is_in_the_table() -> None:
    assert sorted(outcomes() - set(REASONS)) == []


@pytest.mark.parametrize("name", REASONS)
def test_a_reason_is_told_in_plain_sentences(name: str) -> None:
    reason = REASONS[name]

    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    assert 400 <= reason.status < 600
    assert not reason.title.endswith(".")
    assert reason.explanation.endswith(".")
    assert reason.advice.endswith(".")
    assert "|" not in reason.explanation + reason.advice


def test_no_reason_is_told_twice() -> None:
    assert sum(len(table) for table in SECTIONS.values()) == len(REASONS)


def test_a_reason_nobody_described_is_told_by_its_status() -> None:
    assert reason_for("odd", 404).title == "Not Found"
    assert reason_for("odd", 401).sign_in
    assert reason_for("odd", 799).title == "Request refused"
