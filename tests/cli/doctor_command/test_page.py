"""Every finding of `gatepost doctor` has its section in the documentation, and the other way."""

import ast
import re
from pathlib import Path

import pytest

from gateway.cli.doctor_checks.finding import GROUPS, PAGE

ROOT = Path(__file__).parents[3]
IDS = [name for names in GROUPS.values() for name in names]
SOURCES = sorted((ROOT / "gateway" / "cli" / "doctor_checks").glob("*.py"))
# Where the topics of `gatepost provider` come from.
REPORTS = [
    *(ROOT / "gateway" / "oidc" / f"{name}.py" for name in ("provider_report", "provider_extras")),
    ROOT / "gateway" / "oidc" / "metadata_peer.py",
    ROOT / "gateway" / "cli" / "provider_examination.py",
]
AN_ID = re.compile(f"(?:{'|'.join({it.split('-')[0] for it in IDS})})-[a-z-]+")


def texts(path):
    tree = ast.parse(path.read_text())
    return {it.value for it in ast.walk(tree) if isinstance(it, ast.Constant)}


def test_each_id_has_a_section_and_each_section_an_id():
    sections = re.findall(r"^### (.*)$", (ROOT / PAGE).read_text(), re.MULTILINE)

    assert sections == IDS


def test_ids_are_unique():
    assert len(IDS) == len(set(IDS))


def test_each_id_in_the_code_is_listed():
    used = {
        text
        for path in SOURCES
        if path.stem != "finding"
        for text in texts(path)
        if isinstance(text, str) and AN_ID.fullmatch(text)
    }

    assert used <= set(IDS)
    assert {it for it in IDS if not it.startswith("provider-")} <= used


def topics(path):
    """The topics of all findings that a module makes."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Finding", "_not_had"):
            place = 1 if node.func.id == "Finding" else 0
            if isinstance(node.args[place], ast.Constant):
                yield node.args[place].value
        if isinstance(node, ast.Assign):
            for target, value in pairs(node):
                if getattr(target, "id", "") in ("topic", "_TOPIC") and isinstance(
                    value, ast.Constant
                ):
                    yield value.value


def pairs(node):
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return zip(target.elts, value.elts, strict=True)
    return [(target, value)]


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_each_topic_of_the_provider_report_is_listed(path):
    found = {f"provider-{topic.lower().replace(' ', '-')}" for topic in topics(path)}

    assert found
    assert found - {"provider-clock"} <= set(IDS)
